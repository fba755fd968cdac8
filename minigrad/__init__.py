"""minigrad: an autograd engine you can read, trust and see."""

from typing import NoReturn

from .checks import check_grads
from .engine import grad
from .graph import debug, enable_grad, no_grad
from .ops.conv import conv2d, max_pool2d
from .ops.elementwise import (
    absolute,
    add,
    astype,
    clip,
    cos,
    divide,
    exp,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    relu,
    sigmoid,
    sin,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from .ops.indexing import getitem, scatter
from .ops.linalg import linear, matmul
from .ops.losses import cross_entropy, log_softmax, mse_loss, softmax
from .ops.reductions import max, mean, min, sum
from .ops.shapes import (
    broadcast_to,
    concatenate,
    expand_dims,
    flatten,
    matrix_transpose,
    pad,
    ravel,
    reshape,
    squeeze,
    stack,
    sum_to,
    swapaxes,
    transpose,
)
from .random import generator, seed
from .rows import elementwise, primitive
from .tensor import Tensor, touch
from .words import no_attribute

__version__ = "0.1.0"

__all__ = [
    "Tensor",
    "absolute",
    "add",
    "astype",
    "broadcast_to",
    "check_grads",
    "clip",
    "concatenate",
    "conv2d",
    "cos",
    "cross_entropy",
    "debug",
    "divide",
    "elementwise",
    "enable_grad",
    "exp",
    "expand_dims",
    "flatten",
    "generator",
    "getitem",
    "grad",
    "linear",
    "log",
    "log_softmax",
    "matmul",
    "matrix_transpose",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mse_loss",
    "multiply",
    "negative",
    "no_grad",
    "pad",
    "power",
    "primitive",
    "ravel",
    "relu",
    "reshape",
    "scatter",
    "seed",
    "sigmoid",
    "sin",
    "softmax",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "subtract",
    "sum",
    "sum_to",
    "swapaxes",
    "tanh",
    "touch",
    "transpose",
    "where",
]


def __getattr__(name: str) -> NoReturn:
    no_attribute("minigrad", name)
