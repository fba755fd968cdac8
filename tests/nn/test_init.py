"""Initial values: each law's spread and bounds, and that layers draw by theirs."""

import math
import re

import numpy as np
import pytest

import minigrad
import nn


def assert_uniform(values, bound):
    """Kolmogorov and Smirnov's test of uniform(-bound, bound), at the level 0.001."""
    u = (np.sort(np.ravel(values)) / bound + 1) / 2
    assert u[0] >= 0
    assert u[-1] <= 1
    distance = np.abs(u - (np.arange(len(u)) + 0.5) / len(u)).max() + 0.5 / len(u)
    assert distance * math.sqrt(len(u)) < 1.95


@pytest.mark.parametrize(
    ("make", "fan_in"),
    [
        (lambda rng: nn.Linear(50, 400, rng=rng), 50),
        (lambda rng: nn.Conv2d(8, 400, (3, 5), rng=rng), 120),
        (lambda rng: nn.Conv1d(8, 400, 5, groups=2, rng=rng), 20),
        (lambda rng: nn.ConvTranspose2d(10, 400, 2, groups=2, rng=rng), 800),
        (lambda rng: nn.MLP([50, 400, 1], rng=rng)[0], 50),
        (lambda rng: nn.CNN((8, 8, 8), channels=[400], rng=rng)[0], 72),
    ],
    ids=["Linear", "Conv2d", "Conv1d", "ConvTranspose2d", "MLP", "CNN"],
)
def test_weights_and_biases_are_uniform_within_one_over_the_root_of_the_fan_in(make, fan_in):
    layer = make(np.random.default_rng(0))
    for p in (layer.weight, layer.bias):
        assert p.dtype == np.float32
        assert_uniform(p.numpy().astype(np.float64), 1 / math.sqrt(fan_in))
    minigrad.seed(5)
    again = make(np.random.default_rng(0))  # rng= decides, not the default generator
    np.testing.assert_array_equal(again.weight.numpy(), layer.weight.numpy())
    first = [make(None).weight.numpy() for _ in range(2)]
    minigrad.seed(5)
    second = [make(None).weight.numpy() for _ in range(2)]
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(*first)


def test_the_laws_give_arrays_of_the_asked_dtype_spread_and_shape():
    values = nn.init.normal((100, 300), 0.5, np.random.default_rng(0), np.float64)
    assert (values.shape, values.dtype) == ((100, 300), np.float64)
    assert abs(values.mean()) < 5 * 0.5 / math.sqrt(values.size)
    assert abs(values.std() - 0.5) < 5 * 0.5 / math.sqrt(2 * values.size)
    assert_uniform(nn.init.uniform((100, 300), 3.0, np.random.default_rng(0)), 3.0)
    assert nn.Linear(2, 3, dtype="float64").bias.dtype == np.float64


def assert_normal(values, std):
    """Mean, spread and kurtosis as those of normal(0, std^2), each within five of its standard errors."""
    z = np.ravel(values).astype(np.float64) / std
    assert abs(z.mean()) < 5 / math.sqrt(z.size)
    assert abs((z**2).mean() - 1) < 5 * math.sqrt(2 / z.size)
    assert abs((z**4).mean() - 3) < 5 * math.sqrt(96 / z.size)


WIDE = (60, 40, 3, 2)  # fan_in 240, fan_out 360


@pytest.mark.parametrize(
    ("law", "options", "std"),
    [
        ("xavier", {}, math.sqrt(2 / 600)),
        ("xavier", {"gain": 5 / 3}, 5 / 3 * math.sqrt(2 / 600)),
        ("kaiming", {}, math.sqrt(2 / 240)),
        ("kaiming", {"mode": "fan_out"}, math.sqrt(2 / 360)),
        ("kaiming", {"a": 0.5}, math.sqrt(2 / 1.25 / 240)),
        ("kaiming", {"nonlinearity": "linear"}, math.sqrt(1 / 240)),
    ],
    ids=str,
)
def test_the_laws_of_glorot_and_he_have_their_spread(law, options, std):
    rng = np.random.default_rng(0)
    values = getattr(nn.init, f"{law}_uniform")(WIDE, **options, rng=rng)
    assert (values.shape, values.dtype) == (WIDE, np.float32)
    assert_uniform(values.astype(np.float64), math.sqrt(3) * std)
    assert_normal(getattr(nn.init, f"{law}_normal")(WIDE, **options, rng=rng), std)
    assert getattr(nn.init, f"{law}_normal")(WIDE, dtype="float64").dtype == np.float64


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3, 1)])
def test_an_orthogonal_weight_has_orthonormal_rows_or_columns_times_the_gain(shape):
    w = nn.init.orthogonal(shape, 2.0, np.random.default_rng(0), "float64")
    assert w.shape == shape
    rows = w.reshape(shape[0], -1)
    product = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-14)


def test_orthogonal_matrices_are_uniform_not_only_orthonormal():
    rng = np.random.default_rng(0)
    many = np.array([nn.init.orthogonal((2, 2), 1.0, rng, "float64") for _ in range(4000)])
    angles = np.arctan2(many[:, 1, 0], many[:, 0, 0])
    assert_uniform(angles, math.pi)
    assert abs((np.linalg.det(many) > 0).mean() - 0.5) < 5 * 0.5 / math.sqrt(len(many))


