"""What the demos share: whole files or none, a quiet end when interrupted, and one look for all pictures."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # draws to files, with or without a screen
from matplotlib.figure import Figure

COLORS = ("#3b6fb6", "#d1603d", "#4a9a6a", "#8663a8")


def natural(text: str) -> int:
    """A command-line argument that is a whole number from 0."""
    return _at_least(0, text)


def positive(text: str) -> int:
    """A command-line argument that is a whole number from 1."""
    return _at_least(1, text)


def _at_least(least: int, text: str) -> int:
    value = int(text)
    if value < least:
        raise argparse.ArgumentTypeError(f"must be at least {least}, not {value}")
    return value


def folder(text: str) -> Path:
    """A command-line argument that is a folder to write into; it is made, before anything long begins."""
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot be made: {error}") from None
    return path


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure to `path`: under a temporary name first, so that an interrupted run leaves no torn file."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        figure.savefig(unfinished, format=path.suffix[1:], dpi=110)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    print(f"wrote {path}")


def run(main: Callable[[], None]) -> None:
    """Call main; Ctrl-C ends with one line, and an error the user can mend with its message alone."""
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; what was written is complete")
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(f"error: {error}")
