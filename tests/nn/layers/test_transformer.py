"""Transformers, their decoder, and what is common to their layers: beside PyTorch, and what they refuse."""

import itertools
import math
import pickle

import numpy as np
import pytest
from beside_torch import assert_is_pytorchs, assert_order_2_is_pytorchs, normal

import minigrad
import nn

INF = math.inf
N, L, S, E, H = 2, 3, 4, 6, 2  # examples, places of tgt, places of memory, width, heads
TGT, MEMORY = normal(L, N, E), normal(S, N, E, seed=2)


def padding(keys):
    """The last key of the first example is padding."""
    mask = np.zeros((N, keys), bool)
    mask[0, -1] = True
    return mask


def masks(dtype="float64"):
    """Options of the decoder's forward: bools, floats, and all of them at once."""
    future = np.triu(np.ones((L, L), bool), 1)
    unseen = np.zeros((L, S), bool)
    unseen[1, 2:] = True
    of_floats = {
        "tgt_mask": np.where(future, -INF, 0.5).astype(dtype),
        "memory_mask": normal(L, S, seed=6, dtype=dtype),
        "memory_key_padding_mask": np.where(padding(S), -INF, 0).astype(dtype),
    }
    of_bools = {
        "tgt_mask": future, "memory_mask": unseen, "tgt_key_padding_mask": padding(L),
        "memory_key_padding_mask": padding(S),
    }  # fmt: skip
    return [{}, {"tgt_mask": future, "tgt_is_causal": True}, of_bools, of_floats]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("norm_first", [True, False])
def test_the_decoder_layer_is_pytorchs_for_every_mask_and_option(torch, norm_first, dtype):
    for activation, bias, batch_first in itertools.product(
        ("relu", "gelu"), (True, False), (True, False)
    ):
        options = {
            "dim_feedforward": 5, "dropout": 0.0, "activation": activation, "layer_norm_eps": 1e-3,
            "norm_first": norm_first, "bias": bias, "batch_first": batch_first,
        }  # fmt: skip
        ours = nn.TransformerDecoderLayer(E, H, **options, dtype=dtype)
        theirs = torch.nn.TransformerDecoderLayer(E, H, **options).to(getattr(torch, dtype))
        inputs = [a.astype(dtype) for a in (TGT, MEMORY)]
        inputs = [a.swapaxes(0, 1).copy() for a in inputs] if batch_first else inputs
        for mask, training in itertools.product(masks(dtype), (True, False)):
            ours.train(training).zero_grad()
            theirs.train(training).zero_grad()
            assert_is_pytorchs(torch, ours, theirs, dtype, *inputs, **mask)


def test_the_decoder_is_pytorchs_its_layers_of_one_mind_at_first(torch):
    layer = nn.TransformerDecoderLayer(E, H, 5, 0.0, dtype="float64")
    ours = nn.TransformerDecoder(layer, 2, nn.LayerNorm(E, dtype="float64"))
    first, second = (layer.state_dict() for layer in ours.layers)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    their_layer = torch.nn.TransformerDecoderLayer(E, H, 5, 0.0)
    theirs = torch.nn.TransformerDecoder(their_layer, 2, torch.nn.LayerNorm(E)).double()
    for mask in masks():
        ours.zero_grad()
        theirs.zero_grad()
        assert_is_pytorchs(torch, ours, theirs, "float64", TGT, MEMORY, **mask)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")  # a way of PyTorch's own to be fast
def test_the_transformer_hands_every_mask_to_where_it_belongs(torch):
    sizes = (E, H, 1, 2, 5, 0.0)
    ours, theirs = nn.Transformer(*sizes, dtype="float64"), torch.nn.Transformer(*sizes).double()
    src_mask = np.triu(np.ones((S, S), bool), 2)
    every = masks()[2] | {"src_mask": src_mask, "src_key_padding_mask": padding(S)}
    for mask in [{name: value} for name, value in every.items()] + [every]:
        ours.zero_grad()
        theirs.zero_grad()
        assert_is_pytorchs(torch, ours, theirs, "float64", MEMORY, TGT, **mask)
    whole = ours(MEMORY, TGT).data
    for mask in ("src_is_causal", "tgt_is_causal", "memory_is_causal"):
        assert not np.allclose(ours(MEMORY, TGT, **{mask: True}).data, whole)


def test_derivatives_of_order_2_are_pytorchs(torch):
    sizes = (E, H, 5, 0.0, "gelu")
    ours = nn.TransformerDecoderLayer(*sizes, dtype="float64")
    theirs = torch.nn.TransformerDecoderLayer(*sizes).double()
    theirs.load_state_dict({k: torch.from_numpy(a) for k, a in ours.state_dict().items()})
    assert_order_2_is_pytorchs(torch, ours, theirs, TGT, MEMORY)


