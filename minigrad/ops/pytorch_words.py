"""Words of PyTorch's that are not ours: an error gives the line to write, and theirs are never accepted as aliases."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn, ParamSpec, TypeVar

import numpy as np

from ..core.rows import served
from .axes import explain_axes
from .inspection import FUNCTIONS, UFUNCS

P = ParamSpec("P")
R = TypeVar("R")

# fmt: off
LINES = {
    # its shape
    "t.view(3, 2)": "t.reshape(3, 2)", "t.view_as(u)": "t.reshape(u.shape)", "t.reshape_as(u)": "t.reshape(u.shape)",
    "t.permute(1, 0)": "t.transpose(1, 0)", "t.t()": "t.T", "t.swapdims(0, 1)": "t.swapaxes(0, 1)",
    "t.movedim(0, 1)": "t.moveaxis(0, 1)", "t.unsqueeze(0)": "t.expand_dims(0)",
    "t.unflatten(1, (3, 1))": "t.reshape(2, 3, 1)", "t.expand(4, 2, 3)": "t.broadcast_to((4, 2, 3))",
    "v.expand_as(t)": "v.broadcast_to(t.shape)", "t.sum_to_size((1, 3))": "minigrad.sum_to(t, (1, 3))",
    "t.repeat_interleave(2, 1)": "t.repeat(2, axis=1)", "t.numel()": "t.size", "t.nelement()": "t.size",
    "t.dim()": "t.ndim", "t.ndimension()": "t.ndim", "t.element_size()": "t.dtype.itemsize",
    "t.is_floating_point()": "t.dtype.kind == 'f'",
    # its dtype, memory and writes
    "t.clone()": "t.copy()", "t.contiguous()": "t", "t.cpu()": "t", "t.to('cpu')": "t",
    "t.to(torch.float32)": "t.astype(np.float32)", "t.type(torch.float32)": "t.astype(np.float32)",
    "t.type_as(u)": "t.astype(u.dtype)", "t.double()": "t.astype(np.float64)", "t.float()": "t.astype(np.float32)",
    "t.half()": "t.astype(np.float16)", "t.long()": "t.astype(np.int64)", "t.int()": "t.astype(np.int32)",
    "t.short()": "t.astype(np.int16)", "t.byte()": "t.astype(np.uint8)", "t.bool()": "t.astype(bool)",
    "t.copy_(u)": "t.assign(u)", "t.zero_()": "t.assign(np.zeros_like(t))",
    "t.fill_(0.5)": "t.assign(np.full_like(t, 0.5))",
    "t.add_(u)": "t.assign(t + u)", "t.sub_(u)": "t.assign(t - u)", "t.mul_(u)": "t.assign(t * u)",
    "t.div_(u)": "t.assign(t / u)", "t.clamp_(0.2, 0.8)": "t.assign(t.clip(0.2, 0.8))",
    "t.masked_fill_(mask, 0.0)": "t.assign(np.where(mask, 0.0, t))",
    "t.uniform_()": "t.assign(minigrad.generator().random(t.shape))",
    "t.normal_()": "t.assign(minigrad.generator().standard_normal(t.shape))",
    # elementwise
    "t.sub(u)": "t - u", "t.mul(u)": "t * u", "t.div(u)": "t / u", "t.true_divide(u)": "t / u", "t.neg()": "-t",
    "t.pow(2)": "t ** 2", "t.float_power(2)": "t ** 2", "t.rsqrt()": "1 / t.sqrt()", "torch.abs(t)": "abs(t)",
    "t.absolute()": "abs(t)", "t.positive()": "+t", "t.frac()": "t - t.trunc()", "t.fix()": "t.trunc()",
    "t.sgn()": "t.sign()", "t.eq(u)": "t == u", "t.ne(u)": "t != u", "t.lt(u)": "t < u", "t.le(u)": "t <= u",
    "t.gt(u)": "t > u", "t.ge(u)": "t >= u", "t.not_equal(u)": "t != u", "t.less(u)": "t < u",
    "t.less_equal(u)": "t <= u", "t.greater(u)": "t > u", "t.greater_equal(u)": "t >= u",
    "t.equal(u)": "np.array_equal(t, u)", "i.bitwise_and(j)": "i & j", "i.bitwise_or(j)": "i | j",
    "i.bitwise_xor(j)": "i ^ j", "i.bitwise_not()": "~i", "i.bitwise_left_shift(j)": "i << j",
    "i.bitwise_right_shift(j)": "i >> j", "t.clamp(0.2, 0.8)": "t.clip(0.2, 0.8)", "t.clamp_min(0.2)": "t.maximum(0.2)",
    "t.clamp_max(0.8)": "t.minimum(0.8)", "t.lerp(u, 0.3)": "t + 0.3 * (u - t)",
    "t.addcmul(t, u, value=0.5)": "t + 0.5 * t * u", "t.addcdiv(t, u, value=0.5)": "t + 0.5 * t / u",
    "t.acos()": "t.arccos()", "t.asin()": "t.arcsin()", "t.atan()": "t.arctan()", "t.acosh()": "t.arccosh()",
    "t.asinh()": "t.arcsinh()", "t.atanh()": "t.arctanh()", "t.atan2(u)": "t.arctan2(u)",
    "t.lgamma()": "minigrad.gammaln(t)", "torch.polygamma(1, t)": "minigrad.polygamma(1, t)",
    "scipy.special.psi(t)": "minigrad.digamma(t)", "scipy.special.expit(t)": "t.sigmoid()",
    "scipy.special.log_expit(t)": "minigrad.logsigmoid(t)", "scipy.special.jn(1, t)": "minigrad.jv(1, t)",
    # along axes
    "t.amax(1)": "t.max(1)", "t.amin(1)": "t.min(1)", "t.cummax(1)[0]": "minigrad.cummax(t, 1)",
    "t.cummin(1)[0]": "minigrad.cummin(t, 1)", "t.msort()": "t.sort(axis=0)", "t.unique()": "np.unique(t)",
    "t.dist(u)": "(t - u).norm()",
    # products and matrices
    "t.mm(u.T)": "t @ u.T", "b.bmm(b)": "b @ b", "t.mv(v)": "t @ v", "v.ger(v)": "v.outer(v)",
    "t.addmm(s, u)": "t + s @ u", "t.cross(u, dim=-1)": "minigrad.cross(t, u)", "s.inverse()": "minigrad.inv(s)",
    "s.pinverse()": "minigrad.pinv(s)", "s.logdet()": "s.slogdet()[1]", "s.matrix_exp()": "minigrad.expm(s)",
    # parts of it
    "t.index_select(1, i)": "t.take(i, 1)", "t.gather(1, places)": "minigrad.take_along_axis(t, places, 1)",
    "t.take_along_dim(places, 1)": "minigrad.take_along_axis(t, places, 1)", "t.narrow(1, 0, 2)": "t[:, 0:2]",
    "t.select(1, 0)": "t[:, 0]", "t.masked_select(mask)": "t[mask]",
    "t.masked_fill(mask, 0.0)": "np.where(mask, 0.0, t)", "t.where(mask, u)": "np.where(mask, t, u)",
    "t.index_fill(0, i, 0.5)": "minigrad.set_at(t, i, 0.5)", "t.index_copy(0, i, u)": "minigrad.set_at(t, i, u)",
    "t.index_put((i,), u)": "minigrad.set_at(t, i, u)", "t.masked_scatter(mask, v)": "minigrad.set_at(t, mask, v)",
    "t.index_add(0, i, u)": "minigrad.scatter_add(t, i, u)",
    "t.scatter(1, places, s)": "minigrad.put_along_axis(t, places, s, 1)",
    "t.scatter_add(1, places, s)": "minigrad.scatter_add(t, places, s, 1)",
    "t.chunk(2, 1)": "np.array_split(t, 2, 1)", "t.tensor_split(2, 1)": "np.array_split(t, 2, 1)",
    "t.split(2, 1)": "np.split(t, range(2, t.shape[1], 2), 1)",
    "t.split_with_sizes([1, 2], 1)": "np.split(t, [1], 1)", "t.unbind(1)": "minigrad.unstack(t, 1)",
    "t.unfold(1, 2, 1)": "minigrad.sliding_window_view(t, 2, 1)", "torch.cat([t, u])": "np.concatenate([t, u])",
    # arrays that are made
    "t.new_zeros((2, 2))": "np.zeros_like(t, shape=(2, 2))", "t.new_ones((2, 2))": "np.ones_like(t, shape=(2, 2))",
    "t.new_empty((2, 2))": "np.empty_like(t, shape=(2, 2))",
    "t.new_tensor([1.5])": "minigrad.Tensor([1.5], dtype=t.dtype)",
    "t.new_full((2, 2), 0.5)": "np.full_like(t, 0.5, shape=(2, 2))",
    "torch.is_tensor(t)": "isinstance(t, minigrad.Tensor)",
    "torch.tensor([1.5, 2.0])": "minigrad.Tensor([1.5, 2.0])",
    "torch.as_tensor([1.5, 2.0])": "minigrad.Tensor([1.5, 2.0])",
    "torch.from_numpy(a)": "minigrad.Tensor(a)", "torch.zeros(2, 3)": "minigrad.Tensor(np.zeros((2, 3), np.float32))",
    "torch.ones(2, 3)": "minigrad.Tensor(np.ones((2, 3), np.float32))",
    "torch.empty(2, 3)": "minigrad.Tensor(np.empty((2, 3), np.float32))",
    "torch.eye(3)": "minigrad.Tensor(np.eye(3, dtype=np.float32))", "torch.arange(5)": "minigrad.Tensor(np.arange(5))",
    "torch.randn(2, 3)": "minigrad.Tensor(minigrad.generator().standard_normal((2, 3), np.float32))",
    "torch.rand(2, 3)": "minigrad.Tensor(minigrad.generator().random((2, 3), np.float32))",
    "torch.randint(0, 9, (2, 3))": "minigrad.Tensor(minigrad.generator().integers(0, 9, (2, 3)))",
    "torch.randperm(5)": "minigrad.Tensor(minigrad.generator().permutation(5))",
    "torch.randn_like(t)": "minigrad.Tensor(minigrad.generator().standard_normal(t.shape, t.dtype))",
    "torch.rand_like(t)": "minigrad.Tensor(minigrad.generator().random(t.shape, t.dtype))",
    "t.bernoulli()": "minigrad.Tensor(minigrad.generator().random(t.shape) < t.data, dtype=t.dtype)",
    "torch.manual_seed(0)": "minigrad.seed(0)", "torch.inf": "np.inf", "torch.nan": "np.nan", "torch.pi": "np.pi",
}
"""A line with a word that is not ours -> the line here: for Tensors t, u, a vector v, a matrix s, matrices b."""
_CPU = "leave it out: every array is in the memory of the CPU, or where its library keeps it"
_DTYPE = "dtypes are NumPy's, as np.float32"
SENTENCES = {
    "nn": "it is a package of its own: import nn", "optim": "it is nn.optim", "Module": "it is nn.Module",
    "Parameter": "it is nn.Parameter", **dict.fromkeys(("save", "load"), "it is nn.save and nn.load, for a whole run"),
    "utils": "data sets and loaders are in nn.data, the rest in nn.utils",
    **dict.fromkeys(("device", "cuda", "is_cuda", "get_device", "pin_memory", "is_contiguous"), _CPU),
    **dict.fromkeys(("dtype", "float16", "float32", "float64", "int32", "int64", "uint8"), _DTYPE),
    "functional": "its functions are here, as minigrad.relu and minigrad.cross_entropy",
    "autograd": "derivatives are minigrad.grad, minigrad.jacobian and their like", "jit": "it is minigrad.compile",
    "grad_fn": "t.is_leaf tells whether an op made it, and minigrad.explain(t) which ones",
    **dict.fromkeys(("inference_mode", "set_grad_enabled"), "it is minigrad.no_grad() or minigrad.enable_grad()"),
    "svd": "minigrad.svd(t) is (U, s, V^T), and PyTorch's t.svd() has V",
    "histogram": "minigrad.histogram(t, bins) counts between the least and the greatest element",
    "lu": "minigrad.lu(t) is (P, L, U)", "resize": "np.resize(t, shape) repeats the elements, t.reshape keeps them",
    "scatter_reduce": "it is minigrad.scatter_max, minigrad.scatter_min or minigrad.scatter_add",
    "fill": "t.assign(np.full_like(t, value)) writes a leaf, and a new Tensor is np.full_like(t, value)",
    "multinomial": "places are drawn by minigrad.generator().choice(n, size, p=p.data)",
    "chunk": "PyTorch's parts of 7 by 3 are 3, 3, 1, and those of np.array_split 3, 2, 2",
    "put": "minigrad.set_at(t, places, values) is a new Tensor",
}
"""Such a word -> what to do, where no single line says it."""
ARGUMENTS = {
    "dim": "minigrad's word is axis", "keepdim": "minigrad's word is keepdims", "dim0": "minigrad's word is axis1",
    "dim1": "minigrad's word is axis2", "dims": "minigrad's word is axis",
    "create_graph": "minigrad's word is grad: minigrad.grad(y, xs, create_graph=True)",
    "min": "minigrad's word is low", "max": "minigrad's word is high",
    **dict.fromkeys(("kind", "stable"), "leave it out: equal elements keep their order"),
    "descending": "the order is ascending, and np.flip(y, axis) turns it round",
    "gradient": "minigrad's word is seed", "unbiased": "minigrad's word is ddof, 1 where it is True",
    **dict.fromkeys(("device", "pin_memory", "memory_format", "non_blocking"), _CPU),
}
"""A parameter of PyTorch's -> ours."""
# fmt: on


