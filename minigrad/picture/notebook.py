"""The HTML that a notebook shows for a Tensor or a Module, with all text of the user escaped."""

from __future__ import annotations

from html import escape
from typing import Any

from ..core.graph import TensorBase
from .draw import picture_of
from .heat import heat_of
from .pixels import pixels
from .trace import trace
from .written import data_url

_STYLE = "font-family:monospace;line-height:1.5"
_WIDEST = 240  # pixels of a heat map


def html(shown: Any) -> str | None:
    """The fragment of HTML that a notebook shows: the graph of a Tensor, a leaf as a heat map, the tree of a Module.

    None for a Tensor that has nothing more to show than its repr.
    """
    return _of_tensor(shown) if isinstance(shown, TensorBase) else _of_module(shown)


def _of_tensor(tensor: Any) -> str | None:
    """The `repr` above a picture: of the graph or, without history, of the numbers.

    None for a leaf of few numbers, and for a graph that no renderer can lay out.
    """
    if tensor._node is None:
        return _of_numbers(tensor)
    try:
        picture = picture_of(trace(tensor, values=False), "svg").decode()
    except RuntimeError:  # no renderer, or a graph that it cannot lay out
        return None
    picture = picture[picture.index("<svg") :]
    return f'<pre>{escape(repr(tensor))}</pre><div style="overflow:auto">{picture}</div>'


def _of_numbers(tensor: Any) -> str | None:
    """The `repr` above a heat map, blue below zero, white at zero and red above."""
    heat = heat_of(tensor.data)
    if heat is None:
        return None
    rows, columns, (down, across) = heat["rows"], heat["columns"], heat["block"]
    told = f"{rows} × {columns} cells from {-heat['limit']:.4g} (blue) to {heat['limit']:.4g} (red)"
    if down * across > 1:
        told += f", each the mean of {down} × {across} elements"
    scale = max(1, _WIDEST // max(rows, columns))
    return (
        f"<pre>{escape(repr(tensor))}</pre>"
        f'<img alt="{told}" title="{told}" src="{data_url(pixels(heat), "image/png")}" width="{columns * scale}" '
        f'height="{rows * scale}" style="image-rendering:pixelated;border:1px solid #b8c2cc">'
    )


def _of_module(module: Any) -> str:
    """The tree of modules with their parameters; each module can be folded by a click."""
    count = sum(parameter.size for parameter in module.parameters())
    return f'<div style="{_STYLE}">{_tree("", module, ())}<div>{count:,} parameters</div></div>'


def _tree(name: str, module: Any, above: tuple[Any, ...]) -> str:
    described = f"{type(module).__name__}({module.describe()})"
    title = escape(f"{name}: {described}" if name else described)
    own = [(n, v) for n, v in vars(module).items() if isinstance(v, TensorBase)]
    lines = [f"<div>{escape(n)} {tuple(v.shape)}</div>" for n, v in own]
    for child_name, child in module.named_children():
        if child is not module and child not in above:
            lines.append(_tree(child_name, child, (*above, module)))
    if not lines:
        return f"<div>{title}</div>"
    inside = "".join(lines)
    return (
        f'<details open=""><summary>{title}</summary>'
        f'<div style="margin-left:1.5em">{inside}</div></details>'
    )
