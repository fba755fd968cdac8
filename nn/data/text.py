"""Text, character by character."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..checks import integer


class Characters:
    """Item i is (x, y): the numbers of `block_size` characters from place i of a text, and of those one place on.

    So y holds what a model of x is to predict. A character's number is its place in `vocabulary`, by default all that
    are in the text, sorted.

    >>> text = Characters("hello", block_size=3)
    >>> text.vocabulary
    'ehlo'
    >>> [text.decode(part) for part in text[1]]
    ['ell', 'llo']
    """

    def __init__(self, text: str, block_size: int, vocabulary: str | None = None) -> None:
        self.block_size = integer(self, "block_size", block_size, 1)
        if len(text) <= block_size:
            raise ValueError(
                f"Characters: a text of {len(text)} characters has no block of {block_size} and one more"
            )
        self.vocabulary = "".join(sorted(set(text))) if vocabulary is None else vocabulary
        self._numbers = {c: i for i, c in enumerate(self.vocabulary)}
        if len(self._numbers) < len(self.vocabulary):
            raise ValueError("Characters: a character is in the vocabulary twice")
        self.codes = self.encode(text)

    def __len__(self) -> int:
        return len(self.codes) - self.block_size

    def __getitem__(self, i: int, /) -> tuple[Any, Any]:
        if not 0 <= i < len(self):
            raise IndexError(
                f"Characters: there is no block at {i}, only from 0 to {len(self) - 1}"
            )
        return self.codes[i : i + self.block_size], self.codes[i + 1 : i + 1 + self.block_size]

    def batch(self, indices: Any) -> tuple[Any, Any]:
        blocks = self.codes[np.asarray(indices)[:, None] + np.arange(self.block_size + 1)]
        return blocks[:, :-1], blocks[:, 1:]

    def encode(self, text: str) -> Any:
        """The numbers of the characters, (N,) int64; ValueError for one that the vocabulary lacks."""
        numbers = self._numbers
        try:
            return np.fromiter((numbers[c] for c in text), np.int64, len(text))
        except KeyError as error:
            (c,) = error.args
            raise ValueError(
                f"Characters: {c!r} at {text.index(c)} is not in the vocabulary of {len(numbers)} characters"
            ) from None

    def decode(self, codes: Iterable[int]) -> str:
        """The text whose characters have these numbers; IndexError for one that no character has."""
        codes = [int(i) for i in codes]
        for i in codes:
            if not 0 <= i < len(self.vocabulary):
                raise IndexError(
                    f"Characters: no character has the number {i}, only 0 to {len(self.vocabulary) - 1}"
                )
        return "".join(self.vocabulary[i] for i in codes)
