"""Programs for several ranks, of what travels between them: arrays of every size, order and kind."""

from unittest.mock import patch

import numpy as np
from shares import FLOAT, assert_the_same_on_all, ranks

import nn
from nn.parallel import DataParallel, exchange


class Kinds(nn.Module):
    """Parameters of every kind of memory; of `torn` the order differs between the ranks."""

    def __init__(self):
        def ones(shape, dtype=FLOAT, order="C"):
            return nn.Parameter(np.ones(shape, dtype, order))

        self.rows, self.columns = ones((4, 3)), ones((4, 3), order="F")
        self.number, self.empty = ones(()), ones((0, 3))
        self.single, self.half = ones((5, 7), np.float32), ones((2, 3), np.float16)
        self.deep = ones((2, 3, 4), order="F")
        self.running = nn.Buffer(np.ones(3))


class Torn(Kinds):
    def __init__(self):
        super().__init__()
        self.torn = nn.Parameter(np.ones((3, 5), order="CF"[ranks.rank % 2]))


def drawn(model, rank):
    """The gradients, and the running value, of a rank, by name."""
    rng = np.random.default_rng(rank)
    state = model.state_dict().items()
    return {name: rng.standard_normal(a.shape).astype(a.dtype) for name, a in state}


def arrays_of_every_size_order_and_kind_become_their_means():
    """In one message and in many, where they lie and packed; of a rank without rows no nan is read."""
    for kind in (Kinds, Torn):
        for alone, message in ((exchange.ALONE, exchange.MESSAGE), (40, 24), (1000, 24)):
            for weights in (np.arange(1, ranks.size + 1), np.eye(ranks.size)[-1] * 3):
                model = kind()
                together = DataParallel(model, ranks)
                theirs = [drawn(model, rank) for rank in range(ranks.size)]
                shares = [*map(float, weights / weights.sum())]
                state = dict(model.named_parameters()) | dict(model.named_buffers())
                for name, value in state.items():
                    mine = np.asarray(theirs[ranks.rank][name])
                    mine = mine if shares[ranks.rank] else np.full_like(mine, np.nan)
                    if name == "running":
                        value.assign(mine)
                    else:
                        value.grad = mine
                state["rows"].grad.data.flags.writeable = False  # as a user's own may be
                with patch.multiple(exchange, ALONE=alone, MESSAGE=message):
                    together.average(float(weights[ranks.rank]))
                for name, value in state.items():
                    of = value if name == "running" else value.grad
                    wide = np.promote_types(of.dtype, np.float32).type
                    mean = sum(
                        np.multiply(t[name], s, dtype=wide)
                        for t, s in zip(theirs, shares, strict=True)
                        if s
                    )
                    assert of.dtype == value.dtype, name
                    near = {2: 1e-3, 4: 1e-6, 8: 1e-15}[of.dtype.itemsize]
                    np.testing.assert_allclose(of.data, mean, rtol=near, atol=near, err_msg=name)
                    if ranks.size <= 2:
                        assert of.data.tobytes() == np.asarray(mean, of.dtype).tobytes(), name
                assert_the_same_on_all(
                    [(n, p.grad.data.tobytes()) for n, p in model.named_parameters()]
                )


def a_gradient_keeps_the_order_of_memory_of_its_parameter():
    """So that an update walks along both: across, it takes ten times as long."""
    model = nn.MLP([6, 8, 3])
    together = DataParallel(model, ranks)
    model(np.ones((2, 6), np.float32)).sum().backward()
    together.average(2)
    for name, p in model.named_parameters():
        assert p.grad.data.strides == p.data.strides, name
