"""Graphs that `explain` has something to say about: each situation is a function that gives (x, loss).

`every` gives them all, so that a test can say that no answer and no sentence is missing.
"""

import numpy as np
from leaves import leaf64 as leaf

import minigrad as mg
import nn
from minigrad import Tensor


def recorded(f, *xs):
    with mg.record(), np.errstate(all="ignore"):
        return f(*xs)


def steps(h, count, factor):
    for _ in range(count):
        h = h * factor
    return h


# No gradient at all --------------------------------------------------------------------------------------


def of_what_needs_none(x):
    return x, (leaf(1) * 2).sum()


def after_its_history_was_lost():
    x = leaf(1, 2)

    def forward():
        with mg.no_grad():
            h = x * 2
        return h + 1, x.sum()

    return recorded(forward)


def of_what_an_op_without_gradient_made(f):
    x = leaf(1, 2)
    return recorded(lambda: (f(x), x.sum()))


def without_history():
    with mg.no_grad():
        return leaf(1), leaf(1) * 2


def recorded_without_history():
    x = leaf(1, 2)
    return x, recorded(lambda: (x.detach() * 3).sum())


def recorded_from_data_alone():
    return leaf(1), recorded(lambda: Tensor([1.0, 2.0]).sum())


def under_no_grad(x):
    with mg.no_grad():
        return x * 2


CUTS = {  # why, the op, words, what cuts
    "the block": ("no_grad", "multiply", r"under no_grad\(\)", under_no_grad),
    "detach": ("detach", "detach", "drops the history", lambda x: x.detach()),
    "an index": ("not differentiable", "argmax", "no derivative", lambda x: x.argmax()),
    "rounding": ("not differentiable", "rint", "no derivative", lambda x: np.rint(x)),
    "an integer": ("not differentiable", "astype", "gives integers", lambda x: x.astype(np.int64)),
    "a leaf made of it": ("detach", "detach", "history", lambda x: x.detach().requires_grad_()),
}


def cut(case, between):
    f = CUTS[case][-1]
    x, w = leaf(1, 2), leaf(3, 4)
    return x, recorded(lambda: (between(f(x * 2)) * w).sum())


def cut_by_an_output_of_integers():
    row = mg.primitive(lambda x: (x * 1, np.array([3])), ("x",), x=lambda g: g[0])
    x, w = leaf(1), leaf(1)
    return x, recorded(lambda: (w * row(x)[1]).sum())


def frozen_when_it_was_used():
    x, w = Tensor([1.0]), leaf(2)
    loss = recorded(lambda: (x * w).sum())
    x.requires_grad_()
    return x, loss


def cut_twice():
    x, w = leaf(1, 2), leaf(3, 4)
    return x, recorded(lambda: (np.floor(x) * w + x.detach()).sum())


def cut_five_times():
    x, w = leaf(1), leaf(1)

    def forward():
        h = w
        for _ in range(5):
            h = h + x.detach()
        return h

    return x, recorded(forward)


def not_used():
    w = leaf(1)
    return leaf(1), w * 2


def not_used_and_recorded():
    w = leaf(1)
    return leaf(1), recorded(lambda: w * 2)


def beside_the_loss():
    w = leaf(1)
    h = recorded(lambda: np.exp(w))
    return recorded(lambda: (h * 2, h * 3))


def after_the_loss():
    loss = leaf(1) * 2
    return loss * 3, loss


def freed():
    x = leaf(1, 2)
    loss = np.exp(x).sum()
    loss.backward()
    return x, loss


# Zero ----------------------------------------------------------------------------------------------------


def closed_net():
    """Relus of which the last is closed; the graph holds its modules weakly."""
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU())
    first, _, second, _ = net.children()
    first.bias.assign(np.array([100, 100, 100, -100]))
    second.bias.assign(np.full(4, -1000))
    return net


def behind_a_closed_relu(net):
    return net[0].weight, recorded(lambda: net(Tensor(np.ones((3, 2), np.float32))).sum())


