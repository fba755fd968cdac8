"""Every law of nn.optim that steps from `.grad` alone, with its options crossed, and names for pytest."""

from itertools import product

from nn.optim import SGD, Adadelta, Adagrad, Adam, AdamW, Lion, NAdam, RMSprop


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
    (AdamW, {"weight_decay": 0.3, "amsgrad": True, "betas": (0.5, 0.6)}),
    *crossed(RMSprop, centered=[False, True], momentum=[0, 0.9], weight_decay=[0, 0.1]),
    (RMSprop, {"alpha": 0.5, "eps": 1e-2}),
    *crossed(Adagrad, lr_decay=[0, 0.1], weight_decay=[0, 0.1], initial_accumulator_value=[0, 0.5]),
    (Adagrad, {"eps": 0.1}),
    *crossed(Adadelta, rho=[0.9, 0.5], eps=[1e-6, 1e-2], weight_decay=[0, 0.1]),
    *crossed(NAdam, weight_decay=[0, 0.1], decoupled_weight_decay=[False, True]),
    (NAdam, {"betas": (0.5, 0.6), "eps": 1e-3, "momentum_decay": 0.1}),
    *crossed(Lion, weight_decay=[0, 0.1], betas=[(0.9, 0.99), (0.5, 0.6)]),
]
IN_PYTORCH = [(law, options) for law, options in LAWS if law is not Lion]
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
]


def law_id(value):
    return value.__name__ if isinstance(value, type) else ",".join(f"{k}={value[k]}" for k in value)
