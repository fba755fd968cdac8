"""explain(x, loss): every answer it can give, with its reason, its numbers and the user's line."""

import re
from typing import get_args

import numpy as np
import pytest
from answers import sentences_of

import minigrad as mg
import nn
from minigrad import Tensor
from minigrad.sight import causes
from minigrad.sight import explain as explanations

HEARD: list[explanations.Explanation] = []


def explain(x, loss):
    HEARD.append(mg.explain(x, loss))
    return HEARD[-1]


def leaf(*values):
    return Tensor(np.array(values, np.float64), requires_grad=True)


def recorded(f, *xs):
    with mg.record(), np.errstate(all="ignore"):
        return f(*xs)


def steps(h, count, factor):
    for _ in range(count):
        h = h * factor
    return h


# No gradient at all --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "remedy"),
    [(Tensor([1.0]), r"requires_grad_\(\)"), (Tensor([1]), "int64: only floats can")],
)
def test_a_tensor_that_requires_no_grad(x, remedy):
    answer = explain(x, (leaf(1) * 2).sum())
    assert answer.kind == "needs no gradient"
    assert re.search(f"does not require grad, so it gets None.*\n.*{remedy}", str(answer))


def test_a_tensor_that_lost_its_history_names_what_made_it_and_what_cut_it():
    x = leaf(1, 2)

    def forward():
        with mg.no_grad():
            h = x * 2
        return h + 1, x.sum()

    h, loss = recorded(forward)
    answer = explain(h, loss)
    assert answer.kind == "needs no gradient"
    assert re.search(r"add at .*test_explain.py:\d+, of what needs no gradient", str(answer))
    assert re.search(r"cut by multiply at .*test_explain.py:\d+.*under no_grad\(\)", str(answer))


@pytest.mark.parametrize(
    ("f", "why"),
    [
        (lambda x: x.detach(), "detach at .*, which drops the history"),
        (np.rint, "rint at .*, which has no derivative, or gives integers"),
    ],
)
def test_a_tensor_without_gradient_names_what_made_it(f, why):
    x = leaf(1, 2)
    h, loss = recorded(lambda: (f(x), x.sum()))
    assert re.search(f"It was made by {why}", str(explain(h, loss)))


def test_a_loss_without_history():
    with mg.no_grad():
        answer = explain(leaf(1), leaf(1) * 2)
    assert answer.kind == "no history"
    assert "minigrad.record()" in str(answer)


def test_a_recorded_loss_without_history_names_the_cut():
    x = leaf(1, 2)
    answer = explain(x, recorded(lambda: (x.detach() * 3).sum()))
    assert answer.kind == "no history"
    assert re.search(r"the graph was cut.\n.* detach at .*test_explain.py:\d+", str(answer))
    ((why, op, _),) = answer.numbers["cuts"]
    assert (why, op) == ("detach", "detach")


def test_a_recorded_loss_of_data_alone():
    answer = explain(leaf(1), recorded(lambda: Tensor([1.0, 2.0]).sum()))
    assert str(answer) == "The loss has no history: nothing it was made from requires grad."


def under_no_grad(x):
    with mg.no_grad():
        return x * 2


CUTS = {
    "the block": ("no_grad", "multiply", r"under no_grad\(\)", under_no_grad),
    "detach": ("detach", "detach", "drops the history", lambda x: x.detach()),
    "an index": ("not differentiable", "argmax", "no derivative", lambda x: x.argmax()),
    "rounding": ("not differentiable", "rint", "no derivative", lambda x: np.rint(x)),
    "an integer": ("not differentiable", "astype", "gives integers", lambda x: x.astype(np.int64)),
    "a leaf made of it": ("detach", "detach", "history", lambda x: x.detach().requires_grad_()),
}


@pytest.mark.parametrize("case", CUTS)
@pytest.mark.parametrize("between", [lambda h: h, lambda h: h + 1, lambda h: np.exp(h) * 2])
def test_what_cut_the_graph_between_is_named_with_its_line(case, between):
    why, op, words, f = CUTS[case]
    x, w = leaf(1, 2), leaf(3, 4)
    loss = recorded(lambda: (between(f(x * 2)) * w).sum())
    answer = explain(x, loss)
    assert answer.kind == "cut"
    assert re.search(rf"It is cut by {op} at .*test_explain.py:\d+.*{words}", str(answer))
    assert [cut[:2] for cut in answer.numbers["cuts"]] == [(why, op)]


