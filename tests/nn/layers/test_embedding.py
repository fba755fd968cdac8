"""The embedding: its rows, its padding, and what it refuses; beside PyTorch it is in test_beside_torch."""

import numpy as np
import pytest

import minigrad
import nn
from minigrad import Tensor


def test_each_number_is_read_as_its_row_whatever_the_shape_and_kind_of_integers():
    layer = nn.Embedding(5, 3)
    w = layer.weight.numpy()
    for x in (np.array([[1, 4], [0, 1]]), np.array([3], np.uint8), np.array(2), Tensor([4, 4])):
        y = layer(x)
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y.detach().numpy(), w[np.asarray(x)])
    assert layer([0, 2]).shape == (2, 3)
    assert layer(np.zeros((0, 2), int)).shape == (0, 2, 3)


def test_the_rows_are_normal_and_that_of_the_padding_is_0():
    w = nn.Embedding(400, 50, padding_idx=3, rng=np.random.default_rng(0)).weight.numpy()
    assert not w[3].any()
    rest = np.delete(w, 3, axis=0)
    assert abs(rest.mean()) < 5 / np.sqrt(rest.size)
    assert abs(rest.std() - 1) < 5 / np.sqrt(2 * rest.size)


def test_the_row_of_the_padding_gets_gradient_0_and_is_not_learned_and_the_others_sums():
    layer = nn.Embedding(4, 2, padding_idx=0)
    x = np.array([[1, 0, 1], [0, 3, 1]])
    layer(x).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy(), [[0, 0], [3, 3], [0, 0], [1, 1]])
    nn.optim.SGD(layer.parameters(), 0.1).step()
    assert not layer.weight.numpy()[0].any()
    layer.weight.assign(np.ones((4, 2)))
    np.testing.assert_array_equal(layer(x).detach().numpy(), 1)  # read as any other row


def test_the_repr_is_as_it_was_made():
    assert repr(nn.Embedding(5, 3)).startswith("Embedding(5, 3)  weight (5, 3)")
    assert repr(nn.Embedding(5, 3, padding_idx=0)).startswith("Embedding(5, 3, padding_idx=0)")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.Embedding(0, 3), ValueError, "Embedding: num_embeddings .* 0"),
        (lambda: nn.Embedding(5, 3, 5), ValueError, "Embedding: padding_idx 5 is none of the 5 rows"),
        (lambda: nn.Embedding(5, 3, -1), ValueError, "Embedding: padding_idx must be an integer >= 0, not -1"),
        (lambda: nn.Embedding(5, 3)(np.array([0, 5])), IndexError, r"index 5 at \[1\] .* outside \[0, 5\)"),
        (lambda: nn.Embedding(5, 3)(np.array([-1])), IndexError, r"index -1 .* outside \[0, 5\)"),
        (lambda: nn.Embedding(5, 3)(np.array([0.0])), TypeError, "embedding: indices must be integers, not float64"),
    ],
    ids=range(6),
)  # fmt: skip
def test_what_does_not_fit_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_an_error_in_a_model_begins_with_the_path_of_the_layer():
    with pytest.raises(IndexError, match=r"^0: embedding: index 9"):
        nn.Sequential(nn.Embedding(5, 3))(np.array([9]))


# --- Rows that are kept short -------------------------------------------------------------------


@pytest.mark.parametrize("norm_type", [1.0, 2.0, np.inf])
@pytest.mark.parametrize("kind", ["Embedding", "EmbeddingBag"])
def test_rows_are_shortened_before_they_are_read_as_pytorchs(torch, kind, norm_type):
    ours = getattr(nn, kind)(6, 3, max_norm=1.0, norm_type=norm_type, dtype="float64")
    theirs = getattr(torch.nn, kind)(6, 3, max_norm=1.0, norm_type=norm_type).double()
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    before = ours.weight.numpy().copy()
    for x in (np.array([[0, 2], [2, 5]]), np.array([[1, 2], [2, 0]])):
        y, z = ours(x), theirs(torch.tensor(x))
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12)
        np.testing.assert_allclose(ours.weight.numpy(), theirs.weight.detach().numpy(), rtol=1e-12)
        ours.zero_grad(), theirs.zero_grad()
        y.sum().backward(), z.sum().backward()
        np.testing.assert_allclose(ours.weight.grad.numpy(), theirs.weight.grad.numpy())
    assert (ours.weight.numpy()[[3, 4]] == before[[3, 4]]).all()
    assert not (ours.weight.numpy() == before).all()


def test_a_row_that_is_shortened_makes_a_graph_that_saved_the_table_refuse_and_a_short_one_does_not():
    layer = nn.Embedding(3, 2, max_norm=1.0)
    layer.weight.assign([[3.0, 4.0], [0.1, 0.2], [0.3, 0.4]])
    loss = (layer.weight * layer.weight).sum()
    layer(np.array([1, 2]))
    loss.backward(retain_graph=True)
    layer(np.array([0, 0]))
    np.testing.assert_allclose(layer.weight.numpy()[0], [0.6, 0.8], rtol=1e-6)
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        loss.backward()


