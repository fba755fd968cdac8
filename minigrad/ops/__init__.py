"""The table of ops: each is one row, its function with its derivative rules."""

import functools
from importlib import import_module
from types import ModuleType

# fmt: off
LATER = (
    "bags", "bessel", "binning", "building", "covariance", "ctc", "decompositions", "differences",
    "distances", "fourier", "further_pools", "interpolation", "least_squares", "likelihood_losses",
    "linalg", "linalg_names", "margin_losses", "matrix_functions", "nans", "number_parts",
    "polynomials", "quantiles", "running", "scipy_special", "selection", "signals",
)
# fmt: on
"""Files of the table that are read when minigrad or NumPy first names a function that no other file has."""


@functools.cache
def later() -> tuple[ModuleType, ...]:
    """The files of LATER; so `import minigrad` stays quick however many functions of NumPy have a row."""
    return tuple(import_module(f"{__name__}.{name}") for name in LATER)
