"""The colours of a picture, light and dark, and its shapes, which alone already tell what a box is."""

from __future__ import annotations

from typing import NamedTuple


class Theme(NamedTuple):
    """Colours; (fill, line) for boxes."""

    paper: str
    ink: str
    faint: str  # small texts
    arrow: str
    carried: str  # an arrow to the next step
    frame: tuple[str, str]
    op: tuple[str, str]
    parameter: tuple[str, str]
    leaf: tuple[str, str]
    constant: tuple[str, str]
    ghost: tuple[str, str]
    output: tuple[str, str]
    module: tuple[str, str]
    stretch: tuple[str, str]
    # an op that keeps something for backward, in a picture that shows what is saved
    saved: tuple[str, str]
    # what a gradient has flowed through
    flow: tuple[str, str]


THEMES = {
    "light": Theme(
        paper="#ffffff",
        ink="#1f2933",
        faint="#52606d",
        arrow="#7b8794",
        carried="#c2410c",
        frame=("#f7f9fb", "#b8c2cc"),
        op=("#e6effa", "#6b93c4"),
        parameter=("#e3f3e4", "#5d9b63"),
        leaf=("#fdf3d3", "#c29a2e"),
        constant=("#f2f3f5", "#a6adb7"),
        ghost=("#ffffff", "#a6adb7"),
        output=("#efe8f8", "#8f74b5"),
        module=("#dbe7f6", "#4f7cb5"),
        stretch=("#eef1f4", "#7b8794"),
        saved=("#fde8d7", "#cf7f3e"),
        flow=("#ffedd5", "#c2410c"),
    ),
    "dark": Theme(
        paper="#16191d",
        ink="#e6e9ed",
        faint="#a3adb8",
        arrow="#7f8b98",
        carried="#fb923c",
        frame=("#1d2127", "#4b5560"),
        op=("#22344a", "#6b93c4"),
        parameter=("#213b26", "#6fb277"),
        leaf=("#43381a", "#d1aa43"),
        constant=("#2a2e34", "#7d8794"),
        ghost=("#16191d", "#7d8794"),
        output=("#362b47", "#a78bcd"),
        module=("#1d3f66", "#7fa9dc"),
        stretch=("#262b31", "#8a96a3"),
        saved=("#4a2f1b", "#dd9558"),
        flow=("#4a2510", "#fb923c"),
    ),
}

SHAPES = {
    "op": 'shape="Mrecord"',
    "ghost": 'shape="record", style="filled,dashed"',
    "parameter": 'shape="ellipse", margin="0.06,0.02"',
    "leaf": 'shape="hexagon", margin="0.04,0.02"',
    "constant": 'shape="box"',
    "output": 'shape="box", peripheries=2',
    "module": 'shape="box3d", margin="0.1,0.08"',
    "stretch": 'shape="note", margin="0.1,0.08"',
}

# kind -> the width of a shape for each that is written in it, where its corners are cut off
WIDENED = {"parameter": 2**0.5, "leaf": 1.5}
