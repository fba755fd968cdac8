"""Random programs: twenty to fifty random ops composed, with shared values, fan-out and branches nobody uses.

To add an op, add a step: a function of two arrays that broadcast to (2, 3), whose result does so too and neither
grows nor touches a singularity. Where PyTorch spells it alike it takes the module, `m`; otherwise it is a pair. A
step with a kink or a tie is listed in KINKS: finite differences leave it out.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad import Tensor, grad

MIDDLE = np.array([[True, False, True], [False, True, True]])
PICK = np.array([[1, 0, 1], [0, 0, 1]])


def full(m, a):
    return m.broadcast_to(a, (2, 3))


def square(m, a, b):
    """A (2, 2) matrix from each pair of arrays, well conditioned."""
    return m.tanh(full(m, a) @ full(m, b).T) + 3 * m.eye


SAME = {
    "add": lambda m, a, b: (a + b) * 0.5,
    "subtract": lambda m, a, b: 0.7 * (a - b),
    "multiply": lambda m, a, b: a * b,
    "divide": lambda m, a, b: a / (b * b + 1),
    "negative": lambda m, a, b: -a + 0.1,
    "exp": lambda m, a, b: m.exp(-(a**2)),
    "log": lambda m, a, b: m.log(m.square(a) + 1.5),
    "sqrt": lambda m, a, b: m.sqrt(a * a + 0.5),
    "power": lambda m, a, b: (a * a + 0.3) ** m.sigmoid(b),
    "cube": lambda m, a, b: a**3 * 0.3,
    "sin": lambda m, a, b: m.sin(a),
    "cos": lambda m, a, b: m.cos(b),
    "tanh": lambda m, a, b: m.tanh(a - b),
    "sigmoid": lambda m, a, b: m.sigmoid(2 * a) * b,
    "maximum": lambda m, a, b: m.maximum(a, b + 0.1),
    "minimum": lambda m, a, b: m.minimum(-a, b),
    "relu": lambda m, a, b: m.relu(a - 0.2),
    "absolute": lambda m, a, b: m.absolute(a + 0.3),
    "clip": lambda m, a, b: m.clip(a, -0.7, 0.9),
    "where": lambda m, a, b: m.where(m.middle, a, b),
    "sum": lambda m, a, b: m.sum(a, -1, keepdims=True) / 3 if a.ndim else a,
    "mean": lambda m, a, b: a - m.mean(b),
    "max": lambda m, a, b: m.amax(a, 0) if a.ndim else a,
    "min": lambda m, a, b: m.amin(a + b) * 0.5,
    "softmax": lambda m, a, b: m.softmax(full(m, a), 0) * b,
    "log_softmax": lambda m, a, b: m.log_softmax(full(m, a), 1) / 3,
    "matmul": lambda m, a, b: m.tanh(full(m, a) @ full(m, b).T) @ full(m, a),
    "vector": lambda m, a, b: full(m, a)[0] @ full(m, b).T[:, 1] * 0.3,
    "gather": lambda m, a, b: full(m, a)[[1, 1]][:, [2, 0, 0]] * 0.6,
    "slice": lambda m, a, b: full(m, a)[:, 1:2] - full(m, b)[1],
    "mask": lambda m, a, b: a * m.sum(full(m, b)[m.middle]) * 0.2,
    "transpose": lambda m, a, b: m.reshape(full(m, a).T, (2, 3)),
    "swapaxes": lambda m, a, b: m.swapaxes(full(m, a), 0, 1)[:2] @ full(m, b) / 3,
    "join": lambda m, a, b: m.concatenate([full(m, v) for v in (a, b)], 1)[:, 2:5],
    "stack": lambda m, a, b: m.mean(m.stack([full(m, v) for v in (a, b, a)], 1), 1),
    "squeeze": lambda m, a, b: m.squeeze(full(m, a)[None, :, None], 0)[:, 0] * 0.9,
    "expm1": lambda m, a, b: m.expm1(a * 0.5),
    "log1p": lambda m, a, b: m.log1p(a * a),
    "erf": lambda m, a, b: m.erf(a) - b * 0.2,
    "arctan": lambda m, a, b: m.arctan(a + b),
    "arcsin": lambda m, a, b: m.arcsin(m.tanh(a) * 0.8),
    "sinh": lambda m, a, b: m.sinh(a * 0.5) / m.cosh(b),
    "hypot": lambda m, a, b: m.hypot(a, b * b + 0.5),
    "arctan2": lambda m, a, b: m.arctan2(a, b * b + 0.5),
    "logaddexp": lambda m, a, b: m.logaddexp(a, b) - 1,
    "reciprocal": lambda m, a, b: m.reciprocal(m.exp(a) + 1),
    "logsumexp": lambda m, a, b: m.logsumexp(full(m, a), 0) - 1,
    "prod": lambda m, a, b: m.prod(full(m, a), 0) * 0.5,
    "cumsum": lambda m, a, b: m.cumsum(full(m, a), 1) * 0.4 + b,
    "cumprod": lambda m, a, b: m.cumprod(full(m, a), 1) * 0.5,
    "tril": lambda m, a, b: m.tril(full(m, a)) + m.triu(full(m, b), 1),
    "roll": lambda m, a, b: m.roll(full(m, a), 1, 1) - b,
    "tile": lambda m, a, b: m.tile(full(m, a)[:, :1], (1, 3)),
    "moveaxis": lambda m, a, b: m.moveaxis(full(m, a)[:, None], 0, 1)[0] * 0.9,
    "einsum": lambda m, a, b: m.einsum("ij,kj,kl->il", full(m, a), full(m, b), full(m, a)) * 0.2,
    "tensordot": lambda m, a, b: m.tensordot(full(m, a), full(m, b), 2) * 0.2,
    "outer": lambda m, a, b: m.outer(full(m, a)[:, 0], full(m, b)[1]),
    "kron": lambda m, a, b: m.kron(full(m, a)[:, :1], full(m, b)[:1]),
    "trace": lambda m, a, b: m.trace(full(m, a)) * b * 0.5,
    "vstack": lambda m, a, b: m.vstack([full(m, a)[:1], full(m, b)[1:]]) * 0.9,
    "straight": lambda m, a, b: full(m, a).ravel()[:3] * b,
    "element": lambda m, a, b: full(m, a)[1, 2] * b - full(m, b)[0, -1],
    "empty": lambda m, a, b: m.concatenate([full(m, b), full(m, a)[2:]]) + m.sum(full(m, a)[:, :0]),
    "stretched": lambda m, a, b: m.broadcast_to(full(m, a)[1:], (2, 3)) * 0.9,
}


def whole(f, g):
    """A step on the two arrays at their full shape: ours, and PyTorch's, which is given its module first."""
    return (
        lambda m, a, b: f(full(m, a), full(m, b)),
        lambda m, a, b: g(m, full(m, a), full(m, b)),
    )


