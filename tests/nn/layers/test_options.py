"""The options of losses and activations: what is wrong with one is said when it is set, mostly in the constructor."""

import inspect
import math

import numpy as np
import pytest
from cases.losses import LOSSES

import minigrad
import nn

ARRAYS = {"weight", "pos_weight"}  # their shapes are checked beside the scores'
OPTIONS = [
    (name, option)
    for name in LOSSES
    for option in inspect.signature(getattr(nn, name)).parameters
    if option not in ARRAYS
]


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_a_bad_option_is_named_when_a_loss_is_made(name, option):
    default = inspect.signature(getattr(nn, name)).parameters[option].default
    odd = () if isinstance(default, bool) else (True, np.True_)
    values = ("average", None, [1.0], math.nan, np.ones(2), minigrad.Tensor(0.5), *odd)
    for value in (value for value in values if value is not default):
        with pytest.raises(ValueError, match=rf"^{name}: {option} must be .*, not "):
            getattr(nn, name)(**{option: value})


@pytest.mark.parametrize(
    ("name", "option", "value", "needed"),
    [
        ("MSELoss", "reduction", "batchmean", "'mean' or 'sum' or 'none'"),
        ("CrossEntropyLoss", "label_smoothing", 1.5, r"a number in \[0, 1\]"),
        ("CrossEntropyLoss", "ignore_index", 0.5, "an integer"),
        ("SmoothL1Loss", "beta", -1.0, "a number >= 0"),
        ("HuberLoss", "delta", 0.0, "a number > 0"),
        ("GaussianNLLLoss", "eps", 0, "a number > 0"),
        ("TripletMarginLoss", "margin", 0.0, "a number > 0"),
        ("TripletMarginLoss", "p", -2, "a number >= 0"),
        ("MultiMarginLoss", "p", 3, "1 or 2"),
        ("CTCLoss", "blank", -1, "an integer >= 0"),
        ("PairwiseDistance", "p", -1, "a number >= 0"),
    ],
)
def test_an_option_out_of_its_range_is_named_with_what_is_needed(name, option, value, needed):
    with pytest.raises(ValueError, match=rf"^{name}: {option} must be {needed}, not {value!r}"):
        getattr(nn, name)(**{option: value})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.GLU(None), "GLU: dim must be an integer, not None"),
        (lambda: nn.Softshrink(-1), "Softshrink: lambd must be a number >= 0, not -1"),
        (lambda: nn.Hardshrink("0.5"), "Hardshrink: lambd must be a number, not '0.5'"),
        (lambda: nn.Threshold(None, 1), "Threshold: threshold must be a number, not None"),
        (lambda: nn.Threshold(0, math.nan), "Threshold: value must be a number, not nan"),
        (lambda: nn.PReLU(init="0.25"), "PReLU: init must be a number, not '0.25'"),
        (
            lambda: nn.CosineSimilarity(dim=0.5),
            r"CosineSimilarity: dim must be an integer, not 0\.5",
        ),
    ],
)
def test_a_layer_names_the_option_it_cannot_take(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_an_option_that_is_set_later_is_checked_too():
    loss = nn.HingeLoss()
    with pytest.raises(ValueError, match="HingeLoss: margin must be a number, not nan"):
        loss.margin = math.nan
    assert loss.margin == 1.0
    loss.margin = 2
    assert loss.margin == 2.0


def test_what_the_ops_take_the_losses_take():
    for options in ({"reduction": "batchmean"}, {"log_target": True}):
        nn.KLDivLoss(**options)
    nn.MarginRankingLoss(-0.5)
    nn.SmoothL1Loss(beta=0)
    nn.MultiMarginLoss(p=2)
    nn.TripletMarginLoss(p=math.inf)
