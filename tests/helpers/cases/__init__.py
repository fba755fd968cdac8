"""The cases of the table: for each row, calls with arguments from its domain, away from kinks.

A row's case is one entry of CASES in the file of its module. `test_table` checks every property on every call of it,
and fails for a row without an entry. Rows that users reach only as another row's gradient or composite are listed in
that file's PARTNERS.
"""

from . import (
    activations,
    attention,
    bessel,
    conv,
    cumulative,
    einsum,
    elementwise,
    indexing,
    joining,
    linalg,
    normalisation,
    norms,
    padding,
    pooling,
    powers,
    products,
    rearrange,
    recurrent,
    reductions,
    scipy_special,
    shapes,
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
)
CASES: dict[str, list[Call]] = {name: calls for f in FILES for name, calls in f.CASES.items()}
PARTNERS: dict[str, str] = {
    name: why for f in FILES for name, why in getattr(f, "PARTNERS", {}).items()
}
