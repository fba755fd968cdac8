"""Look at a graph: a loss and everything it was computed from, as a picture.

A graph is turned into plain data (`trace`), that into what is drawn of it (`scene`), that into text in the language of
Graphviz (`dot`), and that into a file (`render`). Whatever draws reads the plain data only. `page` plays the passes of
one graph; `watch` looks at a whole training; `html` is what a notebook shows.
"""

from __future__ import annotations

from .draw import draw
from .notebook import html
from .page import page
from .trace import trace
from .watch import Watch, watch

__all__ = ["Watch", "draw", "html", "page", "trace", "watch"]