def open_only_where_no_gradient_comes():
    x = leaf(-1, 1)
    return x, (mg.relu(x) * np.array([1.0, 0.0])).sum()


def flat_sine(x):
    """sin of x, with a rule that gives zeros without naming any."""
    return mg.primitive(lambda x: np.sin(x), ("x",), doc="sin", x=lambda g: g * 0)(x)


ZEROS = {  # the kind of the answer, words, what makes the gradient zero
    "clip": ("saturated", "clip is saturated", lambda x: mg.clip(x, 10, 20)),
    "tanh": ("saturated", "slope is 0 wherever a gradient comes", lambda x: mg.tanh(x * 1000)),
    "a factor": (
        "times zero",
        "multiply multiplies by `b`, which is 0 everywhere",
        lambda x: x * 0,
    ),
    "a weight": ("times zero", "matmul multiplies by `b`", lambda x: x @ np.zeros((2, 3))),
    "itself": ("zero", "square is 0 where `x` is 0", lambda x: mg.square(x - x.data)),
    "where": ("not chosen", "of its argument `a`", lambda x: mg.where([False, False], x, 1.0)),
    "maximum": ("not chosen", "maximum chose nothing", lambda x: mg.maximum(x, 9.0)),
    "a derivative": ("zero", "derivative of .* by `x` is 0", flat_sine),
}


def made_zero(case):
    x = leaf(1, 2)
    return x, ZEROS[case][-1](x).sum()


def made_zero_by_a_hook(of_the_product):
    x = leaf(1, 2)
    h = x * 3
    (h if of_the_product else x).register_hook(lambda g: g * 0)
    return x, h.sum()


def changed_by_a_hook(factor, is_loss):
    x = leaf(2)
    x.register_hook(lambda g: g * factor)
    return x, x if is_loss else (x * 3).sum()


def cancelled():
    x = leaf(2)
    return x, recorded(lambda: (x * 3.5 - x * 3.5).sum())


def cancelled_on_the_way():
    x = leaf(2, 3)
    h = np.sin(x)
    return x, (h - h).sum()


def nearly_cancelled():
    x = leaf(1)
    return x, (x * 3 - x * 2.999999).sum()


# Nan and inf ---------------------------------------------------------------------------------------------


BAD = {  # the kind of the answer, words, what makes it bad, and of what
    "backward": ("inf", "backward pass: the gradient of sqrt .* made that", np.sqrt, (0, 1)),
    "the branch not taken": (
        "nan", "backward pass: the gradient of sqrt .*where_safe",
        lambda x: mg.where([False, True], np.sqrt(x), 1.0), (0, 1),
    ),
    "forward": ("nan", "forward pass: log at .* made that", lambda x: np.sqrt(np.log(x)), (-1, 2)),
    "from outside": ("nan", "forward pass: multiply .* passed on the nan of", lambda x: x * x, (np.nan, 1)),
}  # fmt: skip


def bad(case):
    *_, f, values = BAD[case]
    x = leaf(*values)
    return x, recorded(lambda: f(x).sum())


def bad_in_debug():
    x = leaf(0, 1)
    with mg.debug():
        return x, (np.sqrt(x) * 2).sum()


def bad_and_not_recorded():
    x = leaf(-1)
    with np.errstate(all="ignore"):
        return x, np.log(x).sum() * x.sum()


def made_bad_by_a_hook():
    x = leaf(1)
    x.register_hook(lambda g: g * np.nan)
    return x, x * 2


# What it is ----------------------------------------------------------------------------------------------


def vanishing():
    x = leaf(1, 2)
    return x, recorded(lambda: steps(steps(x, 30, 0.5), 1, 0.01).sum())


def saturated():
    x = leaf(1, 2)
    return x, mg.sigmoid(x + 20).sum()


def exploding():
    x = leaf(1, 2)
    return x, steps(steps(x, 10, 5.0), 1, 70.0).mean()