def test_the_mask_of_the_future_is_pytorchs_and_what_is_causal_means(torch):
    mask = nn.Transformer.generate_square_subsequent_mask(L)
    expected = torch.nn.Transformer.generate_square_subsequent_mask(L)
    assert mask.dtype == np.float32
    np.testing.assert_array_equal(mask, expected)
    layer = nn.TransformerDecoderLayer(E, H, 5, 0.0, dtype="float64")
    ys = layer(TGT, MEMORY, tgt_mask=mask), layer(TGT, MEMORY, tgt_is_causal=True)
    np.testing.assert_array_equal(*(y.data for y in ys))


def test_all_weights_of_a_transformer_are_glorots_and_no_two_layers_alike():
    model = nn.Transformer(32, 4, 2, 2, 64, rng=np.random.default_rng(0))
    weights = {name: a for name, a in model.state_dict().items() if a.ndim > 1}
    for name, a in weights.items():
        bound = math.sqrt(6 / sum(a.shape))
        assert 0.98 * bound < np.abs(a).max() <= bound, name
    for part in (model.encoder, model.decoder):
        first, second = (layer.self_attn.in_proj_weight.data for layer in part.layers)
        assert not np.array_equal(first, second)


def test_a_transformer_takes_an_encoder_and_a_decoder_of_ones_own():
    class Half(nn.Module):
        def forward(self, src, mask, src_key_padding_mask, is_causal):
            return src * 0.5

    class Sum(nn.Module):
        def forward(self, tgt, memory, **masks):
            return tgt + memory.sum(0)

    model = nn.Transformer(E, H, custom_encoder=Half(), custom_decoder=Sum())
    np.testing.assert_array_equal(model(MEMORY, TGT), TGT + (0.5 * MEMORY).sum(0))


def test_dropout_acts_in_six_places_of_a_decoder_layer_and_each_drops_other_elements():
    rng = np.random.default_rng(0)
    model = nn.Transformer(8, 2, 1, 2, 16, 0.5, rng=rng)
    places = [m for m in model.modules() if isinstance(m, nn.Dropout)]
    assert len(places) == 4 + 2 * 6
    dropped = [m(np.ones(100, np.float32)) for m in places]
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(dropped, 2))
    assert all(m.rng is rng and m.p == 0.5 for m in places)
    src = normal(5, 3, 8, dtype=np.float32)
    assert not np.array_equal(model(src, src).data, model(src, src).data)
    model.eval()
    np.testing.assert_array_equal(model(src, src).data, model(src, src).data)


def test_a_decoder_layer_comes_back_from_a_pickle_as_it_was():
    layer = nn.TransformerDecoderLayer(E, H, 5, 0.0, dtype="float64", norm_first=True)
    again = pickle.loads(pickle.dumps(layer))
    np.testing.assert_array_equal(again(TGT, MEMORY).data, layer(TGT, MEMORY).data)
    assert repr(again).startswith("TransformerDecoderLayer(norm_first=True)")


def test_ten_steps_of_a_small_transformer_are_pytorchs(torch):
    class Model:
        def __init__(self, of):
            made = {"dtype": "float64"} if of is nn else {"dtype": torch.float64}
            self.parts = of.Sequential(
                of.Embedding(11, 8, **made),
                *[
                    of.TransformerEncoderLayer(
                        8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=is_first, **made
                    )
                    for is_first in (True, False)
                ],
                of.LayerNorm(8, **made),
                of.Linear(8, 11, **made),
            )

        def __call__(self, x, **causal):
            for i, part in enumerate(self.parts):
                x = part(x, **causal) if i in (1, 2) else part(x)
            return x

    ours, theirs = Model(nn), Model(torch.nn)
    ours.parts.load_state_dict(theirs.parts.state_dict())
    law, their_law = (
        of.Adam(model.parts.parameters(), 0.01)
        for of, model in ((nn.optim, ours), (torch.optim, theirs))
    )
    text = np.random.default_rng(0).integers(0, 11, (10, 4, 8))
    ahead = torch.tensor(np.triu(np.ones((7, 7), bool), 1))
    for step, batch in enumerate(text):
        x, y = batch[:, :-1], batch[:, 1:].reshape(-1)
        loss = minigrad.cross_entropy(ours(x, is_causal=True).reshape(-1, 11), y)
        law.zero_grad()
        loss.backward()
        law.step()
        logits = theirs(torch.tensor(x), src_mask=ahead).reshape(-1, 11)
        other = torch.nn.functional.cross_entropy(logits, torch.tensor(y))
        their_law.zero_grad()
        other.backward()
        their_law.step()
        assert loss.item() == pytest.approx(other.item(), rel=1e-11), f"step {step}"
    for p, q in zip(ours.parts.parameters(), theirs.parts.parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.detach(), rtol=1e-10, atol=1e-10)


