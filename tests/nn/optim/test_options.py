"""An optimiser's options: each is declared once, and from that come the constructor, its checks and the attributes."""

import inspect

import pytest

import nn
from minigrad import Tensor
from nn.optim import SGD, Adam, AdamW, Optimizer
from nn.optim.checks import fraction, not_negative
from nn.optim.optimizer import Law
from nn.optim.options import option

LAWS = [law for law in map(vars(nn.optim).get, nn.optim.__all__) if isinstance(law, type)]


def weights():
    return [Tensor([1.0, 2.0], requires_grad=True)]


@pytest.mark.parametrize("law", [law for law in LAWS if law not in (Optimizer, nn.optim.Lion)])
def test_the_options_have_pytorchs_names_order_and_defaults(law):
    torch = pytest.importorskip("torch")
    theirs = inspect.signature(getattr(torch.optim, law.__name__)).parameters
    ours = inspect.signature(law).parameters
    shared = [name for name in theirs if name in ours]
    assert shared == list(ours)
    for name in list(ours)[1:]:
        assert ours[name].default == theirs[name].default, name


def test_the_signature_is_that_of_a_function_written_by_hand():
    assert str(inspect.signature(AdamW)) == (
        "(params: 'Params', lr: 'float' = 0.001, betas: 'tuple[float, float]' = (0.9, 0.999), eps: 'float' = 1e-08, "
        "weight_decay: 'float' = 0.01, amsgrad: 'bool' = False, *, maximize: 'bool' = False) -> 'None'"
    )
    assert list(inspect.signature(Adam.__init__).parameters)[:3] == ["self", "params", "lr"]


def test_options_are_given_by_place_or_by_name():
    (group,) = SGD(weights(), 0.1, 0.9, weight_decay=0.01).param_groups
    assert [group[name] for name in ("lr", "momentum", "weight_decay")] == [0.1, 0.9, 0.01]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, r"Adam.__init__\(\): missing a required argument: 'params'"),
        ((None,), {"rho": 1}, r"Adam.__init__\(\): got an unexpected keyword argument 'rho'"),
        ((None,) * 7, {}, r"Adam.__init__\(\): too many positional arguments"),
    ],
)
def test_a_call_that_does_not_fit_the_signature_is_refused(arguments, options, message):
    with pytest.raises(TypeError, match=message):
        Adam(*arguments, **options)


def test_every_option_is_an_attribute_of_the_optimizer_that_the_groups_hold():
    optimizer = AdamW([{"params": weights()}, {"params": weights()}])
    assert optimizer.weight_decay == 0.01
    optimizer.betas = [0.5, 0.6]
    assert [group["betas"] for group in optimizer.param_groups] == [(0.5, 0.6)] * 2
    with pytest.raises(ValueError, match=r"AdamW: betas\[1\] must be a number in \[0, 1\)"):
        optimizer.betas = (0.5, 1.0)
    optimizer.param_groups[0]["eps"] = 1e-3
    with pytest.raises(ValueError, match="AdamW: the groups have different eps"):
        _ = optimizer.eps


def test_a_class_below_a_law_changes_a_default_and_adds_options():
    class Slow(Adam):
        lr: float = option(not_negative, default=1e-5)
        share: float = option(fraction, default=0.5)

    assert list(inspect.signature(Slow).parameters)[-2:] == ["share", "maximize"]
    optimizer = Slow(weights())
    assert (optimizer.lr, optimizer.share, Adam(weights()).lr) == (1e-5, 0.5, 1e-3)
    with pytest.raises(ValueError, match="share must be a number in"):
        Slow(weights(), share=1)


def test_a_class_beside_a_law_has_its_constructor_called_too():
    class Counted(Optimizer):
        def __init__(self, params, lr, **options):
            super().__init__(params, lr, **options)
            self.count = len(self.params)

    class Both(SGD, Counted):
        pass

    optimizer = Both(weights(), 0.1, momentum=0.9)
    assert (optimizer.count, optimizer.momentum) == (len(optimizer.params), 0.9)


def test_an_option_that_is_set_before_there_are_groups_says_what_to_do():
    class Early(Adam):
        def __init__(self, params):
            self.eps = 1e-3
            super().__init__(params)

    with pytest.raises(AttributeError, match=r"eps is an option.*super\(\).__init__\(params, eps="):
        Early(weights())


def test_a_class_below_a_law_may_have_a_constructor_of_its_own():
    class Heavy(SGD):
        def __init__(self, params, lr):
            super().__init__(params, lr, momentum=0.9)

    assert list(inspect.signature(Heavy).parameters) == ["params", "lr"]
    assert Heavy(weights(), 0.1).momentum == 0.9

    class Heavier(Heavy):
        elementwise = False

    assert Heavier(weights(), 0.1).momentum == 0.9


def test_an_option_without_a_default_must_be_given():
    class Needy(Law):
        lr: float = option(not_negative)
        step_share: float = option(fraction)

    with pytest.raises(TypeError, match="missing a required argument: 'step_share'"):
        Needy(weights(), 0.1)
