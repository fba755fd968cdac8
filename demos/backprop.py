"""A guided tour of backpropagation: three small graphs, forwards and then backwards, step by step, in numbers.

    python demos/backprop.py                       all three, in five minutes of reading
    python demos/backprop.py --example meeting     one of them: neurons, meeting or mlp

Forwards, every op computes a value v and remembers what it was made from. Backwards, the derivative of the loss by
each v is wanted, which is called its gradient g. The loss has g = 1. From there the ops are visited in the reverse of
the order in which they were computed. A visited op has its whole g, and hands on to each of its arguments g times its
own derivative by that argument: that is the chain rule, and all of backpropagation. Where a value was used more than
once, what arrives is added up. What is added up at the leaves is their .grad.

All numbers come from the graph itself. Each example ends in a page, which plays the same steps in a browser.
"""

from __future__ import annotations

import argparse
import inspect
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from support import folder, run

import minigrad
import nn
from minigrad import Tensor, picture
from minigrad.picture.page import data_of
from minigrad.picture.statistics import statistics_of

NUDGE = 1e-4
MOST = 4  # numbers of a tensor that are told one by one; of more their norm
LONGEST_RULE = 44

Example = tuple[Any, Callable[[], Tensor]]  # leaves with their names, and what computes the loss


def leaf(value: float) -> Tensor:
    return Tensor(value, requires_grad=True, dtype="float64")


def neurons() -> Example:
    """Two neurons in a row, h = tanh(w1 x + b1) and y = w2 h + b2, with x = 2; the loss is (y - 1)^2."""
    leaves = {"w1": leaf(0.5), "b1": leaf(-0.5), "w2": leaf(-1.5), "b2": leaf(0.25)}
    w1, b1, w2, b2 = leaves.values()

    def loss() -> Tensor:
        h = np.tanh(w1 * 2.0 + b1)
        y = w2 * h + b2
        return np.square(y - 1.0)

    return leaves, loss


def meeting() -> Example:
    """Paths that meet: b = a + a and c = b + b, with a = 3. Four paths lead from c to a, and each brings 1."""
    a = leaf(3.0)

    def loss() -> Tensor:
        b = a + a
        return b + b

    return {"a": a}, loss


def mlp() -> Example:
    """A small perceptron, 2-3-2 with relu, on four points: the same steps, with matrices instead of numbers."""
    model = nn.MLP([2, 3, 2], rng=np.random.default_rng(3))
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype="float32")
    labels = np.array([0, 1, 1, 0])
    return model, lambda: minigrad.cross_entropy(model(x), labels)


EXAMPLES = {"neurons": neurons, "meeting": meeting, "mlp": mlp}