# --- From a table, and in bags --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
def test_a_table_that_is_given_is_copied_and_frozen_unless_it_is_to_be_learnt(kind):
    table = np.arange(6.0).reshape(3, 2)
    layer = kind.from_pretrained(table, padding_idx=1)
    assert not layer.weight.requires_grad
    assert (layer.num_embeddings, layer.embedding_dim, layer.padding_idx) == (3, 2, 1)
    np.testing.assert_array_equal(layer.weight.numpy(), table)
    np.testing.assert_array_equal(layer(np.array([[2]])).numpy().ravel(), table[2])
    learnt = kind.from_pretrained(Tensor(table), freeze=False)
    learnt.weight.assign(np.zeros((3, 2)))
    assert learnt.weight.requires_grad
    assert table[2].tolist() == [4, 5]


def test_an_infinite_row_is_in_the_bags_that_hold_it_alone():
    layer = nn.EmbeddingBag.from_pretrained([[np.inf], [1.0], [2.0]], mode="sum", padding_idx=0)
    y = layer(np.array([0, 1, 2, 2]), np.array([0, 2]))
    assert y.tolist() == [[1], [4]]
    assert layer(np.array([0]), np.array([0])).tolist() == [[0]]


@pytest.mark.parametrize("row", [np.inf, np.nan])
def test_what_stands_in_the_row_of_the_padding_reaches_no_gradient(row):
    table, x = [[row, row], [1.0, 2.0], [3.0, 4.0]], np.array([[0, 1, 2], [2, 0, 0]])
    layer = nn.EmbeddingBag.from_pretrained(table, mode="sum", padding_idx=0)
    for shape, offsets in (((2, 3), None), ((6,), np.array([0, 3]))):
        factors = Tensor(np.full(shape, 0.5), requires_grad=True)
        layer(x.reshape(shape), offsets, factors).sum().backward()
        np.testing.assert_array_equal(factors.grad.data.reshape(2, 3), [[0, 3, 7], [7, 0, 0]])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nn.Embedding(3, 2, max_norm=0), "Embedding: max_norm must be > 0, not 0"),
        (lambda: nn.EmbeddingBag(3, 2, mode="prod"), "EmbeddingBag: mode must be .* 'prod'"),
        (lambda: nn.EmbeddingBag(3, 2, padding_idx=3), "EmbeddingBag: padding_idx 3 is none of the 3"),
        (lambda: nn.Embedding.from_pretrained([1.0]), r"Embedding\.from_pretrained: .* shape \(1,\)"),
        (lambda: nn.EmbeddingBag(3, 2)(np.array([1])), r"shape \(1,\).* offsets are missing"),
        (lambda: nn.EmbeddingBag(3, 2)(np.array([[1]]), np.array([0])), r"offsets are given"),
        (lambda: nn.EmbeddingBag(3, 2)(np.array([1]), np.array([1])), r"from 0 to 1 at most, .*\[1\]"),
        (lambda: nn.EmbeddingBag(3, 2)(np.array([1]), np.array([], int)), r"from 0 to 1 at most, .*\[\]"),
        (lambda: nn.EmbeddingBag(3, 2)(np.array([1, 2]), np.array([0, 2, 1])), r"ascend .*\[0 2 1\]"),
        (lambda: nn.EmbeddingBag(3, 2)(np.array([1, 2]), np.array([0, 3])), r"not \[0 3\]"),
        (lambda: nn.EmbeddingBag(3, 2, include_last_offset=True)(np.array([1, 2]), np.array([0, 1])), "from 0 to 2,"),
        (lambda: nn.EmbeddingBag(3, 2)(np.array([[1]]), None, np.ones((1, 1))), "go with mode 'sum', not 'mean'"),
        (lambda: nn.EmbeddingBag(3, 2, mode="sum")(np.array([[1]]), None, np.ones(1)), r"shape \(1,\), and the"),
        (lambda: nn.EmbeddingBag(3, 2)(np.array([[3]])), "index 3"),
        (lambda: nn.Embedding(3, 2, max_norm=1.0)(np.array([-1])), "index -1"),
    ],
    ids=range(15),
)  # fmt: skip
def test_what_does_not_fit_a_bag_or_a_table_is_named(call, words):
    with pytest.raises((ValueError, IndexError), match=words):
        call()


@pytest.mark.parametrize("offsets", [[1, 3], [0, 3, 1], [-1, 2], [0, 9]])
def test_offsets_that_do_not_fit_are_named_by_a_program_and_a_script_too(offsets):
    layer = nn.EmbeddingBag(5, 3)
    x, given = np.array([0, 1, 2, 2, 4]), np.array(offsets)
    good = np.arange(len(offsets))

    def f(x, offsets):
        return layer(x, offsets).detach()

    program, script = minigrad.compile(f), minigrad.script(f, x, good)
    np.testing.assert_array_equal(program(x, good).data, layer(x, good).data)
    for run in (f, program, script):
        with pytest.raises(ValueError, match=r"offsets must be integers .* ascend from 0 to 5"):
            run(x, given)
