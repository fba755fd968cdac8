"""explain(x, loss): every answer it can give, with its reason, its numbers and the user's line."""

import re
from typing import get_args

import numpy as np
import pytest
import situations
from answers import sentences_of
from leaves import leaf64 as leaf
from situations import BAD, CUTS, ZEROS

import minigrad as mg
import nn
from minigrad import Tensor, explain
from minigrad.sight import causes, mistakes
from minigrad.sight import explain as explanations

HERE = r"situations.py:\d+"

# No gradient at all --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "remedy"),
    [(Tensor([1.0]), r"requires_grad_\(\)"), (Tensor([1]), "int64: only floats can")],
)
def test_a_tensor_that_requires_no_grad(x, remedy):
    answer = explain(*situations.of_what_needs_none(x))
    assert answer.kind == "needs no gradient"
    assert re.search(f"does not require grad, so it gets None.*\n.*{remedy}", str(answer))


def test_a_tensor_that_lost_its_history_names_what_made_it_and_what_cut_it():
    answer = explain(*situations.after_its_history_was_lost())
    assert answer.kind == "needs no gradient"
    assert re.search(rf"add at .*{HERE}, of what needs no gradient", str(answer))
    assert re.search(rf"cut by multiply at .*{HERE}.*under no_grad\(\)", str(answer))


@pytest.mark.parametrize(
    ("f", "why"),
    [
        (lambda x: x.detach(), "detach at .*, which drops the history"),
        (np.rint, "rint at .*, which has no derivative, or gives integers"),
    ],
)
def test_a_tensor_without_gradient_names_what_made_it(f, why):
    answer = explain(*situations.of_what_an_op_without_gradient_made(f))
    assert re.search(f"It was made by {why}", str(answer))


def test_a_loss_without_history():
    answer = explain(*situations.without_history())
    assert answer.kind == "no history"
    assert "minigrad.record()" in str(answer)


def test_a_recorded_loss_without_history_names_the_cut():
    answer = explain(*situations.recorded_without_history())
    assert answer.kind == "no history"
    assert re.search(rf"the graph was cut.\n.* detach at .*{HERE}", str(answer))
    ((why, op, _),) = answer.numbers["cuts"]
    assert (why, op) == ("detach", "detach")


def test_a_recorded_loss_of_data_alone():
    answer = explain(*situations.recorded_from_data_alone())
    assert str(answer) == "The loss has no history: nothing it was made from requires grad."


@pytest.mark.parametrize("case", CUTS)
@pytest.mark.parametrize("between", [lambda h: h, lambda h: h + 1, lambda h: np.exp(h) * 2])
def test_what_cut_the_graph_between_is_named_with_its_line(case, between):
    why, op, words, _ = CUTS[case]
    answer = explain(*situations.cut(case, between))
    assert answer.kind == "cut"
    assert re.search(rf"It is cut by {op} at .*{HERE}.*{words}", str(answer))
    assert [cut[:2] for cut in answer.numbers["cuts"]] == [(why, op)]


def test_the_output_of_a_recorded_op_that_is_no_float_cuts():
    answer = explain(*situations.cut_by_an_output_of_integers())
    assert answer.kind == "cut"
    assert re.search(r"cut by output 1 of \S*lambda\S* at .*no derivative", str(answer))


def test_a_tensor_that_was_frozen_when_it_was_used():
    answer = explain(*situations.frozen_when_it_was_used())
    assert answer.kind == "cut"
    assert "did not require grad at that time" in str(answer)


def test_the_cut_nearest_to_the_loss_is_told_first():
    answer = explain(*situations.cut_twice())
    assert [cut[1] for cut in answer.numbers["cuts"]] == ["detach", "floor"]


def test_many_cuts_are_counted():
    answer = explain(*situations.cut_five_times())
    assert len(answer.numbers["cuts"]) == 5
    assert str(answer).endswith("And 2 more cuts before.")


def test_a_tensor_that_was_not_used():
    for situation, words in (
        (situations.not_used_and_recorded, "It was not used"),
        (situations.not_used, r"may have cut the graph; .*minigrad.record"),
    ):
        answer = explain(*situation())
        assert answer.kind == "not an ancestor"
        assert re.search(words, str(answer))


def test_an_interior_tensor_beside_the_loss_names_what_both_were_made_from():
    answer = explain(*situations.beside_the_loss())
    assert answer.kind == "not an ancestor"
    assert re.search(rf"Both were made from exp at .*{HERE}", str(answer))
    assert len(answer.numbers["shared"]) == 2  # and the leaf


def test_the_loss_as_an_ancestor():
    answer = explain(*situations.after_the_loss())
    assert answer.kind == "not an ancestor"
    assert "the other way round" in str(answer)


