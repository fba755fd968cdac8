"""Attention as a function: values, masks and their edges, derivatives, and beside PyTorch where it is installed."""

import math

import numpy as np
import pytest
from accounting import arrays_made

import minigrad as mg
from minigrad import Tensor, check_grads, grad
from minigrad.ops.kernels import attention as kernels

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


# In blocks ------------------------------------------------------------------------------------------------


def small_blocks(monkeypatch, kept):
    """Two or three queries in a block, one or two heads, so that few numbers make many blocks."""
    for name, value in {
        "BLOCK": 30,
        "LEAST": 3,
        "LEAST_CAUSAL": 2,
        "MOST_CAUSAL": 3,
        "RUN": 4,
    }.items():
        monkeypatch.setattr(kernels, name, value)
    monkeypatch.setattr(kernels, "KEPT", kept)


def some_seen(rows, columns):
    """Bools of which the last row is False, and the others are mixed."""
    seen = normal(rows, columns, seed=7) > 0
    seen[:-1, 0] = True
    seen[-1] = False
    return seen


@pytest.mark.parametrize("kept", [0, 2**20], ids=["weights made anew", "weights kept"])
@pytest.mark.parametrize("masks", ["", "causal", "bools", "floats", "causal, bools"])
@pytest.mark.parametrize("sizes", [(7, 7), (4, 9), (9, 4), (1, 5), (8, 1)])
@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
def test_attention_in_blocks_is_attention_without(monkeypatch, lead, sizes, masks, kept):
    small_blocks(monkeypatch, kept)
    length, keys = sizes
    options = {"is_causal": "causal" in masks, "scale": 0.7}
    if "bools" in masks:
        options["attn_mask"] = some_seen(length, keys)
    if "floats" in masks:
        options["attn_mask"] = normal(*lead, length, keys, seed=6)
    arrays = qkv(*lead, length=length, keys=keys, width=3)
    seed = normal(*lead, length, 5, seed=4)

    def found():
        xs = [Tensor(a, requires_grad=True) for a in arrays]
        y = mg.scaled_dot_product_attention(*xs, **options)
        # each gradient by itself: an op may leave out what is not needed
        return [
            y,
            *grad(y, xs, seed, retain_graph=True),
            *[grad(y, x, seed, retain_graph=True) for x in xs],
        ]

    ours = found()
    with mg.unfused():
        plain = found()
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("is_causal", [False, True])
def test_a_long_sequence_has_never_all_its_scores_in_memory(is_causal):
    n = 2048
    arrays = [normal(n, 2, seed=i, dtype=np.float32) for i in range(3)]
    xs = [Tensor(a, requires_grad=True) for a in arrays]
    scores = n * n * 4
    with arrays_made() as sizes:
        y = mg.scaled_dot_product_attention(*xs, is_causal=is_causal)
        grad(y, xs, arrays[0], retain_graph=True)
    assert max(sizes) <= scores // 8
    assert mg.saved_bytes(y) == 2 * n * 4  # beside q, k, v: each query's largest score and total


def test_the_weights_of_many_keys_add_up_to_1_to_a_few_ulp():
    q, k = normal(3, 4, dtype=np.float32), normal(10_000, 4, seed=1, dtype=np.float32)
    y = mg.scaled_dot_product_attention(q, k, k)
    wide = mg.scaled_dot_product_attention(*[a.astype(np.float64) for a in (q, k, k)])
    np.testing.assert_allclose(y, wide, rtol=0, atol=6 * np.finfo(np.float32).eps * abs(wide).max())


def test_a_result_lies_in_memory_as_q_so_that_heads_are_merged_without_a_copy():
    q, k, v = (Tensor(normal(2, 3, 4, 5, seed=i), requires_grad=True) for i in range(3))
    y = mg.scaled_dot_product_attention(*[mg.moveaxis(x, 2, 1) for x in (q, k, v)])
    assert np.moveaxis(y.data, 1, 2).flags.c_contiguous


def test_a_scale_may_be_learned_and_leading_axes_broadcast():
    q, k, v = qkv(2)
    check_grads(lambda s: mg.scaled_dot_product_attention(q, k, v, scale=s), [np.array(0.6)])
    check_grads(mg.scaled_dot_product_attention, [q, k[0], v[:1]])


def test_multiply_adds_are_counted_as_in_the_composition():
    def counted():
        with mg.record():
            y = mg.scaled_dot_product_attention(*[Tensor(a, requires_grad=True) for a in qkv(2)])
        return sum(cost.multiply_adds for cost in mg.costs(y))

    ours = counted()
    with mg.unfused():
        assert ours == counted() == 2 * 3 * 4 * (2 + 5)
