"""minigrad: an autograd engine you can read, trust and see."""

# fmt: off
# isort: off
from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import landings as landings
from .core.rows import elementwise, primitive
from .devices import on_host, placed
from .modes import enable_grad, no_grad
from .ops import later
from .ops.activations import (
    celu, elu, gelu, glu, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu, logsigmoid,
    mish, prelu, relu, relu6, selu, silu, softplus, softshrink, softsign, threshold,
)
from .ops.adaptive import (
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d,
    adaptive_max_pool2d, adaptive_max_pool3d,
)
from .ops.attention import attention_weights, scaled_dot_product_attention
from .ops.conv import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from .ops.cumulative import cumprod, cumsum
from .ops.einsum import einsum
from .ops.elementwise import (
    absolute, add, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, astype, clip, cos,
    cosh, deg2rad, divide, exp, exp2, expm1, floor_divide, fmax, fmin, log, log1p, log2, log10,
    logaddexp, logaddexp2, maximum, minimum, multiply, nan_to_num, negative, rad2deg, reciprocal,
    remainder, sigmoid, sin, sinh, square, subtract, tan, tanh, where, where_safe,
)
from .ops.elementwise_losses import (
    binary_cross_entropy, binary_cross_entropy_with_logits, huber_loss, kl_div, l1_loss, mse_loss,
    smooth_l1_loss,
)
from .ops.indexing import (
    embedding, getitem, one_hot, put_along_axis, scatter, scatter_add, set_at, take,
    take_along_axis,
)
from .ops.joining import (
    array_split, column_stack, dsplit, dstack, hsplit, hstack, split, unstack, vsplit, vstack,
)
from .ops.kernels import allocator
from .ops.losses import cross_entropy, hinge_loss, nll_loss
from .ops.fused import unfused
from .ops.normalisation import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from .ops.norms import norm
from .ops.padding import pad
from .ops.pooling import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d
from .ops.powers import cbrt, hypot, power, sqrt
from .ops.products import (
    dot, inner, kron, linear, matmul, matvec, multi_dot, outer, tensordot, vdot, vecdot, vecmat,
)
from .ops.pytorch_words import no_attribute
from .ops.rearrange import (
    diag, diagonal, flip, fliplr, flipud, repeat, roll, rot90, tile, tril, triu,
)
from .ops.reads import unchecked
from .ops.recurrent import gru, gru_step, lstm, lstm_step, recurrent, rnn, rnn_step
from .ops.reductions import logsumexp, max, mean, min, nanmean, nansum, prod, sum, trace
from .ops.regularisation import dropout
from .ops.shapes import (
    atleast_1d, atleast_2d, atleast_3d, broadcast_arrays, broadcast_to, concatenate, expand_dims,
    flatten, matrix_transpose, meshgrid, moveaxis, ravel, reshape, squeeze, stack, sum_to, swapaxes,
    transpose,
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
from .transforms.gradients import elementwise_grad, grad, hvp, jvp, linearize, value_and_grad, vjp
from .transforms.jacobians import hessian, jacobian
from .transforms.ravel import ravel_tree
from .trust.certify import certify
from .trust.gradients import check_grads

__version__ = "0.1.0"
__all__ = [
    "Tensor", "absolute", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
    "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d", "add", "append",
    "apply_along_axis", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "argsort", "array_split", "astype", "atleast_1d", "atleast_2d", "atleast_3d",
    "attention_weights", "average", "avg_pool1d", "avg_pool2d", "avg_pool3d", "batch_norm", "beta",
    "betaln", "binary_cross_entropy", "binary_cross_entropy_with_logits", "bincount", "block",
    "broadcast_arrays", "broadcast_to", "cbrt", "cdist", "celu", "certify", "check_grads",
    "checkpoint", "cholesky", "cholesky_solve", "choose", "clip", "column_stack", "compile",
    "concatenate", "cond", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "convolve", "copysign", "corrcoef", "correlate", "cos", "cosh",
    "cosine_embedding_loss", "cosine_similarity", "costs", "cov", "cross", "cross_entropy",
    "ctc_loss", "cummax", "cummin", "cumprod", "cumsum", "debug", "deg2rad", "delete", "det",
    "diag", "diagflat", "diagonal", "diff", "digamma", "divide", "dot", "dropout", "dsplit",
    "dstack", "ediff1d", "eigh", "eigvalsh", "einsum", "elementwise", "elementwise_grad", "elu",
    "embedding", "embedding_bag", "enable_grad", "entr", "erf", "erfc", "erfcinv", "erfcx",
    "erfinv", "exp", "exp2", "expand_dims", "explain", "expm", "expm1", "fftshift", "flatten",
    "flip", "fliplr", "flipud", "floor_divide", "fmax", "fmin", "fmod", "fold", "frexp", "full",
    "full_like", "gamma", "gammaln", "gaussian_nll_loss", "gelu", "generator", "geomspace",
    "getitem", "glu", "grad", "gradient", "group_norm", "gru", "gru_step", "hardshrink",
    "hardsigmoid", "hardswish", "hardtanh", "heaviside", "hessian", "hinge_embedding_loss", "hinge_loss", "histogram",
    "histogram2d", "hsplit", "hstack", "huber_loss", "hvp", "hypot", "i0", "i0e", "i1", "i1e",
    "ifftshift", "inner", "insert", "instance_norm", "interp", "interpolate", "inv", "is_recording",
    "iv", "ive", "j0", "j1", "jacobian", "jv", "jvp", "kl_div", "kron", "l1_loss", "layer_norm",
    "ldexp", "leaky_relu", "linear", "linearize", "linspace", "local_response_norm", "log", "log1p",
    "log2", "log10", "log_ndtr", "log_softmax", "logaddexp", "logaddexp2", "logcumsumexp", "logit",
    "logsigmoid", "logspace", "logsumexp", "lp_pool1d", "lp_pool2d", "lp_pool3d", "lstm",
    "lstm_step", "lstsq", "lu", "margin_ranking_loss", "matmul", "matrix_power", "matrix_transpose",
    "matvec", "max", "max_pool1d", "max_pool2d", "max_pool3d", "maximum", "mean", "median",
    "meshgrid", "min", "minimum", "mish", "modf", "moveaxis", "mse_loss", "multi_dot",
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "multiply",
    "nan_to_num", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin", "nanprod",
    "nanquantile", "nanstd", "nansum", "nanvar", "ndtr", "ndtri", "negative", "nll_loss", "no_grad",
    "norm", "normalize", "on_host", "one_hot", "outer", "pad", "pairwise_distance", "partition", "piecewise",
    "pinv", "placed", "poisson_nll_loss", "polyadd", "polyder", "polyfit", "polygamma", "polyint", "polymul",
    "polysub", "polyval", "power", "prelu", "primitive", "prod", "ptp", "put_along_axis", "qr",
    "quantile", "rad2deg", "ravel", "ravel_tree", "reciprocal", "recomputing", "record",
    "recurrent", "rel_entr", "relu", "relu6", "remainder", "repeat", "reshape", "resize",
    "rms_norm", "rnn", "rnn_step", "roll", "rot90", "saved_bytes", "scaled_dot_product_attention",
    "scatter", "scatter_add", "scatter_max", "scatter_min", "scope", "script", "seed", "select",
    "selu", "set_at", "sigmoid", "silu", "sin", "sinc", "sinh", "sliding_window_view", "slogdet",
    "smooth_l1_loss", "soft_margin_loss", "softmax", "softplus", "softshrink", "softsign", "solve",
    "solve_triangular", "sort", "split", "sqrt", "sqrtm", "square", "squeeze", "stack", "std",
    "subtract", "sum", "sum_to", "svd", "svdvals", "swapaxes", "take", "take_along_axis", "tan",
    "tanh", "tensordot", "tensorinv", "tensorsolve", "threshold", "tile", "topk", "touch", "trace",
    "transpose", "trapezoid", "tril", "trim_zeros", "triplet_margin_loss",
    "triplet_margin_with_distance_loss", "triu", "unchecked", "unfold",
    "unfused", "unstack", "unwrap", "value_and_grad", "vander", "var", "vdot", "vecdot", "vecmat",
    "vjp", "vsplit", "vstack", "where", "where_safe", "xlog1py", "xlogy",
]

if TYPE_CHECKING:  # read when they are first named, the ops of `ops.LATER` and what is made of them
    from .ops.bags import embedding_bag
    from .ops.bessel import i0, i0e, i1, i1e, iv, ive, j0, j1, jv
    from .ops.binning import bincount, histogram, histogram2d
    from .ops.building import (
        append, apply_along_axis, block, delete, diagflat, full, full_like, geomspace, insert,
        linspace, logspace, resize,
    )
    from .ops.covariance import corrcoef, cov
    from .ops.ctc import ctc_loss
    from .ops.differences import cross, diff, ediff1d, gradient, trapezoid
    from .ops.distances import cdist, cosine_similarity, normalize, pairwise_distance
    from .ops.fourier import fftshift, ifftshift
    from .ops.further_pools import local_response_norm, lp_pool1d, lp_pool2d, lp_pool3d
    from .ops.interpolation import interpolate
    from .ops.likelihood_losses import gaussian_nll_loss, poisson_nll_loss
    from .ops.linalg import cholesky, det, eigh, inv, matrix_power, slogdet, solve
    from .ops.margin_losses import (
        cosine_embedding_loss, hinge_embedding_loss, margin_ranking_loss, multi_margin_loss,
        multilabel_margin_loss, multilabel_soft_margin_loss, soft_margin_loss, triplet_margin_loss,
        triplet_margin_with_distance_loss,
    )
    from .ops.nans import nanmax, nanmin, nanprod, nanstd, nanvar
    from .ops.number_parts import copysign, fmod, frexp, heaviside, ldexp, modf, unwrap
    from .ops.polynomials import (
        polyadd, polyder, polyfit, polyint, polymul, polysub, polyval, vander,
    )
    from .ops.quantiles import nanmedian, nanquantile, partition, ptp, quantile
    from .ops.running import cummax, cummin, logcumsumexp, nancumprod, nancumsum
    from .ops.scipy_special import (
        beta, betaln, digamma, entr, erfcinv, erfcx, erfinv, gamma, gammaln, log_ndtr, logit, ndtr,
        ndtri, polygamma, rel_entr, xlog1py, xlogy,
    )
    from .ops.selection import choose, piecewise, scatter_max, scatter_min, select, trim_zeros
    from .ops.signals import convolve, correlate, interp, sliding_window_view
    from .program import compile, script
# fmt: on
# isort: on

ROOMS = ("devices", "files", "picture", "program", "sight", "stats")
"""Public rooms; all but `devices` and `sight` are imported when they are first named."""

allocator.keep_freed_memory()
globals().pop(
    "tensor"
)  # PyTorch's word for Tensor: __getattr__ says so, where the file would be called


def __getattr__(name: str) -> Any:
    if name in ROOMS:
        return import_module(f"minigrad.{name}")
    if name in ("compile", "script"):
        return getattr(import_module("minigrad.program"), name)
    for module in later() if name in __all__ else ():
        if name in vars(module):
            return globals().setdefault(name, vars(module)[name])  # found at once from now on
    no_attribute("minigrad", name)


def __dir__() -> list[str]:
    return sorted([*__all__, *ROOMS, *(name for name in globals() if name.startswith("__"))])
