"""minigrad's names for PyTorch's names: an error suggests ours, and theirs are never accepted as aliases."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NoReturn, ParamSpec, TypeVar

from .axes import explain_axes

P = ParamSpec("P")
R = TypeVar("R")

# fmt: off
NAMES = {
    "view": "reshape", "permute": "transpose", "unsqueeze": "expand_dims", "cat": "concatenate",
    "dim": "ndim", "numel": "size", "expand": "broadcast_to", "clamp": "clip", "cpu": "numpy",
    "to": "astype", "type": "astype", "float": "astype", "double": "astype", "long": "astype",
    "copy_": "assign", "zero_": "assign", "fill_": "assign", "t": "T",
    "from_numpy": "Tensor", "manual_seed": "seed", "index_select": "take",
    "gather": "take_along_axis", "index_add": "scatter_add",
    "scatter_reduce": "scatter_max", "amax": "max", "amin": "min",
    "mul": "multiply", "sub": "subtract", "div": "divide", "neg": "negative", "pow": "power",
    "mm": "matmul", "bmm": "matmul", "mv": "matmul", "ger": "outer", "inverse": "inv",
    "movedim": "moveaxis", "masked_fill": "where", "masked_select": "getitem", "narrow": "getitem",
    "chunk": "array_split", "repeat_interleave": "repeat", "expand_as": "broadcast_to",
    "view_as": "reshape", "half": "astype", "int": "astype", "bool": "astype", "as_tensor": "Tensor",
    "psi": "digamma", "lgamma": "gammaln", "expit": "sigmoid", "log_expit": "logsigmoid", "jn": "jv",
    "add_": "assign", "sub_": "assign", "mul_": "assign", "div_": "assign",
}
# fmt: on
_MADE = "arrays are made with NumPy, as in minigrad.Tensor(np.zeros((2, 3), np.float32))"
ELSEWHERE = {
    "nn": "it is a package of its own: import nn",
    "optim": "it is nn.optim",
    "Module": "it is nn.Module",
    "Parameter": "it is nn.Parameter",
    **dict.fromkeys(("zeros", "ones", "full", "empty", "eye", "arange", "linspace"), _MADE),
    **dict.fromkeys(
        ("rand", "randn", "randint"),
        "random numbers are NumPy's, as in minigrad.generator().standard_normal((2, 3), np.float32)",
    ),
}
ARGUMENTS = {"dim": "axis", "keepdim": "keepdims", "dim0": "axis1", "dim1": "axis2", "dims": "axis"}


def no_attribute(owner: str, name: str) -> NoReturn:
    """Raise the AttributeError for `owner.name`, with our word where there is one."""
    hint = f"; minigrad's word is {NAMES[name]}" if name in NAMES else ""
    if owner == "minigrad" and name in ELSEWHERE:
        hint = f"; {ELSEWHERE[name]}"
    raise AttributeError(f"{owner} has no attribute {name!r}{hint}")


def says_our_words(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function answer PyTorch's argument names, such as `dim=`, and what is no axis, with an error of ours."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs:
            for word in kwargs:
                if word in ARGUMENTS:
                    raise TypeError(
                        f"{function.__name__} has no argument {word!r}; minigrad's word is {ARGUMENTS[word]}"
                    )
        try:
            return function(*args, **kwargs)
        except (TypeError, ValueError) as error:
            explain_axes(function, args, kwargs, error)
            raise

    return call
