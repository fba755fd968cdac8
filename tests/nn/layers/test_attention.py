"""MultiheadAttention and TransformerEncoderLayer: beside PyTorch, their derivatives, and what they refuse."""

import itertools
import math
import re

import numpy as np
import pytest
from beside_torch import assert_is_pytorchs, assert_order_2_is_pytorchs, normal
from cases.modules import as_function

import minigrad
import nn
from minigrad import Tensor

INF = math.inf
N, L, S, E, H = 2, 3, 4, 6, 2  # examples, queries, keys, width, heads


OPTIONS = [
    {"bias": True},
    {"bias": False},
    {"add_bias_kv": True},
    {"add_zero_attn": True, "bias": False},
    {"add_bias_kv": True, "add_zero_attn": True},
]


def attention(dtype="float64", **options):
    layer = nn.MultiheadAttention(E, H, **options, dtype=dtype)
    if layer.in_proj_bias is not None:  # which is 0 at first
        layer.in_proj_bias.assign(normal(3 * E, seed=7))
        layer.out_proj.bias.assign(normal(E, seed=8))
    return layer


def padding(keys):
    """The last key of the first example is padding."""
    mask = np.zeros((N, keys), bool)
    mask[0, -1] = True
    return mask


def future(queries, keys):
    return np.triu(np.ones((queries, keys), bool), 1)


def masks(queries, keys, is_batch):
    """Options of forward by name."""
    per_head = normal((N if is_batch else 1) * H, queries, keys, seed=5) > 1
    per_head[..., 0] = False
    padded = padding(keys) if is_batch else padding(keys)[0]
    bias = normal(queries, keys, seed=6)
    return {
        "none": {},
        "padding": {"key_padding_mask": padded},
        "future": {"attn_mask": future(queries, keys)},
        "floats": {"attn_mask": bias},
        "one for each head": {"attn_mask": per_head},
        "both": {"key_padding_mask": padded, "attn_mask": future(queries, keys)},
        "both, floats": {"key_padding_mask": np.where(padded, -INF, 0.5), "attn_mask": bias},
    }


def in_dtype(options, dtype):
    return {k: m if m.dtype == bool else m.astype(dtype) for k, m in options.items()}


def laid_out(batch_first, is_batch, *lengths):
    """Random inputs of those lengths."""
    shapes = [(n, E) if not is_batch else (N, n, E) if batch_first else (n, N, E) for n in lengths]
    return [normal(*shape, seed=i) for i, shape in enumerate(shapes)]


# --- Beside PyTorch -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("is_batch", [True, False])
@pytest.mark.parametrize("kind", ["self", "cross"])
def test_attention_is_pytorchs_for_every_mask_and_option(torch, kind, is_batch, dtype):
    for more, batch_first in itertools.product(OPTIONS, (True, False)):
        options = {**more, "batch_first": batch_first}
        keys, widths = (L, {}) if kind == "self" else (S, {"kdim": 5, "vdim": 3})
        ours = attention(dtype, **options, **widths)
        theirs = torch.nn.MultiheadAttention(E, H, **options, **widths)
        theirs.to(getattr(torch, dtype))
        x, k, v = (a.astype(dtype) for a in laid_out(batch_first, is_batch, L, keys, keys))
        k, v = k[..., : widths.get("kdim")], v[..., : widths.get("vdim")]
        inputs = (x, x, x) if kind == "self" else (x, k, v)
        for mask in masks(L, keys, is_batch).values():
            for wanted in ({}, {"average_attn_weights": False}, {"need_weights": False}):
                for training in (True, False):
                    ours.train(training).zero_grad()
                    theirs.train(training).zero_grad()
                    options = in_dtype(mask, dtype) | wanted
                    assert_is_pytorchs(torch, ours, theirs, dtype, *inputs, **options)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_encoder_layer_is_pytorchs_for_every_mask_and_option(
    torch, activation, norm_first, dtype
):
    for bias, batch_first, is_batch in itertools.product((True, False), repeat=3):
        options = {
            "dim_feedforward": 5, "dropout": 0.0, "activation": activation, "layer_norm_eps": 1e-3,
            "norm_first": norm_first, "bias": bias, "batch_first": batch_first,
        }  # fmt: skip
        ours = nn.TransformerEncoderLayer(E, H, **options, dtype=dtype)
        theirs = torch.nn.TransformerEncoderLayer(E, H, **options).to(getattr(torch, dtype))
        (x,) = (a.astype(dtype) for a in laid_out(batch_first, is_batch, L))
        for mask in masks(L, L, is_batch).values():
            names = {"attn_mask": "src_mask", "key_padding_mask": "src_key_padding_mask"}
            renamed = {names[name]: value for name, value in in_dtype(mask, dtype).items()}
            for training in (True, False):
                ours.train(training).zero_grad()
                theirs.train(training).zero_grad()
                assert_is_pytorchs(torch, ours, theirs, dtype, x, **renamed)


