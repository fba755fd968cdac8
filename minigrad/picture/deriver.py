"""The lines of a derivation: a walk along a graph and back, which writes down the equation of every step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.backward import grad, on_a_path
from ..core.graph import Node, Sketch, TensorBase, wrap
from ..sight.origins import is_ghost
from .board import Board, Line
from .equations import Parts, formula_parts, is_whole, rule_parts, summed_to
from .letters import Names, option_term
from .mathematics import Term
from .numbers import array_term, put_in
from .terms import CONSTANTS, LOSS, ONE, called
from .trace import arguments_of


class _Known(NamedTuple):
    """One result, leaf or constant: its term, its shape, its value if that is known, its name in the program."""

    term: Term
    shape: tuple[int, ...]
    value: Any
    name: str = ""


class _Share(NamedTuple):
    """A contribution to a gradient: its formula, its value, and the op that gives it."""

    right: Parts
    value: Any
    source: str


@dataclass
class Deriver:
    """A walk along a graph and back, which writes down the equation of every step."""

    loss: Any
    end: Any
    order: list[Node]
    names: Names
    targets: dict[Any, None]
    things: dict[Any, _Known] = field(default_factory=dict)
    shapes: dict[Term, tuple[int, ...]] = field(default_factory=dict)
    values: dict[Term, Any] = field(default_factory=dict)
    numbers: dict[Node, int] = field(default_factory=dict)

    def board(self) -> Board:
        given: list[Line] = []
        forward: list[Line] = []
        for node in self.order:
            before = set(self.things)
            names = self._names_of(node)
            for key in self.things:
                if key not in before and (not isinstance(key, Node) or is_ghost(key)):
                    thing = self.things[key]
                    numbers = array_term(thing.value)
                    given.append(
                        Line(thing.term, [], thing.shape, thing.value, numbers, thing.name)
                    )
            if not node.op.is_part:
                forward.append(self._forward(node, names))
                self.numbers[node] = len(forward)
        backward = self._backward()
        wrt = [self.things[key] for key in self.targets]
        recorded = any(node.notes is not None for node in self.order)
        return Board([thing.term for thing in wrt], given, forward, backward, recorded)

    def _know(self, key: Any, term: Term, shape: Any, value: Any, name: str = "") -> Term:
        self.things[key] = _Known(term, tuple(shape), value, name)
        self.shapes[term] = tuple(shape)
        self.shapes[Term("gradient", (LOSS, term))] = tuple(shape)
        if value is not None:
            self.values[term] = np.asarray(value)
        return term

    def _names_of(self, node: Node) -> dict[str, Term]:
        """name -> term for the arguments of a node, its options, and its output as y."""
        if node.op.is_part:
            return {"y": self._output(node)}
        inputs, _ = arguments_of(node)
        names = {name: self._input(node, name, value) for name, value in inputs}
        names |= {k: option_term(v) for k, v in node.options if k not in names}
        for place, parent in enumerate(node.parents):  # an optional argument that was not given
            if parent is None:
                names.setdefault(node.op.argument_name(place), CONSTANTS[None])
        return names | {"y": self._output(node)}

    def _input(self, node: Node, name: str, value: Any) -> Term:
        if isinstance(value, Node):
            if value not in self.things:  # the result of an op without gradient
                told = value.notes.value if value.notes is not None else None
                term, program_name = self.names.of(value, "c")
                self._know(value, term, value.shape, told, program_name)
            return self.things[value].term
        if isinstance(value, TensorBase):
            if value not in self.things:
                letter = "w" if value._requires_grad else name[0]
                term, told = self.names.of(value, letter)
                self._know(value, term, value.shape, value._data, told)
            return self.things[value].term
        known = node.notes.inputs.get(name) if node.notes is not None else None
        if isinstance(value, Sketch):
            key: Any = (node, name) if known is None else id(known)
            if key not in self.things:
                letter = name if len(name) == 1 or name == "labels" else "c"
                term, told = self.names.of(known, letter, is_single=True)
                self._know(key, term, value.shape, known, told)
            return self.things[key].term
        return option_term(value)

    def _output(self, node: Node) -> Term:
        if node in self.things:
            return self.things[node].term
        value = None if node.notes is None else node.notes.value
        if node.op.is_part:
            whole_of, place = self.things[node.parents[0]], node.constants[0]
            term = Term("index", (whole_of.term, Term("number", text=str(place))))
            told = None if whole_of.value is None else whole_of.value[place]
            return self._know(node, term, node.shape, told)
        if node is self.end:
            return self._know(node, LOSS, node.shape, self.loss._data)
        is_unary = bool(node.op.sums_back) and len(node.op.arguments) == 1
        term, told = self.names.of(node, "h" if is_unary else "z")
        if isinstance(node.dtype, tuple):
            self.things[node] = _Known(term, (), value, told)
            return term
        return self._know(node, term, node.shape, value, told)

    def _forward(self, node: Node, names: dict[str, Term]) -> Line:
        left = names["y"]
        parts = formula_parts(node.op, names)
        first = parts[0]
        if is_whole(parts) and isinstance(first, Term):
            right: Parts = [first]
            if first.kind == "relation" and first.text.startswith("=="):
                left, right = first.parts[0], [Term("relation", first.parts[1:], first.text[3:])]
                right = [first.parts[1]] if len(first.parts) == 2 else right
            elif first.kind == "relation":  # an equation of another kind, such as +=
                right, left = [first], left
        else:
            inputs = [
                t for name, t in names.items() if name in node.op.names and t not in _LEFT_OUT
            ]
            right = [called(node.op.name, inputs, {})]
        right = [
            self._signed(p, bool(node.op.sums_back)) if isinstance(p, Term) else p for p in right
        ]
        thing = self.things[node]
        several = isinstance(node.dtype, tuple)
        shape = tuple(node.shape)
        numbers = None if several else put_in(right, self.values, thing.value)
        value = None if several else thing.value
        return Line(left, right, shape, value, numbers, thing.name, _place_of(node), node.op.name)

    def _backward(self) -> list[Line]:
        active = on_a_path(self.order, set(self.targets))
        wanted = active | set(self.targets)
        pending = Counter(p for node in active for p in node.parents if p in wanted)
        flowed = self._flowed()
        lines = []
        gradient = Term("gradient", (LOSS, LOSS))
        self.values[gradient] = np.ones(self.loss.shape, self.loss._data.dtype)
        lines.append(
            Line(gradient, [ONE], (), self.values[gradient], None, "", "", "where backward begins")
        )
        shares: dict[Any, list[_Share]] = {}
        for node in reversed(self.order):
            if node not in active:
                continue
            names = self._names_of(node)
            rules = {} if node.op.is_part else self._rules(node, names)
            for place, parent in enumerate(node.parents):
                if parent not in wanted:
                    continue
                if not node.op.is_part:
                    argument = node.op.argument_name(place)
                    value = flowed.get((node, argument))
                    number = self.numbers[node]
                    share = _Share(rules[argument], value, f"{node.op.name} in ({number})")
                    shares.setdefault(parent, []).append(share)
                pending[parent] -= 1
                if not pending[parent] and parent in shares:
                    lines.append(self._gradient_line(parent, shares[parent]))
        return lines

    def _flowed(self) -> dict[tuple[Node, str], Any]:
        """(op, argument) -> what it hands to it, as the engine computes it."""
        flowed: dict[tuple[Node, str], Any] = {}

        def see(node: Node, argument: str, contribution: Any) -> None:
            flowed[node, argument] = np.array(contribution.data)

        xs = [_stand_in(key) for key in self.targets]
        grad(self.loss, xs, retain_graph=True, tap=see)
        return flowed

    def _rules(self, node: Node, names: dict[str, Term]) -> dict[str, Parts]:
        """argument -> its rule in the terms of this graph, summed over the axes along which it was broadcast."""
        incoming = "G" if "g" in node.op.names else "g"
        is_end = names["y"] == LOSS  # its gradient, 1, needs no letter
        given = names | {incoming: ONE if is_end else Term("gradient", (LOSS, names["y"]))}
        found = rule_parts(node.op, given, self.shapes)
        for place, parent in enumerate(node.parents):
            argument = node.op.argument_name(place)
            if parent is None or argument not in found:
                continue
            first, *rest = found[argument]
            if isinstance(first, Term):
                first = self._signed(first, bool(node.op.sums_back))
                if node.op.sums_back:
                    first = summed_to(first, tuple(node.shape), tuple(parent.shape))
                found[argument] = [first, *rest]
        return found

    def _gradient_line(self, key: Any, shares: list[_Share]) -> Line:
        thing = self.things[key]
        left = Term("gradient", (LOSS, thing.term))
        total = None
        if all(share.value is not None for share in shares):
            total = sum((share.value for share in shares[1:]), shares[0].value)
        firsts = [share.right[0] for share in shares]
        right: Parts = shares[0].right
        if len(shares) > 1 and all(isinstance(first, Term) for first in firsts):
            right = [_sum_of([f for f in firsts if isinstance(f, Term)])]
        numbers = put_in(right, self.values, total)
        if total is not None:
            self.values[left] = total
        about = "by the rule of " + " and of ".join(dict.fromkeys(share.source for share in shares))
        if len(shares) > 1:
            about = f"{len(shares)} paths meet, {about}"
        parts = [share.value for share in shares] if len(shares) > 1 else []
        return Line(left, right, thing.shape, total, numbers, thing.name, "", about, parts)

    def _signed(self, term: Term, is_elementwise: bool) -> Term:
        """Products with the sign that says which: of elements if neither factor is a number. Shapes as they are."""
        if term.kind == "call" and term.text == "shape" and term.parts[0] in self.shapes:
            return option_term(self.shapes[term.parts[0]])
        parts = tuple(
            self._signed(p, is_elementwise) if isinstance(p, Term) else p for p in term.parts
        )
        if term.kind != "product":
            return term._replace(parts=parts)
        signs = ""
        for sign, a, b in zip(term.text, parts, parts[1:], strict=False):
            by_number = self._is_number(a) or self._is_number(b)
            if sign == "*" and by_number and "number" not in (a.kind, b.kind):
                sign = " "
            elif sign == " " and is_elementwise and not by_number:
                sign = "*"
            signs += sign
        return Term("product", parts, signs)

    def _is_number(self, term: Term) -> bool:
        if term in self.shapes:
            return self.shapes[term] == ()
        if term.kind in ("number", "index") or (term.kind == "total" and len(term.parts) == 1):
            return True
        return bool(term.parts) and all(map(self._is_number, term.parts))


_LEFT_OUT = (CONSTANTS[None], CONSTANTS[False])


def _stand_in(key: Any) -> Any:
    """A Tensor for `grad`, which asks of it only which node or leaf it is."""
    return wrap(None, key) if isinstance(key, Node) else key


def _sum_of(terms: list[Term]) -> Term:
    return Term("sum", tuple(terms), "+" * len(terms))


def _place_of(node: Node) -> str:
    return "" if node.notes is None else Path(node.notes.line or "").name
