"""Writing into a Tensor: `set_at` gives a new one, and t[i] = v says which line to write."""

import re

import numpy as np
import pytest
from leaves import leaf

import minigrad as mg
from minigrad import Tensor, check_grads

X = np.arange(12.0).reshape(3, 4)
INDICES = {
    "a row": 2, "an element": (1, -2), "slices": np.s_[:2, ::-2], "a mask": X % 3 == 1, "a list": [0, 2],
    "none and an ellipsis": np.s_[..., None, 1], "arrays": (np.array([[0], [2]]), np.array([1, 3])),
    "nothing": np.s_[3:],
    "everything": (), "a Tensor": Tensor([2, 0]), "arrays apart": np.s_[[0, 1], None, [2, 2]],
    "a Tensor in a tuple": (slice(None), Tensor([3])), "a mask of rows": np.array([True, False, True]), "true": True,
}  # fmt: skip


def as_numpy(index):
    if isinstance(index, tuple):
        return tuple(map(as_numpy, index))
    return index.data if isinstance(index, Tensor) else index


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_set_at_gives_what_assignment_leaves_behind_and_gradients_in_both(index):
    chosen = X[as_numpy(index)]
    full = np.linspace(-1, 1, chosen.size).reshape(chosen.shape)
    for value in (full, full[..., :1] if full.ndim else full, np.array(0.5), 0.5):
        expected, before = X.copy(), X.copy()
        expected[as_numpy(index)] = value
        np.testing.assert_array_equal(mg.set_at(Tensor(X), index, value).data, expected)
        plain = mg.set_at(X, as_numpy(index), value)
        assert type(plain) is np.ndarray
        np.testing.assert_array_equal(plain, expected)
        np.testing.assert_array_equal(X, before)
    check_grads(lambda x, v: mg.set_at(x, index, v), [X, full])
    check_grads(lambda v: mg.set_at(X, index, v) ** 2, [full])


def test_the_gradient_is_zero_where_a_value_was_put_and_goes_to_the_value():
    x, v = leaf(1, 2, 3), leaf(5)
    (mg.set_at(x, slice(1, None), v) * np.array([1.0, 10, 100], "float32")).sum().backward()
    assert (x.grad.tolist(), v.grad.tolist()) == ([1, 0, 0], [110])


def test_of_several_values_for_one_element_the_last_stays_and_gets_all_the_gradient():
    index = np.array([[1, 0], [1, -2]])  # -2 is 1 of three
    values = np.array([[10.0, 20], [30, 40]])
    expected = np.arange(3.0)
    expected[index] = values
    np.testing.assert_array_equal(mg.set_at(Tensor(np.arange(3.0)), index, values).data, expected)
    x, v = Tensor(np.arange(3.0), requires_grad=True), Tensor(values, requires_grad=True)
    mg.set_at(x, index, v).sum().backward()
    assert (x.grad.tolist(), v.grad.tolist()) == ([0, 0, 1], [[0, 1], [0, 1]])


def test_the_result_has_the_dtype_of_the_array_that_is_written():
    for name in ("float16", "float32", "float64"):
        for value in (0.5, 2, np.ones(2), np.ones(2, "float16"), np.arange(2), Tensor([1.0, 2.0])):
            assert mg.set_at(Tensor(np.ones(3, name)), [0, 1], value).dtype == name
        assert mg.set_at(Tensor(np.ones(3, name)), 1, 0.5).dtype == name
    assert mg.set_at(Tensor(np.ones(3, "uint8")), 1, 200).tolist() == [1, 200, 1]
    assert mg.set_at(Tensor([False, True]), 0, True).tolist() == [True, True]
    assert mg.put_along_axis(Tensor([1.0, 2.0]), [0], np.ones(1), 0).dtype == "float32"
    x, v = leaf(1, 2), leaf(5.0, dtype="float64")
    mg.set_at(x, [0], v).sum().backward()
    assert (x.grad.dtype, v.grad.dtype) == ("float32", "float64")


def test_numbers_in_lists_are_as_exact_as_the_array_that_they_are_written_into():
    for name in ("float16", "float32", "float64", "uint8", "int8", "bool"):
        x, values = (
            np.zeros((2, 3), name),
            [1, 0, 1] if np.dtype(name).kind != "f" else [0.1, 0.2, 3],
        )
        values = list(map(bool, values)) if name == "bool" else values
        expected = x.copy()
        expected[1] = values
        for given in (x, Tensor(x)):
            for index in (1, np.s_[1:], np.s_[:, []]):
                y = mg.set_at(given, index, values if index != np.s_[:, []] else [])
                wanted = x if index == np.s_[:, []] else expected
                np.testing.assert_array_equal(np.asarray(y), wanted, strict=True)
    y = mg.scatter_add(Tensor(np.zeros(2)), [1], [0.1])
    np.testing.assert_array_equal(y.data, [0, 0.1], strict=True)