class Story:
    """A graph in words, from the plain data that its page is made of."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.nodes = data["trace"]["nodes"]
        self.edges = data["trace"]["edges"]
        self.steps = data["steps"]
        ops = [node["id"] for node in self.nodes if node["kind"] == "op"]
        self.names = {i: f"v{k}" for k, i in enumerate(ops, 1)}

    def name(self, i: int) -> str:
        node = self.nodes[i]
        return self.names.get(i) or node["name"] or f"{node['kind']} {tuple(node['shapes'][0])}"

    def given(self, i: int) -> dict[str, int]:
        """argument of an op -> where it came from"""
        return {edge["argument"]: edge["source"] for edge in self.edges if edge["target"] == i}

    def forward(self) -> list[str]:
        """Per op its name, what it was given, its value, and its formula."""
        rows = []
        for i, name in self.names.items():
            node = self.nodes[i]
            call = f"{name} = {node['op']}({', '.join(map(self.name, self.given(i).values()))})"
            formula = textwrap.shorten(
                node["formula"].partition(", with")[0], 48, placeholder=" ..."
            )
            rows.append((call, equals(node["value"]), formula))
        wide, wider = (max(len(row[k]) for row in rows) for k in (0, 1))
        return [f"  {call:{wide}}   {value:{wider}}   {formula}" for call, value, formula in rows]

    def backward(self) -> list[str]:
        """Per op the gradient that it has, and what it hands on to each of its arguments."""
        lines = []
        arrived: dict[int, list[dict[str, Any]]] = {}
        for step in self.steps:
            i = step["node"]
            if i in self.names:
                whole = equals(arrived[i][-1]["sum_after"])
                lines.append(
                    f"  {self.names[i]} {self.nodes[i]['op']} has its whole g {whole}, and hands on"
                )
            else:
                lines.append(f"  the loss begins with g {equals(step['edges'][0]['contribution'])}")
            for sent in step["edges"]:
                edge = self.edges[sent["edge"]]
                arrived.setdefault(edge["source"], []).append(sent)
                if i in self.names:
                    lines.append(f"      {self.handed(edge, arrived[edge['source']])}")
        return lines

    def handed(self, edge: dict[str, Any], terms: list[dict[str, Any]]) -> str:
        """One contribution: where it goes, the rule that made it with its numbers, and what is there now."""
        to, argument = self.name(edge["source"]), edge["argument"]
        rule = self.nodes[edge["target"]]["rules"][argument]
        text = f"to {to}: " if to == argument else f"to {to} (its {argument}): "
        text += f"{rule} " if len(rule) <= LONGEST_RULE else "a gradient "
        text += equals(terms[-1]["contribution"]) + self.where(rule, edge["target"])
        if len(terms) > 1:
            text += f"; paths meet, and the sum is now {numbers(terms[-1]['sum_after'])}"
        return text

    def where(self, rule: str, i: int) -> str:
        """The single numbers that the names in a rule stand for."""
        values = {a: self.nodes[source]["value"] for a, source in self.given(i).items()}
        values["y"] = self.nodes[i]["value"]
        known = {a: v for a, v in values.items() if v["size"] == 1 and re.search(rf"\b{a}\b", rule)}
        told = [f"{a} = {numbers(v)}" for a, v in known.items()]
        return f", with {' and '.join(told)}" if told else ""


def numbers(statistics: dict[str, Any]) -> str:
    """The numbers of a small tensor, the norm of a larger one."""
    if statistics["size"] > MOST:
        return f"norm {statistics['norm']:.4g}"
    values = [f"{v:.4g}" for v in np.ravel(statistics["values"])]
    return values[0] if statistics["size"] == 1 else f"[{', '.join(values)}]"


def equals(statistics: dict[str, Any]) -> str:
    return ("of " if statistics["size"] > MOST else "= ") + numbers(statistics)


def tell(example: Callable[[], Example], path: Path) -> None:
    """One example: forwards, backwards, its leaves' .grad with a proof, and its page."""
    leaves, compute = example()
    with minigrad.record():
        loss = compute()
    story = Story(data_of(loss, leaves))
    print(f"\n== {inspect.getdoc(example)}\n\nForwards:")
    print("\n".join(story.forward()))
    print("Backwards:")
    print("\n".join(story.backward()))
    page = picture.page(loss, path, leaves)
    named = list(leaves.items() if isinstance(leaves, dict) else leaves.named_parameters())
    why = minigrad.explain(named[0][1], loss)
    loss.backward()
    print("What arrived is .grad:")
    for name, parameter in named:
        told = equals(statistics_of(parameter.grad.numpy()))
        print(f"  {name}.grad {told}{proof(parameter, compute)}")
    print(f"And minigrad.explain({named[0][0]}, loss) says:")
    print(textwrap.fill(why.sentences[-1], 100, initial_indent="  ", subsequent_indent="  "))
    print(f"wrote {page}: open it in a browser and press Play")


def proof(parameter: Tensor, compute: Callable[[], Tensor]) -> str:
    """What the loss does when a scalar leaf is nudged: the slope that .grad says."""
    if parameter.ndim:
        return ""
    value, losses = parameter.item(), []
    for nudged in (value + NUDGE, value - NUDGE):
        parameter.assign(nudged)
        losses.append(compute().item())
    parameter.assign(value)
    slope = (losses[0] - losses[1]) / (2 * NUDGE)
    return f"   (nudged by {NUDGE:g}, the loss changes {slope:.4g} times as much)"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--example", choices=EXAMPLES, help="only this one; default: all")
    parser.add_argument(
        "--out", type=folder, default="out", help="folder of the pages; default: %(default)s"
    )
    arguments = parser.parse_args()
    print(__doc__.split("\n\n")[2])
    for name in [arguments.example] if arguments.example else EXAMPLES:
        tell(EXAMPLES[name], arguments.out / f"backprop_{name}.html")


if __name__ == "__main__":
    run(main)
