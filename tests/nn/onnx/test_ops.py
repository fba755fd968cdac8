"""Every translation of the table by itself: the op in onnxruntime gives what it gives here."""

import numpy as np
import pytest
from onnx_files import Called, check, normal

import minigrad as mg
import nn
from minigrad import Tensor
from nn.onnx.table import TRANSLATIONS

# fmt: off
UNARY = [
    mg.negative, mg.absolute, mg.square, mg.exp, mg.exp2, mg.expm1, mg.sin, mg.cos, mg.tan, mg.arctan, mg.sinh, mg.cosh,
    mg.tanh, mg.arcsinh, mg.erf, mg.erfc, mg.relu, mg.sigmoid, mg.softplus, mg.softsign,
    np.sign, np.floor, np.ceil, np.rint, np.isnan,
]
BINARY = [
    mg.add, mg.subtract, mg.multiply, mg.divide, mg.maximum, mg.minimum, mg.hypot, mg.logaddexp,
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
]
# fmt: on


def cases_of_two(f):
    return [
        (f, a, b),
        (lambda x: f(x, 1), a),
        (lambda x, y: f(x, y[:, :1]), a, b),
        (lambda x: f(x, np.arange(1, 5)), a),
    ]


def positive(*shape):
    return np.abs(normal(*shape)) + 0.5


def inside(*shape):
    return np.tanh(normal(*shape))


a, b, c = normal(3, 4), normal(3, 4, seed=1), normal(3, 2, 4)
image = normal(2, 4, 5, 6)
infinite = np.array([[-np.inf] * 3, [0, 1, -np.inf], [0, np.inf, 1]], np.float32)
w = Tensor(normal(3, 4, seed=2))

