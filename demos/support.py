"""What the demos share: whole files or none, a quiet end when interrupted, and one look for all pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # draws to files, with or without a screen
from matplotlib.figure import Figure

COLORS = ("#3b6fb6", "#d1603d", "#4a9a6a", "#8663a8")


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure to `path`: under a temporary name first, so that an interrupted run leaves no torn file."""
    path.parent.mkdir(parents=True, exist_ok=True)
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
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
