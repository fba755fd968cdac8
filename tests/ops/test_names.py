"""The names of the table: every op is public, a method is its function, and NumPy's function of that name is it."""

import inspect
import pickle

import numpy as np
import pytest
from cases import CASES, PARTNERS
from public_calls import ARGUMENTS, X
from table import MODULES, ROWS, ops_seen

import minigrad as mg
from minigrad import Tensor
from minigrad.core.rows import Primitive
from minigrad.methods import Methods

NOT_THE_TABLE = {
    "inspection",
    "axes",
    "labels",
    "loss_terms",
    "reads",
    "parameters",
    "pytorch_words",
    "fused",
    "kernels",
    "matrices",
}
"""Modules beside the topics: what has no gradient, and tools of the others."""

NOT_OPS = {
    "lowest",
    "of_known",
    "max_pool2d_row",
    *("unfold_row", "fold_row", "images_of", "of_volume", "with_indices"),
    "pool_argmax",
    "pool_argmax_plain",
    "pool_scatter_plain",
    "conv2d_plain",
    "conv2d_input_plain",
    "conv2d_weight_plain",
    "window_of",
    "over_axes",
    "numbers",
    "forms",
    "raised",
    "lowered",
    "products_of_others",
    *("terms", "mask_over", "how_many", "without_nan"),  # of reductions
}
"""Functions of the table without an underscore that are no ops: tools of windows, a place, and the tests' oracles."""


def test_every_op_of_the_table_is_public():
    ops = {
        name
        for module in MODULES
        if module.__name__.split(".")[-1] not in NOT_THE_TABLE
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (isinstance(value, Primitive) or getattr(value, "__module__", "") == module.__name__)
        and callable(value)
    }
    assert ops - NOT_OPS - set(PARTNERS) <= set(mg.__all__)
    assert set(PARTNERS).isdisjoint(mg.__all__)


def test_public_names_exist_and_explain_themselves():
    assert len(mg.__all__) == len(set(mg.__all__))  # the linter keeps them sorted
    assert all(getattr(mg, name).__doc__ for name in mg.__all__)


def test_every_row_is_reached_by_public_functions_and_their_gradients_alone():
    labels = np.array([2, 0])
    reached = ops_seen(lambda x: mg.cross_entropy(x, labels), [np.ones((2, 3))], orders=3)
    for name in CASES.keys() - PARTNERS.keys():
        call = CASES[name][0]
        reached |= ops_seen(call.on, call.arguments(), orders=3)
    assert reached == {row.name for row in ROWS}


FUNCTION_OF_METHOD = {"T": "transpose", "mT": "matrix_transpose", "abs": "absolute"}
INSPECTIONS = {
    "argmax",
    "argmin",
    "argsort",
    "floor_divide",
    "any",
    "all",
    "full_like",
    "heaviside",
}
METHODS = sorted(n for n in vars(Methods) if FUNCTION_OF_METHOD.get(n, n) in mg.__all__)
FURTHER = {
    "remainder": (0.3,), "hypot": (2,), "arctan2": (2,), "logaddexp": (2,), "logaddexp2": (2,), "fmax": (0.5,),
    "fmin": (0.5,), "floor_divide": (0.3,),
    "maximum": (0.5,), "minimum": (0.5,), "clip": (0.2, 0.8), "astype": ("float32",), "reshape": ((3, 2),),
    "swapaxes": (0, 1), "add": (2,), "subtract": (2,), "multiply": (2,), "divide": (2,), "power": (2,),
    "moveaxis": (0, 1), "roll": (1,), "tile": (2,), "repeat": (2, 1), "split": (2,), "array_split": (2,),
    "hsplit": (3,), "vsplit": (2,),
    "dot": (np.ones((3, 2)),), "vdot": (np.ones((3, 2)),), "inner": (np.ones((4, 3)),), "outer": (np.ones(2),),
    "kron": (np.ones((2, 2)),), "tensordot": (np.ones((2, 3)),), "vecdot": (np.ones(3),), "matvec": (np.ones(3),),
    "vecmat": (np.ones((3, 2)),),
    "matmul": (np.ones((3, 2)),), "broadcast_to": ((4, 2, 3),), "expand_dims": (1,), "pad": (1,),
    "append": (np.ones(2),), "convolve": ([1.0, 2.0],), "copysign": (-2,), "correlate": ([1.0],),
    "cross": (np.ones(3),), "delete": (1, 0), "fmod": (0.3,), "full_like": (2,), "geomspace": (2,), "heaviside": (0.5,),
    "insert": (1, 0.5, 0), "interp": ([0.1, 1.0], [1.0, 3.0]), "ldexp": (2,), "linspace": (2, 3), "logspace": (2, 3),
    "polyadd": ([1.0],), "polyfit": ([1.0, 2.0, 4.0], 1), "polymul": ([1.0],), "polysub": ([1.0],), "polyval": (2.0,),
    "resize": ((4,),), "take": ([2, 0], 1), "take_along_axis": (np.array([[2, 0], [1, 1]]), 1), "topk": (2,),
    "quantile": (0.3,), "nanquantile": (0.3,), "partition": (1,),
}  # fmt: skip
"""What these take after x, a (2, 3) Tensor."""


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_the_public_function_of_its_name(name):
    function = getattr(mg, FUNCTION_OF_METHOD.get(name, name))
    method = getattr(Methods, name)
    x, *rest = ARGUMENTS.get(name, (X,))
    found = getattr(Tensor(x), name)
    found = found if isinstance(method, property) else found(*rest)
    expected = function(Tensor(x), *rest)
    several = isinstance(expected, tuple)
    for a, b in zip(found, expected, strict=True) if several else [(found, expected)]:
        np.testing.assert_array_equal(a.data, b.data)
    if isinstance(method, property) or name in (
        "reshape",
        "transpose",
        "repeat",
    ):  # these take numbers
        return
    words = [*inspect.signature(method).parameters.values()][1:]
    if isinstance(function, Primitive):
        assert [p.name for p in words] == list(function.names[1:])
    else:
        ours = [*inspect.signature(function).parameters.values()][1:]
        assert [(p.name, p.default) for p in words] == [(p.name, p.default) for p in ours]
    assert method.__doc__.split("\n")[0] == function.__doc__.split("\n")[0]  # the formula


