"""Cases of minigrad.ops.recurrent: every argument given or left out, both directions, and all outputs."""

import minigrad as mg

from .calls import Call, anywhere

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None

GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def of_bounded_states(rng, shape):
    """Numbers with which relu's states stay bounded over thousands of steps, too."""
    return rng.uniform(-0.4, 0.4, shape)


def all_in_one(outputs, ravel, concatenate):
    return concatenate([ravel(y) for y in outputs])


def of(
    name,
    *x,
    hidden=2,
    biases=(True, True),
    states=True,
    batch_first=False,
    reverse=False,
    **options,
):
    """A call with x of a shape, and what it is given beside it; its outputs one after another."""
    rows, batch = GATES[name] * hidden, x[:1] if batch_first else x[1:-1]
    count = 1 + (name == "lstm")
    shapes = [
        x,
        (rows, x[-1]),
        (rows, hidden),
        *[(rows,)] * sum(biases),
        *[(*batch, hidden)] * (count * states),
    ]

    def arguments(given):
        x, w_ih, w_hh, *more = given
        b_ih, b_hh = (more.pop(0) if is_given else None for is_given in biases)
        return x, w_ih, w_hh, b_ih, b_hh, *(more if states else [None] * count)

    def call(*given):
        outputs = getattr(mg, name)(
            *arguments(given), batch_first=batch_first, reverse=reverse, **options
        )
        return all_in_one(outputs, mg.ravel, mg.concatenate)

    def theirs(*given):
        x, w_ih, w_hh, b_ih, b_hh, *first = arguments(given)
        time = int(batch_first and x.ndim == 3)
        if not states:
            first = [torch.zeros(*batch, hidden, dtype=x.dtype)] * count
        some = torch.zeros(rows, dtype=x.dtype)
        weights = [w_ih, w_hh, some if b_ih is None else b_ih, some if b_hh is None else b_hh]
        x = torch.flip(x, [time]) if reverse else x
        batched = x if x.ndim == 3 else x[:, None]
        hx = [s.reshape(1, -1, hidden) for s in first]
        f = getattr(
            torch._VF, "rnn_" + options.get("nonlinearity", "tanh") if name == "rnn" else name
        )
        y, *last = f(
            batched, hx if name == "lstm" else hx[0], weights, True, 1, 0.0, True, False, bool(time)
        )
        y = y if x.ndim == 3 else y[:, 0]
        y = torch.flip(y, [time]) if reverse else y
        return all_in_one([y, *last], torch.ravel, torch.cat)

    draw = of_bounded_states if options.get("nonlinearity") == "relu" else anywhere
    return Call(call, tuple(shapes), draw, torch=theirs)


def every(name, **options):
    return [
        of(name, 3, 2, 2, **options),
        of(name, 2, 3, 1, batch_first=True, reverse=True, **options),
        of(name, 3, 2, biases=(True, False), **options),
        of(name, 2, 1, 2, biases=(False, True), states=False, reverse=True, **options),
        of(name, 1, 2, 3, hidden=1, biases=(False, False), **options),
    ]


CASES = {
    "lstm": every("lstm"),
    "gru": every("gru"),
    "rnn": [*every("rnn"), *every("rnn", nonlinearity="relu")],
}  # fmt: skip
