"""Every schedule of nn.schedule that is a function of the step, and what their tests do with them."""

from itertools import product

import numpy as np

import nn
from nn.optim import SGD

STEPS = 25
SCHEDULES = [
    ("LambdaLR", {"lr_lambda": lambda t: 0.95**t}),
    ("LambdaLR", {"lr_lambda": [lambda t: 1 / (1 + t), lambda t: 1.5]}),
    ("MultiplicativeLR", {"lr_lambda": lambda t: 0.95}),
    ("MultiplicativeLR", {"lr_lambda": [lambda t: t / (1 + t), lambda t: 1.1]}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.2, "total_iters": 9}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 15, "power": 2.5}),
    ("SWALR", {"swa_lr": 0.05}),
    ("SWALR", {"swa_lr": [0.3, 0.0], "anneal_epochs": 13, "anneal_strategy": "linear"}),
    ("SWALR", {"swa_lr": 0.05, "anneal_epochs": 0}),
    ("StepLR", {"step_size": 3}),
    ("StepLR", {"step_size": 1, "gamma": 0.9}),
    ("MultiStepLR", {"milestones": [2, 5, 5, 9], "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("ExponentialLR", {"gamma": 1.1}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 12}),
    ("LinearLR", {"start_factor": 0.01, "total_iters": 1}),
    ("CosineAnnealingLR", {"T_max": 7}),
    ("CosineAnnealingLR", {"T_max": 10, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 2, "eta_min": 0.001}),
    ("CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 3}),
    *(
        (
            "OneCycleLR",
            {
                "max_lr": [0.5, 1.0],
                "total_steps": STEPS + 1,
                "pct_start": pct,
                "anneal_strategy": how,
                "three_phase": three,
            },
        )
        for pct, how, three in product([0.3, 0.45], ["cos", "linear"], [False, True])
    ),
    ("OneCycleLR", {"max_lr": 0.5, "epochs": 4, "steps_per_epoch": 10, "base_momentum": 0.5}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 26, "max_momentum": 0.99}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 26, "div_factor": 10, "final_div_factor": 5}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 26, "cycle_momentum": False}),
]


def name_of(value):
    if isinstance(value, dict):
        return ",".join(f"{k}={v}" for k, v in value.items() if k != "lr_lambda")
    return value


def optimizer(law=SGD, lr=0.1, **options):
    first, second = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(3))
    return law([{"params": [first]}, {"params": [second], "lr": 2 * lr}], lr=lr, **options)


def rates(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


def path(made, steps=STEPS):
    """The rates of every group from the first step on."""
    found = [made.get_last_lr()]
    for _ in range(steps):
        made.optimizer.step()
        made.step()
        found.append(made.get_last_lr())
        assert found[-1] == rates(made.optimizer)
    return np.array(found)
