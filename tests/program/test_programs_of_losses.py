"""Programs of cross-entropy and of attention: the bits of eager in each layout, and for each way that values lead."""

import warnings

import numpy as np
import pytest
from compiling import bits

import minigrad as mg
from minigrad import Tensor


def outcome(f, *arrays):
    """The result and the gradient of the first argument, or what was raised; warnings aside."""
    first, *rest = arrays
    first = Tensor(first, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            y = f(first, *rest)
        except Exception as error:
            return type(error), str(error)
    return bits(y), bits(first.grad)


def trained(f):
    """f and a backward pass, from a gradient that is another one for each element."""

    def step(*arrays):
        y = f(*arrays)
        (y * np.linspace(0.5, 1, y.size).reshape(y.shape).astype(y.dtype)).sum().backward()
        return y

    return step


def assert_programs_give_the_bits(f, *calls):
    step = trained(f)
    compiled = mg.compile(step)
    for arrays in calls:
        expected = outcome(step, *arrays)
        assert outcome(compiled, *arrays) == expected
        assert outcome(compiled, *arrays) == expected
    script = mg.script(f, *calls[0])
    assert bits(script(*calls[0])) == outcome(step, *calls[0])[0]


def layouts(x):
    turned = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return [x, np.asfortranarray(x), turned, wide[..., ::2], x[::-1].copy()[::-1]]


@pytest.mark.parametrize(
    "shape", [(3, 40_000), (600, 130), (300, 100), (1, 40_000, 2), (40, 200, 3), (5, 3), (0, 4)]
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_cross_entropy_of_rows_in_any_layout(shape, dtype):
    rng = np.random.default_rng(0)
    x = (10 * rng.standard_normal(shape)).astype(dtype)
    labels = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    for laid in layouts(x):
        assert_programs_give_the_bits(mg.cross_entropy, (laid, labels))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("eps", [0.0, 0.1])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("loss", [mg.cross_entropy, mg.nll_loss])
@pytest.mark.parametrize("count", [0, 6])
def test_labels_that_are_ignored_or_wrong_lead_to_what_they_lead_to_eagerly(
    weighted, eps, reduction, loss, count
):
    rng = np.random.default_rng(1)
    options = {"weight": rng.random(4)} if weighted else {}
    options |= {"reduction": reduction, "ignore_index": 2}
    options |= {"label_smoothing": eps} if loss is mg.cross_entropy else {}
    x, labels = rng.standard_normal((count, 4)).astype("f"), rng.integers(0, 2, count)
    given = [labels, np.where(labels == 1, 2, labels), np.full(count, 2), labels + 3, labels]
    given = given if count else [labels, labels]
    assert_programs_give_the_bits(lambda x, t: loss(x, t, **options), *[(x, t) for t in given])


@pytest.mark.parametrize(
    "sizes", [(1, 1), (33, 33), (300, 300), (130, 40), (40, 300), (5, 0), (0, 5)]
)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", ["none", "bools", "floats", "one key", "no key"])
def test_attention_in_blocks(sizes, causal, mask):
    rng = np.random.default_rng(2)
    rows, keys = sizes
    q, k, v = (rng.standard_normal((2, n, 4)).astype("f") for n in (rows, keys, keys))
    masks = {
        "none": None,
        "bools": rng.random((rows, keys)) < 0.5,
        "floats": np.where(rng.random((2, rows, keys)) < 0.3, -np.inf, 0.5),
        "one key": np.arange(keys) == keys // 2,
        "no key": np.zeros((rows, 1), bool),
    }
    assert_programs_give_the_bits(
        lambda q, k, v: mg.scaled_dot_product_attention(q, k, v, masks[mask], is_causal=causal),
        (q, k, v),
        (q + 1, k, v),
    )
