"""The frames of a film from one picture of it: only colours and texts are changed, so that nothing moves."""

from __future__ import annotations

import copy
import math
import re
from xml.etree import ElementTree

from .film import FilmWriter, Frame
from .scene import Link
from .themes import Theme
from .widths import room_for

_LETTER, _LINE, _MARGIN = 11, 16, 14  # of the caption, in points
_NARROWEST = 360
_SVG = "http://www.w3.org/2000/svg"

Element = ElementTree.Element


def pictures_of(svg: str, writer: FilmWriter) -> list[bytes]:
    """One SVG for each frame, all of one size.

    svg  what Graphviz made of the text of `writer`
    """
    root = ElementTree.fromstring(re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg[svg.index("<svg") :]))
    captions = [_lines(frame.words, _width_of(root) - 2 * _MARGIN) for frame in writer.film.frames]
    most = max(map(len, captions))
    pictures = []
    for frame, caption in zip(writer.film.frames, captions, strict=True):
        picture = copy.deepcopy(root)
        _paint(picture, frame, writer)
        _write_below(picture, caption, most, writer.theme)
        picture.set("xmlns", _SVG)
        pictures.append(ElementTree.tostring(picture, "utf-8", xml_declaration=True))
    return pictures


def _paint(picture: Element, frame: Frame, writer: FilmWriter) -> None:
    groups = {_key(group): group for group in picture.iter("g")}
    for box, name in writer.names.items():
        group = groups[name]
        if box.is_vertex and box.vertices[0].id in writer.sums:
            i = box.vertices[0].id
            text = _last(group, writer.sums[i])
            text.text = f"grad {frame.sums[i]}" if i in frame.sums else ""
            text.set("fill", writer.theme.flow[1])
        if box in frame.done:
            _outline(group, writer.theme.flow, box is frame.box)
    for link, k in writer.numbers.items():
        _paint_link(groups[f"link{k}"], link, frame, writer)
    for group in (
        groups.values()
    ):  # the titles are Graphviz's names, which readers would see under the pointer
        for title in group.findall("title"):
            group.remove(title)


def _key(group: Element) -> str:
    """Graphviz's name of a node, or the id of an edge."""
    return group.findtext("title", "") if group.get("class") == "node" else group.get("id", "")


def _last(group: Element, words: str) -> Element:
    """The last text of these words: the gradient stands below all others."""
    return [text for text in group.iter("text") if _plain(text.text) == _plain(words)][-1]


def _plain(text: str | None) -> str:
    return " ".join((text or "").replace("\xa0", " ").split())


def _outline(group: Element, colours: tuple[str, str], is_current: bool) -> None:
    fill, line = colours
    for shape in group:
        if shape.tag in ("path", "polygon", "ellipse", "polyline"):
            shape.set("stroke", line)
            if is_current:
                shape.set("stroke-width", "2.5")
                if shape.get("fill") not in (None, "none"):
                    shape.set("fill", fill)


def _paint_link(group: Element, link: Link, frame: Frame, writer: FilmWriter) -> None:
    has_flowed = link in frame.flows
    path, text = group.find("path"), group.find("text")
    if path is not None:
        _leave_one_head(group, path, at_end=not has_flowed)
    if text is not None:
        text.text = frame.flows[link] if has_flowed else writer.rest_of(link)
    if not has_flowed:
        return
    line = writer.theme.flow[1]
    for shape in group:
        if shape.tag in ("path", "polygon"):
            shape.set("stroke", line)
        if shape.tag in ("polygon", "text"):
            shape.set("fill", line)
    if path is not None and link in frame.now:
        path.set("stroke-width", "2.5")


def _leave_one_head(group: Element, path: Element, at_end: bool) -> None:
    """A line with a head at one end, and drawn on to the tip of the other."""
    drawn = path.get("d", "")
    ends = [_point(text) for text in (_POINT.findall(drawn)[0], _POINT.findall(drawn)[-1])]
    for head in group.findall("polygon"):
        tip = _POINT.findall(head.get("points", ""))[1]
        is_at_end = math.dist(_point(tip), ends[1]) < math.dist(_point(tip), ends[0])
        if is_at_end is not at_end:
            group.remove(head)
            path.set("d", f"{drawn}L{tip}" if is_at_end else f"M{tip}L{drawn[1:]}")


_POINT = re.compile(r"-?[\d.]+,-?[\d.]+")


def _point(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split(",")))


# The sentence below ------------------------------------------------------------------------------


def _box_of(picture: Element) -> list[float]:
    """The left, top, width and height of what is seen."""
    return [float(v) for v in picture.get("viewBox", "").split()]


def _width_of(picture: Element) -> float:
    return max(_NARROWEST, _box_of(picture)[2])


def _lines(words: str, width: float) -> list[str]:
    """The words in lines no wider than `width`."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and room_for(longer, _LETTER) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _write_below(picture: Element, lines: list[str], most: int, theme: Theme) -> None:
    """Make room for `most` lines, on the same paper, and write these."""
    left, top, width, height = _box_of(picture)
    wide, high = _width_of(picture), height + most * _LINE + _MARGIN
    left -= (wide - width) / 2
    extent = {"x": left, "y": top, "width": wide, "height": high}
    picture.set("viewBox", " ".join(f"{v:.2f}" for v in extent.values()))
    picture.set("width", f"{wide:.2f}pt")
    picture.set("height", f"{high:.2f}pt")
    paper = {name: f"{v:.2f}" for name, v in extent.items()} | {"fill": theme.paper}
    picture.insert(0, ElementTree.Element("rect", paper))
    caption = {"font-family": "Helvetica,sans-Serif", "font-size": f"{_LETTER}", "fill": theme.ink}
    group = ElementTree.SubElement(picture, "g", {"class": "caption"} | caption)
    for k, line in enumerate(lines):
        at = {"x": f"{left + _MARGIN:.2f}", "y": f"{top + height + _LINE * k + _LETTER:.2f}"}
        ElementTree.SubElement(group, "text", at).text = line
