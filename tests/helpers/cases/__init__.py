"""The cases of the table: for each row, calls with arguments from its domain, away from kinks.

A row's case is one entry of CASES in the file of its module. `test_table` checks every property on every call of it,
and fails for a row without an entry; it checks them for compositions of rows, too, which are in COMPOSITES. Rows that
users reach only as another row's gradient or composite are listed in that file's PARTNERS.
"""

from typing import Any

from . import (
    activations,
    attention,
    bags,
    bessel,
    binning,
    building,
    conv,
    covariance,
    cumulative,
    decompositions,
    differences,
    einsum,
    elementwise,
    further_pools,
    indexing,
    interpolation,
    joining,
    least_squares,
    linalg,
    matrix_functions,
    nans,
    normalisation,
    norms,
    number_parts,
    padding,
    polynomials,
    pooling,
    powers,
    products,
    quantiles,
    rearrange,
    recurrent,
    reductions,
    running,
    scipy_special,
    selection,
    shapes,
    signals,
    softmax,
    special,
    windows,
)
from .calls import Call

FILES = (
    elementwise,
    powers,
    special,
    scipy_special,
    bessel,
    activations,
    reductions,
    nans,
    quantiles,
    running,
    selection,
    binning,
    norms,
    normalisation,
    cumulative,
    shapes,
    indexing,
    bags,
    linalg,
    decompositions,
    least_squares,
    matrix_functions,
    softmax,
    conv,
    windows,
    interpolation,
    pooling,
    further_pools,
    joining,
    padding,
    rearrange,
    products,
    einsum,
    recurrent,
    attention,
    number_parts,
    building,
    differences,
    signals,
    polynomials,
    covariance,
)


def listed(word: str) -> dict[str, Any]:
    return {name: entry for f in FILES for name, entry in getattr(f, word, {}).items()}


CASES: dict[str, list[Call]] = listed("CASES")
COMPOSITES: dict[str, list[Call]] = listed("COMPOSITES")
PARTNERS: dict[str, str] = listed("PARTNERS")