# op -> functions, each with its inputs
CASES = {
    **{f.__name__: [(f, a)] for f in UNARY},
    **{f.__name__: [(f, positive(3, 4))] for f in (mg.sqrt, mg.log, mg.log1p, mg.log2, mg.log10)},
    **{f.__name__: [(f, inside(3, 4))] for f in (mg.arcsin, mg.arccos, mg.arctanh)},
    **{f.__name__: cases_of_two(f) for f in BINARY},
    "arccosh": [(np.arccosh, positive(3, 4) + 1)],
    "power": [(lambda x, y: x**y, positive(3, 4), b), (lambda x: x**3, a)],
    "isinf": [(np.isinf, np.array([[-np.inf, 1.0]], np.float32))],
    "clip": [
        (lambda x: mg.clip(x, -0.5, None), a),
        (lambda x: mg.clip(x, None, np.linspace(-1, 1, 4, dtype=np.float32)), a),
    ],
    "where": [
        (lambda x, y: mg.where(x > y, x, y), a, b),
        (lambda x: mg.where(np.array([True, False, True, True]), x, 1), a),
        (lambda i: mg.where(i > 0, i, 0.5), np.array([[1, -1]])),
    ],
    "astype": [(lambda x: x.astype("int32") + 1, 3 * a), (lambda x: (x > 0).astype("float32"), a)],
    "detach": [(lambda x: x.detach() + 1, a)],
    "softmax": [(lambda x: mg.softmax(x, 1), c), (lambda x: mg.softmax(x, None), c)],
    "log_softmax": [(lambda x: mg.log_softmax(x, -1), c), (lambda x: mg.log_softmax(x, (0, 1)), c)],
    "linear": [(lambda x: mg.linear(x, w), a), (lambda x: mg.linear(x, w, np.ones(3, np.float32)), c)],
    "matmul": [(lambda x: x @ w.mT, a), (lambda x, y: x @ y.mT, c, c), (lambda x: x @ np.ones(4, np.float32), c)],
    "einsum": [(lambda x, y: mg.einsum("nld,nsd->nls", x, y), c, c)],
    "sum": [
        (lambda x: x.sum(axis=1), c), (lambda x: x.sum(axis=(0, 2), keepdims=True), c), (lambda x: x.sum(), c),
        (lambda x: (x > 0).sum(axis=1), c), (lambda x: x.mean(axis=0), c), (lambda x: x.var(), c),
    ],
    "max": [(lambda x: x.max(axis=1), c), (lambda x: x.max(), c)],
    "min": [(lambda x: x.min(axis=(1, 2), keepdims=True), c)],
    "prod": [(lambda x: x.prod(axis=1), c)],
    "logsumexp": [(lambda x: mg.logsumexp(100 * x, 1), c), (lambda x: mg.logsumexp(x, (1, 2), True), c),
                  (lambda x: mg.logsumexp(x, 1), infinite)],
    "norm": [(lambda x: mg.norm(x, axis=1), c), (lambda x: mg.norm(x, 3, axis=1), c)],
    "cumsum": [(lambda x: mg.cumsum(x, 1), c)],
    "argmax": [(lambda x: x.argmax(axis=1), c), (lambda x: x[:1].argmax() + (0 * x).sum().astype("int64"), a)],
    "argmin": [(lambda x: np.argmin(x, axis=2, keepdims=True), c)],
    "logical_and": [(lambda x: np.logical_and(x > 0, x < 1), a)],
    "logical_or": [(lambda x: np.logical_or(x > 1, x < 0), a)],
    "logical_xor": [(lambda x: np.logical_xor(x > 0, x < 1), a)],
    "logical_not": [(lambda x: np.logical_not(x > 0), a)],
    "bitwise_and": [(lambda x: (x > 0) & (x < 1), a)],
    "bitwise_or": [(lambda x: (x > 1) | (x < 0), a)],
    "bitwise_xor": [(lambda x: (x > 1) ^ (x < 0), a)],
    "invert": [(lambda x: ~(x > 0), a)],
    "reshape": [
        (lambda x: x.reshape(-1, 8), c), (lambda x: x.reshape(x.shape[0] * 2, 4), c), (lambda x: x.reshape(-1), c),
        (lambda x: x.reshape(2, -1, 2, 2), c), (lambda x: x.reshape(1, 1, -1), a),
        (lambda x: x.T.reshape(4, x.shape[0], 1), a),
    ],
    "broadcast_to": [
        (lambda x: mg.broadcast_to(x, (2, *x.shape)), a),
        (lambda x: mg.broadcast_to(w[0], x.shape) * x, a),
        (lambda x: mg.broadcast_to(x[:, :1], (x.shape[0], 5)), a),
    ],
    "transpose": [(lambda x: x.T, a), (lambda x: x.transpose(0, 2, 1), c)],
    "concatenate": [(lambda x, y: mg.concatenate([x, y, x], 0), a, b), (lambda x, y: mg.concatenate([x, y], 1), a, b)],
    "stack": [(lambda x, y: mg.stack([x, y], 1), a, b)],
    "split": [(lambda x: mg.split(x, 2, 1), a), (lambda x: mg.split(x, [1, 3], 1)[1], a)],
    "unstack": [(lambda x: mg.unstack(x, 1), c)],
    "repeat": [(lambda x: mg.repeat(x, 3, 1), a)],
    "pad": [
        (lambda x: mg.pad(x, ((0, 0), (1, 2)), constant_values=3), a),
        (lambda x: mg.pad(x, ((0, 0), (1, 2)), "reflect"), a),
        (lambda x: mg.pad(x, ((0, 0), (1, 2)), "edge"), a),
        (lambda x: mg.pad(x, ((0, 0), (1, 2), (3, 0)), "wrap"), c),
        (lambda x: mg.pad(x, ((0, 0), (1, 0), (0, 6)), "symmetric"), c),
    ],
    "flip": [(lambda x: mg.flip(x, 1), a), (lambda x: mg.flip(x), a)],
    "roll": [(lambda x: mg.roll(x, 1, 1), a), (lambda x: mg.roll(x, (-1, 5), (1, 2)), c)],
    "tril": [(lambda x: mg.tril(x, 1), c)],
    "triu": [(lambda x: mg.triu(x), c)],
    "getitem": [
        (lambda x: x[:, 1], c), (lambda x: x[:, ::-1, 1:3], c), (lambda x: x[..., -1], c),
        (lambda x: x[:, None, ..., 0], c),
        (lambda x: x[:, [0, 1, 1]], c), (lambda x: x[:, np.array([[0, -1]])], c), (lambda x: x[..., 3:0:-2], c),
        (lambda x: x[:, np.array([[0], [1]]), np.array([0, -1, 2])], c), (lambda x: x[-1], c),
        (lambda i: w[i], np.array([[0, 2], [1, 1]])), (lambda i: mg.take(w, i, 1), np.array([[0, 2], [1, 1]])),
    ],
    "conv2d": [(lambda x: mg.conv2d(x, Tensor(normal(4, 2, 3, 3)), None, 2, 1, 1, 2), image)],
    "conv2d_input": [(lambda x: mg.conv_transpose2d(x, Tensor(normal(4, 1, 3, 3)), None, 2, 1, 1, 2), image)],
    "unfold": [(lambda x: mg.unfold(x, (2, 3), 2, (1, 0), (1, 2)), image)],
    "fold": [(lambda x: mg.fold(x, (9, 8), (2, 3), (2, 1), (1, 0), (1, 2)), normal(2, 12, 27))],
    "max_pool2d": [
        (lambda x: mg.max_pool2d(x, 3, 2, 1, ceil_mode=True), image),
        (lambda x: mg.max_pool2d(x, 6, 3, ceil_mode=True), image),
    ],
    "resample": [
        (lambda x: mg.interpolate(x, (9, 4), None, "bilinear"), image),
        (lambda x: mg.interpolate(x, (9, 3), None, "bilinear", True), image),
        (lambda x: mg.interpolate(x, None, (1.7, 0.6), "bilinear"), image),
        (lambda x: mg.interpolate(x, None, (0.7, 1.2), "bicubic"), normal(2, 3, 10, 10)),
        (lambda x: mg.interpolate(x, (8, 3), None, "bicubic", True), image),
        (lambda x: mg.interpolate(x, None, 1.1, "bicubic"), image),
        (lambda x: mg.interpolate(x, 7, None, "linear"), c),
        (lambda x: mg.interpolate(x, 3, None, "trilinear"), normal(2, 2, 4, 2, 5)),
    ],
    "avg_pool2d": [
        (lambda x: mg.avg_pool2d(x, 3, 2, 1, ceil_mode=True), image),
        (lambda x: mg.avg_pool2d(x, 6, 3, 1, ceil_mode=True), image[..., :3]),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSLATIONS)
def test_every_translation_has_a_case_that_uses_it(tmp_path, monkeypatch, name):
    met = []
    translation = TRANSLATIONS[name]
    monkeypatch.setitem(TRANSLATIONS, name, lambda step: met.append(name) or translation(step))
    function, *inputs = CASES[name][0]
    nn.export_onnx(Called(function), tuple(inputs), tmp_path / "op.onnx")
    assert met


@pytest.mark.parametrize(
    ("name", "i"), [(name, i) for name, cases in CASES.items() for i in range(len(cases))]
)
def test_an_op_in_onnxruntime_gives_what_it_gives_here(tmp_path, name, i):
    function, *inputs = CASES[name][i]
    check(tmp_path / "op.onnx", Called(function), *inputs)


def test_logarithms_of_zero_are_added_in_onnxruntime_as_here(tmp_path):
    inf = np.inf
    pairs = np.array([[-inf, -inf], [-inf, 0], [inf, inf], [1, inf], [inf, -inf], [50, -50]], "f4")
    check(tmp_path / "op.onnx", Called(mg.logaddexp), pairs[:, 0], pairs[:, 1])


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (lambda x: x[x > 0].sum() + x, "a mask as index has no translation"),
        (lambda x: mg.pad(x, 1, "symmetric"), "mode 'symmetric' along the batch has no translation"),
        (lambda x: x.astype("int64") & 3, "only that of bools has a translation"),
        (lambda x: ~x.astype("int64"), "only that of bools has a translation"),
        (lambda x: x[:, None, np.array([0, 1])], "arrays beside numbers or None have no translation"),
        (lambda x: x[np.array([0, 1]), :, np.array([0, 1])], "arrays for axes apart have no translation"),
        (lambda x: x[np.array([0, 1]), np.array([0, 1])], "arrays along the batch have no translation"),
    ],
)  # fmt: skip
def test_what_has_no_translation_is_named(tmp_path, function, problem):
    with pytest.raises(NotImplementedError, match=problem):
        check(tmp_path / "op.onnx", Called(function), c)
