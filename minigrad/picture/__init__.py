"""Pictures of a graph: a loss and everything it was computed from.

`trace` turns a graph into plain data, `scene` chooses what is drawn of it, `dot` writes that in Graphviz's language,
and `render` makes a file of it. All that draws reads the plain data only. `page` plays the passes of one graph, and
`frames` draws each step of the backward; `watch` looks at a whole training; `derivation` writes the equations; `html`
is what a notebook shows.
"""

from __future__ import annotations

from .derivation import derivation
from .draw import draw
from .frames import frames
from .notebook import html
from .page import page
from .trace import trace
from .watch import Watch, watch

__all__ = ["Watch", "derivation", "draw", "frames", "html", "page", "trace", "watch"]