def test_the_output_of_a_recorded_op_that_is_no_float_cuts():
    row = mg.primitive(lambda x: (x * 1, np.array([3])), ("x",), x=lambda g: g[0])
    x, w = leaf(1), leaf(1)
    answer = explain(x, recorded(lambda: (w * row(x)[1]).sum()))
    assert answer.kind == "cut"
    assert re.search(r"cut by output 1 of \S*lambda\S* at .*no derivative", str(answer))


def test_a_tensor_that_was_frozen_when_it_was_used():
    x, w = Tensor([1.0]), leaf(2)
    loss = recorded(lambda: (x * w).sum())
    x.requires_grad_()
    answer = explain(x, loss)
    assert answer.kind == "cut"
    assert "did not require grad at that time" in str(answer)


def test_the_cut_nearest_to_the_loss_is_told_first():
    x, w = leaf(1, 2), leaf(3, 4)
    answer = explain(x, recorded(lambda: (np.floor(x) * w + x.detach()).sum()))
    assert [cut[1] for cut in answer.numbers["cuts"]] == ["detach", "floor"]


def test_many_cuts_are_counted():
    x, w = leaf(1), leaf(1)

    def forward():
        h = w
        for _ in range(5):
            h = h + x.detach()
        return h

    answer = explain(x, recorded(forward))
    assert len(answer.numbers["cuts"]) == 5
    assert str(answer).endswith("And 2 more cuts before.")


def test_a_tensor_that_was_not_used():
    x, w = leaf(1), leaf(1)
    for answer, words in (
        (explain(x, recorded(lambda: w * 2)), "It was not used"),
        (explain(x, w * 2), r"may have cut the graph; .*minigrad.record"),
    ):
        assert answer.kind == "not an ancestor"
        assert re.search(words, str(answer))


def test_an_interior_tensor_beside_the_loss_names_what_both_were_made_from():
    w = leaf(1)
    h = recorded(lambda: np.exp(w))
    x, loss = recorded(lambda: (h * 2, h * 3))
    answer = explain(x, loss)
    assert answer.kind == "not an ancestor"
    assert re.search(r"Both were made from exp at .*test_explain.py:\d+", str(answer))
    assert len(answer.numbers["shared"]) == 2  # and the leaf


def test_the_loss_as_an_ancestor():
    loss = leaf(1) * 2
    answer = explain(loss * 3, loss)
    assert answer.kind == "not an ancestor"
    assert "the other way round" in str(answer)


def test_a_freed_graph():
    x = leaf(1, 2)
    loss = np.exp(x).sum()
    loss.backward()
    answer = explain(x, loss)
    assert answer.kind == "freed"
    assert "retain_graph=True" in str(answer)


# Zero ----------------------------------------------------------------------------------------------------


def test_a_closed_relu_is_told_with_the_share_of_each_that_is_open():
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU())
    first, _, second, _ = (module for _, module in net.children())
    first.bias.assign(np.array([100, 100, 100, -100]))
    second.bias.assign(np.full(4, -1000))
    loss = recorded(lambda: net(Tensor(np.ones((3, 2), np.float32))).sum())
    answer = explain(first.weight, loss)
    assert answer.kind == "closed"
    assert re.search(
        r"relu at .*test_explain.py:\d+ in 3 \(ReLU\) is closed: none of its 12 elements",
        str(answer),
    )
    assert [share for _, share in answer.numbers["relus"]] == [0, 0.75]
    assert re.search("share .* open: .* 0%, .* 75%", str(answer))


def test_a_relu_that_is_open_only_where_no_gradient_comes():
    x = leaf(-1, 1)
    answer = explain(x, (mg.relu(x) * np.array([1.0, 0.0])).sum())
    assert answer.kind == "closed"
    assert "1 of 2 elements are open, and those get 0" in str(answer)


def flat_sine(x):
    """sin of x, with a rule that gives zeros without naming any."""
    return mg.primitive(lambda x: np.sin(x), ("x",), doc="sin", x=lambda g: g * 0)(x)