@pytest.mark.parametrize("name", METHODS)
def test_a_method_can_be_pickled(name):
    method = getattr(Tensor, name)
    if isinstance(method, property):
        return
    assert pickle.loads(pickle.dumps(method)) is method
    bound = pickle.loads(pickle.dumps(getattr(Tensor([1.0, 2.0]), name)))
    assert bound.__func__ is method


@pytest.mark.parametrize("name", ["all", "any", "argmax", "argmin", "max", "sum"])
def test_a_method_says_its_name_in_errors(name):
    method = getattr(Tensor([1.0, 2.0]), name)
    with pytest.raises(TypeError, match=rf"^{name} has no argument 'dim'; minigrad's word is axis"):
        method(dim=0)
    with pytest.raises(TypeError, match=rf"{name}\(\) got an unexpected keyword argument 'foo'"):
        method(foo=0)


NOT_NUMPYS = {"put_along_axis", "record", "full"}
"""NumPy's put_along_axis writes into its argument, ours gives a new array; its `record` is a class of scalars; its full
asks no Tensor.
"""
ONE_AXIS = {
    "convolve",
    "correlate",
    "polyadd",
    "polyder",
    "polyfit",
    "polyint",
    "polymul",
    "polysub",
    "polyval",
    "vander",
}


LISTS = {
    "where": lambda x: (x.data > 0.5, x, 0),
    "select": lambda x: ([x > 0.5, x > 0.2], [x, x * 2]),
    "choose": lambda x: ([0, 1, 1], x),
    "piecewise": lambda x: (x, [x > 0.5], [np.sin, np.cos]),
    "bincount": lambda x: ([0, 3, 1, 3, 0, 0], x.ravel()),
    "histogram": lambda x: ([0, 3, 1, 3, 0, 0], 3, None, True, x.ravel()),
    "histogram2d": lambda x: ([0, 3, 1], [0, 0, 1], 2, None, True, x[0]),
}
"""Functions that take something else than x first, or lists."""


@pytest.mark.parametrize(
    "name", sorted(n for n in mg.__all__ if hasattr(np, n) and n not in NOT_NUMPYS)
)
def test_numpys_function_of_the_same_name_does_the_same_on_a_tensor(name):
    x = Tensor(np.random.default_rng(0).uniform(0.1, 1, (2, 3)), requires_grad=True)
    args = (x, *FURTHER.get(name, ()))
    if name in ("concatenate", "stack", "vstack", "hstack", "dstack", "column_stack"):
        args = ([x, x],)
    elif name == "dsplit":
        args = (x[..., None], 1)
    elif name == "einsum":
        args = ("ij->ji", x)
    elif name == "arccosh":
        args = (x + 1,)
    elif name == "apply_along_axis":
        args = (np.sum, 1, x)
    elif name in ONE_AXIS:
        args = (x[0], *FURTHER.get(name, ()))
    elif name in LISTS:
        args = LISTS[name](x)
    found, expected = getattr(np, name)(*args), getattr(mg, name)(*args)
    several = isinstance(expected, tuple)
    if name.startswith("histogram"):  # the edges are arrays
        found, expected, several = found[0], expected[0], False
    pairs = zip(found, expected, strict=True) if several else [(found, expected)]
    for i, (a, b) in enumerate(pairs):
        assert isinstance(a, Tensor)
        assert a.requires_grad == (
            name not in INSPECTIONS and not (name in ("modf", "frexp") and i)
        )
        np.testing.assert_array_equal(a.data, b.data)
