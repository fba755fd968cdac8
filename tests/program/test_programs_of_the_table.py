"""Programs of every call of the table: run on other inputs, they give the bits of eager, or say why they do not."""

import numpy as np
import pytest
from cases import CASES, COMPOSITES

import minigrad as mg
from minigrad import Tensor
from minigrad.program.recorded import OTHER_WAY

EVERY = CASES | COMPOSITES
ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, 1e-30]
OTHER_WAYS = {"det": "its gradient is computed in another way where a matrix is nearly singular"}
"""Rows whose programs may refuse other inputs, with the reason."""


def step_of(call):
    """The results of a call, and the gradients of a sum of them by its arguments."""

    def step(*xs):
        y = call.on(*xs)
        ys = y if isinstance(y, tuple) else (y,)
        sum(((0.3 + i) * t).sum() for i, t in enumerate(ys) if t.requires_grad).backward()
        return ys

    return step


def inputs_like(arguments, count=12):
    """Arguments of the same shapes: the same elements in another order, of other sizes, and odd ones among them."""
    rng = np.random.default_rng(0)
    for n in range(count):
        drawn = []
        for a in arguments:
            b = rng.permutation(a.reshape(-1)).reshape(a.shape) if n else a.copy()
            b = (b * (10.0 ** rng.integers(-3, 4) if n > 6 else 1)).astype(a.dtype)
            if n > 3 and b.size:
                b.reshape(-1)[rng.integers(0, b.size, 1 + b.size // 4)] = ODD[n % len(ODD)]
            drawn.append(b)
        yield drawn


def tried(f, *args):
    """(f(*args), None), or (None, the error that it raised)"""
    try:
        return f(*args), None
    except Exception as error:
        return None, error


def eager(step, arrays):
    xs = [Tensor(a, requires_grad=True) for a in arrays]
    ys = step(*xs)
    return [*(y.data for y in ys), *(x.grad.data for x in xs if x.grad is not None)]


def assert_same_bits(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(map(np.asarray, found), expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        same = a.reshape(-1).view(f"u{a.itemsize}") == b.reshape(-1).view(f"u{a.itemsize}")
        assert np.all(same | (a != a).reshape(-1) & (b != b).reshape(-1))


def every_call():
    """In float32, and a row's first call in float64: its other calls are the same programs in it, and slow."""
    for dtype in ("float32", "float64"):
        for name, calls in EVERY.items():
            for n, call in enumerate(calls):
                marks = [pytest.mark.slow] if n and dtype == "float64" else []
                yield pytest.param(name, call, dtype, id=f"{name}{n}-{dtype}", marks=marks)


@pytest.mark.parametrize(("name", "call", "dtype"), [*every_call()])
@pytest.mark.filterwarnings("ignore")
def test_a_program_compiled_and_its_script_give_the_bits_of_eager(name, call, dtype):
    step, arguments = step_of(call), call.arguments(dtype)
    script = mg.script(step, *[Tensor(a, requires_grad=True) for a in arguments])
    compiled = mg.compile(step)
    for arrays in inputs_like(arguments):
        expected, error = tried(eager, step, arrays)
        given = script.arrays(*[a.copy() for a in arrays])
        found, wrong = tried(script.program.run, given)
        fast, kept = tried(eager, compiled, arrays)
        written, refused = tried(script, *[a.copy() for a in arrays])
        if wrong is not None and OTHER_WAY in str(wrong):
            assert name in OTHER_WAYS
            assert isinstance(refused, AssertionError)
            assert_same_bits(fast, expected)
        elif error is not None:
            assert type(wrong) is type(refused) is type(kept) is type(error)
        else:
            assert wrong is None, wrong
            assert refused is None, refused
            assert kept is None, kept
            assert_same_bits(fast, expected)
            assert_same_bits(found, expected)
            assert_same_bits(written if isinstance(written, tuple) else [written], expected)


@pytest.mark.parametrize("name", [name for name in EVERY if "conv" in name or "pool" in name])
@pytest.mark.filterwarnings("ignore")
def test_what_a_kernel_writes_into_planned_memory_is_what_it_gives_eagerly(name):
    planned = []
    for call in EVERY[name]:

        def step(*xs, call=call):
            ys = call.on(*[x * 0.5 for x in xs])
            loss = sum((y * y).sum() for y in (ys if isinstance(ys, tuple) else (ys,)))
            loss.backward()
            return (loss,)

        compiled = mg.compile(step)
        for arrays in inputs_like(call.arguments("float32"), 3):
            assert_same_bits(eager(compiled, arrays), eager(step, arrays))
        planned.append(compiled.source.count("into="))
    # a volume is scattered twice, to its planes and in them
    assert max(planned) == {"conv2d": 2, "max_pool2d": 2}.get(name, max(planned))