def test_a_freed_graph():
    answer = explain(*situations.freed())
    assert answer.kind == "freed"
    assert "retain_graph=True" in str(answer)


# Zero ----------------------------------------------------------------------------------------------------


def test_a_closed_relu_is_told_with_the_share_of_each_that_is_open():
    net = situations.closed_net()
    answer = explain(*situations.behind_a_closed_relu(net))
    assert answer.kind == "closed"
    assert re.search(
        rf"relu at .*{HERE} in 3 \(ReLU\) is closed: none of its 12 elements", str(answer)
    )
    assert [share for _, share in answer.numbers["relus"]] == [0, 0.75]
    assert re.search("share .* open: .* 0%, .* 75%", str(answer))


def test_a_relu_that_is_open_only_where_no_gradient_comes():
    answer = explain(*situations.open_only_where_no_gradient_comes())
    assert answer.kind == "closed"
    assert "1 of 2 elements are open, and those get 0" in str(answer)


@pytest.mark.parametrize("case", ZEROS)
def test_what_made_the_gradient_zero_is_named(case):
    kind, words, _ = ZEROS[case]
    answer = explain(*situations.made_zero(case))
    assert answer.kind == kind
    assert re.search(f"is zero.\n.*{words}", str(answer))
    assert answer.numbers["norm"] == 0


@pytest.mark.parametrize(
    ("hooked", "words"), [(True, "A hook on the output of multiply"), (False, "a hook on it")]
)
def test_a_hook_that_made_it_zero(hooked, words):
    answer = explain(*situations.made_zero_by_a_hook(hooked))
    assert answer.kind == "hook"
    assert words in str(answer)


@pytest.mark.parametrize("is_loss", [False, True])
@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_a_hook_that_made_it_small_or_large(factor, is_loss):
    answer = explain(*situations.changed_by_a_hook(factor, is_loss))
    arrived = 1 if is_loss else 3
    assert answer.kind == "hook"
    assert answer.numbers == {"norm": pytest.approx(arrived * factor), "arrived": arrived}
    assert f", not {arrived}: a hook on it made it so" in str(answer)


def test_two_contributions_that_cancel_are_both_told():
    answer = explain(*situations.cancelled())
    assert answer.kind == "cancelled"
    assert re.search(
        r"cancel: -?3.5 by multiply at .* and -?3.5 by multiply at .* leave 0", str(answer)
    )
    assert sorted(answer.numbers["contributions"]) == [-3.5, 3.5]


def test_contributions_that_cancel_on_the_way_name_the_place():
    answer = explain(*situations.cancelled_on_the_way())
    assert answer.kind == "cancelled"
    assert "cancel at the output of sin: norm 1.41421" in str(answer)


def test_contributions_that_nearly_cancel():
    answer = explain(*situations.nearly_cancelled())
    assert answer.kind == "cancelled"
    assert answer.numbers["rest"] == pytest.approx(1e-6)


# Nan and inf ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", BAD)
def test_the_first_op_that_made_a_bad_value_is_named_with_its_line(case):
    kind, words, *_ = BAD[case]
    answer = explain(*situations.bad(case))
    assert answer.kind == kind
    assert re.search(words, str(answer))
    assert "situations.py" in answer.numbers["line"]


def test_in_debug_the_check_that_stops_the_pass_gives_the_answer():
    answer = explain(*situations.bad_in_debug())
    assert answer.kind == "inf"
    assert (answer.numbers["op"], answer.numbers["argument"]) == ("sqrt", "x")


def test_a_bad_loss_that_was_not_recorded_asks_for_a_record():
    answer = explain(*situations.bad_and_not_recorded())
    assert answer.kind == "nan"
    assert "The loss itself is nan; to find where, compute" in str(answer)


def test_a_hook_that_made_a_nan():
    answer = explain(*situations.made_bad_by_a_hook())
    assert answer.kind == "nan"
    assert "a hook did" in str(answer)


# What it is ----------------------------------------------------------------------------------------------


def test_a_vanishing_gradient_names_the_steps_that_shrink_it_most():
    answer = explain(*situations.vanishing())
    assert answer.kind == "vanishing"
    assert re.search(r"31 of 32 steps shrink it.* by 0.01, multiply .* by 0.5\.", str(answer))
    assert answer.numbers["norm"] == pytest.approx(2**0.5 * 0.01 * 0.5**30)


def test_a_saturated_op_is_named_where_it_is_what_makes_the_gradient_tiny():
    answer = explain(*situations.saturated())
    assert answer.kind == "saturated"
    assert "sigmoid is saturated: its slope is next to 0" in str(answer)


