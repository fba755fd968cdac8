"""Arrays that are not what they seem: a matrix or a memory map is its numbers; masks and units are refused by name."""

import contextlib

import numpy as np
import pytest
from public_calls import ARGUMENTS, OPS, X, Y

import minigrad as mg
import nn
from minigrad import Tensor, grad
from minigrad.trust.other_library import Opaque

# Kinds of arrays -----------------------------------------------------------------------------------------


class Metres(np.ndarray):
    """Lengths, as units do it: NumPy's ufuncs on them alone keep the class, and anything else is none of theirs."""

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if not all(type(a) in (Metres, np.ndarray, float, int) for a in inputs):
            return NotImplemented
        plain = [np.asarray(a).view(np.ndarray) for a in inputs]
        return np.asarray(getattr(ufunc, method)(*plain, **options)).view(Metres)


class Labelled(np.ndarray):
    """Names of axes, as they may be kept: functions other than ufuncs are its own."""

    def __array_function__(self, function, types, args, options):
        if not all(issubclass(t, np.ndarray) for t in types):
            return NotImplemented
        return super().__array_function__(function, types, args, options)


class Plain(np.ndarray):
    """A class without arithmetic of its own; its attributes are lost, as NumPy's functions lose them."""


def masked(a):
    return np.ma.masked_array(a, np.arange(a.size).reshape(a.shape) == 0)


def memmap(a, folder):
    path = folder / f"{len(list(folder.iterdir()))}.bin"
    if not a.size:
        return a
    mapped = np.memmap(path, a.dtype, "w+", shape=a.shape)
    mapped[...] = a
    return mapped


REFUSED = {
    "MaskedArray": masked,
    "Metres": lambda a: a.view(Metres),
    "Labelled": lambda a: a.view(Labelled),
}
WELCOME = {
    "matrix": lambda a: a.view(np.matrix),
    "Plain": lambda a: a.view(Plain),
    "memmap": memmap,
}


def made(make, a, folder):
    return make(a, folder) if make is memmap else make(a)


refused = pytest.mark.parametrize("kind", REFUSED)
welcome = pytest.mark.parametrize("kind", WELCOME)

# Every public function, with one argument of such a kind -------------------------------------------------

SURROUNDINGS = {
    "leaves": lambda a: Tensor(a, requires_grad=a.dtype.kind == "f"),
    "constant Tensors": lambda a: Tensor(a.copy()),
    "arrays": lambda a: a.copy(),
}


def arrays_in(value):
    if isinstance(value, np.ndarray):
        return [value]
    return [a for v in value for a in arrays_in(v)] if isinstance(value, (tuple, list)) else []


def filled(value, given):
    """The structure of `value` with the next of the given arrays in place of each of its own."""
    if isinstance(value, np.ndarray):
        return next(given)
    if isinstance(value, (tuple, list)):
        return type(value)([filled(v, given) for v in value])
    return value


def calls(name, surroundings, make, folder):
    """(the call with one argument of a kind, the same without) for each array argument of a function."""
    structure = ARGUMENTS.get(name, (X,))
    arrays = arrays_in(structure)
    for at, a in enumerate(arrays):
        if make is WELCOME["matrix"] and a.ndim != 2:
            continue

        def call(odd, at=at):
            given = [
                odd if i == at else SURROUNDINGS[surroundings](b) for i, b in enumerate(arrays)
            ]
            result = getattr(mg, name)(*filled(structure, iter(given)))
            return result, given

        yield lambda a=a, call=call: call(made(make, a, folder)), lambda a=a, call=call: call(a)


def outputs(result):
    return (
        [o for r in result for o in outputs(r)] if isinstance(result, (tuple, list)) else [result]
    )


def gradients(result, given):
    """The gradients of the sum of all float outputs by the leaves among the arguments."""
    leaves = [g for g in given if isinstance(g, Tensor) and g.requires_grad]
    moving = [o for o in outputs(result) if isinstance(o, Tensor) and o.requires_grad]
    return grad(sum((o * o).sum() for o in moving), leaves) if moving else []


def assert_same(found, expected):
    for f, e in zip(found, expected, strict=True):
        assert type(f) is type(e)
        f, e = (v.data if isinstance(v, Tensor) else v for v in (f, e))
        assert type(f) is type(e)
        np.testing.assert_array_equal(f, e, strict=isinstance(f, np.ndarray))


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
@pytest.mark.parametrize("name", OPS)
@welcome
def test_a_function_gives_for_a_matrix_a_memory_map_and_a_bare_subclass_what_it_gives_for_the_array(
    name, surroundings, kind, tmp_path
):
    for odd, plain in calls(name, surroundings, WELCOME[kind], tmp_path):
        (found, given), (expected, given_plain) = odd(), plain()
        assert_same(outputs(found), outputs(expected))
        assert_same(gradients(found, given), gradients(expected, given_plain))


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
@pytest.mark.parametrize("name", OPS)
@refused
def test_a_function_refuses_masks_units_and_labels_by_name(name, surroundings, kind, tmp_path):
    for odd, _ in calls(name, surroundings, REFUSED[kind], tmp_path):
        with pytest.raises(TypeError, match=kind):
            odd()


