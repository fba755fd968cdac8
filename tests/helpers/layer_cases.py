"""Every case of a layer or a loss, made and given its inputs, in words that need neither pytest nor PyTorch."""

import inspect
import zlib

import numpy as np
from cases.layers import LAYERS, fixed
from cases.losses import LOSSES
from cases.modules import flat
from cases.sequences import SEQUENCES

import nn

CASES = LAYERS | SEQUENCES | LOSSES
NAMED = {
    f"{name}-{i}": (name, case) for name, cases in CASES.items() for i, case in enumerate(cases)
}


def arguments_of(case, convert):
    """The constructor's arguments, arrays among them converted."""
    args = [convert(a) if isinstance(a, np.ndarray) else a for a in case.args]
    options = case.options.items()
    return args, {k: convert(v) if isinstance(v, np.ndarray) else v for k, v in options}


def made(name, case, dtype):
    """Our layer, in the dtype if it has any parameters to have one."""
    kind = getattr(nn, name)
    args, options = arguments_of(case, lambda a: a.astype(dtype))
    if "dtype" in inspect.signature(kind).parameters:
        options["dtype"] = dtype
    return kind(*args, **options)


def inputs_of(name, case, dtype):
    """(array, whether it is differentiated) for each input."""
    rng = np.random.default_rng(zlib.crc32(f"{name} {case.args} {case.options}".encode()))
    for given in case.inputs:
        array = np.asarray(given(rng) if callable(given) else rng.standard_normal(given))
        is_float = array.dtype.kind == "f"
        yield array.astype(dtype) if is_float else array, is_float and not isinstance(given, fixed)


def products_with_hessian(grad, run, module, given, leaves, converted):
    """(H v of the leaves, v random, H the Hessian of a sum of squares of the outputs); None where there is none."""
    rng = np.random.default_rng(1)
    outputs = [y for y in flat(run(module, *given)) if "float" in str(y.dtype)]
    loss = sum((y * y * converted(rng.uniform(0.5, 1.5, tuple(y.shape)))).sum() for y in outputs)
    slopes = grad(loss, leaves, create_graph=True)
    directions = [converted(rng.standard_normal(tuple(a.shape))) for a in leaves]
    pairs = zip(slopes, directions, strict=True)
    return grad(sum((g * v).sum() for g, v in pairs if g is not None), leaves)
