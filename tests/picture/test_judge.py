"""The judge: a beginner's mistakes are named with the line and the remedy, and of healthy trainings nothing is said."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import re
from contextlib import redirect_stderr

import healthy
import healthy_in_parts
import mistakes
import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import picture
from minigrad.picture.judgement import FINE

HERE = r"mistakes.py:\d+, `.*"

# mistake -> what a watch says first, and what `explain` says, where a graph shows it
FAULTS = {
    "gradients_never_cleared": ("Gradients add up from step to step.*optimizer.zero_grad", None),
    "rate_a_hundred_times_too_high": ("jumps: a step changes it by .* of its norm.*rate may be too high", None),
    "dead_relus": ("1.relu is dead: 100% of its units.*leaky_relu", "is closed: none .* leaky_relu"),
    "cut_by_numpy": (
        f"No gradient came to encoder.weight, .*taken by .numpy.. at .*{HERE}.numpy.*stay with Tensors",
        f"taken by .numpy.*{HERE}.numpy.*Stay with Tensors",
    ),
    "softmax_before_cross_entropy": (
        f"given the output of softmax.*cannot fall below 0.551. Leave the softmax out.*{HERE}twice",
        f"given the output of softmax.*Leave the softmax out.*{HERE}twice",
    ),
    "one_output_for_labels": (f"one output per row.*always 0.*{HERE}a class alone", f"always 0.*{HERE}a class alone"),
    "ten_sigmoids": ("gradient vanishes on its way to 0.weight.*relu", "vanishes on the way.*take relu"),
    "recurrent_net_that_explodes": (
        r"is nan or inf in step 20: watch.rewind\(\).* step 0;.*debug\(\).* used 30 times.*clip it, by",
        "used 30 times.*clip it, by",
    ),
    "layers_out_of_sight": (f"parameters of shape .4, 4., .4,. that .* does not give, at .*{HERE}ModuleList", None),
    "parameter_not_given_to_the_optimiser": (
        r"0.weight, 0.bias got a gradient, but did not move.*model.parameters\(\)",
        None,
    ),
    "column_minus_row": (
        rf"shapes \(32, 1\) and \(32,\), which gives \(32, 32\).*target\[:, None\].*{HERE}",
        rf"shapes \(32, 1\) and \(32,\).*{HERE}",
    ),
    "softmax_by_hand": (f"given the output of softmax.*{HERE}by hand", f"given the output of softmax.*{HERE}by hand"),
    "step_after_the_gradients_are_cleared": ("Every parameter got a gradient, and none moved: call .*step", None),
    "layers_of_zeros": ("0.weight, 2.weight are all 0, and stay so.*nn.init", None),
    "shrunk_by_ten_layers_that_then_learn": ("gradient vanishes on its way to 0.weight.*relu", None),
    "evaluated_in_training_mode": (
        f"evaluated in training mode, in which BatchNorm1d 1, Dropout 3 .*{HERE}without eval.*model.eval",
        None,
    ),
    "inputs_up_to_255": ("0.weight is multiplied by go from .* to 218.*divide them by 255", None),
}  # fmt: skip
NOTES = {
    "bias_before_batch_norm": (rf"bias of shape \(4,\) of a conv2d has no effect.*bias=False.*{HERE}", "bias=False"),
    "output_that_is_constant": ("output of the model is the same for every row", None),
    "validation_that_rises": ("validation_loss was least at step 20 .*patience.*dropout", None),
}  # fmt: skip


def trainings(module):
    return [name for name, f in vars(module).items() if hasattr(f, "is_training")]


def test_every_mistake_has_a_row():
    assert {*trainings(mistakes)} == {*FAULTS, *NOTES}


@pytest.mark.parametrize("name", FAULTS)
def test_a_mistake_is_named_with_its_line_and_remedy(name):
    of_watch, of_explain = FAULTS[name]
    watch, explained = getattr(mistakes, name)()
    words = [symptom.words for symptom in watch.judge().faults]
    assert any(re.search(of_watch, sentence, re.DOTALL) for sentence in words)
    assert len(words) <= 3
    assert (explained is None) == (of_explain is None)
    assert of_explain is None or re.search(of_explain, str(explained), re.DOTALL)


@pytest.mark.parametrize("name", NOTES)
def test_what_is_only_worth_knowing_is_a_note(name):
    of_watch, of_explain = NOTES[name]
    watch, explained = getattr(mistakes, name)()
    judgement = watch.judge()
    assert judgement.faults == ()
    (note,) = judgement.notes
    assert re.search(of_watch, note.words, re.DOTALL)
    assert of_explain is None or re.search(of_explain, str(explained), re.DOTALL)


def test_the_note_on_a_bias_shows_the_lines_of_all_of_them():
    model = nn.Sequential(
        *(f() for _ in range(2) for f in (lambda: nn.Linear(3, 3), lambda: nn.BatchNorm1d(3)))
    )
    watch = picture.watch(model)
    with watch:
        np.square(model(mistakes.normal(0, 4, 3))).sum().backward()
    (note,) = watch.judge().notes
    assert note.words.endswith("And 1 more like it.")
    assert (note.lines, note.plot) == (("parameter 0.bias", "parameter 2.bias"), "gradient")


@pytest.mark.parametrize(
    "train", [getattr(module, name) for module in (healthy, healthy_in_parts) for name in trainings(module)]
)  # fmt: skip
def test_of_a_training_that_goes_well_no_fault_is_found(train):
    judgement = train().watch.judge()
    assert judgement.faults == ()
    assert str(judgement).startswith(FINE)


# Mistakes that raise before there is anything to judge ----------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array([0.0, 1.0, 2.0]), "labels must be integers"),
        (np.array([1, 2, 3]), "labels count from 0"),
        (np.array([[0], [1], [2]]), r"need integer labels of shape \(3,\)"),
        (np.eye(3, dtype=int), r"need integer labels of shape \(3,\)"),
    ],
)
def test_labels_of_the_wrong_kind_raise(labels, words):
    with pytest.raises((ValueError, IndexError), match=words):
        mg.cross_entropy(nn.Linear(2, 3)(np.ones((3, 2), np.float32)), labels)


def test_layers_in_a_plain_list_raise_before_the_first_step():
    net = nn.Linear(2, 2)
    net.hidden = [nn.Linear(2, 2)]
    with pytest.raises(TypeError, match=r"hidden is a list .* not be found; use nn.ModuleList"):
        picture.watch(net)


def test_a_loss_of_a_column_and_a_row_raises_where_it_is_one_of_the_package():
    with pytest.raises(ValueError, match="does not broadcast"):
        mg.mse_loss(nn.Linear(2, 1)(np.ones((3, 2), np.float32)), np.ones(3, np.float32))


# Evaluations ----------------------------------------------------------------------------------------------


def evaluated(model, how):
    watch = picture.watch(model)
    x = np.ones((4, 3), np.float32)
    with watch:
        model(x).sum().backward()
    how(model, x)
    return [s.words for s in watch.judge().faults if "evaluated" in s.words]


def no_grad(model, x):
    with mg.no_grad():
        model(x)


def in_evaluation_mode(model, x):
    model.eval()
    no_grad(model, x)


def statistics_anew(model, x):
    nn.optim.swa_utils.update_bn([x, x], model)


@pytest.mark.parametrize(
    ("layer", "how", "is_said"),
    [
        (lambda: nn.Dropout(0.5), no_grad, True),
        (lambda: nn.BatchNorm1d(3), no_grad, True),
        (lambda: nn.Dropout(0.5), in_evaluation_mode, False),
        (lambda: nn.BatchNorm1d(3), statistics_anew, False),
        (lambda: nn.LayerNorm(3), no_grad, False),
        (lambda: nn.Dropout(0.0), no_grad, False),
    ],
)
def test_an_evaluation_is_judged_by_the_modes_of_its_modules(layer, how, is_said):
    assert bool(evaluated(nn.Sequential(nn.Linear(3, 3), layer()), how)) == is_said


def test_a_forward_without_gradients_within_a_step_is_no_evaluation():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    watch = picture.watch(model)
    with watch:
        no_grad(model, np.ones((4, 3), np.float32))
        model(np.ones((4, 3), np.float32)).sum().backward()
    assert watch.judge().faults == ()


def test_copies_of_a_watched_model_tell_nothing_and_the_hook_goes_with_the_watch():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    watch = picture.watch(model)
    with watch:
        model(np.ones((4, 3), np.float32)).sum().backward()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        no_grad(twin, np.ones((4, 3), np.float32))
    assert watch.judge().faults == ()
    del watch
    gc.collect()
    assert not model._hooks.before


# fit ------------------------------------------------------------------------------------------------------


def fitted(watch, data=None, rate=1e-2, **options):
    x, y = mistakes.three_classes()
    model = nn.MLP([4, 16, 3], rng=mistakes.rng())
    batches = data or [(x[:24], y[:24]), (x[24:], y[24:])]
    said = io.StringIO()
    with redirect_stderr(said):
        nn.fit(
            model,
            batches,
            nn.optim.SGD(model.parameters(), rate),
            epochs=15,
            validation=batches,
            watch=watch if watch in (True, False) else watch(model),
            progress=False,
            **options,
        )
    return said.getvalue(), {n: a.tobytes() for n, a in model.state_dict().items()}


@pytest.mark.parametrize("compile", [False, True])
def test_fit_says_the_judgement_at_the_end_and_trains_the_same(compile):
    silent, plain = fitted(False, compile=compile)
    said, watched = fitted(True, compile=compile)
    assert (silent, said) == ("", f"{FINE}\n")
    assert watched == plain


def test_fit_names_what_is_wrong():
    x, y = mistakes.three_classes()
    pixels = np.floor(255 * (x - x.min()) / (x.max() - x.min()))
    said, _ = fitted(True, data=[(pixels, y)], rate=1e-4)
    assert "divide them by 255" in said


def test_a_watch_that_is_given_to_fit_keeps_its_numbers():
    made = []

    def watch(model):
        made.append(picture.watch(model, every=5))
        return made[0]

    fitted(watch)
    notes = made[0].history()["notes"]
    assert [*notes] == ["loss", "validation_loss"]
    assert all(np.isfinite(notes["loss"]))
    with pytest.raises(TypeError, match=r"watch must be True or a picture\.watch of the model"):
        fitted(lambda model: picture.watch(nn.Linear(2, 2)))


def test_fit_that_meets_a_nan_says_so_before_it_raises():
    model, said = mistakes.Recurrent(1.5, mg.relu), io.StringIO()
    batch = mistakes.normal(0, 8, 30, 3), mistakes.normal(1, 8, 1)
    sgd = nn.optim.SGD(model.parameters(), 0.01)
    options = {"watch": True, "progress": False}
    with np.errstate(all="ignore"), redirect_stderr(said), pytest.raises(FloatingPointError):
        nn.fit(model, [batch] * 3, sgd, mg.mse_loss, **options)
    assert re.match("Step 1 raised FloatingPointError.*clip it", said.getvalue())


# Notes that come between two looks ------------------------------------------------------------------------


def test_a_number_that_is_noted_between_two_looks_goes_to_the_later_one():
    watch = picture.watch({"w": nn.Parameter([1.0])}, every=3)
    for step in range(8):
        with watch:
            pass
        watch.note(loss=step)
        if step % 2:
            watch.note(validation=step)
    assert watch.history()["steps"] == [0, 3, 6]
    assert watch.history()["notes"] == {"loss": [0, 3, 6], "validation": [None, 3, 7]}


def test_numbers_of_numpy_are_noted_at_any_step():
    watch = picture.watch({"w": nn.Parameter([1.0])}, every=2)
    for step in range(3):
        with watch:
            pass
        watch.note(
            float=np.float64(step),
            mean=np.float32(step),
            array=np.array([step]),
            tensor=mg.Tensor([step]),
        )
    assert watch.history()["notes"] == {
        name: [0, 2] for name in ("float", "mean", "array", "tensor")
    }
    with watch:
        pass
    watch.note(other=np.float64(5))
    assert watch.history()["notes"]["other"] == [None, 5]


def test_a_notebook_shows_the_judgement_with_its_text_escaped():
    shown = mistakes.inputs_up_to_255().watch._repr_html_()
    assert "<p>The inputs that 0.weight" in shown
    assert "<script" not in shown
