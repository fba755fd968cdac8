"""The embedding: its rows, its padding, and what it refuses; beside PyTorch it is in test_beside_torch."""

import numpy as np
import pytest

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