def image(a):
    return a.reshape(1, 1, 2, 3)


def kernel(b):
    return b[:, :2].reshape(1, 1, 2, 2)


def activation(name):
    return whole(
        lambda a, b: getattr(mg, name)(a) - 0.3 * b,
        lambda m, a, b: getattr(m.nn.functional, name)(a) - 0.3 * b,
    )


PAIRS = {  # name: (ours, PyTorch's), each of (m, a, b)
    "pad": whole(
        lambda a, b: mg.pad(a, ((1, 0), (0, 1)))[:2, 1:] + b,
        lambda m, a, b: m.nn.functional.pad(a, (0, 1, 1, 0))[:2, 1:] + b,
    ),
    "expand_dims": whole(
        lambda a, b: mg.expand_dims(a[:, 0], 1) * b, lambda m, a, b: a[:, 0].unsqueeze(1) * b
    ),
    "astype": whole(lambda a, b: mg.astype(a, "float64") * b, lambda m, a, b: a.double() * b),
    "linear": whole(
        lambda a, b: mg.linear(a, mg.tanh(b), b[:, 0]) @ a / 3,
        lambda m, a, b: m.nn.functional.linear(a, m.tanh(b), b[:, 0]) @ a / 3,
    ),
    "conv2d": whole(
        lambda a, b: mg.conv2d(image(a), kernel(b), None, 1, 1)[0, 0, :2, :3] / 2,
        lambda m, a, b: m.conv2d(image(a), kernel(b), None, 1, 1)[0, 0, :2, :3] / 2,
    ),
    "max_pool2d": whole(
        lambda a, b: mg.max_pool2d(image(a), (1, 2), 1)[0, 0, :, :1] + b,
        lambda m, a, b: m.nn.functional.max_pool2d(image(a), (1, 2), 1)[0, 0, :, :1] + b,
    ),
    "cross_entropy": whole(
        lambda a, b: mg.cross_entropy(a, np.array([2, 0])) * b * 0.5,
        lambda m, a, b: m.nn.functional.cross_entropy(a, m.tensor([2, 0])) * b * 0.5,
    ),
    "mse_loss": whole(
        lambda a, b: mg.mse_loss(a, b) * 0.5 - a,
        lambda m, a, b: m.nn.functional.mse_loss(a, b) * 0.5 - a,
    ),
    "std": whole(
        lambda a, b: a - mg.std(b * 0.1 + MIDDLE, 1, keepdims=True),
        lambda m, a, b: a - m.std(b * 0.1 + m.middle, 1, correction=0, keepdim=True),
    ),
    "norm": whole(
        lambda a, b: b / (mg.norm(a * 0.1 + MIDDLE) + 0.5),
        lambda m, a, b: b / (m.linalg.norm(a * 0.1 + m.middle) + 0.5),
    ),
    "backwards": whole(
        lambda a, b: a[::-1, ::-2][:, [0]] + b[::-1],
        lambda m, a, b: m.flip(a, (0, 1))[:, ::2][:, [0]] + m.flip(b, (0,)),
    ),
    "flip": whole(lambda a, b: mg.flip(a, 1) * 0.9, lambda m, a, b: m.flip(a, (1,)) * 0.9),
    "sort": whole(
        lambda a, b: mg.sort(a, 1) * 0.9 + 0.1 * b,
        lambda m, a, b: m.sort(a, dim=1, stable=True)[0] * 0.9 + 0.1 * b,
    ),
    "take_along_axis": whole(
        lambda a, b: mg.take_along_axis(a, PICK, 0) * b,
        lambda m, a, b: m.take_along_dim(a, m.tensor(PICK), 0) * b,
    ),
    "inv": whole(
        lambda a, b: mg.inv(square(OURS, a, b)) @ a,
        lambda m, a, b: m.linalg.inv(square(m, a, b)) @ a,
    ),
    "solve": whole(
        lambda a, b: mg.solve(square(OURS, a, b), b),
        lambda m, a, b: m.linalg.solve(square(m, a, b), b),
    ),
    "det": whole(
        lambda a, b: mg.det(square(OURS, a, b)) * a / 10,
        lambda m, a, b: m.linalg.det(square(m, a, b)) * a / 10,
    ),
    **{name: activation(name) for name in ("softplus", "gelu", "silu", "mish", "elu", "selu")},
}
KINKS = {"maximum", "minimum", "relu", "absolute", "clip", "max", "min", "max_pool2d"} | {
    "sort",
    "elu",
    "selu",
}
STEPS = [*SAME, *PAIRS]
SMOOTH = [name for name in STEPS if name not in KINKS]