def test_axes_of_one_before_those_that_are_chosen_are_passed_over_as_in_an_assignment():
    values, expected = np.arange(8.0).reshape(1, 1, 2, 4), X.copy()
    expected[1:] = values
    np.testing.assert_array_equal(mg.set_at(Tensor(X), np.s_[1:], values).data, expected)
    check_grads(lambda x, v: mg.set_at(x, np.s_[1:], v), [X, values])
    check_grads(lambda x, v: mg.set_at(x, (0, 0), v), [X, np.ones((1, 1))])


@pytest.mark.parametrize(
    ("f", "kind", "words"),
    [
        (lambda x: mg.set_at(x, 7, 1.0), IndexError, "set_at: index 7 .* shape (3, 4), the index is 7"),
        (lambda x: mg.set_at(x, 0, np.ones(3)), ValueError, "set_at: values have shape (3,), and do not"),
        (lambda x: mg.set_at(x, 0.5, 1.0), IndexError, "set_at: "),
        (lambda x: mg.set_at(Tensor([1, 2]), 0, 0.5), TypeError, "set_at: 0.5 does not fit into x, which is int64"),
        (lambda x: mg.set_at(Tensor([1, 2]), [0], [0.5]), TypeError, "set_at: float32 does not fit into x"),
        (lambda x: mg.set_at(x, [0], "a"), TypeError, "set_at: data of type str"),
        (lambda x: mg.set_at(x, 0, np.ones((2, 4))), ValueError, "set_at: values have shape (2, 4)"),
        (lambda x: mg.set_at(Tensor([1, 2]), 0, x[0, 0]), TypeError, "set_at: float64 does not fit into x"),
        (lambda x: mg.put_along_axis(Tensor([1, 2]), [0], 0.5, 0), TypeError, "put_along_axis: float64 does not fit"),
    ],
)  # fmt: skip
def test_what_does_not_fit_raises(f, kind, words):
    with pytest.raises(kind, match=re.escape(words).replace(r"\.\*", ".*")):
        f(Tensor(X))


# t[i] = v ------------------------------------------------------------------------------------------------

A_MASK, LONG = X > 5, list(range(30))
WRITTEN = {
    "2": "2", "-1": "-1", "1, 2": "np.s_[1, 2]", "0:2, 1": "np.s_[0:2, 1]", "::-1": "np.s_[::-1]", "1:": "np.s_[1:]",
    "...": "np.s_[...]", "..., None": "np.s_[..., None]", "[0, 2]": "[0, 2]", "1:, [3, 0]": "np.s_[1:, [3, 0]]",
    "mask": "mask", "mask[0], index": "np.s_[mask, index]", "index": "index", "LONG": "index", "np.int64(2)": "2",
    "Tensor(1)": "1", "1,": "np.s_[1,]", "()": "()", "None": "None", "True": "True",
    "slice(None, np.int64(2))": "np.s_[:2]",
}  # fmt: skip
"""The index as it stands in a line -> as the error has it."""


@pytest.mark.parametrize("source", WRITTEN)
def test_assignment_says_which_line_to_write_and_the_line_does_it(source):
    mask, index = np.array([True, False, True, True])[None], np.array([1, 0])
    mask = A_MASK if source == "mask" else mask
    space = {"np": np, "Tensor": Tensor, "LONG": LONG, "mask": mask, "index": index, "minigrad": mg}
    t = Tensor(X, requires_grad=True) * 1
    given = eval(f"np.s_[{source}]", space)
    with pytest.raises(TypeError, match=r"cannot be recorded") as error:
        t[given] = 0.5
    line = re.search(r"write t = (.*), a new Tensor$", str(error.value))[1]
    assert line == f"minigrad.set_at(t, {WRITTEN[source]}, 0.5)"
    if (
        "mask" not in WRITTEN[source] and "index" not in WRITTEN[source]
    ):  # whose arrays are known by name only
        expected = X.copy()
        expected[as_numpy(given)] = 0.5
        np.testing.assert_array_equal(eval(line, {**space, "t": t}).data, expected)


def test_assignment_to_a_leaf_names_the_array_it_holds_as_well():
    t, v = leaf(1, 2, 3), leaf(1)
    with pytest.raises(
        TypeError,
        match=re.escape(
            "t[0:1] = v cannot be recorded; write t = minigrad.set_at(t, np.s_[0:1], v), a new Tensor; or write a leaf "
            "with t.data[0:1] = v followed by minigrad.touch(t)"
        ),
    ):
        t[0:1] = v
    with pytest.raises(TypeError, match=r"t\[1\] = v cannot.*set_at\(t, 1, v\), a new Tensor$"):
        (t * 2)[1] += 1
