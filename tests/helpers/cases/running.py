"""Cases of minigrad.ops.running."""

import minigrad as mg

from .calls import anywhere, apart
from .cumulative import along

CASES = {"logcumsumexp": along(mg.logcumsumexp, lambda x, a: x.logcumsumexp(a), anywhere)}
COMPOSITES = {
    "cummax": along(mg.cummax, lambda x, a: x.cummax(a).values, apart),
    "cummin": along(mg.cummin, lambda x, a: x.cummin(a).values, apart),
}
