"""A layer of nn in float16 sums thousands of numbers as in float64 and rounds once, in values and in gradients.

Each case of a layer is made with one of its sizes at 6,000, on positive numbers, wherever that is possible.
"""

import dataclasses

import numpy as np
import pytest
from cases.modules import flat
from in_float16 import DEEP, HALF, LAYOUTS, LEAST, LONG, ULP, assert_rounded_once, size_when_long
from layers_in_pytorch import CASES, inputs_of, made

import minigrad
from minigrad import Tensor
from minigrad.core.graph import creation_order

MOST, SHORT = 300_000, LONG // 100  # elements of an array; a length to try first
MOST_NODES = 100_000  # of one call: a layer that walks over time makes some for each step
# layers of a dozen ops and more, one after the other, whose norms enlarge what was rounded before; in test_transformer
STACKS = {"TransformerDecoderLayer", "Transformer"}
ULPS = 6  # the outputs of one op of a layer are rounded before the next: of all its steps, in a walk over time


def replaced(value, size, new):
    """The value with `new` in place of each integer that is `size`; arrays are repeated along such axes."""
    if isinstance(value, np.ndarray):
        for axis, n in enumerate(value.shape):
            value = value.take(np.arange(new) % n, axis) if n == size else value
    elif isinstance(value, (tuple, list)):
        value = type(value)(replaced(v, size, new) for v in value)
    return new if type(value) is int and value == size else value


def resized(case, inputs, size, new, is_of_layer):
    """The case with the inputs' axes of one size made `new` long, and if `is_of_layer` its own sizes too."""
    if is_of_layer:
        options = {key: replaced(value, size, new) for key, value in case.options.items()}
        case = dataclasses.replace(case, args=replaced(case.args, size, new), options=options)
    return case, [(replaced(array, size, new), needs) for array, needs in inputs]


def lengthened(name, case):
    """(case, inputs, number of nodes) with each size made long: as many as work and do not become large."""
    inputs = list(inputs_of(name, case, "float64"))
    for size in sorted({n for array, _ in inputs for n in array.shape if n > 1}):
        for is_of_layer in (False, True):
            longer, arrays = resized(case, inputs, size, SHORT, is_of_layer)
            if is_of_layer and repr(longer) == repr(case):
                continue
            try:
                module = made(name, longer, "float64")
                ys = called(longer, module, [Tensor(a, requires_grad=n) for a, n in arrays])
            except (ValueError, TypeError, IndexError):
                continue
            nodes = {n for y in ys if y.requires_grad for n in creation_order(y._node)}
            held = [a.shape for a in (*module.parameters(), *(a for a, _ in arrays))]
            made_by = [n.shape for n in nodes if not isinstance(n.dtype, tuple)]
            if max(map(size_when_long, held + made_by)) <= MOST and len(nodes) * 100 <= MOST_NODES:
                yield *resized(case, inputs, size, LONG, is_of_layer), len(nodes) * 100


def called(case, module, xs):
    return [y for y in flat(case.run(module, *xs)) if y.dtype.kind == "f"]


def results(case, module, inputs, dtype, seeds=None, store=np.copy, view=lambda t: t):
    """The outputs, then the gradients of inputs and parameters for the seeds; and the seeds.

    Where an output is positive its seed is 2, else 0, so that what is multiplied with it adds up.
    """
    leaves = [Tensor(store(a).astype(dtype), requires_grad=True) for a, needs in inputs if needs]
    given = iter(leaves)
    others = (a.astype(dtype) if a.dtype.kind == "f" else a for a, needs in inputs if not needs)
    ys = called(case, module, [view(next(given)) if needs else next(others) for _, needs in inputs])
    seeds = seeds or [np.where(y.data < 0, 0.0, 2.0) for y in ys]
    weighted = [y * seed.astype(dtype) for y, seed in zip(ys, seeds, strict=True)]
    total = sum(y.astype(float).sum() for y in weighted)
    grads = minigrad.grad(total, [*leaves, *module.parameters()])
    arrays = [*ys, *map(view, grads[: len(leaves)]), *grads[len(leaves) :]]
    return [a.data for a in arrays], seeds


def wide(module, name, case):
    """The same layer in float64."""
    twin = made(name, case, "float64")
    twin.load_state_dict(
        {key: a.astype(float) if a.dtype == HALF else a for key, a in module.state_dict().items()}
    )
    return twin


@pytest.mark.parametrize("name", [name for name in CASES if name not in STACKS])
@pytest.mark.filterwarnings("ignore:overflow")
def test_every_layer_sums_float16_in_every_layout_as_float64_rounded_once(name):
    for case in CASES[name]:
        for longer, inputs, nodes in lengthened(name, case):
            inputs = [(np.abs(a).astype(HALF) if needs else a, needs) for a, needs in inputs]
            module = made(name, longer, "float16")
            expected, seeds = results(longer, wide(module, name, longer), inputs, float)
            for store, view in list(LAYOUTS.values())[: 1 if nodes > DEEP else None]:
                found, _ = results(longer, module, inputs, HALF, seeds, store, view)
                assert_rounded_once(found, expected, ULPS, least(expected))


def least(expected):
    """An ulp of the largest sum, divided by 64: what is left of sums that cancel has errors of that kind."""
    return max([LEAST, *(np.abs(a[np.isfinite(a)]).max(initial=0) * ULP / 64 for a in expected)])


def test_the_walk_over_the_layers_meets_long_sums_in_those_that_have_parameters_or_add():
    def adds(name):
        return name.endswith(("Loss", "softmax", "Softmax", "Pool1d")) or any(
            made(name, case, "float32").parameters() for case in CASES[name]
        )

    without = {n for n in CASES if adds(n) and not any(any(lengthened(n, c)) for c in CASES[n])}
    assert without == set()
