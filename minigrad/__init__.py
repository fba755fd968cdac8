"""minigrad: an autograd engine you can read, trust and see."""

from .checks import check_grads
from .engine import grad
from .graph import debug, enable_grad, no_grad
from .ops.conv import conv2d, max_pool2d
from .ops.elementwise import (
    absolute,
    add,
    astype,
    clip,
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
from .rows import elementwise, primitive
from .random import generator, seed
from .tensor import Tensor, touch

__version__ = "0.1.0"
