"""The cases of the table: for each row, calls with arguments from its domain, away from kinks.

A row's case is one entry of CASES in the file of its module. `test_table` checks every property on every call of it,
and fails for a row without an entry. Rows that users reach only as another row's gradient or composite are listed in
that file's PARTNERS; functions that are composed of rows, in its COMPOSITES.
"""

from . import (
    activations,
    attention,
    building,
    conv,
    covariance,
    cumulative,
    differences,
    einsum,
    elementwise,
    indexing,
    joining,
    linalg,
    normalisation,
    norms,
    number_parts,
    padding,
    polynomials,
    pooling,
    powers,
    products,
    rearrange,
    recurrent,
    reductions,
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
    activations,
    reductions,
    norms,
    normalisation,
    cumulative,
    shapes,
    indexing,
    linalg,
    softmax,
    conv,
    windows,
    pooling,
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
CASES: dict[str, list[Call]] = {
    name: calls for f in FILES for name, calls in getattr(f, "CASES", {}).items()
}
PARTNERS: dict[str, str] = {
    name: why for f in FILES for name, why in getattr(f, "PARTNERS", {}).items()
}
COMPOSITES: dict[str, list[Call]] = {
    name: calls for f in FILES for name, calls in getattr(f, "COMPOSITES", {}).items()
}
