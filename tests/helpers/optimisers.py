"""Every law of nn.optim that steps from `.grad` alone, with its options crossed, and names for pytest."""

import inspect
from itertools import product

from nn.optim import (
    ASGD,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
)


def crossed(law, **values):
    """(law, options) for every choice of one value for each option."""
    return [(law, dict(zip(values, choice, strict=True))) for choice in product(*values.values())]


LAWS = [
    *(
        (law, options)
        for law, options in crossed(
            SGD,
            momentum=[0, 0.9],
            dampening=[0, 0.3],
            nesterov=[False, True],
            weight_decay=[0, 0.1],
        )
        if not options["nesterov"] or (options["momentum"] and not options["dampening"])
    ),
    (Adam, {}),
    (Adam, {"weight_decay": 0.1}),
    (Adam, {"betas": (0.5, 0.9), "eps": 1e-3}),
    (Adam, {"betas": (0.0, 0.0), "weight_decay": 0.3}),
    (Adam, {"betas": (0.9, 0.0), "eps": 0.1}),
    (Adam, {"betas": (0.8, 0.7), "amsgrad": True}),
    (AdamW, {}),
    (AdamW, {"weight_decay": 0.0}),
    (AdamW, {"weight_decay": 0.3, "amsgrad": True, "betas": (0.5, 0.6), "eps": 1e-3}),
    *crossed(RMSprop, centered=[False, True], momentum=[0, 0.9], weight_decay=[0, 0.1]),
    (RMSprop, {"alpha": 0.5, "eps": 1e-2}),
    *crossed(Adagrad, lr_decay=[0, 0.1], weight_decay=[0, 0.1], initial_accumulator_value=[0, 0.5]),
    (Adagrad, {"eps": 0.1}),
    *crossed(Adadelta, rho=[0.9, 0.5], eps=[1e-6, 1e-2], weight_decay=[0, 0.1]),
    *crossed(NAdam, weight_decay=[0, 0.1], decoupled_weight_decay=[False, True]),
    (NAdam, {"betas": (0.5, 0.6), "eps": 1e-3, "momentum_decay": 0.1}),
    *crossed(Lion, weight_decay=[0, 0.1], betas=[(0.9, 0.99), (0.5, 0.6)]),
    *crossed(Adamax, weight_decay=[0, 0.1], betas=[(0.9, 0.999), (0.5, 0.6)], eps=[1e-8, 0.1]),
    *crossed(RAdam, weight_decay=[0, 0.1], decoupled_weight_decay=[False, True]),
    *crossed(RAdam, betas=[(0.9, 0.9), (0.5, 0.5)], eps=[1e-8, 0.1]),
    *crossed(Rprop, etas=[(0.5, 1.2), (0.1, 3.0)], step_sizes=[(1e-6, 50), (0.05, 0.2)]),
    *crossed(ASGD, weight_decay=[0, 0.1], t0=[1e6, 3], lambd=[1e-4, 0.1], alpha=[0.75, 0.0]),
]
"""With every option but `maximize`, which `MAXIMISED` crosses with them: a step uphill is one down with -g."""


def has_option(law, name):
    return name in inspect.signature(law).parameters


MAXIMISED = [
    (law, options | {"maximize": True}) for law, options in LAWS if has_option(law, "maximize")
]
IN_PYTORCH = [(law, options) for law, options in LAWS if law is not Lion] + MAXIMISED[::3]
EVERY = [
    (SGD, {}),
    (SGD, {"momentum": 0.9}),
    (SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (Adam, {"weight_decay": 0.1}),
    (AdamW, {"amsgrad": True}),
    (RMSprop, {"centered": True, "momentum": 0.9, "weight_decay": 0.1}),
    (Adagrad, {"weight_decay": 0.1}),
    (Adadelta, {"weight_decay": 0.1}),
    (NAdam, {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    (Lion, {"weight_decay": 0.1}),
    (Adamax, {"weight_decay": 0.1}),
    (RAdam, {"weight_decay": 0.1, "betas": (0.9, 0.9)}),
    (Rprop, {}),
    (ASGD, {"weight_decay": 0.1, "t0": 1}),
]


def law_id(value):
    return value.__name__ if isinstance(value, type) else ",".join(f"{k}={value[k]}" for k in value)