ZEROS = {
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


@pytest.mark.parametrize("case", ZEROS)
def test_what_made_the_gradient_zero_is_named(case):
    kind, words, f = ZEROS[case]
    x = leaf(1, 2)
    answer = explain(x, f(x).sum())
    assert answer.kind == kind
    assert re.search(f"is zero.\n.*{words}", str(answer))
    assert answer.numbers["norm"] == 0


@pytest.mark.parametrize(
    ("hooked", "words"), [(True, "A hook on the output of multiply"), (False, "a hook on it")]
)
def test_a_hook_that_made_it_zero(hooked, words):
    x = leaf(1, 2)
    h = x * 3
    (h if hooked else x).register_hook(lambda g: g * 0)
    answer = explain(x, h.sum())
    assert answer.kind == "hook"
    assert words in str(answer)


def test_two_contributions_that_cancel_are_both_told():
    x = leaf(2)
    answer = explain(x, recorded(lambda: (x * 3.5 - x * 3.5).sum()))
    assert answer.kind == "cancelled"
    assert re.search(
        r"cancel: -?3.5 by multiply at .* and -?3.5 by multiply at .* leave 0", str(answer)
    )
    assert sorted(answer.numbers["contributions"]) == [-3.5, 3.5]


def test_contributions_that_cancel_on_the_way_name_the_place():
    x = leaf(2, 3)
    h = np.sin(x)
    answer = explain(x, (h - h).sum())
    assert answer.kind == "cancelled"
    assert "cancel at the output of sin: norm 1.41421" in str(answer)


def test_contributions_that_nearly_cancel():
    x = leaf(1)
    answer = explain(x, (x * 3 - x * 2.999999).sum())
    assert answer.kind == "cancelled"
    assert answer.numbers["rest"] == pytest.approx(1e-6)


# Nan and inf ---------------------------------------------------------------------------------------------


BAD = {
    "backward": ("inf", "backward pass: the gradient of sqrt .* made that", np.sqrt, (0, 1)),
    "the branch not taken": (
        "nan", "backward pass: the gradient of sqrt .*where_safe",
        lambda x: mg.where([False, True], np.sqrt(x), 1.0), (0, 1),
    ),
    "forward": ("nan", "forward pass: log at .* made that", lambda x: np.sqrt(np.log(x)), (-1, 2)),
    "from outside": ("nan", "forward pass: multiply .* passed on the nan of", lambda x: x * x, (np.nan, 1)),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_the_first_op_that_made_a_bad_value_is_named_with_its_line(case):
    kind, words, f, values = BAD[case]
    x = leaf(*values)
    answer = explain(x, recorded(lambda: f(x).sum()))
    assert answer.kind == kind
    assert re.search(words, str(answer))
    assert "test_explain.py" in answer.numbers["line"]


def test_in_debug_the_check_that_stops_the_pass_gives_the_answer():
    x = leaf(0, 1)
    with mg.debug():
        loss = (np.sqrt(x) * 2).sum()
    answer = explain(x, loss)
    assert answer.kind == "inf"
    assert (answer.numbers["op"], answer.numbers["argument"]) == ("sqrt", "x")


def test_a_bad_loss_that_was_not_recorded_asks_for_a_record():
    x = leaf(-1)
    with np.errstate(all="ignore"):
        loss = np.log(x).sum() * x.sum()
    answer = explain(x, loss)
    assert answer.kind == "nan"
    assert "The loss itself is nan; to find where, compute" in str(answer)


def test_a_hook_that_made_a_nan():
    x = leaf(1)
    x.register_hook(lambda g: g * np.nan)
    answer = explain(x, x * 2)
    assert answer.kind == "nan"
    assert "a hook did" in str(answer)


# What it is ----------------------------------------------------------------------------------------------


def test_a_vanishing_gradient_names_the_steps_that_shrink_it_most():
    x = leaf(1, 2)
    answer = explain(x, recorded(lambda: steps(steps(x, 30, 0.5), 1, 0.01).sum()))
    assert answer.kind == "vanishing"
    assert re.search(r"31 of 32 steps shrink it.* by 0.01, multiply .* by 0.5\.", str(answer))
    assert answer.numbers["norm"] == pytest.approx(2**0.5 * 0.01 * 0.5**30)


def test_a_saturated_op_is_named_where_it_is_what_makes_the_gradient_tiny():
    x = leaf(1, 2)
    answer = explain(x, mg.sigmoid(x + 20).sum())
    assert answer.kind == "saturated"
    assert "sigmoid is saturated: its slope is next to 0" in str(answer)


def test_an_exploding_gradient_names_the_steps_that_grow_it_most():
    x = leaf(1, 2)
    answer = explain(x, steps(steps(x, 10, 5.0), 1, 70.0).mean())
    assert answer.kind == "exploding"
    assert re.search(r"12 of 13 steps grow it.*: multiply \(a\) by 70", str(answer))


def test_an_ordinary_gradient_is_told_by_its_path_with_a_norm_for_each_edge():
    x, w = leaf(3, 4), leaf(2, 2)
    answer = explain(x, (x * w).sum())
    assert answer.kind == "flows"
    assert "the only path, from the loss: sum (x) 1.41, multiply (a) 2.83." in str(answer)
    assert [step[:2] for step in answer.numbers["path"]] == [("sum", "x"), ("multiply", "a")]
    assert [step[3] for step in answer.numbers["path"]] == pytest.approx([2**0.5, 8**0.5])


def test_of_several_paths_the_strongest_is_told_and_all_are_counted():
    x = leaf(1)
    answer = explain(x, (steps(x, 1, 2.0) + steps(x, 2, 3.0)) * 1)
    assert answer.numbers["paths"] == 2
    assert [step[3] for step in answer.numbers["path"]] == [1, 1, 3, 9]
    doubled = x
    for _ in range(70):
        doubled = doubled * 0.5 + doubled * 0.5
    assert explain(x, doubled).numbers["paths"] == 2**70


def test_outputs_of_one_op_are_followed():
    x = leaf(1, 2, 3, 4)
    a, b = mg.split(x, 2)
    assert explain(x, (a * b).sum()).numbers["norm"] == pytest.approx(30**0.5)
    assert "output 1 of split" in str(explain(b, (a * b).sum()))


def test_the_loss_itself():
    loss = leaf(1) * 2
    assert "is the loss itself" in str(explain(loss, loss))


def test_a_long_path_is_shortened_in_words_but_not_in_numbers():
    x = leaf(1)
    answer = explain(x, steps(x, 2000, 1.0))
    assert "1988 more" in str(answer)
    assert len(answer.numbers["path"]) == 2000


# What it leaves alone ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [mg.record, mg.debug, mg.enable_grad])
def test_gradients_and_graph_stay_as_they_are(mode):
    x, net = Tensor(np.ones((2, 3), np.float32)), nn.MLP([3, 4, 1], rng=np.random.default_rng(0))
    with mode():
        loss = net(x).sum()
        for parameter in net.parameters():
            assert explain(parameter, loss).kind in ("flows", "zero", "closed")
            assert parameter.grad is None
    loss.backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_what_cannot_be_explained_raises():
    x = leaf(1, 2)
    with pytest.raises(TypeError, match="x is a ndarray"):
        explain(x.data, x.sum())
    with pytest.raises(TypeError, match="loss is a float"):
        explain(x, 1.0)
    with pytest.raises(ValueError, match="only a scalar"):
        explain(x, x * 2)
    loss = mg.square(x).sum()
    x.assign(np.zeros(2))
    with pytest.raises(RuntimeError, match="written after"):
        explain(x, loss)


def test_an_explanation_prints_its_words():
    x = leaf(1)
    answer = explain(x, x * 2)
    assert repr(answer) == str(answer) == "\n".join(answer.sentences)


# The answers themselves ----------------------------------------------------------------------------------


@pytest.fixture
def heard(request):
    """All answers of this file's tests, which have run before."""
    ran = {item.originalname for item in request.session.items if item.module is request.module}
    if ran != {name for name in vars(request.module) if name.startswith("test_")}:
        pytest.skip("only some of the tests were asked for")
    return HEARD


def test_every_kind_of_answer_has_been_given(heard):
    assert {answer.kind for answer in heard} == set(get_args(explanations.Kind))


def test_every_sentence_has_been_said(heard):
    said = "\n".join(map(str, heard))
    sentences = sentences_of(explanations, causes)
    assert len(sentences) > 40
    assert [text for text, pattern in sentences.items() if not pattern.search(said)] == []