@pytest.mark.parametrize(("bound", "share"), [(2.0, 0.8796), (1.0, 0.5396), (0.1, 0.0577)])
def test_a_truncated_normal_keeps_within_its_bound_and_has_the_spread_of_that(bound, share):
    values = nn.init.truncated_normal((200, 100), 0.5, bound, np.random.default_rng(0), "float64")
    assert np.abs(values).max() <= 0.5 * bound
    assert abs(values.mean()) < 5 * 0.5 * share / math.sqrt(values.size)
    assert values.std() == pytest.approx(0.5 * share, rel=0.02)


def test_constants_are_what_they_are_called_in_the_asked_dtype():
    assert nn.init.zeros((2,)).tolist() == [0, 0]
    assert nn.init.ones((2,), "float64").dtype == np.float64
    assert nn.init.constant((1, 2), 0.25).tolist() == [[0.25, 0.25]]
    assert nn.init.zeros((2,)).dtype == np.float32


def test_the_gains_are_pytorchs():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for name in ("linear", "sigmoid", "tanh", "relu", "selu"):
        assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    for slope in (0.01, 0.5):
        ours = nn.init.calculate_gain("leaky_relu", slope)
        assert ours == torch.nn.init.calculate_gain("leaky_relu", slope)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nn.init.xavier_normal((3,)), r"shape \(3,\) has no fans"),
        (lambda: nn.init.orthogonal((3,)), r"shape \(3,\) has no fans"),
        (lambda: nn.init.kaiming_normal((3, 2), mode="fan"), "mode .*'fan'"),
        (lambda: nn.init.kaiming_normal((3, 2), nonlinearity="gelu"), "'gelu' is not known"),
        (lambda: nn.init.truncated_normal((3,), 1.0, 0.0), r"bound .* 0\.0"),
        (lambda: nn.init.eye((3,)), r"eye: a matrix has two axes, not the shape \(3,\)"),
        (lambda: nn.init.sparse((3, 2, 1), 0.5), r"sparse: a matrix .* \(3, 2, 1\)"),
        (lambda: nn.init.sparse((3, 2), 1.5), r"sparsity is a share in \[0, 1\], not 1\.5"),
        (lambda: nn.init.dirac((3, 2)), r"dirac: \(out, in, .* not \(3, 2\)"),
        (lambda: nn.init.dirac((3, 2, 1), groups=2), "out in 2 groups, not"),
    ],
    ids=range(10),
)
def test_a_law_that_cannot_be_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_an_empty_weight_can_be_drawn():
    for law in (nn.init.xavier_uniform, nn.init.kaiming_normal):
        assert law((0, 0)).shape == (0, 0)


def test_eye_and_dirac_are_pytorchs():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for shape in ((3, 3), (2, 4), (4, 2)):
        np.testing.assert_array_equal(nn.init.eye(shape), torch.nn.init.eye_(torch.empty(shape)))
    for shape, groups in [((4, 2, 3), 1), ((2, 4, 4), 2), ((6, 2, 3, 4), 2), ((4, 4, 3, 3, 1), 1)]:
        theirs = torch.nn.init.dirac_(torch.empty(shape), groups)
        np.testing.assert_array_equal(nn.init.dirac(shape, groups), theirs)


def test_a_sparse_weight_is_normal_where_it_is_not_0_in_that_share_of_each_column():
    values = nn.init.sparse((101, 300), 0.3, 0.5, np.random.default_rng(0), "float64")
    assert ((values == 0).sum(axis=0) == 31).all()
    assert_normal(values[values != 0], 0.5)
    assert abs((values == 0).mean(axis=1) - 31 / 101).max() < 5 * 0.46 / math.sqrt(300)


def test_every_law_of_pytorch_that_writes_in_place_is_answered_with_a_line_that_works():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    laws = [name for name in dir(torch.nn.init) if name.endswith("_") and name[0] != "_"]
    assert len(laws) >= 13
    for law in [*laws, *nn.init.IN_PLACE]:
        with pytest.raises(AttributeError, match=f"^nn.init has no attribute '{law}'; ") as caught:
            getattr(nn.init, law)
        line = re.search(r"write (w\.assign\(.*\))(, which|$)", str(caught.value))[1]
        w = nn.Parameter(np.full((4, 6, 3) if law == "dirac_" else (4, 6), 7.0))
        given = {"a": -1.0, "b": 1.0, "mean": 0.5, "std": 0.1, "val": 0.1, "sparsity": 0.5}
        eval(line, {"nn": nn, "np": np, "minigrad": minigrad, "w": w, **given})
        assert not (w.numpy() == 7).any()
    with pytest.raises(AttributeError, match=r"nn.init has no attribute 'nonsense_'$"):
        nn.init.nonsense_  # noqa: B018


def test_every_function_of_pytorch_that_has_one_of_ours_is_answered_with_its_name():
    functional = pytest.importorskip("torch.nn.functional", reason="PyTorch is not installed")
    answered = []
    for name in dir(functional):
        if name[0] == "_" or not name.islower() or not callable(getattr(functional, name)):
            continue
        with pytest.raises(
            AttributeError, match=f"^nn.functional has no attribute '{name}'"
        ) as caught:
            getattr(nn.functional, name)
        for room, ours in re.findall(r"\b(minigrad|nn)\.(?!functional)(\w+)", str(caught.value)):
            assert hasattr({"minigrad": minigrad, "nn": nn}[room], ours)
            answered.append(name)
    assert {*answered} >= {
        "relu",
        "relu_",
        "mse_loss",
        "cross_entropy",
        "pad",
        "dropout",
        "interpolate",
        "softmin",
    }
    assert len(answered) > 60
    for name in nn.functional.ELSEWHERE:
        assert name in answered
