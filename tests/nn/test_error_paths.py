"""An error inside a model says in which layer it arose, and stays the error that it was."""

import pickle
import traceback

import numpy as np
import pytest

import minigrad
import nn


class Block(nn.Module):
    def __init__(self, layer):
        self.conv = layer
        self.size = 3

    def forward(self, x):
        return self.conv(x)


class Raises(nn.Module):
    def __init__(self, error):
        self.error = error

    def forward(self, x):
        raise self.error


class Model(nn.Module):
    def __init__(self, layer):
        self.encoder = nn.Sequential(Block(layer), nn.ReLU())

    def forward(self, x):
        return self.encoder(x)


def caught(model, x=1.0, kind=Exception):
    with pytest.raises(kind) as info:
        model(x)
    assert type(info.value) is kind
    return info.value


def ones(*shape):
    return np.ones(shape, np.float32)


def test_the_message_begins_with_the_path_of_the_layer_and_a_note_shows_the_layer():
    model = Model(nn.Conv2d(3, 4, 3))
    error = caught(model, ones(2, 1, 8, 8), ValueError)
    assert str(error).startswith("encoder.0.conv: conv2d: x of shape (2, 1, 8, 8) has 1 channels")
    assert error.__notes__[-1] == "in encoder.0.conv: Conv2d(3, 4, kernel_size=(3, 3))"
    shown = "".join(traceback.format_exception(error))
    assert "ValueError: encoder.0.conv: conv2d: x of shape" in shown
    assert shown.count("encoder.0.conv:") == 2
    assert shown.count("in forward") >= 4


def test_a_layer_called_alone_has_no_path_and_is_named_in_the_note():
    error = caught(nn.Linear(3, 4), ones(2, 5), ValueError)
    assert str(error).startswith("linear: x")
    assert error.__notes__[-1] == "in Linear(3, 4)"


def test_an_error_of_the_model_itself_has_no_path():
    error = caught(Raises(ValueError("no")), kind=ValueError)
    assert str(error) == "no"


class Own(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Worded(Exception):
    def __str__(self):
        return f"{self.args[0]}!"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        TypeError("no"),
        AttributeError("no"),
        FloatingPointError("no"),
        RuntimeError("no"),
        Own(7, "no"),
        UserWarning("no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_any_type_keeps_its_type_and_its_text_behind_the_path(error):
    met = caught(Model(Raises(error)), kind=type(error))
    assert met is error
    assert str(met) == "encoder.0.conv: no"
    assert getattr(met, "code", 7) == 7


@pytest.mark.parametrize(
    "error",
    [
        KeyError("name"),
        OSError(2, "no such file"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "no"),
        ValueError(),
        ValueError("no", 3),
        ValueError(3),
        StopIteration(),
        Worded("no"),
        ExceptionGroup("several", [ValueError("no")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_whose_message_is_no_plain_text_keeps_it_and_has_the_path_in_a_note(error):
    text, args = str(error), error.args
    met = caught(Model(Raises(error)), kind=type(error))
    assert (met, str(met), met.args) == (error, text, args)
    assert met.__notes__ == ["in encoder.0.conv: Raises()"]


def test_what_ends_a_program_passes_untouched():
    error = KeyboardInterrupt("stop")
    with pytest.raises(KeyboardInterrupt, match=r"^stop$"):
        Model(Raises(error))(1.0)
    assert not hasattr(error, "__notes__")


def test_notes_and_causes_of_the_user_stay():
    error = ValueError("no")
    error.add_note("mine")
    error.__cause__ = cause = KeyError("why")
    met = caught(Model(Raises(error)), kind=ValueError)
    assert met.__notes__ == ["mine", "in encoder.0.conv: Raises()"]
    assert met.__cause__ is cause


def test_a_shared_layer_is_named_by_every_name_that_it_may_have_been_called_by():
    square, narrow = nn.Linear(3, 3), nn.Linear(3, 2)
    error = caught(nn.Sequential(square, narrow, square), ones(2, 3), ValueError)
    assert str(error).startswith("(0 or 2): linear: ")
    nested = Model(nn.Sequential(square, narrow, square))
    assert str(caught(nested, ones(2, 3), ValueError)).startswith("encoder.0.conv.(0 or 2): ")


class Holder(nn.Module):
    """A model whose layers are not its attributes."""

    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def test_a_layer_that_the_model_does_not_know_is_named_by_its_class():
    for layers in ([nn.Linear(3, 4)], iter([nn.Linear(3, 4)])):
        error = caught(nn.Sequential(nn.ReLU(), Holder(layers)), ones(2, 5), ValueError)
        assert str(error).startswith("1.Linear: linear: ")


def test_a_module_that_calls_itself_or_its_parent_is_named_once():
    class Again(nn.Module):
        depth = 0

        def forward(self, x):
            self.depth += 1
            if self.depth > 3:
                raise ValueError("no")
            return self(x)

    assert str(caught(nn.Sequential(Again()), kind=ValueError)) == "0: no"
    child, parent = Again(), nn.Sequential()
    child.parent = parent
    parent.child = child
    assert str(caught(parent, kind=ValueError)) == "child: no"


def test_the_search_for_an_unknown_layer_ends_in_a_model_that_goes_in_circles():
    model = nn.Sequential(Holder([nn.Linear(3, 4)]))
    model[0].parent = model
    assert str(caught(model, ones(2, 5), ValueError)).startswith("0.Linear: linear: ")


def test_a_describe_that_fails_does_not_hide_the_error():
    class Odd(Raises):
        def describe(self):
            raise AttributeError("describe")

    error = caught(nn.Sequential(Odd(ValueError("no"))), kind=ValueError)
    assert str(error) == "0: no"
    assert error.__notes__ == ["in 0: Odd(...)"]
    assert error.__context__ is None


def test_an_error_that_a_module_catches_changes_and_raises_again_keeps_the_change():
    class Adds(Block):
        def forward(self, x):
            try:
                return super().forward(x)
            except ValueError as error:
                error.args = ("changed",)
                raise

    model = nn.Sequential(Adds(nn.Sequential(Raises(ValueError("no")))))
    assert str(caught(model, kind=ValueError)) == "0.conv.0: changed"


def test_an_error_raised_in_place_of_another_is_located_where_it_was_raised():
    class Replaces(Block):
        def forward(self, x):
            try:
                return super().forward(x)
            except ValueError as error:
                raise RuntimeError("instead") from error

    error = caught(nn.Sequential(Replaces(Raises(ValueError("no")))), kind=RuntimeError)
    assert str(error) == "0: instead"
    assert str(error.__cause__) == "no"


def test_an_error_with_a_place_can_be_pickled():
    error = caught(Model(nn.Linear(3, 4)), ones(2, 5), ValueError)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.__notes__ == error.__notes__


def test_the_place_is_named_while_recording_too():
    with minigrad.record():
        error = caught(Model(nn.Linear(3, 4)), ones(2, 5), ValueError)
    assert str(error).startswith("encoder.0.conv: linear: ")
    model = nn.Sequential(nn.ReLU(), Block(nn.Linear(2, 1)))
    with minigrad.debug(), pytest.raises(FloatingPointError, match=r"^1\.conv: .*nan"):
        model(np.array([[np.nan, 1.0]], np.float32))