def test_the_encoder_is_pytorchs_its_layers_of_one_mind_at_first(torch):
    layer = nn.TransformerEncoderLayer(E, H, 5, 0.0, dtype="float64")
    ours = nn.TransformerEncoder(layer, 2, nn.LayerNorm(E, dtype="float64"))
    first, second = (layer.state_dict() for layer in ours.layers)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    theirs = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(E, H, 5, 0.0), 2, torch.nn.LayerNorm(E), False
    ).double()
    masks = {"mask": future(L, L), "src_key_padding_mask": padding(L)}
    for options in ({}, masks):
        ours.zero_grad()
        theirs.zero_grad()
        assert_is_pytorchs(torch, ours, theirs, "float64", normal(L, N, E), **options)


# --- Masks --------------------------------------------------------------------------------------


def test_causal_attention_is_the_mask_of_the_future_and_joins_the_other_masks():
    layer = attention(batch_first=True)
    (x,) = laid_out(True, True, L)
    for mask in masks(L, L, True).values():
        causal = layer(x, x, x, **mask, is_causal=True)
        added = np.where(future(L, L), -INF, 0)
        if "attn_mask" in mask:
            given = mask["attn_mask"]
            added = added + (np.where(given, -INF, 0) if given.dtype == bool else given)
        for a, b in zip(causal, layer(x, x, x, **mask | {"attn_mask": added}), strict=True):
            np.testing.assert_array_equal(a.detach(), b.detach())


def test_a_causal_layer_does_not_see_the_future():
    layer = nn.TransformerEncoderLayer(E, H, 8, 0.0, batch_first=True)
    x = normal(N, 5, E, dtype=np.float32)
    other = x.copy()
    other[:, 3:] = 7
    before, after = (layer(a, is_causal=True).detach()[:, :3] for a in (x, other))
    np.testing.assert_array_equal(before, after)
    assert not np.array_equal(layer(x).detach()[:, :3], layer(other).detach()[:, :3])


