"""Graphs that repeat: loops, equal blocks, one in the other; and some in which nothing does."""

import numpy as np
from graphs import recorded

import minigrad as mg
import nn
from minigrad import Tensor


def leaf(*shape):
    return Tensor(np.ones(shape), requires_grad=True)


class Cell(nn.Module):
    """An LSTM written by hand, of two layers that are called in every step."""

    def __init__(self):
        self.ih, self.hh = nn.Linear(4, 32), nn.Linear(8, 32)

    def over(self, length):
        return self(np.ones((3, length, 4), np.float32))

    def forward(self, x):
        h = c = Tensor(np.zeros((3, 8), np.float32))
        for t in range(x.shape[1]):
            z = self.ih(x[:, t]) + self.hh(h)
            i, f, g, o = (z[:, k : k + 8] for k in range(0, 32, 8))
            c = mg.sigmoid(f) * c + mg.sigmoid(i) * mg.tanh(g)
            h = mg.sigmoid(o) * mg.tanh(c)
        return h.sum()


class Block(nn.Module):
    """A residual block around a loop with weights of its own."""

    def __init__(self, inner=1):
        self.first, self.second, self.inner = nn.Linear(3, 3), nn.Linear(3, 3), inner

    def forward(self, h):
        inside = self.first(h)
        for _ in range(self.inner):
            inside = mg.tanh(inside * 0.5) + mg.sin(inside)
        return h + self.second(inside)


def _cell(is_recorded):
    model = Cell()
    return (recorded(lambda: model.over(6)) if is_recorded else model.over(6)), model


def _blocks(inner):
    model = nn.Sequential(*[Block(inner) for _ in range(5)])
    return recorded(lambda: model(np.ones((2, 3), np.float32)).sum()), model


def _shared(_=None):
    model, h = Block(), Tensor(np.ones((2, 3), np.float32))

    def run():
        y = h
        for _ in range(7):
            y = model(y)
        return y.sum()

    return recorded(run), model


def _chain(_=None):
    h = leaf(3)
    for _ in range(30):
        h = mg.tanh(h)
    return h.sum(), None


def _beside(_=None):
    return mg.concatenate([mg.tanh(mg.exp(leaf(2))) for _ in range(20)]).sum(), None


def _there_and_back(_=None):
    """Two loops of the same op, one after the other, with data for each step."""
    cell = nn.GRUCell(2, 3)
    rows = np.ones((12, 2, 2), np.float32)

    def run():
        h = k = Tensor(np.zeros((2, 3), np.float32))
        for row in rows:
            h = cell(row, h)
        for row in rows[::-1]:
            k = cell(row, k)
        return (h * k).sum()

    return recorded(run), cell


def _weights_of_some(_=None):
    """A loop in which some steps have a weight of their own, and the others share one."""
    h, weights, shared = leaf(3), [leaf(3) for _ in range(9)], leaf(3)
    for n, own in enumerate(weights):
        h = mg.tanh(h * (shared if n % 3 == 2 else own)) + mg.sin(h)
    return h.sum(), {"shared": shared} | {
        f"w{n}": own for n, own in enumerate(weights) if n % 3 != 2
    }


def _modules_with_weights(_=None):
    """A module that is called in each step with another weight."""

    class Gate(nn.Module):
        def forward(self, h, w):
            return mg.tanh(h * w) + mg.sin(h)

    gate, weights, h0 = Gate(), {f"w{n}": leaf(3) for n in range(8)}, leaf(3)

    def run():
        h = h0
        for w in weights.values():
            h = gate(h, w)
        return h.sum()

    return recorded(run), weights | {"h": h0}


LOOPS = {
    "recorded cell": lambda: _cell(True),
    "cell": lambda: _cell(False),
    "blocks": lambda: _blocks(1),
    "loops in blocks": lambda: _blocks(8),
    "a shared block": _shared,
    "a chain of one op": _chain,
    "branches side by side": _beside,
    "there and back": _there_and_back,
    "weights of some steps": _weights_of_some,
    "a module with a weight for each step": _modules_with_weights,
}


def unlike(length):
    """Losses of graphs in which nothing repeats: one of near links, one of far ones."""
    for reach in (4, 100):
        rng = np.random.default_rng(0)
        pool = [leaf(3) for _ in range(4)]
        for _ in range(length):
            other = pool[-rng.integers(1, min(len(pool), reach))]
            pool.append(mg.add(pool[-1], other) if rng.random() < 0.5 else mg.tanh(pool[-1]))
        yield pool[-1].sum()
