"""What the panel of a page writes of the rules of a graph's ops as they play, and what a reader computes from it."""

import re

import numpy as np
from scipy import special

from minigrad import Tensor, record

MOST = 12  # numbers of a tensor that the panel writes

WALK = """
const tree = (e) => [e.localName, e.children.length ? [...e.children].map(tree) : e.textContent];
const found = [];
for (document.getElementById("first").click(); ;) {
  const before = document.getElementById("slider").value;
  document.getElementById("next").click();
  if (document.getElementById("slider").value === before) return found;
  const op = document.querySelector("#in-play h2").textContent;
  for (const block of document.querySelectorAll("#in-play .handed")) {
    const own = [...block.children].filter((child) => child.className === "math-line");
    found.push([op, own[0]?.textContent ?? "", own.length > 1 ? tree(own.at(-1).firstElementChild) : null]);
  }
}
"""


def written_rules(page):
    """(op, rule, the line with numbers or None) of all that ops hand on in a backward pass."""
    return page.driver.execute_script(WALK)


def small_calls(cases):
    """name -> the first call of each row whose arguments and result are few numbers, not one."""
    found = {}
    for name, calls in cases.items():
        for call in calls:
            sizes = [int(np.prod(shape)) for shape in call.shapes]
            if 1 < max(sizes, default=0) <= MOST and min(sizes) > 0 and is_small(call):
                found[name] = call
                break
    return found


def is_small(call):
    outputs = call.on(*map(Tensor, call.arguments()))
    several = outputs if isinstance(outputs, tuple) else (outputs,)
    return all(0 < y.size <= MOST and y.dtype.kind == "f" for y in several)


def loss_of(calls):
    """One loss of many calls, in which each result has weights of its own."""
    rng = np.random.default_rng(0)
    with record():
        loss = 0.0
        for call in calls:
            xs = [Tensor(a.round(1) + 0.0, requires_grad=True) for a in call.arguments()]
            outputs = call.on(*xs)
            for y in outputs if isinstance(outputs, tuple) else (outputs,):
                loss = loss + (y * rng.integers(1, 4, y.shape)).sum()
    return loss


class NotComputed(Exception):
    """Some piece has no value here, such as a function that is unknown, or a word."""


FUNCTIONS = {
    "sign": np.sign, "exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos, "sinh": np.sinh, "cosh": np.cosh,
    "tanh": np.tanh, "hypot": np.hypot, "copysign": np.copysign, "rint": np.rint, "floor": np.floor,
    "σ": special.expit, "ψ": special.digamma, "polygamma": special.polygamma, "erfcx": special.erfcx, "sinc": np.sinc,
    "reshape": np.reshape, "broadcast to": np.broadcast_to, "tril": np.tril, "triu": np.triu, "cumsum": np.cumsum,
    "det": np.linalg.det, "inv": np.linalg.inv, "reversed": np.flip,
}  # fmt: skip


def sides(line):
    """The values of the sides of `= a = b`, as a reader would compute them."""
    _, children = line
    found = []
    for child in children:
        if child == ["mo", "="]:
            found.append([])
        else:
            found[-1].append(child)
    return [_value(["mrow", parts]) for parts in found]


def _value(tree):
    tag, inside = tree
    if tag == "mn":
        return np.asarray(float(inside.replace("−", "-")))
    if tag == "mtext" and re.fullmatch(r"\(.*\)", inside):
        return tuple(map(int, re.findall(r"-?\d+", inside)))
    if tag == "mi" and inside == "π":
        return np.asarray(np.pi)
    if isinstance(inside, str):
        raise NotComputed(inside)
    if tag == "mfrac":
        return _value(inside[0]) / _value(inside[1])
    if tag == "msqrt":
        return np.sqrt(_value(["mrow", inside]))
    if tag == "munder":  # a case, and why it applies
        return _value(inside[0])
    if tag == "msup":
        base = _value(inside[0])
        return base.T if inside[1][1] == "T" else base ** _value(inside[1])
    if tag != "mrow":
        raise NotComputed(tag)
    return _row(inside)


def _row(children):
    first = children[0]
    if len(children) == 1:
        return _value(first)
    if any(child[0] == "mtext" and child[1].strip() == "as" for child in children):
        return _value(first)
    if first[0] == "mo" and first[1] in ("(", "[", "|"):
        return _fenced(first[1], children[1:-1])
    if first == ["mo", "∑"] or (first[0] == "munder" and first[1][0] == ["mo", "∑"]):
        axes = [] if first[0] == "mo" else list(map(int, re.findall(r"-?\d+", first[1][1][1])))
        return _row(children[1:]).sum(tuple(axes) or None, keepdims=bool(axes))
    if len(children) == 2 and first[0] == "mi" and children[1][0] == "mrow":
        if first[1] not in FUNCTIONS:
            raise NotComputed(first[1])
        return FUNCTIONS[first[1]](*_listed(children[1][1][1:-1]))
    return _joined(children)


def _fenced(fence, inside):
    if inside[0][0] == "mtable":
        return np.array(
            [[float(_value(["mrow", cell[1]])) for cell in row[1]] for row in inside[0][1]]
        )
    value = _value(["mrow", inside])
    return np.abs(value) if fence == "|" else value


def _listed(inside):
    if len(inside) == 1 and inside[0][0] == "mrow" and ["mo", ","] in inside[0][1]:
        return [_value(child) for child in inside[0][1] if child != ["mo", ","]]
    return [_value(["mrow", inside])]


def _joined(children):
    signs = {"⊙": np.multiply, "×": np.multiply, "·": np.multiply, "+": np.add, "−": np.subtract}
    total, sign = None, None
    for tag, inside in children:
        if tag == "mspace" or (tag == "mo" and inside in signs):
            sign = inside if tag == "mo" else " "
            continue
        value = _value([tag, inside])
        if total is None:
            total = -value if sign == "−" else value
        elif sign is None:
            raise NotComputed(children)
        elif sign == " ":
            is_number = 1 in (total.size, value.size)
            total = total * value if is_number else total @ value
        else:
            total = signs[sign](total, value)
        sign = None
    return total
