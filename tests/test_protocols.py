"""NumPy's functions on Tensors: what acts on the data, what is refused by name, and that nothing detaches unseen."""

import contextlib
import inspect
import io
import math
import traceback

import numpy as np
import pytest
from numpy_names import ALL

from minigrad import Tensor, grad
from minigrad.core.rows import served
from minigrad.ops.inspection import FUNCTIONS, MAKERS, UFUNCS, VALUES, name_of
from minigrad.ops.refused import WHY

X = np.array([[0.3, -1.7, 2.4], [1.6, 0.8, -0.2]])
Y = np.array([[1.2, 0.9, -0.6], [0.4, 2.2, 1.1]])


def leaf(values=X):
    return Tensor(np.array(values, float), requires_grad=True)


def by_name(functions):
    return pytest.mark.parametrize("function", sorted(functions, key=name_of), ids=name_of)


def flat(result):
    """What a result is made of."""
    if isinstance(result, (tuple, list)):
        return [part for item in result for part in flat(item)]
    return [result]


# What is listed ------------------------------------------------------------------------------------------

ARGUMENTS = {  # of a listed function, if not X
    np.result_type: (X, np.float32), np.can_cast: (np.float32, float), np.argpartition: (X, 1),
    np.lexsort: ((X[0], X[1]),),
    np.searchsorted: (np.sort(X[0]), X[1]), np.digitize: (X, np.array([-1.0, 0.0, 1.0])), np.isin: (X, Y),
    np.round: (X, 1), np.around: (X, 1), np.einsum_path: ("ij,kj->ik", X, Y),
    np.tril_indices_from: (X, 1), np.triu_indices_from: (X, 1), np.diag_indices_from: (X[:, :2],),
    np.ix_: (np.array([0, 1]), np.array([1, 2])), np.ravel_multi_index: ((np.array([1, 0]), np.array([2, 1])), (2, 3)),
    np.unravel_index: (np.array([5, 2]), (2, 3)),
    np.packbits: (np.array([1, 0, 1], bool),), np.unpackbits: (np.array([5], "uint8"),),
}  # fmt: skip
for two in (np.isclose, np.allclose, np.array_equal, np.array_equiv, np.intersect1d, np.union1d,
            np.setdiff1d, np.setxor1d, *[vars(np)[name] for name in ("in1d",) if name in vars(np)]):  # fmt: skip
    ARGUMENTS[two] = (X, Y)
INTEGERS = {f for f in UFUNCS if not any("d" in types for types in f.types)}


def arguments_of(function):
    if isinstance(function, np.ufunc):
        arrays = [X, Y][: function.nin]
        return [np.abs(a).astype(int) for a in arrays] if function in INTEGERS else arrays
    return ARGUMENTS.get(function, (X,))


ABOUT_MEMORY = {np.empty_like, np.may_share_memory, np.shares_memory}
# a name that NumPy deprecates is served for as long as there is one
WARNED = pytest.mark.filterwarnings("ignore:.*(fix|in1d).* is deprecated:DeprecationWarning")


def on_tensors(value, requires_grad=False):
    """The same arguments with a Tensor in the place of every array."""
    if isinstance(value, np.ndarray):
        return Tensor(value, requires_grad=requires_grad and value.dtype.kind == "f")
    if isinstance(value, (tuple, list)):
        return type(value)([on_tensors(v, requires_grad) for v in value])
    return value


def same(found, expected):
    if isinstance(expected, (np.ndarray, np.generic)):
        assert type(found) is Tensor
        assert not found.requires_grad
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.data, expected)
    elif isinstance(expected, (tuple, list)):
        assert type(found) is type(expected)
        for f, e in zip(found, expected, strict=True):
            same(f, e)
    else:
        assert found == expected


@WARNED
@by_name((UFUNCS | FUNCTIONS) - ABOUT_MEMORY)
def test_a_listed_function_gives_on_tensors_what_it_gives_on_arrays(function):
    given = arguments_of(function)
    same(function(*on_tensors(given, requires_grad=True)), function(*given))


