"""The names of inputs and labels in pictures: given, or those of the user's variables."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from graphs import recorded
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import nn
from minigrad import Tensor, picture
from minigrad.picture.naming import Inputs
from minigrad.picture.page import data_of


def names(loss, model, **options):
    nodes = data_of(loss, model, **options)["trace"]["nodes"]
    return [node["name"] for node in nodes if node["kind"] == "constant"]


@pytest.fixture(scope="module")
def model():
    return nn.MLP([2, 3, 2])


def loss_of(model):
    images, digits = np.ones((4, 2), np.float32), [0, 1, 0, 1]
    return mg.cross_entropy(model(images), digits)


def test_data_and_labels_have_the_names_of_the_variables_where_the_model_is_called(model):
    assert names(recorded(lambda: loss_of(model)), model) == ["images", "digits"]


@pytest.mark.parametrize("kind", [np.asarray, Tensor])
def test_they_have_the_names_of_the_variables_where_the_picture_is_made(model, kind):
    x, y = kind(np.ones((4, 2), np.float32)), np.array([0, 1, 0, 1])
    batches = [(x, y)]
    loss = recorded(lambda: sum(mg.cross_entropy(model(a), b) for a, b in batches))
    assert names(loss, model)[:2] == ["x", "y"]


@pytest.mark.parametrize("is_recorded", [True, False])
def test_names_that_are_given_come_first(model, is_recorded):
    x, y = np.ones((4, 2), np.float32), np.array([0, 1, 0, 1])

    def make():
        return mg.cross_entropy(model(x), y)

    given = {"points": x, "classes": y}
    loss = recorded(make) if is_recorded else make()
    assert names(loss, model, inputs=given) == ["points", "classes"]


def test_a_number_is_named_by_its_value_alone():
    factor, w = 2.5, Tensor(1.0, requires_grad=True)
    assert names(recorded(lambda: w * factor), {"w": w}) == ["2.5"]


def test_a_still_picture_has_them_with_their_shapes(model, tmp_path):
    loss = recorded(lambda: loss_of(model))
    path = picture.draw(loss, tmp_path / "graph.gv", model, inputs={"sunflowers": np.ones((4, 2))})
    text = path.read_text(encoding="utf-8")
    assert r"sunflowers\n(4, 2)\nfloat32" in text
    assert r"digits\n(4,)\n" in text


def test_inputs_that_are_no_dict_are_refused_with_what_is_needed(model, tmp_path):
    with pytest.raises(TypeError, match="inputs is a ndarray; a dict of name -> array"):
        picture.page(loss_of(model), tmp_path / "graph.html", model, inputs=np.ones(3))


def test_looking_for_names_keeps_no_variable_alive_and_leaves_locals_alone(model):
    held = np.ones((4, 2), np.float32)
    alive = weakref.ref(held)
    with mg.record():
        loss = mg.cross_entropy(model(held * 1), [0, 1, 0, 1])
    data_of(loss, model)
    del held
    gc.collect()
    assert alive() is None
    kept = locals()
    data_of(loss, model)
    assert kept["alive"] is alive


def test_a_list_of_parameters_as_long_as_the_labels_is_no_name_of_them(model):
    scales = [Tensor(1.0, requires_grad=True), Tensor(2.0, requires_grad=True)]
    images = np.ones((2, 2), np.float32)
    loss = recorded(lambda: mg.cross_entropy(model(images) * scales[0], np.array([0, 1])))
    assert names(loss, model) == ["images", ""]


ARRAYS = [np.full(3, float(k)) for k in range(6)] + [np.full(2, k) for k in range(6)]


@given(
    called=st.lists(
        st.tuples(st.sampled_from(range(len(ARRAYS))), st.sampled_from(["x", "y", "h"])),
        max_size=20,
    ),
    owner=st.sampled_from(range(len(ARRAYS))),
)
def test_different_arrays_never_bear_one_name_and_an_array_keeps_its_own(called, owner):
    inputs = Inputs({"x": ARRAYS[owner]})
    bearers = {"x": owner}
    for k, there in called:
        name = inputs.name_of(ARRAYS[k].copy() if k > 5 else ARRAYS[k], there)
        assert bearers.setdefault(name, k) == k
        assert name.rstrip("₀₁₂₃₄₅₆₇₈₉") in (there, "x" if k == owner else there, "ARRAYS")
        if k == owner:
            assert name == "x"


def test_variables_of_two_functions_with_one_name_are_told_apart(model):
    x = np.ones((4, 2), np.float32)

    def inner(first):
        x = np.zeros((4, 2), np.float32)
        loss = recorded(lambda: (first + model(x)).sum())
        return names(loss, model)

    assert sorted(inner(recorded(lambda: model(x)))) == ["x", "x₂"]


def test_a_name_inside_of_a_module_is_no_name_of_the_data_outside(model):
    class Shifted(nn.Module):
        def forward(self, x):
            images = np.full((4, 2), 0.5, np.float32)
            return model(x) + model(images)

    images = np.ones((4, 2), np.float32)
    loss = recorded(lambda: Shifted()(images).sum())
    assert sorted(names(loss, model)) == ["images", "images₂"]
