"""Looking on: what ran, what it computed and cost, and why a gradient is what it is.

`origin_of` gives what made a Tensor, and `all_before` everything before that. Inside `minigrad.record()` both know the
ops whose results need no gradient, too.
"""

from .origins import all_before, origin_of

__all__ = ["all_before", "origin_of"]