OURS = SimpleNamespace(
    **{name: getattr(mg, name) for name in mg.__all__},
    amax=mg.max,
    amin=mg.min,
    middle=MIDDLE,
    eye=np.eye(2),
    is_torch=False,
)


def theirs():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    extra = {"middle": torch.tensor(MIDDLE), "eye": torch.eye(2, dtype=torch.float64)}
    return SimpleNamespace(**vars(torch) | extra, is_torch=True)


def take(name, m, a, b):
    return SAME[name](m, a, b) if name in SAME else PAIRS[name][m.is_torch](m, a, b)


def values_of(program, m, arguments, scales, change=lambda at, value: value):
    """Every value of the program: its arguments, and what each step makes of two earlier values.

    change  a function of the place of each new value and the value, whose result takes its place
    """
    values = list(arguments)
    for (name, first, second), scale in zip(program, scales, strict=True):
        a, b = (place(values, at) for at in (first, second))
        values.append(change(len(values), take(name, m, a, b) * scale))
    return values


def place(values, at):
    """An earlier value: one of the last three for even numbers, which makes chains; any other for odd ones."""
    return (
        values[-1 - at // 2 % min(3, len(values))] if at % 2 == 0 else values[at // 2 % len(values)]
    )


def scales_of(program, arrays):
    """A number per step that keeps its values within 2, found on plain arrays."""
    scales = []
    for n in range(len(program)):
        last = values_of(program[: n + 1], OURS, arrays, [*scales, 1.0])[-1]
        scales.append(min(1.0, 2 / float(np.max(np.abs(last)))) if np.any(last) else 1.0)
    return scales


def run(program, m, arguments, scales, used, **change):
    """A number that depends on some of the values; nobody uses the others."""
    values = values_of(program, m, arguments, scales, **change)
    return sum(m.sum(full(m, values[at % len(values)])) * (0.5 + n) for n, at in enumerate(used))


def programs(names, low=20, high=50):
    steps = st.tuples(st.sampled_from(names), st.integers(0, 99), st.integers(0, 99))
    shapes = st.sampled_from([((2, 3), (3,)), ((2, 1), ()), ((1, 3), (2, 3))])
    return st.tuples(
        st.lists(steps, min_size=low, max_size=high),
        shapes,
        st.lists(st.integers(0, 99), min_size=1, max_size=4).map(lambda used: [*used, -1]),
        st.integers(0, 99),
    )


def drawn(program):
    """The parts of a drawn program: what runs it on a module, its arguments, and a source of random numbers."""
    steps, shapes, used, seed = program
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    scales = scales_of(steps, arrays)
    return lambda m, *xs, **change: run(steps, m, xs, scales, used, **change), arrays, rng


def close(found, expected):
    """Agreement relative to the largest element: sums of many terms cancel."""
    found = np.zeros_like(expected) if found is None else found.data
    np.testing.assert_allclose(
        found, expected, rtol=1e-9, atol=1e-10 * (1 + np.abs(expected).max())
    )


def backwards(a):
    """The same numbers, last first in memory."""
    turned = (slice(None, None, -1),) * a.ndim
    return a[turned].copy()[turned]


def spread(a):
    """The same numbers with gaps between them."""
    gaps = (slice(None, None, 2),) * a.ndim
    memory = np.full([2 * n for n in a.shape], np.nan)
    memory[gaps] = a
    return memory[gaps]


LAYOUTS = {"rows": np.copy, "columns": np.asfortranarray, "backwards": backwards, "spread": spread}


def leaf(a):
    """A leaf on the memory of `a`, in its layout."""
    return Tensor(a).requires_grad_()


def of_a_slice(x, value):
    Tensor(x.data[..., ::-1]).assign(value[..., ::-1]) if x.ndim else x.assign(value)


def in_place(x, value):
    with mg.no_grad():
        x -= x.detach() - value


def by_hand(x, value):
    x.data[...] = value
    mg.touch(x)


WRITES = {  # name: a function that writes a value into a leaf
    "assign": lambda x, value: x.assign(value),
    "data": lambda x, value: setattr(x, "data", value),
    "detached": lambda x, value: x.detach().assign(value),
    "out": lambda x, value: np.add(Tensor(value), 0, out=x.data),
    "of a slice": of_a_slice,
    "in place": in_place,
    "by hand": by_hand,
}


def derivatives(f, xs, directions):
    """The value, its gradients, and the gradients of their sum along the directions."""
    y = f(OURS, *xs)
    first = grad(y, xs, create_graph=True)
    known = [(g, d) for g, d in zip(first, directions, strict=True) if g is not None]
    along = sum((g * d).sum() for g, d in known)
    second = grad(along, xs) if getattr(along, "requires_grad", False) else [None] * len(xs)
    return y, first, second


def agrees_with_pytorch(f, arrays, rng):
    torch = theirs()
    directions = [rng.standard_normal(a.shape) for a in arrays]
    xs = [Tensor(a, requires_grad=True) for a in arrays]
    y, first, second = derivatives(f, xs, directions)

    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    z = f(torch, *ts)
    unused = {"allow_unused": True, "materialize_grads": True}
    slopes = torch.autograd.grad(z, ts, create_graph=True, **unused)
    line = sum((g * torch.tensor(d)).sum() for g, d in zip(slopes, directions, strict=True))
    bends = torch.autograd.grad(line + 0 * sum(t.sum() for t in ts), ts, **unused)

    close(y, z.numpy(force=True))
    for found, expected in zip([*first, *second], [*slopes, *bends], strict=True):
        close(found, expected.numpy(force=True))


often = settings(max_examples=100, derandomize=True, database=None, deadline=None)
seldom = settings(often, max_examples=15)