@WARNED
@by_name((UFUNCS | FUNCTIONS) - ABOUT_MEMORY)
def test_a_listed_function_does_not_move_with_its_arguments_so_no_gradient_is_lost(function):
    def moved(value):
        if isinstance(value, (tuple, list)):
            return type(value)([moved(v) for v in value])
        is_float = isinstance(value, np.ndarray) and value.dtype.kind == "f"
        return (
            value + 1e-6 * np.cos(np.arange(value.size)).reshape(value.shape) if is_float else value
        )

    given = arguments_of(function)
    for before, after in zip(flat(function(*given)), flat(function(*moved(given))), strict=True):
        if not isinstance(before, str):
            np.testing.assert_array_equal(before, after)


@by_name(VALUES)
def test_a_function_whose_values_move_is_served_only_where_nothing_requires_grad(function):
    given = arguments_of(function)
    same(function(*on_tensors(given)), function(*given))
    moving = on_tensors(given, requires_grad=True)
    if any(t.requires_grad for t in flat(list(moving))):
        with pytest.raises(
            TypeError, match=rf"np\.{function.__name__}: .*requires grad.*detach\(\)"
        ):
            function(*moving)


def test_a_gradient_at_stake_in_a_keyword_or_a_list_is_seen_too():
    labels, weights = Tensor([0, 1, 0]), leaf(X[0])
    with pytest.raises(TypeError, match=r"histogram_bin_edges.*detach"):
        np.histogram_bin_edges(np.ones(3), bins=leaf([0, 1, 2]))
    with pytest.raises(TypeError, match=r"histogramdd.*detach"):
        np.histogramdd([weights, weights])
    with pytest.raises(TypeError, match=r"full_like: dtype=int64.*detach"):
        np.full_like(labels, weights[0])
    assert np.full_like(weights, Tensor(7.0)).tolist() == [7, 7, 7]
    assert not np.full_like(weights, 7.0).requires_grad


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.argmax(t, axis=1),
        lambda t: np.argmin(t, axis=0, keepdims=True),
        lambda t: np.any(t > 0, axis=1, where=np.array([[True, False, True]])),
        lambda t: np.all(a=t > 0, axis=(0, 1), keepdims=True),
        lambda t: np.any(t > 0, out=None),
        lambda t: np.count_nonzero(t > 0, axis=1, keepdims=True),
        lambda t: np.searchsorted([0.0, 1.0], v=t, side="right"),
        lambda t: np.searchsorted(np.array([1.0, 0.0]), t, sorter=np.array([1, 0])),
        lambda t: np.argsort(t, axis=None, kind="stable"),
        lambda t: np.round(t, decimals=1),
        lambda t: np.unique(t > 0, return_counts=True, return_index=True),
        lambda t: np.zeros_like(t, dtype="float32", shape=(4,)),
        lambda t: np.full_like(t, 2, dtype="float32"),
        lambda t: np.where(t > 0),
        lambda t: np.isclose(t, t + 1e-9, rtol=0, atol=1e-8),
        lambda t: np.lexsort((t[0], t[1]), axis=0),
        lambda t: np.ones((2, 3)) // t,
        lambda t: t // 0.7,
        lambda t: 2 // t,
    ],
)
def test_numpys_keywords_and_mixed_arguments_do_what_they_do_on_arrays(call):
    same(call(leaf()), call(X))


def test_tensors_are_asked_about_the_memory_of_their_arrays():
    x = leaf()
    for ask in (np.shares_memory, np.may_share_memory):
        assert ask(x, x.detach()) is ask(x.data, x) is True
        assert ask(x, X) is False
    assert np.empty_like(x, shape=(4,), dtype="float32").shape == (4,)


def test_places_found_with_numpy_index_a_tensor_and_keep_its_history():
    x = leaf()
    for index in (np.nonzero(x > 1), np.where(x > 1), x > 1):
        assert np.array_equal(grad(x[index].sum(), x), X > 1)
    rows, columns = np.unravel_index(np.argmax(x), x.shape)
    assert x[rows, columns].item() == 2.4
    assert x[np.argsort(x[:, 0])].shape == (2, 3)


def test_named_results_of_numpy_keep_their_names():
    result = np.unique_counts(Tensor([3, 1, 3]))
    assert result.values.tolist() == [1, 3]
    assert result.counts.tolist() == [1, 2]


def test_a_copy_keeps_its_history_and_shares_nothing():
    x = leaf()
    y = np.copy(x)
    assert not np.shares_memory(x, y)
    assert np.array_equal(grad((y * x).sum(), x), 2 * X)
    assert not np.copy(Tensor(X)).requires_grad


