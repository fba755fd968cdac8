"""A progress bar where tqdm is installed."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any


def progress_bar(text: str, total: int | None, **options: Any) -> AbstractContextManager[Any]:
    """A bar that counts up to `total`, with tqdm's further options; None where tqdm is not installed."""
    try:
        from tqdm import tqdm  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        return nullcontext()
    bar: AbstractContextManager[Any] = tqdm(desc=text, total=total, **options)
    return bar
