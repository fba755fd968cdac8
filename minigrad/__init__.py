"""minigrad: an autograd engine you can read, trust and see."""

# fmt: off
# isort: off
from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import landings as landings
from .core.backward import grad
from .core.rows import elementwise, primitive
from .modes import enable_grad, no_grad
from .ops import later
from .ops.activations import (
    celu, elu, gelu, hardsigmoid, hardswish, hardtanh, leaky_relu, logsigmoid, mish, relu, relu6,
    selu, silu, softplus,
)
from .ops.attention import attention_weights, scaled_dot_product_attention
from .ops.conv import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from .ops.cumulative import cumprod, cumsum
from .ops.einsum import einsum
from .ops.elementwise import (
    absolute, add, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, astype, clip,
    cos, cosh, deg2rad, divide, exp, exp2, expm1, floor_divide, fmax, fmin, log, log1p,
    log2, log10, logaddexp, logaddexp2, maximum, minimum, multiply, nan_to_num, negative,
    rad2deg, reciprocal, remainder, sigmoid, sin, sinh, square, subtract, tan, tanh, where,
    where_safe,
)
from .ops.elementwise_losses import (
    binary_cross_entropy, binary_cross_entropy_with_logits, huber_loss, kl_div, l1_loss, mse_loss,
    smooth_l1_loss,
)
from .ops.indexing import (
    embedding, getitem, one_hot, put_along_axis, scatter, scatter_add, take, take_along_axis,
)
from .ops.joining import (
    array_split, column_stack, dsplit, dstack, hsplit, hstack, split, unstack, vsplit, vstack,
)
from .ops.kernels import allocator
from .ops.losses import cross_entropy, hinge_loss, nll_loss
from .ops.fused import unfused
from .ops.normalisation import batch_norm, group_norm, layer_norm, rms_norm
from .ops.norms import norm
from .ops.padding import pad
from .ops.pooling import (
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_max_pool2d, avg_pool1d, avg_pool2d,
    max_pool1d, max_pool2d,
)
from .ops.powers import cbrt, hypot, power, sqrt
from .ops.products import (
    dot, inner, kron, linear, matmul, matvec, multi_dot, outer, tensordot, vdot, vecdot,
)
from .ops.pytorch_words import no_attribute
from .ops.rearrange import (
    diag, diagonal, flip, fliplr, flipud, repeat, roll, rot90, tile, tril, triu,
)
from .ops.recurrent import gru, gru_step, lstm, lstm_step, recurrent, rnn, rnn_step
from .ops.reductions import logsumexp, max, mean, min, nanmean, nansum, prod, sum, trace
from .ops.shapes import (
    atleast_1d, atleast_2d, atleast_3d, broadcast_arrays, broadcast_to, concatenate, expand_dims,
    flatten, matrix_transpose, meshgrid, moveaxis, ravel, reshape, squeeze, stack, sum_to,
    swapaxes, transpose,
)
from .ops.softmax import log_softmax, softmax
from .ops.sorting import argsort, sort, topk
from .ops.special import erf, erfc, sinc
from .ops.statistics import average, median, std, var
from .ops.windows import fold, unfold
from .random import generator, seed
from .recompute import checkpoint, recomputing
from .sight.costs import costs, saved_bytes
from .sight.explain import explain
from .sight.recording import debug, is_recording, record
from .sight.scope import scope
from .tensor import Tensor, touch
from .transforms import hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .trust.certify import certify
from .trust.gradients import check_grads