def test_the_encoder_layer_drops_in_four_places_and_is_steady_in_evaluation():
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.5)
    places = [m for m in layer.modules() if isinstance(m, nn.Dropout)]
    assert [m.p for m in places] == [0.5] * 4
    x = normal(5, 3, 8, dtype=np.float32)
    assert not np.array_equal(layer(x).detach(), layer(x).detach())
    layer.eval()
    np.testing.assert_array_equal(layer(x).detach(), layer(x).detach())
    minigrad.seed(1)
    first = layer.train()(x).detach()
    minigrad.seed(1)
    np.testing.assert_array_equal(layer(x).detach(), first)


def test_the_layers_of_an_encoder_drop_other_elements_also_with_a_generator_of_their_own():
    rng = np.random.default_rng(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.5, rng=rng)
    encoder = nn.TransformerEncoder(layer, 3)
    places = [m for m in encoder.modules() if isinstance(m, nn.Dropout)]
    masks = [m(np.ones(100, np.float32)) for m in places]
    assert len(masks) == 12
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(masks, 2))
    assert all(m.rng is rng for m in places)


@pytest.mark.parametrize("activation", ["relu", "gelu", minigrad.silu])
def test_a_layer_comes_back_from_a_pickle_as_it_was(activation):
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, activation)
    x = normal(5, 3, 8, dtype=np.float32)
    again = pickle.loads(pickle.dumps(layer))
    np.testing.assert_array_equal(again(x).detach(), layer(x).detach())


@pytest.mark.parametrize("places", [(6000, 5), (5, 6000)], ids=["tgt", "memory"])
def test_a_decoder_layer_in_float16_sums_thousands_of_numbers_as_in_float64(places):
    minigrad.seed(0)
    layer = nn.TransformerDecoderLayer(E, H, 5, 0.0, "gelu", dtype="float16")
    wide = nn.TransformerDecoderLayer(E, H, 5, 0.0, "gelu", dtype="float64")
    wide.load_state_dict(layer.state_dict())
    arrays = [normal(n, 1, E, seed=n, dtype=np.float16) for n in places]
    results = []
    for module, dtype in ((layer, "float16"), (wide, "float64")):
        xs = [minigrad.Tensor(a.astype(dtype), requires_grad=True) for a in arrays]
        y = module(*xs)
        leaves = [*xs, *module.parameters()]
        results.append([y, *minigrad.grad((y.astype("float64") ** 3).sum(), leaves)])
    for a, b in zip(*results, strict=True):
        assert a.dtype == np.float16
        # a dozen roundings of 2**-11, one after the other, each enlarged a few times
        assert np.linalg.norm(a.data - b.data) <= 2.0**-6 * np.linalg.norm(b.data)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nn.TransformerDecoderLayer(6, 4), "embed_dim 6 does not divide into 4 heads"),
        (
            lambda: nn.TransformerDecoderLayer(6, 2, activation="tanh"),
            "TransformerDecoderLayer: activation must be 'relu', 'gelu' or a function, not 'tanh'",
        ),
        (
            lambda: nn.TransformerDecoderLayer(E, H, dtype="float64")(TGT, MEMORY[..., :4]),
            r"multihead_attn: MultiheadAttention: .* E = 6.* key \(4, 2, 4\)",
        ),
        (
            lambda: nn.Transformer(E, H, 1, 1, dtype="float64")(MEMORY[:, :1], TGT),
            r"multihead_attn: MultiheadAttention: .* query \(3, 2, 6\), key \(4, 1, 6\)",
        ),
        (lambda: nn.Transformer(E, H, 0), "TransformerEncoder: num_layers must .* not 0"),
        (
            lambda: nn.TransformerDecoderLayer(E, H, dtype="float64")(
                TGT, MEMORY, memory_mask=np.zeros((L, L), bool)
            ),
            r"expected attn_mask of shape \(3, 4\) or \(4, 3, 4\), got \(3, 3\)",
        ),
    ],
    ids=range(6),
)
def test_what_does_not_fit_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("kind", ["TransformerEncoder", "TransformerDecoder"])
def test_a_stack_is_made_of_a_layer(kind):
    for layer in (6, [nn.TransformerEncoderLayer(E, H)], nn.TransformerEncoderLayer):
        with pytest.raises(
            TypeError, match=f"{kind}: the layer to copy is a {type(layer).__name__}"
        ):
            getattr(nn, kind)(layer, 2)