BY_ANOTHER_METHOD = {"expm", "sqrtm", "interpolate", "lp_pool1d", "lp_pool2d", "lp_pool3d"}
"""Functions that are computed by another method, to rounding the same, for arrays that are not NumPy's own."""


@pytest.mark.parametrize("surroundings", ["leaves", "constant Tensors"])
@pytest.mark.parametrize("name", OPS)
def test_a_function_is_right_on_an_array_of_another_library_or_says_that_it_does_not_mix(
    name, surroundings, tmp_path
):
    for odd, plain in calls(name, surroundings, Opaque, tmp_path):
        with contextlib.suppress(TypeError):
            found = outputs(odd()[0])
            # the composition computes for other arrays; a fused op equals it to rounding only
            with mg.unfused():
                expected = outputs(plain()[0])
            for f, e in zip(found, expected, strict=True):
                f = f.data if isinstance(f, Tensor) else f
                e = e.data if isinstance(e, Tensor) else e
                f = f.array if isinstance(f, Opaque) else f
                if name in BY_ANOTHER_METHOD:
                    np.testing.assert_allclose(f, e, rtol=1e-14, atol=1e-15)
                else:
                    np.testing.assert_array_equal(f, e)


# From both sides, and through every door -----------------------------------------------------------------

M = masked(X)
BINARY = {
    "m * t": lambda m, t: m * t,
    "t * m": lambda m, t: t * m,
    "m - t": lambda m, t: m - t,
    "t / m": lambda m, t: t / m,
    "m ** t": lambda m, t: m**t,
    "m @ t": lambda m, t: m @ t,
    "t @ m": lambda m, t: t @ m,
    "m == t": lambda m, t: m == t,
    "t < m": lambda m, t: t < m,
    "m // t": lambda m, t: m // t,
    "m % t": lambda m, t: m % t,
    "np.add": np.add,
    "np.add(t, m)": lambda m, t: np.add(t, m),
    "np.ma.add": np.ma.add,
    "np.dot": np.dot,
    "np.where": lambda m, t: np.where(t > 0, m, t),
    "a condition": lambda m, t: np.where(m > 0, t, 0),
    "np.stack": lambda m, t: np.stack([m, t]),
    "np.concatenate": lambda m, t: np.concatenate([t, m]),
    "np.isclose": np.isclose,
    "m.dot": lambda m, t: m.dot(t),
    "np.ma.where": lambda m, t: np.ma.where(m > 0, m, t),
    "an index": lambda m, t: t[m > 0],
    "np.ma.exp": lambda m, t: np.ma.exp(t),
    "out=": lambda m, t: np.add(t.detach(), 1, out=m),
    "clip": lambda m, t: np.clip(t, m, 2),
}


@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("call", BINARY.values(), ids=BINARY)
def test_a_masked_array_beside_a_tensor_raises_on_either_side_with_or_without_gradient(
    call, requires_grad
):
    for mask in (M, np.ma.masked_array(X)):  # also one that hides nothing yet
        with pytest.raises(TypeError, match=r"MaskedArray hides elements.*m\.filled"):
            call(mask, Tensor(X, requires_grad=requires_grad))


def test_what_writes_into_a_masked_array_in_place_raises_and_leaves_it_alone():
    m, t = masked(X), Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match="MaskedArray"):
        m += t
    with pytest.raises(TypeError, match="MaskedArray"):
        m[0] = t.detach()[0]
    assert np.array_equal(m.data, X)
    assert m.mask.sum() == 1


def hooked(value):
    t = Tensor(X, requires_grad=True)
    t.register_hook(lambda g: value)
    (t * 2).sum().backward()
    return t.grad


DOORS = {
    "Tensor": Tensor,
    "a leaf": lambda v: Tensor(v, requires_grad=True),
    "a list": lambda v: Tensor([v, v]),
    "dtype=": lambda v: Tensor(v, dtype="float32"),
    "t.data": lambda v: setattr(Tensor(X), "data", v),
    "t.grad": lambda v: setattr(Tensor(X), "grad", v),
    "assign": lambda v: Tensor(X.copy()).assign(v),
    "assign a list": lambda v: Tensor(np.zeros((1, 2, 2))).assign([v]),
    "a seed": lambda v: (Tensor(X, requires_grad=True) * 2).backward(v),
    "a seed of grad": lambda v: grad((t := Tensor(X, requires_grad=True)) * 2, t, v),
    "a hook": hooked,
    "vjp": lambda v: mg.vjp(lambda t: t * 2, v),
    "grad of a function": lambda v: mg.value_and_grad(lambda t: t.sum())(v),
    "no tensor at all": mg.mean,
}


@refused
@pytest.mark.parametrize("door", DOORS)
def test_no_door_lets_masks_units_and_labels_in(door, kind):
    with pytest.raises(TypeError, match=kind):
        DOORS[door](REFUSED[kind](X))