@by_name(MAKERS)
def test_an_array_made_like_a_tensor_is_a_tensor_without_history(function):
    given = {np.full: (3, 2.0), np.tri: (3, 2), np.eye: (3, 2)}.get(function, (3,))
    same(function(*given, like=leaf()), function(*given))
    if function in (np.array, np.asarray, np.asanyarray):
        with pytest.raises(TypeError, match=rf"np\.{function.__name__}: .*requires grad"):
            function([leaf(), leaf()], like=leaf())


# What is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "call"),
    [
        ("np.argmax: out=", lambda t: np.argmax(t, axis=0, out=np.zeros(3, int))),
        ("np.argmax: out=", lambda t: np.argmax(X, axis=0, out=t)),
        ("np.round: out=", lambda t: np.round(t, out=np.zeros((2, 3)))),
        ("np.any: out=", lambda t: np.any(t > 0, out=np.zeros((), bool))),
        ("np.exp: where=", lambda t: np.exp(t, where=X > 0)),
        ("np.exp: dtype=", lambda t: np.exp(t, dtype="float32")),
        ("np.greater: where=", lambda t: np.greater(t, 0, where=X > 0)),
        ("np.copy: order=", lambda t: np.copy(t, order="F")),
        ("np.nextafter", lambda t: np.nextafter(t, 1)),
        ("np.fft.fft", np.fft.fft),
        ("np.apply_over_axes", lambda t: np.apply_over_axes(np.sum, t, [0])),
        ("np.spacing", np.spacing),
        ("np.roots", lambda t: np.roots(t[0])),
        ("np.linalg.eig has.*complex.*np.linalg.eigh", np.linalg.eig),
        ("vectorized", lambda t: np.frompyfunc(math.exp, 1, 1)(t)),
        ("np.maximum.reduce: out=", lambda t: np.maximum.reduce(t, out=np.zeros(3))),
        ("np.std: dtype=", lambda t: np.std(t, dtype="float32")),
        ("np.maximum.reduce: dtype=", lambda t: np.maximum.reduce(t, dtype="float32")),
        ("np.logaddexp.reduce: initial=", lambda t: np.logaddexp.reduce(t, initial=1)),
        ("np.subtract.reduce: where=", lambda t: np.subtract.reduce(t, where=X > 0)),
        ("np.subtract.outer: dtype=", lambda t: np.subtract.outer(t, X, dtype="float32")),
        ("np.multiply.reduceat", lambda t: np.multiply.reduceat(t, [0, 1])),
        ("np.nextafter.outer", lambda t: np.nextafter.outer(X, t)),
        ("vectorized.*outer", lambda t: np.frompyfunc(math.hypot, 2, 1).outer(t, t)),
        ("np.quantile: method='nearest'", lambda t: np.quantile(t, 0.5, method="nearest")),
        ("np.percentile: weights=", lambda t: np.percentile(t, 50, weights=X)),
        ("np.nanmedian: out=", lambda t: np.nanmedian(t, 0, out=np.zeros(3))),
        ("np.choose: mode='wrap'", lambda t: np.choose([0, 1, 1], t, mode="wrap")),
        ("np.copyto.*np.where", lambda t: np.copyto(np.zeros((2, 3)), t)),
        ("np.place.*np.where", lambda t: np.place(t, X > 0, [1.0])),
        ("np.putmask.*np.where", lambda t: np.putmask(t, X > 0, 1.0)),
        ("np.put .*minigrad.set_at", lambda t: np.put(t, [0], 1.0)),
        ("np.fill_diagonal.*np.where", lambda t: np.fill_diagonal(t, 1.0)),
        ("np.cumsum|np.add.accumulate: out=", lambda t: np.add.accumulate(t, out=np.zeros((2, 3)))),
        ("np.add.at.*scatter_add", lambda t: np.add.at(np.zeros((2, 3)), 0, t)),
        ("np.save", lambda t: np.save(io.BytesIO(), t)),
    ],
)
def test_what_is_not_served_raises_by_name_whether_or_not_a_gradient_is_at_stake(word, call):
    for t in (leaf(), Tensor(X)):
        with pytest.raises(TypeError, match=word):
            call(t)


# All of NumPy, tried -------------------------------------------------------------------------------------