def ordinary():
    x, w = leaf(3, 4), leaf(2, 2)
    return x, (x * w).sum()


def by_two_paths():
    x = leaf(1)
    return x, (steps(x, 1, 2.0) + steps(x, 2, 3.0)) * 1


def by_very_many_paths():
    x = leaf(1)
    doubled = x
    for _ in range(70):
        doubled = doubled * 0.5 + doubled * 0.5
    return x, doubled


def through_two_outputs():
    x = leaf(1, 2, 3, 4)
    a, b = mg.split(x, 2)
    return x, (a * b).sum()


def of_the_second_output():
    a, b = mg.split(leaf(1, 2, 3, 4), 2)
    return b, (a * b).sum()


def of_the_loss_itself():
    loss = leaf(1) * 2
    return loss, loss


def far_away():
    x = leaf(1)
    return x, steps(x, 2000, 1.0)


# All of them ---------------------------------------------------------------------------------------------


# Mistakes by the form of the graph -----------------------------------------------------------------------


def cut_by_numpy():
    x, w = leaf(1, 2), leaf(3, 4)
    return x, recorded(lambda: (w * (x * 2).numpy()).sum())


def recurrent_and_exploding():
    w = leaf(70.0)
    return w, recorded(lambda: (steps(Tensor([1.0]), 9, w)).sum())


def mean_of_all_pairs():
    x = leaf(1, 2, 3)
    return x, recorded(lambda: np.square((x * 2)[:, None] - np.ones(3)).mean())


def probabilities_as_logits():
    x = leaf(1, 2, 3)
    return x, recorded(lambda: mg.cross_entropy(mg.softmax(x), 1))


def probability_as_a_logit():
    x = leaf(1, 2, 3)
    loss = mg.binary_cross_entropy_with_logits
    return x, recorded(lambda: loss(mg.sigmoid(x), np.ones(3)))


def one_class():
    x = leaf(1, 2, 3)
    return x, recorded(lambda: mg.cross_entropy(x[:, None], [0, 0, 0]))


def bias_before_batch_norm():
    layer, x = nn.Linear(2, 3), np.random.default_rng(0).standard_normal((5, 2)).astype("f")
    return layer.bias, recorded(lambda: np.square(mg.batch_norm(layer(x), training=True)[0]).sum())


MISTAKES = {  # of mistakes.MistakeKind
    "column minus row": mean_of_all_pairs,
    "normalised twice": probabilities_as_logits,
    "one class": one_class,
    "bias before normalisation": bias_before_batch_norm,
}


def every():
    """(x, loss) of each situation."""
    for x in (Tensor([1.0]), Tensor([1])):
        yield of_what_needs_none(x)
    for f in (lambda x: x.detach(), np.rint):
        yield of_what_an_op_without_gradient_made(f)
    for case in CUTS:
        yield cut(case, lambda h: h + 1)
    for case in ZEROS:
        yield made_zero(case)
    for of_the_product in (True, False):
        yield made_zero_by_a_hook(of_the_product)
        yield changed_by_a_hook(1e-9, of_the_product)
    for case in BAD:
        yield bad(case)
    net = closed_net()
    yield behind_a_closed_relu(net)
    for situation in (
        after_its_history_was_lost, without_history, recorded_without_history, recorded_from_data_alone,
        cut_by_an_output_of_integers, frozen_when_it_was_used, cut_twice, cut_five_times, not_used,
        not_used_and_recorded, beside_the_loss, after_the_loss, freed,
        open_only_where_no_gradient_comes, cancelled, cancelled_on_the_way, nearly_cancelled,
        bad_in_debug, bad_and_not_recorded, made_bad_by_a_hook,
        vanishing, saturated, exploding, ordinary, by_two_paths, by_very_many_paths, through_two_outputs,
        of_the_second_output, of_the_loss_itself, far_away,
        cut_by_numpy, recurrent_and_exploding, probability_as_a_logit, *MISTAKES.values(),
    ):  # fmt: skip
        yield situation()
