"""Max pooling of a relu on the way back: the mask of the relu is that of the maxima, a fraction of what was pooled."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from ..ops.kernels.pooling import pool_argmax, pool_scatter, relu_pool_scatter
from .recorded import Call, Program, Ref


def masked_before_scattered(program: Program) -> Program:
    """The same results with where(y > 0, scatter(g), 0) as scatter(where(maxima of y > 0, g, 0)).

    A gradient goes to the place of the maximum of its window alone, and that is the maximum. So all that comes to a
    place is kept or masked alike, to the bit.
    """
    values = program.values
    maker = {at: call for call in program.calls for at in call.made()}
    reads = Counter(at for call in program.calls for at in call.inputs())
    reads.update(at for _, at in program.outputs)
    written = {values[call.writes].root for call in program.calls if call.writes is not None}
    calls, dead = [], set()
    for call in program.calls:
        scatter = _scatter_under_mask(call, maker)
        if scatter is not None and reads[scatter.outputs] == 1:
            mask = maker[call.args[0].at]
            g, place, size, window = scatter.args
            args = g, place, maker[place.at].args[1], size, window
            y, s = values[call.outputs], values[scatter.outputs]
            used = {
                values[at].root for c in (call, mask, scatter, maker[place.at]) for at in c.inputs()
            }
            if (y.strides, y.dtype) == (s.strides, s.dtype) and not used & written:
                call = replace(call, function=relu_pool_scatter, args=args)
                dead |= {id(scatter)} | ({id(mask)} if reads[mask.outputs] == 1 else set())
        calls.append(call)
    return replace(program, calls=[call for call in calls if id(call) not in dead])


def _scatter_under_mask(call: Call, maker: dict[int, Call]) -> Call | None:
    """The call of pool_scatter for which a call is where(y > 0, scatter, 0), with y what was pooled."""
    if call.function is not np.where or len(call.args) != 3 or repr(call.args[2]) != "0":
        return None
    mask, scatter = (maker.get(a.at) if isinstance(a, Ref) else None for a in call.args[:2])
    if mask is None or scatter is None or scatter.function is not pool_scatter:
        return None
    found = maker.get(scatter.args[1].at)
    if found is None or found.function is not pool_argmax or found.args[2] != scatter.args[3]:
        return None
    is_mask = mask.function is np.greater and not mask.options and repr(mask.args[1]) == "0"
    return scatter if is_mask and mask.args[0] == found.args[0] else None