def test_added_keys_are_seen_by_every_query_whatever_the_masks_say():
    layer = attention(batch_first=True, add_bias_kv=True, add_zero_attn=True)
    (x,) = laid_out(True, True, L)
    hidden = {"key_padding_mask": np.ones((N, L), bool), "is_causal": True}
    for need_weights in (True, False):
        y, weights = layer(x, x, x, **hidden, need_weights=need_weights)
        assert weights is None or not weights.data[..., :L].any()
        k, v = (np.stack([b.data[0, 0], np.zeros(E)]) for b in (layer.bias_k, layer.bias_v))
        w, b = layer.in_proj_weight.data[:E], layer.in_proj_bias.data[:E]
        q, k, v = (a.reshape(*a.shape[:-1], H, E // H) for a in (x @ w.T + b, k, v))
        scores = np.exp(np.einsum("nlhe,she->nhls", q, k) / math.sqrt(E // H))
        scores /= scores.sum(-1, keepdims=True)
        expected = np.einsum("nhls,she->nlhe", scores, v).reshape(N, L, E)
        np.testing.assert_allclose(y.data, layer.out_proj(expected).data, rtol=1e-10)
        if need_weights:
            np.testing.assert_allclose(weights.data[..., L:], scores.mean(1), rtol=1e-10)


def test_is_causal_hides_the_future_among_the_given_keys_only():
    layer = attention(batch_first=True, add_bias_kv=True)
    (x,) = laid_out(True, True, L)
    for mask in masks(L, L, True).values():
        causal = layer(x, x, x, **mask, is_causal=True)
        added = np.where(future(L, L), -INF, 0)
        if "attn_mask" in mask:
            given = mask["attn_mask"]
            added = added + (np.where(given, -INF, 0) if given.dtype == bool else given)
        for a, b in zip(causal, layer(x, x, x, **mask | {"attn_mask": added}), strict=True):
            np.testing.assert_allclose(a.data, b.data, rtol=1e-12)


@pytest.mark.parametrize("as_floats", [False, True])
def test_where_all_keys_are_padding_the_output_is_the_bias_and_the_gradient_0(as_floats):
    layer = attention(batch_first=True)
    mask = np.array([[True] * L, [False] * L])
    mask = np.where(mask, -INF, 0) if as_floats else mask
    x = Tensor(normal(N, L, E), requires_grad=True)
    for need_weights in (True, False):
        with minigrad.debug():  # raises at the first nan
            y, weights = layer(x, x, x, key_padding_mask=mask, need_weights=need_weights)
            (gradient,) = minigrad.grad((y**2).sum(), [x])
        np.testing.assert_array_equal(
            y[0].detach(), np.broadcast_to(layer.out_proj.bias.data, (L, E))
        )
        np.testing.assert_array_equal(gradient[0].numpy(), 0)
        assert np.isfinite(gradient.numpy()).all()
        assert weights is None or not weights[0].detach().numpy().any()


def test_pytorch_agrees_without_weights_where_all_keys_are_padding(torch):
    ours, theirs = attention(), torch.nn.MultiheadAttention(E, H).double()
    x, mask = normal(L, N, E), np.array([[True] * L, [False] * L])
    assert_is_pytorchs(
        torch, ours, theirs, "float64", x, x, x, key_padding_mask=mask, need_weights=False
    )


# --- Derivatives --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["self", "cross"])
def test_attention_has_right_derivatives_of_both_orders(kind):
    layer = nn.MultiheadAttention(4, 2, batch_first=True, dtype="float64")

    def loss(layer, x, *key):
        y, weights = layer(x, *(key or (x, x)), key_padding_mask=padding(3), is_causal=True)
        return (y**2).sum() + np.sin(weights).sum()

    f, arrays = as_function(layer, loss)
    inputs = [normal(N, 3, 4, seed=i) for i in range(1 if kind == "self" else 3)]
    minigrad.check_grads(f, [*arrays, *inputs], rng=np.random.default_rng(0))


def test_derivatives_of_order_2_are_pytorchs_with_every_option(torch):
    options = {"add_bias_kv": True, "add_zero_attn": True, "kdim": 5, "vdim": 3}
    ours, theirs = attention(**options), torch.nn.MultiheadAttention(E, H, **options).double()
    theirs.load_state_dict({k: torch.from_numpy(a) for k, a in ours.state_dict().items()})
    x, k, v = laid_out(False, True, L, S, S)
    assert_order_2_is_pytorchs(torch, ours, theirs, x, k[..., :5], v[..., :3], need_weights=False)


@pytest.mark.parametrize("norm_first", [True, False])
def test_the_encoder_layer_has_right_derivatives_of_both_orders(norm_first):
    layer = nn.TransformerEncoderLayer(4, 2, 3, 0.0, "gelu", norm_first=norm_first, dtype="float64")
    f, arrays = as_function(layer, lambda layer, x: (layer(x, is_causal=True) ** 3).sum())
    assert len(arrays) == 12
    minigrad.check_grads(f, [*arrays, normal(3, 2, 4)], rng=np.random.default_rng(0))


# --- Initial values, dropout, text --------------------------------------------------------------


def test_the_projections_are_glorots_and_the_biases_0():
    layer = nn.MultiheadAttention(64, 4, rng=np.random.default_rng(0))
    bound = math.sqrt(6 / (4 * 64))
    w = layer.in_proj_weight.numpy()
    assert w.dtype == np.float32
    assert 0.99 * bound < np.abs(w).max() <= bound
    assert w.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert 0.99 / 8 < np.abs(layer.out_proj.weight.numpy()).max() <= 1 / 8
    assert not layer.in_proj_bias.numpy().any()
    assert not layer.out_proj.bias.numpy().any()


def test_projections_apart_are_glorots_each_and_the_added_keys_normal():
    layer = nn.MultiheadAttention(64, 4, kdim=32, vdim=192, add_bias_kv=True)
    for name, width in (("q", 64), ("k", 32), ("v", 192)):
        w = getattr(layer, f"{name}_proj_weight").numpy()
        bound = math.sqrt(6 / (64 + width))
        assert w.shape == (64, width)
        assert 0.98 * bound < np.abs(w).max() <= bound
    both = np.stack([layer.bias_k.numpy(), layer.bias_v.numpy()])
    assert both.shape == (2, 1, 1, 64)
    assert both.std() == pytest.approx(1 / 8, rel=0.3)


def test_dropout_takes_away_weights_in_training_and_none_in_evaluation():
    layer = nn.MultiheadAttention(8, 2, dropout=0.25, batch_first=True)
    x = normal(4, 40, 8, dtype=np.float32)
    _, weights = layer(x, x, x, average_attn_weights=False)
    dropped = (weights.detach().numpy() == 0).mean()
    assert abs(dropped - 0.25) < 5 * math.sqrt(0.25 * 0.75 / weights.size)
    _, whole = layer.eval()(x, x, x, average_attn_weights=False)
    kept = weights.detach().numpy() != 0
    np.testing.assert_allclose(
        weights.detach().numpy()[kept], whole.detach().numpy()[kept] / 0.75, rtol=1e-5
    )
    np.testing.assert_allclose(whole.detach().numpy().sum(-1), 1, rtol=1e-5)


def test_an_activation_may_be_a_function_and_the_repr_says_what_differs():
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation=minigrad.silu, norm_first=True)
    assert layer(normal(5, 3, 8, dtype=np.float32)).shape == (5, 3, 8)
    lines = repr(layer).splitlines()
    assert lines[0] == "TransformerEncoderLayer(norm_first=True)"
    assert lines[1].startswith("  self_attn: MultiheadAttention(8, 2)")
    assert repr(nn.MultiheadAttention(8, 2, bias=False, batch_first=True)).startswith(
        "MultiheadAttention(8, 2, bias=False, batch_first=True)"
    )
    layer = nn.MultiheadAttention(8, 2, 0.0, True, True, True, kdim=4, vdim=3)
    words = "MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True, kdim=4, vdim=3)"
    assert repr(layer).splitlines()[0].startswith(words)


# --- What is refused ----------------------------------------------------------------------------

X = normal(N, L, E, dtype=np.float32)


def attend(*inputs, **masks):
    return nn.MultiheadAttention(E, H, batch_first=True)(*inputs, **masks)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.MultiheadAttention(7, 2), ValueError, "embed_dim 7 does not divide into 2 heads"),
        (lambda: nn.MultiheadAttention(6, 0), ValueError, "num_heads must be an integer >= 1, not 0"),
        (lambda: nn.MultiheadAttention(6, 2, dropout=-1), ValueError, "probability"),
        (lambda: attend(X[..., :4], X, X), ValueError, r"E = 6.*got query \(2, 3, 4\), key \(2, 3, 6\)"),
        (lambda: attend(X, X[:1], X[:1]), ValueError, r"query \(2, 3, 6\), key \(1, 3, 6\)"),
        (lambda: attend(X, X, X[:, :1]), ValueError, r"value as key; .* value \(2, 1, 6\)"),
        (lambda: attend(X[0, 0], X[0, 0], X[0, 0]), ValueError, r"got query \(6,\)"),
        (lambda: attend(*[X.astype(float)] * 3), TypeError, "the input is float64, the parameters are float32"),
        (lambda: attend(X, X, [1.0]), TypeError, "the input is a list"),
        (lambda: nn.MultiheadAttention(6, 2, kdim=0), ValueError, "kdim must be an integer >= 1, not 0"),
        (lambda: nn.MultiheadAttention(6, 2, vdim=1.5), ValueError, "vdim must be an integer >= 1, not 1.5"),
        (
            lambda: nn.MultiheadAttention(6, 2, kdim=4, vdim=5)(X, X, X),
            ValueError, r"E = 6, kdim = 4, vdim = 5 for key and value, .* key \(2, 3, 6\)",
        ),
        (
            lambda: attend(X, X, X, key_padding_mask=np.zeros((N, 5), bool)),
            ValueError, r"expected key_padding_mask of shape \(2, 3\), got \(2, 5\)",
        ),
        (
            lambda: attend(X, X, X, attn_mask=np.zeros((N, L, L), bool)),
            ValueError, r"expected attn_mask of shape \(3, 3\) or \(4, 3, 3\), got \(2, 3, 3\)",
        ),
        (lambda: attend(X, X, X, attn_mask=np.ones((L, L), int)), TypeError, "attn_mask is int64; an array of bools"),
        (lambda: attend(X, X, X, attn_mask=[[True]]), TypeError, "attn_mask is a list"),
        (lambda: nn.TransformerEncoderLayer(6, 4), ValueError, "embed_dim 6 does not divide into 4 heads"),
        (lambda: nn.TransformerEncoderLayer(6, 2, activation="tanh"), ValueError, "activation .* 'tanh'"),
        (lambda: nn.TransformerEncoderLayer(4, 2)(X), ValueError, r"E = 4.*\(2, 3, 6\)"),
    ],
    ids=range(19),
)  # fmt: skip
def test_what_does_not_fit_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_an_error_in_a_model_begins_with_the_path_of_the_layer():
    net = nn.Sequential(nn.Embedding(5, 4), nn.TransformerEncoderLayer(6, 2))
    with pytest.raises(ValueError, match=re.escape("1.self_attn: MultiheadAttention: expected")):
        net(np.zeros((2, 2), int))