__version__ = "0.1.0"
__all__ = [
    "Tensor", "absolute", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool2d",
    "add", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "argsort",
    "array_split", "astype", "atleast_1d", "atleast_2d", "atleast_3d", "attention_weights",
    "average", "avg_pool1d", "avg_pool2d", "batch_norm", "beta", "betaln", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "broadcast_arrays", "broadcast_to", "cbrt", "celu",
    "certify", "check_grads", "checkpoint", "cholesky", "clip", "column_stack", "compile",
    "concatenate",
    "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "cos", "cosh", "costs",
    "cross_entropy", "cumprod", "cumsum", "debug", "deg2rad", "det", "diag", "diagonal", "digamma", "divide",
    "dot", "dsplit", "dstack", "eigh", "einsum", "elementwise", "elu", "embedding", "enable_grad",
    "entr", "erf", "erfc", "erfcinv", "erfcx", "erfinv", "exp", "exp2", "expand_dims", "explain",
    "expm1", "flatten", "flip", "fliplr",
    "flipud", "floor_divide", "fmax", "fmin", "fold", "gamma", "gammaln", "gelu", "generator", "getitem", "grad",
    "group_norm", "gru", "gru_step",
    "hardsigmoid", "hardswish", "hardtanh", "hessian", "hinge_loss", "hsplit", "hstack",
    "huber_loss", "hvp", "hypot", "i0", "i0e", "i1", "i1e", "inner", "inv", "is_recording", "iv",
    "ive", "j0", "j1", "jacobian", "jv", "jvp", "kl_div",
    "kron", "l1_loss", "layer_norm", "leaky_relu", "linear", "log", "log1p", "log2", "log10",
    "log_ndtr", "log_softmax",
    "logaddexp", "logaddexp2", "logit", "logsigmoid", "logsumexp", "lstm", "lstm_step", "matmul", "matrix_power",
    "matrix_transpose", "matvec", "max", "max_pool1d", "max_pool2d", "maximum", "mean", "median",
    "meshgrid", "min", "minimum", "mish", "moveaxis", "mse_loss", "multi_dot", "multiply",
    "nan_to_num", "nanmean", "nansum", "ndtr", "ndtri", "negative", "nll_loss", "no_grad", "norm", "one_hot",
    "outer", "pad", "polygamma", "power", "primitive", "prod", "put_along_axis", "rad2deg", "ravel",
    "reciprocal", "recomputing", "record", "recurrent", "rel_entr", "relu", "relu6", "remainder", "repeat",
    "reshape", "rms_norm", "rnn", "rnn_step", "roll", "rot90", "saved_bytes",
    "scaled_dot_product_attention", "scatter", "scatter_add",
    "scope", "script", "seed", "selu", "sigmoid", "silu", "sin", "sinc", "sinh", "slogdet", "smooth_l1_loss",
    "softmax", "softplus", "solve", "sort", "split", "sqrt", "square", "squeeze", "stack", "std",
    "subtract", "sum", "sum_to", "swapaxes", "take", "take_along_axis", "tan", "tanh", "tensordot",
    "tile", "topk", "touch", "trace", "transpose", "tril", "triu", "unfold", "unfused", "unstack",
    "value_and_grad", "var", "vdot", "vecdot", "vjp", "vsplit", "vstack", "where", "where_safe", "xlog1py", "xlogy",
]

if TYPE_CHECKING:  # read when they are first named, the ops of `ops.LATER` and what is made of them
    from .ops.bessel import i0, i0e, i1, i1e, iv, ive, j0, j1, jv
    from .ops.linalg import cholesky, det, eigh, inv, matrix_power, slogdet, solve
    from .ops.scipy_special import (
        beta, betaln, digamma, entr, erfcinv, erfcx, erfinv, gamma, gammaln, log_ndtr, logit, ndtr, ndtri, polygamma,
        rel_entr, xlog1py, xlogy,
    )
    from .program import compile, script
# fmt: on
# isort: on

ROOMS = ("picture", "program", "sight", "stats")
"""Public rooms; all but `sight` are imported when they are first named."""

allocator.keep_freed_memory()


def __getattr__(name: str) -> Any:
    if name in ROOMS:
        return import_module(f"minigrad.{name}")
    if name in ("compile", "script"):
        return getattr(import_module("minigrad.program"), name)
    for module in later() if name in __all__ else ():
        if name in vars(module):
            return vars(module)[name]
    no_attribute("minigrad", name)


def __dir__() -> list[str]:
    return sorted([*__all__, *ROOMS, *(name for name in globals() if name.startswith("__"))])
