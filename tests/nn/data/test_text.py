"""Characters: a text as numbers, in blocks and what follows them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.data import Characters, DataLoader, Subset


@given(st.text(min_size=2, max_size=40), st.data())
def test_a_block_is_followed_by_the_block_one_place_on(text, data):
    size = data.draw(st.integers(1, len(text) - 1))
    blocks = Characters(text, size)
    assert len(blocks) == len(text) - size
    assert list(blocks.vocabulary) == sorted(set(text))
    for i in range(len(blocks)):
        x, y = blocks[i]
        assert blocks.decode(x) == text[i : i + size]
        assert blocks.decode(y) == text[i + 1 : i + 1 + size]
    assert blocks.decode(blocks.codes) == text
    chosen = np.arange(len(blocks))[::-1]
    for whole, parts in zip(
        blocks.batch(chosen), zip(*map(blocks.__getitem__, chosen), strict=True), strict=True
    ):
        assert whole.dtype == np.int64
        np.testing.assert_array_equal(whole, np.stack(parts))


def test_a_part_of_a_text_has_the_vocabulary_of_the_whole():
    whole = Characters("to be or not to be", 4)
    part = Characters("not", 2, whole.vocabulary)
    assert part.decode(whole.encode("not")) == "not"
    np.testing.assert_array_equal(part.codes, whole.encode("not"))


def test_blocks_side_by_side_cover_the_text():
    text = Characters("abcdefghijk", 3)
    ((x, y),) = DataLoader(Subset(text, range(0, len(text), 3)), 9)
    assert [*map(text.decode, x)] == ["abc", "def", "ghi"]
    assert [*map(text.decode, y)] == ["bcd", "efg", "hij"]


def test_iteration_ends_with_the_last_block():
    assert len(list(Characters("abcdef", 2))) == 4


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Characters("abc", 3), ValueError, "3 characters has no block of 3 and one more"),
        (lambda: Characters("abc", 0), ValueError, "block_size must be an integer >= 1, not 0"),
        (lambda: Characters("abc", 1.5), ValueError, "block_size must .* not 1.5"),
        (lambda: Characters("abc", 1).decode([0, -1]), IndexError, "number -1, only 0 to 2"),
        (lambda: Characters("abc", 1).decode([3]), IndexError, "number 3, only 0 to 2"),
        (lambda: Characters("abc", 1, "aab"), ValueError, "in the vocabulary twice"),
        (lambda: Characters("abc", 1, "ab"), ValueError, "'c' at 2 is not in the vocabulary of 2"),
        (lambda: Characters("abc", 1)[2], IndexError, "no block at 2, only from 0 to 1"),
        (lambda: Characters("abc", 1)[-1], IndexError, "no block at -1"),
    ],
)
def test_what_makes_no_sense_is_an_error_that_says_what_is_needed(make, error, message):
    with pytest.raises(error, match=message):
        make()