CALLS = [
    lambda f, t: f(t),
    lambda f, t: f(t, t),
    lambda f, t: f(t, 1),
    lambda f, t: f(1, t),
    lambda f, t: f(X, t),
    lambda f, t: f(t, Y),
    lambda f, t: f([t, t]),
    lambda f, t: f([X, t]),
    lambda f, t: f(t, (0, 1)),
    lambda f, t: f(t, axis=0),
    lambda f, t: f(X > 0, t),
    lambda f, t: f(X > 0, t, t),
    lambda f, t: f(t, t, t),
    lambda f, t: f("ij->ji", t),
    lambda f, t: f(t[:, :2]),
    lambda f, t: f(t[0], t[1]),
    lambda f, t: f(X, 1, t),
]


def floats_without_history(result):
    found = []
    for part in flat(result):
        if isinstance(part, Tensor):
            found += [part.data] * (not part.requires_grad)
        elif isinstance(part, (float, complex, np.generic, np.ndarray)):
            found.append(part)
    return [np.asarray(part) for part in found if np.asarray(part).dtype.kind in "fcO"]


STEPS = {np.floor_divide, np.divmod}


@by_name(ALL - UFUNCS - FUNCTIONS - STEPS)
def test_no_function_of_numpy_loses_the_gradient_of_what_it_is_given(function):
    for call in CALLS:
        found = []
        for x in (X, X + 0.01 * Y):
            with np.errstate(all="ignore"), contextlib.suppress(Exception):
                found.append(floats_without_history(call(function, leaf(x))))
        for before, after in zip(*found, strict=True) if len(found) == 2 else ():
            np.testing.assert_array_equal(before, after, inspect.getsource(call))


REFUSED = ALL - set(served) - UFUNCS - FUNCTIONS - VALUES


def test_each_function_that_is_refused_has_its_reason():
    assert {name_of(f) for f in REFUSED} <= WHY.keys()
    assert not {name_of(f) for f in ALL - REFUSED} & WHY.keys()


@by_name(REFUSED)
def test_a_function_in_no_list_says_its_name_and_what_to_do(function):
    x = leaf()
    ask = x.__array_ufunc__ if isinstance(function, np.ufunc) else x.__array_function__
    rest = ("__call__", x) if isinstance(function, np.ufunc) else ((Tensor,), (x,), {})
    with pytest.raises(TypeError) as error:
        ask(function, *rest)
    assert f".{function.__name__} has no gradient rule" in str(error.value)
    assert WHY[name_of(function)] in str(error.value)
    assert "t.numpy()" in str(error.value)


def words(function):
    try:
        return [*inspect.signature(function).parameters][1:3]
    except ValueError:  # of a function in C; older versions of NumPy say no parameters of theirs
        return []


@pytest.mark.parametrize(
    "function",
    [
        function
        for function, ours in served.items()
        if not isinstance(function, (np.ufunc, str))  # a text names a ufunc of SciPy
        # of a ufunc's method the keywords are known when it is called
        and not isinstance(getattr(function, "__self__", None), np.ufunc)
        and words(function) in (["axis", "dtype"], ["axis", "out"])
        and words(ours)[1:] not in ([], words(function)[1:])
    ],
)
def test_a_dtype_or_out_by_position_is_not_taken_for_an_option_of_ours(function):
    with pytest.raises(TypeError, match="arguments after axis are given by keyword"):
        function(Tensor(np.ones((2, 2), int)), None, np.zeros((), int))


def test_the_lists_do_not_overlap():
    lists = [UFUNCS, FUNCTIONS, VALUES, MAKERS, frozenset(served)]
    assert sum(map(len, lists)) == len(frozenset.union(*lists))


WRONG = [
    lambda f, t: f(t, axis=1.5),
    lambda f, t: f(t, "no number"),
    lambda f, t: f(t, t, object()),
    lambda f, t: f((t, "no number")),
    lambda f, t: f((t, t), dtype="float16"),
    lambda f, t: f(t, 1, axis=1.5),
    lambda f, t: f(t, {}),
]


@by_name(ALL)
@pytest.mark.filterwarnings("ignore")
def test_an_error_names_the_function_of_numpy_that_was_called(function):
    for call in WRONG:
        for t in (leaf(), Tensor(X)):
            try:
                call(function, t)
            except Exception as error:
                frames = traceback.extract_tb(error.__traceback__)
                asked = any("numpy_protocols" in frame.filename for frame in frames)
                texts = [str(error), *getattr(error, "__notes__", ())]
                assert not asked or any(function.__name__ in text for text in texts), texts
