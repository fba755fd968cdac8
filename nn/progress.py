"""A progress bar where there is a terminal to show it, and tqdm is installed."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any


def bar_class() -> Any:
    """tqdm's bar, if it is installed and stderr is a terminal; else None: a log wants lines, not a bar."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        return None
    return tqdm


def progress_bar(text: str, total: int | None, **options: Any) -> AbstractContextManager[Any]:
    """A bar that counts up to `total`, with tqdm's further options; None where no bar is shown."""
    bar = bar_class()
    return nullcontext() if bar is None else bar(desc=text, total=total, **options)