@welcome
@pytest.mark.parametrize("door", DOORS)
def test_every_door_lets_a_matrix_a_memory_map_and_a_bare_subclass_in_as_their_numbers(
    door, kind, tmp_path
):
    result = DOORS[door](made(WELCOME[kind], X, tmp_path))
    for t in outputs(result):
        if isinstance(t, Tensor):
            assert type(t.data) is np.ndarray


def test_the_square_of_a_tensor_of_a_matrix_is_elementwise_with_its_gradient():
    t = Tensor(X.view(np.matrix), requires_grad=True)
    np.testing.assert_array_equal((t**2).data, X**2)
    np.testing.assert_array_equal(grad((t**2).sum(), t).data, 2 * X)
    np.testing.assert_array_equal((t * X.view(np.matrix)).data, X * X)
    np.testing.assert_array_equal((X.view(np.matrix) * t).data, X * X)
    assert Tensor(X.view(np.matrix)).sum(axis=0).shape == (2,)


# Memory --------------------------------------------------------------------------------------------------


@welcome
def test_memory_is_shared_and_a_write_through_the_original_is_known(kind, tmp_path, monkeypatch):
    a = made(WELCOME[kind], X.copy(), tmp_path)
    t, w = Tensor(a), Tensor(X, requires_grad=True)
    assert np.shares_memory(t.data, a)
    monkeypatch.setattr("minigrad.core.options.SMALL", 0)  # so that it is not copied
    y = (w * a).sum() + (w * t).sum()
    np.add(Tensor(X), 1, out=a)
    assert np.array_equal(t.data, X + 1)
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        y.backward()
    y = (w * t).sum()
    mg.touch(Tensor(a))
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        y.backward()


@welcome
def test_a_leaf_has_memory_of_its_own(kind, tmp_path):
    a = made(WELCOME[kind], X.copy(), tmp_path)
    assert not np.shares_memory(Tensor(a, requires_grad=True).data, a)


@welcome
def test_what_is_added_to_in_place_stays_of_its_class(kind, tmp_path):
    a = b = made(WELCOME[kind], X.copy(), tmp_path)
    a += Tensor(Y)
    assert a is b
    assert np.array_equal(np.asarray(a), X + Y)


def test_a_tensor_keeps_the_file_of_its_memory_map_open(tmp_path):
    mapped = memmap(X, tmp_path)
    t = Tensor(mapped)
    path = mapped.filename
    del mapped
    t.assign(Y)
    assert np.array_equal(t.data, Y)
    del t
    assert np.array_equal(np.memmap(path, X.dtype, "r", shape=X.shape), Y)


def test_python_floats_reach_a_float64_tensor_with_all_their_digits():
    for write in (Tensor.assign, lambda t, v: setattr(t, "data", v)):
        t = Tensor(np.zeros(2))
        write(t, [0.1, 0.2])
        assert t.tolist() == [0.1, 0.2]
    t.grad = [0.1, 0.2]
    assert t.grad.tolist() == [0.1, 0.2]


NO_NUMBERS = {
    "objects": np.array([[1, None], [3, 4]], object),
    "texts": np.array([["1", "2"], ["3", "4"]]),
    "dates": np.ones((2, 2), "M8[D]"),
    "fields": np.ones((2, 2), [("a", "f4")]),
    "a text": "text",
    "a dict": {"a": 1},
}
TAKERS = {
    "where": lambda a: mg.where(a, Tensor(np.ones((2, 2)), requires_grad=True), 0.0),
    "clip": lambda a: mg.clip(Tensor(np.ones((2, 2)), requires_grad=True), a, 9.0),
    "Linear": nn.Linear(2, 2),
    "RNN": nn.RNN(2, 2),
    "LayerNorm": nn.LayerNorm(2),
    "Conv1d": nn.Conv1d(2, 2, 1),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_what_holds_no_numbers_is_refused_by_the_name_of_what_it_was_given_to(taker, kind):
    with pytest.raises((TypeError, ValueError)) as caught:
        TAKERS[taker](NO_NUMBERS[kind])
    assert taker in "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


def test_a_complex_value_is_refused_where_it_would_lose_a_gradient_or_its_imaginary_part():
    x, z = Tensor(np.ones((2, 2)), requires_grad=True), np.full((2, 2), 1j)
    for call, words in (
        (lambda: mg.clip(x, z, 9.0), "clip: complex operands"),
        (lambda: setattr(x, "grad", z), "grad = value: the value is complex128"),
        (lambda: grad(x * 1, x, z), "grad: the seed is complex128"),
        (lambda: nn.RNN(2, 2)(z), "RNN: the input is complex128"),
    ):
        with pytest.raises(TypeError, match=words):
            call()
    assert x.grad is None


def test_a_tensor_of_pytorch_is_refused_by_a_layer_with_what_is_needed(torch):
    for layer in (nn.Linear(2, 2), nn.RNN(2, 2)):
        with pytest.raises(TypeError, match=r"the input is a torch\.Tensor; an array of NumPy"):
            layer(torch.ones(2, 2))
