"""The cases of the table: for each row, calls with arguments from its domain, away from kinks.

A row's case is one entry of CASES. `test_table` checks every property on every call of it, and fails for a row
without an entry. Rows that users reach only as another row's gradient or composite are listed in PARTNERS.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.ops import conv, losses

try:
    import torch
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = F = None

PARTNERS = {
    "conv2d_input": "the gradient of conv2d by its input",
    "conv2d_weight": "the gradient of conv2d by its weight",
    "pool_scatter": "the gradient of max_pool2d",
    "pool_gather": "the gradient of pool_scatter",
    "softmax_cross_entropy": "what cross_entropy calls where it may",
    "softmax_cross_entropy_grad": "the gradient of softmax_cross_entropy",
}


# Where arguments are drawn from --------------------------------------------------------------------------


def anywhere(rng, shape):
    return rng.standard_normal(shape)


def positive(rng, shape):
    return rng.uniform(0.3, 2, shape)


def not_zero(rng, shape):
    return rng.uniform(0.3, 2, shape) * rng.choice([-1, 1], shape)


def not_at_the_bounds(rng, shape):
    """For clip at -0.5 and 0.8."""
    return rng.choice([-1.2, -0.2, 0.3, 1.1], shape) + rng.uniform(-0.1, 0.1, shape)


def apart(rng, shape):
    """No two elements nearer than 0.1: for maxima."""
    size = int(np.prod(shape))
    return (0.1 * rng.permutation(size) + rng.uniform(0, 0.05) - 0.05 * size).reshape(shape)


@dataclass(frozen=True)
class Call:
    """f(*arguments, *constants): the arguments, floats of the given shapes, are differentiated by."""

    f: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    draw: Any = anywhere
    constants: tuple[Any, ...] = ()
    torch: Callable[..., Any] | None = None

    def arguments(self, dtype=np.float64):
        rng = np.random.default_rng(zlib.crc32(repr(self.shapes).encode()))
        draws = self.draw if isinstance(self.draw, tuple) else (self.draw,) * len(self.shapes)
        return [np.array(d(rng, s), dtype) for d, s in zip(draws, self.shapes, strict=True)]

    def on(self, *arguments):
        return self.f(*arguments, *self.constants)


UNARY = [(), (3,), (2, 3), (2, 1, 3), (0, 3)]
BINARY = [
    ((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((1,), (3, 2)), ((), (2, 3)), ((2, 3), ()),
    ((), ()), ((1,), ()), ((0, 3), (3,)), ((0, 1), (1, 3)), ((1, 3), (0, 3)),
]  # fmt: skip


def unary(f, counterpart, draw=anywhere):
    return [Call(f, (shape,), draw, torch=counterpart) for shape in UNARY]


def binary(f, counterpart, draw=anywhere):
    return [Call(f, shapes, draw, torch=counterpart) for shapes in BINARY]


def i(*numbers):
    return np.array(numbers, dtype=np.int64)


# Elementwise ---------------------------------------------------------------------------------------------

CASES: dict[str, list[Call]] = {
    "add": binary(mg.add, lambda a, b: a + b),
    "subtract": binary(mg.subtract, lambda a, b: a - b),
    "multiply": binary(mg.multiply, lambda a, b: a * b),
    "divide": binary(mg.divide, lambda a, b: a / b, (anywhere, not_zero)),
    "negative": unary(mg.negative, lambda x: -x),
    "square": unary(mg.square, lambda x: x.square()),
    "sqrt": unary(mg.sqrt, lambda x: x.sqrt(), positive),
    "absolute": unary(mg.absolute, lambda x: x.abs(), not_zero),
    "exp": unary(mg.exp, lambda x: x.exp()),
    "log": unary(mg.log, lambda x: x.log(), positive),
    "sin": unary(mg.sin, lambda x: x.sin()),
    "cos": unary(mg.cos, lambda x: x.cos()),
    "tanh": unary(mg.tanh, lambda x: x.tanh()),
    "sigmoid": unary(mg.sigmoid, lambda x: x.sigmoid()),
    "relu": unary(mg.relu, lambda x: x.relu(), not_zero),
    "maximum": binary(mg.maximum, lambda a, b: torch.maximum(a, b)),
    "minimum": binary(mg.minimum, lambda a, b: torch.minimum(a, b)),
    "power": [
        *binary(mg.power, lambda a, b: a**b, (positive, anywhere)),
        *[
            Call(lambda a, n=n: mg.power(a, n), ((2, 3),), draw, torch=lambda a, n=n: a**n)
            for n, draw in [
                (3, anywhere), (2, anywhere), (1, anywhere), (0, anywhere), (-2, not_zero),
                (0.5, positive), (-1.5, positive),
            ]
        ],
        Call(lambda b: mg.power(2.5, b), ((2, 3),), torch=lambda b: 2.5**b),
    ],
    # there and back again, so that the result has the argument's dtype
    "astype": unary(
        lambda x: mg.astype(mg.astype(x, "float64"), x.dtype), lambda x: x.double().to(x.dtype)
    ),
    "where": [
        Call(
            lambda a, b, c: mg.where(c, a, b), shapes, constants=(condition,),
            torch=lambda a, b, c: torch.where(c, a, b),
        )
        for condition in (np.array([[True], [False]]), np.array(True))
        for shapes in [((2, 3), (2, 3)), ((3,), (2, 1)), ((), (3,)), ((1, 1), ()), ((2, 0), (1, 1))]
    ] + [
        Call(
            lambda x, c: mg.where(c, x, 0), ((2, 3),), constants=(np.array([True, False, True]),),
            torch=lambda x, c: torch.where(c, x, 0),
        ),
        Call(
            lambda x, c: mg.where(c, 0, x), ((3,),), constants=(np.array([[True], [False]]),),
            torch=lambda x, c: torch.where(c, 0, x),
        ),
    ],
    "clip": [
        *unary(lambda x: mg.clip(x, -0.5, 0.8), lambda x: x.clip(-0.5, 0.8), not_at_the_bounds),
        *unary(lambda x: mg.clip(x, -0.5), lambda x: x.clip(min=-0.5), not_at_the_bounds),
        *unary(lambda x: mg.clip(x, high=0.8), lambda x: x.clip(max=0.8), not_at_the_bounds),
    ],
}  # fmt: skip


# Reductions ----------------------------------------------------------------------------------------------

AXES = [
    ((2, 3), None), ((2, 3), 0), ((2, 3), -1), ((2, 3, 4), (0, 2)), ((2, 3, 4), (-1, 0)), ((2, 1), 1),
    ((2, 3), ()), ((), None),
]  # fmt: skip


def reductions(f, counterpart, draw, empty):
    def reduced(x, axis, keepdims):
        if axis == ():
            return x * 1
        return counterpart(x, tuple(range(x.ndim)) if axis is None else axis, keepdims)

    return [
        Call(
            lambda x, a=axis, k=keepdims: f(x, axis=a, keepdims=k), (shape,), draw,
            torch=lambda x, a=axis, k=keepdims: reduced(x, a, k),
        )
        for (shape, axis), keepdims in product([*AXES, *empty], (False, True))
    ]  # fmt: skip


CASES |= {
    "sum": reductions(
        mg.sum, lambda x, a, k: x.sum(a, k), anywhere, [((0, 3), None), ((0, 3), 0), ((0, 3), 1)]
    ),
    "max": reductions(mg.max, lambda x, a, k: x.amax(a, k), apart, [((0, 3), 1)]),
    "min": reductions(mg.min, lambda x, a, k: x.amin(a, k), apart, [((3, 0), 0)]),
}

# Shapes --------------------------------------------------------------------------------------------------


def reshaped(shape, target):
    return Call(lambda x: mg.reshape(x, target), (shape,), torch=lambda x: x.reshape(target))


def transposed(shape, axes=None):
    def counterpart(x):
        return x.permute(tuple(range(x.ndim))[::-1] if axes is None else axes)

    return Call(lambda x: mg.transpose(x, axes), (shape,), torch=counterpart)


def broadcast(shape, target):
    return Call(lambda x: mg.broadcast_to(x, target), (shape,), torch=lambda x: x.expand(target))


def summed(shape, target):
    return Call(lambda x: mg.sum_to(x, target), (shape,), torch=lambda x: x.sum_to_size(target))


def joined(axis, *shapes):
    return Call(lambda *xs: mg.concatenate(xs, axis), shapes, torch=lambda *xs: torch.cat(xs, axis))


def stacked(axis, shape, count):
    return Call(
        lambda *xs: mg.stack(xs, axis), (shape,) * count, torch=lambda *xs: torch.stack(xs, axis)
    )


def padded(shape, width, pairs, value=0.0):
    """`pairs` are the widths as PyTorch wants them: from the last axis on."""
    return Call(
        lambda x: mg.pad(x, width, value), (shape,), torch=lambda x: F.pad(x, pairs, value=value)
    )


CASES |= {
    "reshape": [
        reshaped((2, 3), (3, 2)), reshaped((2, 3), (-1,)), reshaped((), (1, 1)), reshaped((1,), ()),
        reshaped((0, 3), (3, 0, 2)), reshaped((4, 3), (2, 2, -1)),
    ],
    "transpose": [
        transposed((2, 3)), transposed((2, 3, 4)), transposed((2, 3, 4), (1, 2, 0)), transposed(()),
        transposed((2, 3, 4), (-1, 0, -2)), transposed((0, 3)), transposed((3,)),
    ],
    "broadcast_to": [
        broadcast((3,), (2, 3)), broadcast((2, 1, 1), (2, 3, 2)), broadcast((), (2, 3)),
        broadcast((1,), (0,)), broadcast((2, 3), (2, 3)), broadcast((1, 3), (4, 0, 3)), broadcast((), ()),
    ],
    "sum_to_shape": [
        summed((2, 3), (3,)), summed((2, 3), (2, 1)), summed((4, 2, 3), (1, 3)), summed((2, 3), ()),
        summed((0, 3), (1, 3)), summed((1, 3), (3,)),
    ],
    "concatenate": [
        joined(0, (2, 3), (1, 3), (4, 3)), joined(1, (2, 3), (2, 1)), joined(-1, (2, 3), (2, 2)),
        joined(0, (2, 3)), joined(0, (0, 3), (2, 3)), joined(1, (0, 3), (0, 1)),
        Call(
            lambda a, b: mg.concatenate([a, b], None), ((2, 3), (2,)),
            torch=lambda a, b: torch.cat([a.reshape(-1), b]),
        ),
    ],
    "stack": [
        stacked(0, (2, 3), 3), stacked(1, (2, 3), 2), stacked(-1, (2, 3), 2), stacked(0, (), 3),
        stacked(1, (2,), 1), stacked(0, (0, 2), 2),
    ],
    "pad": [
        padded((2, 3), 1, (1, 1, 1, 1)), padded((2, 3), (0, 2), (0, 2, 0, 2)), padded((3,), 2, (2, 2), 1.5),
        padded((2, 3), ((1, 0), (0, 2)), (0, 2, 1, 0)), padded((0, 3), 1, (1, 1, 1, 1)), padded((2,), 0, (0, 0)),
    ],
}  # fmt: skip

# Indexing ------------------------------------------------------------------------------------------------


def gathered(shape, index, *arrays, counterpart=True):
    """x[index], or x[arrays] with index None: arrays are constants of the call, so that they may be of any library."""
    if arrays:
        index_of = index or (lambda *a: a if len(a) > 1 else a[0])
        return Call(
            lambda x, *a: mg.getitem(x, index_of(*a)), (shape,), constants=arrays,
            torch=lambda x, *a: x[index_of(*a)],
        )  # fmt: skip
    return Call(
        lambda x: mg.getitem(x, index),
        (shape,),
        torch=(lambda x: x[index]) if counterpart else None,
    )


def scattered(shape, target, index, *arrays):
    """zeros(target)[index] += g"""
    index_of = index if arrays else lambda: index

    def counterpart(g, *a):
        places = torch.arange(int(np.prod(target))).reshape(target)[index_of(*a)]
        flat = torch.zeros(int(np.prod(target)), dtype=g.dtype)
        return flat.index_add(0, places.reshape(-1), g.reshape(-1)).reshape(target)

    return Call(
        lambda g, *a: mg.scatter(g, index_of(*a), target),
        (shape,),
        constants=arrays,
        torch=counterpart,
    )


MASK = np.array([[True, False, True], [False, False, True]])

CASES |= {
    "getitem": [
        gathered((4, 3), 2), gathered((4, 3), (-1, 0)), gathered((4, 3), slice(1, None, 2)),
        gathered((4, 3), (slice(None, None, -1), slice(-1, 0, -1)), counterpart=False),
        gathered((4, 3), (Ellipsis, None, 1)), gathered((4,), slice(0, 0)), gathered((), ()),
        gathered((0, 3), (slice(None), 1)), gathered((4, 3), None, i(0, 2, 0, -1)), gathered((2, 3), None, MASK),
        gathered((4, 3), None, i(0, 2, 0), i(1, 1, 1)), gathered((2, 4), lambda a: (slice(None), a), i(3, 3, 1)),
        gathered((4, 3), None, i()), gathered((4,), None, np.array([[0, 0], [1, 3]])),
        gathered((3, 2, 4), lambda a, b: (a, slice(None), b), i(0, 0, 2), i(1, 1, 3)),
        gathered((4, 3), lambda *_: [0, 0, 1], i()),
    ],
    "scatter": [
        scattered((3,), (4, 3), 2), scattered((2, 3), (4, 3), slice(1, None, 2)), scattered((), (4, 3), (1, 2)),
        scattered((4, 3), (4, 3), lambda a: a, i(0, 2, 0, -1)), scattered((3,), (2, 3), lambda a: a, MASK),
        scattered((3,), (4, 3), lambda a, b: (a, b), i(0, 2, 0), i(1, 1, 1)),
        scattered((0, 3), (4, 3), lambda a: a, i()), scattered((2, 3), (2, 4), lambda a: (slice(None), a), i(3, 3, 1)),
    ],
}  # fmt: skip

# Products ------------------------------------------------------------------------------------------------


def product_of(*shapes):
    return Call(mg.matmul, shapes, torch=lambda a, b: a @ b)


def layer(*shapes):
    return Call(mg.linear, shapes, torch=lambda *xwb: F.linear(*xwb))


CASES |= {
    "matmul": [
        product_of((2, 3), (3, 4)), product_of((5, 2, 3), (3, 4)), product_of((2, 3), (5, 3, 4)),
        product_of((2, 1, 2, 3), (4, 3, 2)), product_of((2, 0), (0, 3)), product_of((0, 2, 3), (3, 2)),
        product_of((2, 3), (2, 5, 3, 4)), product_of((1, 2, 3), (2, 4, 3, 2)), product_of((2, 5, 2, 3), (1, 3, 4)),
        product_of((3,), (3, 4)), product_of((2, 3), (3,)), product_of((3,), (3,)), product_of((5, 2, 3), (3,)),
        product_of((3,), (5, 3, 2)), product_of((0, 3), (3, 2)),
    ],
    "linear": [
        layer((2, 3), (4, 3), (4,)), layer((2, 3), (4, 3)), layer((3,), (4, 3), (4,)), layer((3,), (1, 3)),
        layer((2, 5, 3), (4, 3), (4,)), layer((0, 3), (4, 3), (4,)), layer((2, 0, 3), (4, 3)),
    ],
}  # fmt: skip

# Losses --------------------------------------------------------------------------------------------------

LABELS = i(2, 0, 2, 1)
ROW_WEIGHT = np.array([0.5, 0.0, 2.0, 1.0])


def weighted(row):
    return lambda *args: row(*args[:-1], args[-1].astype(args[0].dtype))


def one_hot_sum(x, labels, row_weight):
    return (F.cross_entropy(x, labels, reduction="none") * row_weight).sum()


def one_hot(p, labels):
    return F.one_hot(labels, p.shape[1]).to(p.dtype)


def torch_gradient(of, by, seed, *arguments):
    """A gradient as a function that PyTorch differentiates further."""
    (found,) = torch.autograd.grad(of(*arguments), by, seed, create_graph=True)
    return found


CASES |= {
    "log_softmax": [
        Call(lambda x, a=axis: mg.log_softmax(x, a), (shape,), torch=lambda x, a=axis: x.log_softmax(a))
        for shape, axis in [((2, 3), -1), ((2, 3), 0), ((2, 3, 2), 1), ((3,), 0), ((0, 3), 1), ((), -1)]
    ],
    "softmax_cross_entropy": [
        Call(
            lambda x, labels, w=row_weight: losses.softmax_cross_entropy(x, labels, w), ((4, 3),),
            constants=(LABELS,), torch=lambda x, labels, w=row_weight: one_hot_sum(x, labels, w),
        )
        for row_weight in (1.0, 0.25)
    ] + [
        Call(weighted(losses.softmax_cross_entropy), ((4, 3),), constants=(LABELS, ROW_WEIGHT), torch=one_hot_sum),
        Call(weighted(losses.softmax_cross_entropy), ((0, 3),), constants=(i(), i() * 0.5), torch=one_hot_sum),
    ],
    "softmax_cross_entropy_grad": [
        Call(
            weighted(losses.softmax_cross_entropy_grad), ((), (4, 3)), constants=(LABELS, ROW_WEIGHT),
            torch=lambda g, p, labels, w: g * w[:, None] * (p - one_hot(p, labels)),
        ),
        Call(
            lambda g, p, labels: losses.softmax_cross_entropy_grad(g, p, labels, 0.25), ((), (4, 3)),
            constants=(LABELS,), torch=lambda g, p, labels: g * 0.25 * (p - one_hot(p, labels)),
        ),
    ],
}  # fmt: skip

# Convolution and pooling ---------------------------------------------------------------------------------

CONVOLUTIONS = [  # x, w, stride, padding
    ((2, 2, 4, 5), (3, 2, 2, 3), (1, 1), (0, 0)),
    ((1, 1, 5, 5), (2, 1, 3, 3), (2, 1), (1, 0)),
    ((2, 1, 6, 4), (1, 1, 2, 2), (3, 2), (0, 1)),
    ((1, 2, 2, 3), (2, 2, 1, 2), (1, 1), (1, 2)),
    ((0, 2, 4, 4), (3, 2, 3, 3), (1, 1), (0, 0)),
]
POOLS = [((2, 2, 4, 6), (2, 2), (2, 2)), ((1, 1, 5, 4), (2, 3), (1, 1)), ((1, 2, 5, 5), (2, 2), (3, 2)),
         ((0, 2, 4, 4), (2, 2), (2, 2)), ((1, 1, 3, 2), (1, 1), (1, 1))]  # fmt: skip


def output_shape(x, w, stride, padding):
    return (x[0], w[0], *conv.output_size(x[2:], w[2:], stride, padding))


def ones(*shape):
    return torch.ones(shape, dtype=torch.float64, requires_grad=True)


def convolution_calls(x, w, stride, padding):
    """conv2d with and without a bias, and its two partners."""
    y = output_shape(x, w, stride, padding)
    options = {"stride": stride, "padding": padding}

    def by_input(g, w_):
        of = ones(*x).to(w_.dtype)
        return torch_gradient(lambda: F.conv2d(of, w_, **options), of, g)

    def by_weight(g, x_):
        of = ones(*w).to(x_.dtype)
        return torch_gradient(lambda: F.conv2d(x_, of, **options), of, g)

    def plain(*xwb):
        return mg.conv2d(*xwb, **options)

    return {
        "conv2d": [Call(plain, s, torch=lambda *a: F.conv2d(*a, **options)) for s in [(x, w, w[:1]), (x, w)]],
        "conv2d_input": [Call(lambda g, w: conv.conv2d_input(g, w, x[2:], stride, padding), (y, w), torch=by_input)],
        "conv2d_weight": [Call(lambda g, x: conv.conv2d_weight(g, x, w[2:], stride, padding), (y, x), torch=by_weight)],
    }  # fmt: skip


def pool_calls(shape, window, stride):
    """max_pool2d and its two partners, with places as max_pool2d would choose them."""
    size = conv.output_size(shape[2:], window, stride, (0, 0))
    y = (*shape[:2], *size)
    place = np.random.default_rng(0).integers(0, window[0] * window[1], y).astype(np.int32)
    rows, columns = place // window[1], place % window[1]
    rows = rows + stride[0] * np.arange(size[0])[:, None]
    flat = (rows * shape[3] + columns + stride[1] * np.arange(size[1])).reshape(*y[:2], y[2] * y[3])

    def gather(x, place):
        return x.flatten(2).gather(2, torch.tensor(flat)).reshape(y)

    def scatter(g, place):
        zeros = torch.zeros((*shape[:2], shape[2] * shape[3]), dtype=g.dtype)
        return zeros.scatter_add(2, torch.tensor(flat), g.flatten(2)).reshape(shape)

    return {
        "max_pool2d": [Call(
            lambda x: mg.max_pool2d(x, window, stride), (shape,), apart,
            torch=lambda x: F.max_pool2d(x, window, stride),
        )],
        "pool_gather": [Call(
            lambda x, p: conv.pool_gather(x, p, window, stride), (shape,), constants=(place,), torch=gather,
        )],
        "pool_scatter": [Call(
            lambda g, p: conv.pool_scatter(g, p, shape[2:], window, stride), (y,), constants=(place,), torch=scatter,
        )],
    }  # fmt: skip


for calls in [
    *[convolution_calls(*c) for c in CONVOLUTIONS],
    *[pool_calls(*p) for p in POOLS],
]:
    for name, found in calls.items():
        CASES.setdefault(name, []).extend(found)


# An array of another library -----------------------------------------------------------------------------

METHODS_OF_DUCK = {
    "all", "any", "argmax", "astype", "copy", "max", "min", "mT", "reshape", "sum", "T", "transpose", "view",
}  # fmt: skip
ATTRIBUTES = {"dtype", "itemsize", "nbytes", "ndim", "shape", "size"}


class Duck(np.lib.mixins.NDArrayOperatorsMixin):
    """Computes like a NumPy array, but refuses to become one, or a number, and to be combined with one."""

    def __init__(self, array):
        self.array = np.asarray(array)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if any(isinstance(a, mg.Tensor) for a in inputs):
            return NotImplemented
        return _in_duck(getattr(ufunc, method)(*_out_of_duck(inputs), **_out_of_duck(options)))

    def __array_function__(self, function, types, args, options):
        if any(issubclass(t, mg.Tensor) for t in types):
            return NotImplemented
        return _in_duck(function(*_out_of_duck(args), **_out_of_duck(options)))

    def __getattr__(self, name):
        if name in ATTRIBUTES:
            return getattr(self.array, name)
        if name not in METHODS_OF_DUCK:
            raise AttributeError(f"this array has no attribute {name}")
        found = getattr(self.array, name)
        if not callable(found):
            return Duck(found)
        return lambda *args, **options: _in_duck(
            found(*_out_of_duck(args), **_out_of_duck(options))
        )

    def __getitem__(self, index):
        return Duck(self.array[_out_of_duck(index)])

    def __setitem__(self, index, value):
        self.array[_out_of_duck(index)] = _out_of_duck(value)

    def __len__(self):
        return len(self.array)

    def _refuse(self, *_, **__):
        raise TypeError("this array does not become a NumPy array or a number")

    __array__ = __float__ = __int__ = __index__ = __bool__ = __complex__ = __iter__ = _refuse


def _out_of_duck(value):
    if isinstance(value, np.ndarray):
        raise TypeError("this array does not compute with one of NumPy's")
    if isinstance(value, Duck):
        return value.array
    if isinstance(value, dict):
        return {name: _out_of_duck(v) for name, v in value.items()}
    return type(value)(map(_out_of_duck, value)) if isinstance(value, (tuple, list)) else value


def _in_duck(value):
    return Duck(value) if isinstance(value, (np.ndarray, np.generic)) else value
