"""Attention as a function: values, masks and their edges, derivatives, and beside PyTorch where it is installed."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, check_grads, grad

INF = math.inf


def normal(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def qkv(*batch, length=3, keys=4, width=2, value=5):
    shapes = ((length, width), (keys, width), (keys, value))
    return [normal(*batch, *shape, seed=i) for i, shape in enumerate(shapes)]


def by_hand(q, k, v, mask=0.0, scale=None):
    """Row by row, over the keys that are seen."""
    y = np.zeros((*q.shape[:-1], v.shape[-1]))
    mask = np.broadcast_to(mask, (*q.shape[:-1], k.shape[-2]))
    for i in np.ndindex(q.shape[:-1]):
        scores = (
            k[i[:-1]] @ q[i] * (1 / math.sqrt(q.shape[-1]) if scale is None else scale) + mask[i]
        )
        e = np.exp(scores)
        y[i] = e @ v[i[:-1]] / e.sum() if e.sum() else 0
    return y


MASKS = {
    "none": (None, 0.0),
    "bools": (SEEN := np.array([[1, 0, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1]], bool), np.where(SEEN, 0, -INF)),
    "a row for all queries": (SEEN[0], np.where(SEEN[0], 0, -INF)),
    "floats": (BIAS := normal(3, 4, seed=9), BIAS),
    "one for each of the batch": (MANY := normal(2, 3, 4, seed=8), MANY),
}  # fmt: skip


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("scale", [None, 0.3])
def test_each_query_gets_the_mean_of_the_values_weighted_by_the_softmax_of_its_scores(name, scale):
    q, k, v = qkv(2)
    mask, added = MASKS[name]
    y = mg.scaled_dot_product_attention(Tensor(q), k, v, mask, scale=scale)
    np.testing.assert_allclose(y.numpy(), by_hand(q, k, v, added, scale), rtol=1e-12, atol=1e-14)
    weights = mg.attention_weights(q, k, mask, scale=scale)
    assert type(weights) is np.ndarray
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-14)
    np.testing.assert_allclose(weights @ v, y.numpy(), rtol=1e-13)


@pytest.mark.parametrize("mask", [None, SEEN])
def test_causal_attention_does_not_look_ahead_and_keeps_to_its_mask_too(mask):
    q, k, v = qkv()
    weights = mg.attention_weights(q, k, mask, is_causal=True)
    seen = np.tri(3, 4, dtype=bool) & (True if mask is None else mask)
    np.testing.assert_array_equal(weights != 0, seen)
    y = mg.scaled_dot_product_attention(q, k, v, mask, is_causal=True)
    np.testing.assert_allclose(y, by_hand(q, k, v, np.where(seen, 0, -INF)), rtol=1e-12)


@pytest.mark.parametrize(
    "mask", [[[True] * 4, [False] * 4, [True] * 4], [[0.0] * 4, [-INF] * 4, [0.0] * 4]]
)
def test_a_query_that_may_see_no_key_gets_0_and_gives_gradient_0_and_no_nan_on_the_way(mask):
    q, k, v = (Tensor(a, requires_grad=True) for a in qkv())
    mask = np.array(mask)
    with mg.debug():  # raises at the first nan, also in a gradient
        y = mg.scaled_dot_product_attention(q, k, v, mask)
        gradients = grad(y.sum(), (q, k, v))
    np.testing.assert_array_equal(y[1].numpy(), 0)
    np.testing.assert_array_equal(gradients[0][1].numpy(), 0)
    rest = [0, 2]
    np.testing.assert_array_equal(
        y[rest].numpy(), mg.scaled_dot_product_attention(q[rest], k, v).numpy()
    )
    check_grads(lambda *a: mg.scaled_dot_product_attention(*a, mask), qkv())


@pytest.mark.parametrize("name", [*MASKS, "causal"])
def test_attention_has_right_derivatives_of_both_orders(name):
    mask = MASKS[name][0] if name in MASKS else None
    check_grads(
        lambda *a: mg.scaled_dot_product_attention(*a, mask, is_causal=name == "causal"), qkv(2)
    )


def test_a_mask_of_floats_may_be_learned():
    check_grads(lambda m, *a: mg.scaled_dot_product_attention(*a, m), [BIAS, *qkv(2)])


def test_a_mask_does_not_change_the_dtype():
    q, k, v = (a.astype(np.float32) for a in qkv())
    for mask in (SEEN, BIAS, Tensor(BIAS), BIAS.astype(np.float16)):
        assert mg.scaled_dot_product_attention(Tensor(q), k, v, mask).dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((normal(3, 2), normal(4, 3)), ValueError, r"query has shape \(3, 2\) and key \(4, 3\)"),
        ((normal(2), normal(4, 2)), ValueError, r"query has shape \(2,\)"),
        ((normal(3, 2), normal(4, 2), SEEN[:2]), ValueError, r"attn_mask has shape \(2, 4\).*\(3, 4\)"),
        ((normal(3, 2), normal(4, 2), MANY), ValueError, r"attn_mask has shape \(2, 3, 4\).*\(3, 4\)"),
        ((normal(3, 2), normal(4, 2), SEEN.astype(int)), TypeError, "attn_mask is int64; bools"),
    ],
    ids=range(5),
)  # fmt: skip
def test_shapes_and_masks_that_do_not_fit_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        mg.attention_weights(*arguments)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("name", [*MASKS, "causal", "nothing is seen"])
def test_output_and_gradients_are_pytorchs(name, dtype, tolerance):
    torch = pytest.importorskip("torch")
    arrays = [a.astype(dtype) for a in qkv(2)]
    mask = MASKS[name][0] if name in MASKS else None
    mask = SEEN & [[True], [False], [True]] if name == "nothing is seen" else mask
    if mask is not None and mask.dtype != bool:
        mask = mask.astype(dtype)
    ours = [Tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = mg.scaled_dot_product_attention(*ours, mask, is_causal=name == "causal")
    other = torch.nn.functional.scaled_dot_product_attention(
        *theirs, None if mask is None else torch.tensor(mask), is_causal=name == "causal"
    )
    seed = normal(*y.shape, seed=5, dtype=dtype)
    y.backward(seed)
    other.backward(torch.tensor(seed))
    for mine, his in zip(
        [y, *(a.grad for a in ours)], [other, *(a.grad for a in theirs)], strict=True
    ):
        np.testing.assert_allclose(
            mine.detach().numpy(), his.detach(), rtol=tolerance, atol=tolerance
        )


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"attn_mask": np.ones((3, 0), bool)}])
def test_attention_over_no_keys_is_0_with_gradient_0_at_orders_1_and_2(options):
    xs = [Tensor(a, requires_grad=True) for a in qkv(2, keys=0)]
    y = mg.scaled_dot_product_attention(*xs, **options)
    np.testing.assert_array_equal(y.data, np.zeros((2, 3, 5)))
    assert mg.attention_weights(*xs[:2], **options).shape == (2, 3, 0)
    first = grad((y * y).sum(), xs, create_graph=True)
    second = grad(sum((g * g).sum() for g in first), xs)
    for x, g, h in zip(xs, first, second, strict=True):
        np.testing.assert_array_equal(g.data, np.zeros(x.shape))
        np.testing.assert_array_equal(h.data, np.zeros(x.shape))


def test_a_query_that_may_see_no_key_gets_0_and_gradient_0_at_orders_1_and_2():
    xs = [Tensor(a, requires_grad=True) for a in qkv()]
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [1, 0, 1, 1]], bool)
    y = mg.scaled_dot_product_attention(*xs, mask)
    np.testing.assert_array_equal(y.data[1], np.zeros(5))
    first = grad((y * y).sum(), xs, create_graph=True)
    second = grad(sum((g * g).sum() for g in first), xs)
    assert all(np.isfinite(g.data).all() and g.data.any() for g in (*first, *second))
    for found in (first[0], second[0]):  # of the queries
        np.testing.assert_array_equal(found.data[1], np.zeros(2))
