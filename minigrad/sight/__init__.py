"""Looking on: what ran, what it computed and cost, and why a gradient is what it is.

`origin_of` and `all_before` lead from a Tensor that was computed inside `minigrad.record()` through all that it was
computed from, also where nothing needs a gradient.
"""

from .origins import all_before, origin_of

__all__ = ["all_before", "origin_of"]