@functools.cache
def hints() -> dict[str, str]:
    """A word that is not ours -> what to write in its place."""
    found = dict(SENTENCES)
    for theirs, ours in LINES.items():
        word, line = theirs.partition("(")[0].rpartition(".")[2], f"{theirs} is {ours} here"
        found[word] = f"{found[word]}, {line}" if word in found else line
    return found


def no_attribute(owner: str, name: str) -> NoReturn:
    """Raise the AttributeError for `owner.name`, with what to write instead where that is known."""
    hint = "" if name.startswith("_") else hints().get(name) or _elsewhere(owner, name)
    raise AttributeError(f"{owner} has no attribute {name!r}{hint and '; '}{hint}")


def _elsewhere(owner: str, name: str) -> str:
    """The hint for what another name, or NumPy, or a function of minigrad's has."""
    package = sys.modules[__package__.partition(".")[0]]
    if owner == "minigrad":
        numpys = vars(np).get(name)
        takes = callable(numpys) and (numpys in UFUNCS or numpys in FUNCTIONS or numpys in served)
        return f"NumPy's takes Tensors: np.{name}" if takes else ""
    if name.endswith("_") and hasattr(package.Tensor, name[:-1]):
        line = f"t.{name[:-1]}(...)"
        return f"t.assign({line}) writes a leaf under no_grad(), and t = {line} makes a new Tensor"
    return f"it is a function, minigrad.{name}(t, ...)" if name in package.__all__ else ""


def no_argument(owner: str, words: Iterable[str]) -> TypeError:
    """The error for arguments that `owner` has not, with our word for the first of PyTorch's."""
    word = min(words, key=lambda word: word not in ARGUMENTS)
    hint = ARGUMENTS.get(word)
    return TypeError(f"{owner} has no argument {word!r}" + (f"; {hint}" if hint else ""))


def says_our_words(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function answer PyTorch's argument names, such as `dim=`, and what is no axis, with an error of ours."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs and not ARGUMENTS.keys().isdisjoint(kwargs):
            raise no_argument(function.__name__, kwargs)
        try:
            return function(*args, **kwargs)
        except (TypeError, ValueError) as error:
            explain_axes(function, args, kwargs, error)
            raise

    return call