def test_an_exploding_gradient_names_the_steps_that_grow_it_most():
    answer = explain(*situations.exploding())
    assert answer.kind == "exploding"
    assert re.search(r"12 of 13 steps grow it.*: multiply \(a\) by 70", str(answer))


def test_an_ordinary_gradient_is_told_by_its_path_with_a_norm_for_each_edge():
    answer = explain(*situations.ordinary())
    assert answer.kind == "flows"
    assert "the only path, from the loss: sum (x) 1.41, multiply (a) 2.83." in str(answer)
    assert [step[:2] for step in answer.numbers["path"]] == [("sum", "x"), ("multiply", "a")]
    assert [step[3] for step in answer.numbers["path"]] == pytest.approx([2**0.5, 8**0.5])


def test_of_several_paths_the_strongest_is_told_and_all_are_counted():
    answer = explain(*situations.by_two_paths())
    assert answer.numbers["paths"] == 2
    assert [step[3] for step in answer.numbers["path"]] == [1, 1, 3, 9]
    assert explain(*situations.by_very_many_paths()).numbers["paths"] == 2**70


def test_outputs_of_one_op_are_followed():
    answer = explain(*situations.through_two_outputs())
    assert answer.numbers["norm"] == pytest.approx(30**0.5)
    assert "output 1 of split" in str(explain(*situations.of_the_second_output()))


def test_the_loss_itself():
    assert "is the loss itself" in str(explain(*situations.of_the_loss_itself()))


def test_a_long_path_is_shortened_in_words_but_not_in_numbers():
    answer = explain(*situations.far_away())
    assert "1988 more" in str(answer)
    assert len(answer.numbers["path"]) == 2000


# Mistakes by the form of the graph -----------------------------------------------------------------------


def test_the_line_that_took_an_array_is_named_where_nothing_else_cut():
    answer = explain(*situations.cut_by_numpy())
    assert answer.kind == "cut"
    assert re.search(rf"taken by .numpy\(\).*{HERE}, `return x, recorded.*numpy", str(answer))


@pytest.mark.parametrize("kind", situations.MISTAKES)
def test_a_mistake_by_the_form_of_the_graph_is_told_second_with_its_line(kind):
    answer = explain(*situations.MISTAKES[kind]())
    assert answer.numbers["mistakes"] == [kind]
    assert re.search(rf" At .*{HERE}, `.+`\.$", answer.sentences[1])


def test_every_mistake_by_form_has_a_situation():
    assert {*situations.MISTAKES} == {*get_args(mistakes.MistakeKind)}


def test_a_bias_without_effect_is_told_of_no_other_parameter():
    layer = nn.Linear(2, 3)
    loss = np.square(mg.batch_norm(layer(np.eye(4, 2, dtype="f")), training=True)[0]).sum()
    assert "mistakes" not in explain(layer.weight, loss).numbers


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.square(x[:, None] - x).mean(),  # pairs of one set of points
        lambda x: np.square(x[:, None] - np.ones(4)).mean(),  # and of two
        lambda x: np.exp(-np.square(2 * x[:, None] - np.ones(3)) @ np.ones(3)).sum(),  # a kernel
        lambda x: np.square((2 * x)[:, None] - np.ones((3, 1))).mean(),
        lambda x: mg.cross_entropy(mg.log_softmax(x), 1),
        lambda x: mg.cross_entropy(mg.softmax(x) * 5, 1),
        lambda x: mg.layer_norm(mg.linear(x, np.eye(3), x), 3).sum(),
        lambda x: mg.batch_norm(mg.linear(np.eye(3), np.eye(3), x), np.zeros(3), np.ones(3)).sum(),
    ],
)
def test_what_only_looks_like_a_mistake_is_none(f):
    x = leaf(1, 2, 3)
    assert "mistakes" not in explain(x, f(x)).numbers


def test_a_weight_that_is_used_often_and_explodes_is_to_be_clipped():
    answer = explain(*situations.recurrent_and_exploding())
    assert answer.kind == "exploding"
    assert "used 9 times" in answer.sentences[1]
    assert "clip_grad_norm_" in answer.sentences[1]


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
    answer = explain(*situations.ordinary())
    assert repr(answer) == str(answer) == "\n".join(answer.sentences)


# The answers themselves ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers():
    return [explain(*situation) for situation in situations.every()]


def test_every_kind_of_answer_is_given_in_some_situation(answers):
    assert {answer.kind for answer in answers} == set(get_args(explanations.Kind))


def test_every_sentence_is_said_in_some_situation(answers):
    said = "\n".join(map(str, answers))
    sentences = sentences_of(explanations, causes, mistakes)
    assert len(sentences) > 40
    assert [text for text, pattern in sentences.items() if not pattern.search(said)] == []
