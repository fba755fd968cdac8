"""step: written by minigrad; it needs NumPy alone."""

from __future__ import annotations

import numpy as np
from functools import reduce
import math
from functools import cache
import textwrap


DEFAULT_FLOAT = np.dtype(np.float32)


FLOAT16 = np.dtype(np.float16)


def widened(x):
    """float16 as float32; anything else as it is."""
    return x.astype(DEFAULT_FLOAT) if getattr(x, "dtype", None) == FLOAT16 else x


def _viewed(x, weight, bias, shape, affine):
    """x as `shape`, weight and bias as `affine`, in floats that can be summed."""
    return [
        widened(x).reshape(shape),
        *[None if v is None else widened(v).reshape(affine) for v in (weight, bias)],
    ]


ROW = 4096


def _by_rows(f, arrays):
    """f along the last axis: the sum of parts of at most ROW elements."""
    *lead, length = arrays[0].shape
    if length <= ROW:
        return f(*arrays)
    whole = length // ROW * ROW
    parts = f(*[a[..., :whole].reshape(*lead, -1, ROW) for a in arrays])
    return parts.sum(axis=-1) + f(*[a[..., whole:] for a in arrays])


def _by_columns(a):
    whole = len(a) // ROW * ROW
    total = np.ones(len(a) - whole, a.dtype) @ a[whole:]
    if whole:
        total += (np.ones(ROW, a.dtype) @ a[:whole].reshape(-1, ROW, a.shape[1])).sum(axis=0)
    return total


def _count(a, axes):
    return math.prod(a.shape[i] for i in axes)


def _summed(f, axes, *arrays):
    """The sum over the axes of one array or of the product of two, as f has it along the last axis.

    The axes stay, of size 1. They are taken in the order in which they lie in memory.
    """
    a, every = arrays[0], range(arrays[0].ndim)
    if not a.flags.c_contiguous:
        order = sorted(every, key=lambda i: -abs(a.strides[i]))
        if order != list(every):
            axes = tuple(sorted(order.index(i) for i in axes))
            found = _summed(f, axes, *[v.transpose(order) for v in arrays])
            return found.transpose([order.index(i) for i in every])
    shape = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
    rest = (
        next((i for i in reversed(every) if i not in axes), -1) + 1
    )  # the axes behind are all summed
    if rest < a.ndim:
        sums = _by_rows(f, [v.reshape(*v.shape[:rest], -1) for v in arrays])
        before = tuple(i for i in axes if i < rest)
        return (sums.sum(axis=before) if before else sums).reshape(shape)
    product = reduce(np.multiply, arrays)
    if axes == tuple(range(len(axes))):
        return _by_columns(product.reshape(_count(a, axes), -1)).reshape(shape)
    return product.sum(axis=axes, keepdims=True)


def _row_sums(rows):
    return rows @ np.ones(rows.shape[-1], rows.dtype)


def _sum(a, axes):
    """The sum over the axes, which stay as axes of size 1."""
    return _summed(_row_sums, axes, a)


def _mean(a, axes):
    return _sum(a, axes) / _count(a, axes)


def _dot(a, b, axes):
    """The sum of a b over the axes, which stay as axes of size 1."""
    return _summed(np.vecdot, axes, a, b)


def _mean_product(a, b, axes):
    return _dot(a, b, axes) / _count(a, axes)


def _is_one_for_all(weight, scale):
    return weight is not None and np.broadcast_shapes(weight.shape, scale.shape) == scale.shape


def standardise_2(
    x, weight, bias, over, eps, centred, known
):
    """y = (x - mean) scale weight + bias, mean, and scale = 1 / sqrt(mean((x - mean)^2) + eps).

    If not `centred`, the mean is left where it is, and None. `known` are the `moments` of x, if they are.
    """
    mean, var = known or ((_mean(x, over) if centred else None), None)
    y = x - mean if centred else x
    var = _mean_product(y, y, over) if var is None else var
    scale = 1 / np.sqrt(var + x.dtype.type(eps))
    is_one = _is_one_for_all(weight, scale)
    y = np.multiply(y, scale * weight if is_one else scale, out=y if centred else None)
    if weight is not None and not is_one:
        y *= weight
    if bias is not None:
        y += bias
    return y, mean, scale


def narrowed(y, x):
    """y, computed from `widened(x)`, in the dtype of x: here it is rounded, once."""
    return y.astype(FLOAT16) if x.dtype == FLOAT16 else y


def standardise(
    x, weight, bias, shape, over, affine, eps, centred, known = None
):  # fmt: skip
    wide, w, b = _viewed(x, weight, bias, shape, affine)
    y, mean, scale = standardise_2(wide, w, b, over, eps, centred, known)
    return narrowed(y.reshape(x.shape), x), mean, scale


BLOCK = (
    2**14
)


def in_blocks(kernel, x, count = 1):
    """The `count` arrays that kernel(x, *outs) fills, of the layout of x; float16 is computed in float32.

    The first has the dtype of x, the others, which are for the way back, that in which it is computed.
    """
    wide = np.result_type(x, np.float32)
    pieces = np.nditer(  # type: ignore[call-overload]  # of nested lists
        [x, *[None] * count],
        ["external_loop", "buffered"],
        [["readonly"], *[["writeonly", "allocate"]] * count],
        [wide, x.dtype, *[wide] * (count - 1)],
        casting="same_kind",
        buffersize=BLOCK,
    )
    with pieces:
        for arrays in pieces:
            kernel(*arrays)
        return pieces.operands[1:]


LINE = 64


def scratch(role, shape, dtype):
    return np.empty(shape, dtype)


def between(count, x):
    """The scratch of a kernel: `count` arrays like the block x.

    They begin at lines of the cache. NumPy's own arrays need not, and then the passes take up to a sixth longer.
    """
    spare = LINE // x.itemsize
    memory = scratch("block", (count * BLOCK + spare,), x.dtype)
    start = -memory.ctypes.data % LINE // x.itemsize
    return memory[start : start + count * BLOCK].reshape(count, BLOCK)[:, : x.size]


@cache
def _filled(value, code):
    array = np.full(BLOCK, value, code)
    array.flags.writeable = False
    return array


def filled(value, x):
    """An array like the block x, full of one number: NumPy's minimum of two arrays is four times as fast."""
    return _filled(value, x.dtype.char)[: x.size]


def _size(x, end, out):
    np.abs(x, out=out)
    return np.minimum(out, filled(end, out), out=out)


_END = 14.5


@cache
def _numbers(values, code):
    return [np.array(v, code) for v in values]


def numbers(values, x):
    """Numbers of the dtype of x as 0-d arrays, which a ufunc takes without converting them at each call."""
    return _numbers(values, x.dtype.char)


_BITS = np.array(-(2**12), np.int32)


def _decay(a, rate, out, rest, square):
    """out = exp(-rate a^2), exact to a few ulp however small it is, and the rounded square a^2."""
    (minus_rate,) = numbers((-rate,), a)
    # the rest of the square, with a = h + l and h^2 exact: (h^2 - square) + (a + h) l
    np.bitwise_and(a.view(np.int32), _BITS, out=out.view(np.int32))
    np.subtract(a, out, out=rest)
    np.add(a, out, out=square)
    rest *= square
    out *= out
    np.multiply(a, a, out=square)
    out -= square
    rest += out
    np.multiply(square, minus_rate, out=out)
    np.exp(out, out=out)
    if rate != 1:
        rest *= -minus_rate
    rest *= out
    out -= rest


def _horner(coefficients, x, out):
    first, *between, last = numbers(coefficients, x)
    np.multiply(x, first, out=out)
    for c in between:
        out += c
        out *= x
    out += last
    return out


def _ratio(coefficients, x, out, other):
    out = _horner(coefficients[0], x, out)
    out /= _horner(coefficients[1], x, other)
    return out


_ERFC = (
    (0.03297052642, 0.2300468066, 0.7333399965, 1.240066255, 1.000000006),
    (0.05843806554, 0.4077729529, 1.328609168, 2.405835496, 2.368446022, 1.0),
)


_TAIL = tuple(
    tuple(factor * c * 2 ** (-(len(cs) - 1 - i) / 2) for i, c in enumerate(cs))
    for factor, cs in zip((0.5, 1.0), _ERFC, strict=True)
)


BITS = {"e": np.int16, "f": np.int32, "d": np.int64}


@cache
def _bits(code):
    """The integers of the size of a float, and in them the bits of -0.0 and of 1.0."""
    kind = BITS[code]
    return kind, np.array(-0.0, code).view(kind), np.array(1.0, code).view(kind)


def signs(x, out):
    """1 or -1 with the sign of x, by its bits: NumPy's sign and copysign are four times as slow."""
    kind, minus, one = _bits(x.dtype.char)
    bits = out.view(kind)
    np.bitwise_and(x.view(kind), minus, out=bits)
    np.bitwise_or(bits, one, out=bits)
    return out


def either_side(left, x, out, other):
    """out = left where x < 0 and 1 - left elsewhere; `left` is overwritten."""
    side = signs(x, other)
    left *= side
    np.maximum(side, filled(0, x), out=side)
    np.subtract(side, left, out=out)


def gelu_2(x, y, slope = None):
    """x Phi(x) = max(x, 0) - |x| q(|x|) in float32, and Phi(x) + x phi(x), which for -x is 1 less that for x."""
    a, e, r, w = between(4, x)
    _size(x, _END, a)
    _decay(a, 0.5, e, r, w)
    _ratio(_TAIL, a, r, w)
    np.multiply(a, r, out=w)
    w *= e
    if slope is not None:
        a *= numbers(((2 * math.pi) ** -0.5,), x)[0]
        r -= a
        r *= e  # the slope at -|x|
        either_side(r, x, slope, a)
    np.maximum(x, filled(0, x), out=a)
    np.subtract(a, w, out=y)


def chosen(kernel, plain, *arrays):
    return kernel


def _by_parity(coefficients, a, square, out, other):
    """Horner's scheme in a^2 for the even powers and for the odd ones: their roundings are half as many in a row."""
    _horner(coefficients[-1::-2][::-1], square, out)
    other = _horner(coefficients[-2::-2][::-1], square, other)
    other *= a
    out += other
    return out


_MINUS = (np.array([2**31, 1], np.uint32))[0]


_ONE = (np.array([2**31, 1], np.uint32))[1]


def erfc(x, y):
    """erfc(x) in float32: 2 q(2^(1/2) x), and 2 - erfc(-x) below 0."""
    a, e, r, s, u = between(5, x)
    _size(x, _END * 0.5**0.5, a)
    _decay(a, 1, e, r, s)
    e *= _by_parity(_ERFC[0], a, s, r, u)
    e /= _by_parity(_ERFC[1], a, s, r, u)
    bits = a.view(np.uint32)
    np.bitwise_and(x.view(np.uint32), _MINUS, out=bits)
    signed = e.view(np.uint32)
    signed |= bits
    bits >>= _ONE  # a sign of x becomes the number 2
    np.add(e, a, out=y)


def _is_narrow(x):
    """Return whether x is a nonempty array of NumPy's for the kernels in float32."""
    return type(x) is np.ndarray and x.dtype.char in "ef" and x.size > 0


def in_float32(f, *args):
    """f(*args), with float16 computed in float32 and rounded once, unless an argument has wider floats."""
    dtypes = (getattr(a, "dtype", FLOAT16) for a in args)
    if args[0].dtype != FLOAT16 or any(d.kind == "f" and d != FLOAT16 for d in dtypes):
        return f(*args)
    return f(*map(widened, args)).astype(FLOAT16)


def _by_blocks(f, x):
    """f(x), in blocks for NumPy's own floats, so that the 60 passes of f stay in cache.

    For float16 f is computed in float32, as the polynomials exceed the range of float16.
    """
    if type(x) is np.ndarray and x.dtype.kind == "f" and x.size:
        pieces = np.nditer(
            [x, None],
            ["external_loop", "buffered"],
            [["readonly"], ["writeonly", "allocate"]],
            [np.result_type(x, np.float32), x.dtype],
            casting="same_kind",
            buffersize=8192,
        )
        with pieces:
            for piece, out in pieces:
                out[...] = f(piece)
            return pieces.operands[1]
    return in_float32(f, x) if hasattr(x, "dtype") else f(x)


_HALF = 0.46875


def _polynomial(coefficients, x):
    """Horner's scheme, the highest power's coefficient first."""
    return reduce(lambda y, c: y * x + c, coefficients)


def _ratio_2(coefficients, x):
    numerator, denominator = coefficients
    return _polynomial(numerator, x) / _polynomial(denominator, x)


_ERFC_BEYOND = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)


_ERFC_TO_4 = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
     8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)


def _erfc_far(x):
    """erfc(|x|) for |x| >= 0.46875, and some finite value below."""
    x = np.clip(np.abs(x), _HALF, 30)  # beyond 30 it is less than any float
    t = 1 / (x * x)
    beyond = (math.pi**-0.5 - t * _ratio_2(_ERFC_BEYOND, t)) / x
    coarse = np.floor(x * 16) / 16  # its square is exact, which keeps exp(-x^2) accurate
    decay = np.exp(-coarse * coarse) * np.exp((coarse - x) * (coarse + x))
    return decay * np.where(x < 4, _ratio_2(_ERFC_TO_4, x), beyond)


_ERF_BELOW_HALF = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)


def _erf_near(x):
    """erf(x) for |x| < 0.46875, and some finite value beyond."""
    x = np.clip(x, -_HALF, _HALF)
    return x * _ratio_2(_ERF_BELOW_HALF, x * x)


def _erfc_of(x):
    far = _erfc_far(x)
    return np.where(np.abs(x) < _HALF, 1 - _erf_near(x), np.where(x > 0, far, 2 - far))


def _erfc_here(x):
    return in_blocks(erfc, x)[0] if _is_narrow(x) else _by_blocks(_erfc_of, x)


def _erfc(x):
    return chosen(_erfc_here, _erfc_here, x)(x)


def _gelu_block(x, y, slope = None):
    if x.dtype == np.float32:
        return gelu_2(x, y, slope)
    phi = 0.5 * _erfc(x * -math.sqrt(0.5))
    z = np.clip(x, -40, 40)
    if slope is not None:
        np.add(z * np.exp(-0.5 * z * z) * (2 * math.pi) ** -0.5, phi, out=slope)
    np.multiply(np.maximum(x, z), phi, out=y)  # -inf times 0 would be nan


def gelu(x, *options):
    return in_blocks(_gelu_block(*options) if options else _gelu_block, x, 2)


def times_slope(g, x, *rest):
    slope = rest[-2]
    return (narrowed(widened(g) * slope, x),)


def _sum_to(a, small):
    """The sum of a that has the shape of `small`, which broadcasts to it."""
    before = a.ndim - small.ndim
    axes = (*range(before), *[before + i for i, n in enumerate(small.shape) if n == 1])
    return _sum(a, axes).reshape(small.shape)


def standardise_back_2(
    g,
    x,
    weight,
    bias,
    over,
    mean,
    scale,
    needed,
):
    """The gradients by x, weight and bias; None for one that is not needed.

    With h = (x - mean) scale and u = g weight, that by x is scale (u - mean(u) - h mean(u h)).
    """
    needs_x, needs_weight, needs_bias = needed
    gx = gw = gb = None
    h = x * scale if mean is None else x - mean
    if mean is not None:
        h *= scale
    is_one = weight is None or _is_one_for_all(weight, scale)
    u = g if is_one else g * weight
    # with such a weight the sums over the elements of a mean serve three gradients
    along = _dot(u, h, over)
    level = None if mean is None else _sum(u, over)
    if needs_weight:
        gw = _sum_to(along if is_one else g * h, weight)
    if needs_bias:
        has_sum = level is not None and is_one and _is_one_for_all(bias, scale)
        gb = _sum_to(level if has_sum else g, bias)
    if needs_x:
        n = _count(x, over)
        h *= along / n
        if level is not None:
            h += level / n
        gx = np.subtract(u, h, out=h)
        gx *= scale * weight if weight is not None and is_one else scale
    return [gx, gw, gb]


def standardise_back(
    g, x, weight, bias, shape, over, affine, eps, centred, known,
    mean, scale, needed,
):  # fmt: skip
    wide, w, b = _viewed(x, weight, bias, shape, affine)
    g = widened(g).reshape(shape)
    found = standardise_back_2(g, wide, w, b, over, mean, scale, needed)
    return tuple(
        None if c is None else narrowed(c.reshape(of.shape), x)
        for c, of in zip(found, (x, weight, bias), strict=True)
    )


def is_basic(part):
    """Tell whether this part of an index is a slice, an integer, None or Ellipsis, which choose no element twice."""
    if part is None or part is Ellipsis or type(part) is int or isinstance(part, slice):
        return True
    return getattr(part, "ndim", 1) == 0 and part.dtype.kind in "iu"


def _as_index(part):
    """A part of an index; bools and sequences (lists, tuples within a tuple, ranges) become arrays, as in NumPy."""
    if hasattr(part, "dtype") or is_basic(part):
        return part
    array = np.asarray(part)
    return array if array.size else array.astype(np.intp)


def parts_of(index):
    return index if isinstance(index, tuple) else (index,)


def check_fits(g, chosen, shape):
    if tuple(chosen) != tuple(g.shape):
        raise ValueError(
            f"scatter: g has shape {g.shape}, its index chooses {chosen} of an array {shape}"
        )


def choose(op, x, index, shape):
    """x[index]; IndexError for one that does not fit, with the name of `op`, the `shape` and the index."""
    try:
        return x[index]
    except IndexError as error:
        said = textwrap.shorten(repr(index), 120, placeholder=" ...")
        raise IndexError(
            f"{op}: {error}; the array has shape {tuple(shape)}, the index is {said}"
        ) from None


def axes_of_part(part):
    """The number of axes that a part of an index takes."""
    if part is None or part is Ellipsis:
        return 0
    kind = getattr(getattr(part, "dtype", None), "kind", "i")
    return part.ndim if kind == "b" else 1


def _places(parts, shape):
    """The row-major places in x of the elements of x[parts], in its shape; negative ones count from the end."""
    if parts[-1] is Ellipsis:
        parts = parts[:-1]
    used = len(shape)
    if not any(part is Ellipsis for part in parts):
        while isinstance(parts[-1], slice) and parts[-1] == slice(None):
            parts = parts[:-1]
        used = sum(axes_of_part(part) for part in parts)
    lead, rest = shape[:used], shape[used:]  # nothing is chosen along the rest
    if len(lead) == len(parts) == 1 and parts[0].dtype.kind in "iu":
        rows = parts[0].astype(np.intp, copy=False)
    else:
        rows = choose("scatter", np.arange(math.prod(lead)).reshape(lead), parts, shape)
    if not rest:
        return rows
    width = math.prod(rest)
    return (rows[..., None] * width + np.arange(width)).reshape(rows.shape + rest)


def outside(op, indices, low, high):
    """The error that names the first index outside [low, high)."""
    wrong = (indices < low) | (indices >= high)
    place = tuple(map(int, np.unravel_index(wrong.argmax(), wrong.shape)))
    at = f" at {list(place)} of the indices" if place else ""
    return IndexError(f"{op}: index {indices[place]}{at} is outside [{low}, {high})")


def check_indices(op, indices, low, high):
    """IndexError for the first index outside [low, high)."""
    if indices.size and (indices.min() < low or indices.max() >= high):
        raise outside(op, indices, low, high)


def scatter(g, index, shape):
    """zeros(shape) with y[index] += g.

    All axes are made into one, for which np.add.at has a loop of its own, two to four times as fast.
    """
    parts = tuple(_as_index(part) for part in parts_of(index))
    arrays = [part for part in parts if not is_basic(part)]
    y = np.zeros(shape, g.dtype)
    if not arrays or (len(arrays) == 1 and arrays[0].dtype.kind == "b" and arrays[0].ndim):
        check_fits(g, choose("scatter", y, index, shape).shape, shape)
        y[index] = g  # each element at most once
        return y
    places = _places(parts, shape)
    check_fits(g, places.shape, shape)
    # float16 accumulates in float32, as it counts only to 2048
    total = np.zeros(y.size, np.float32) if g.dtype == np.float16 else y.reshape(-1)
    try:
        np.add.at(total, places.reshape(-1), g.reshape(-1).astype(total.dtype, copy=False))
    except IndexError:  # np.add.at names the flat place only, not the row
        check_indices("scatter", parts[0], -shape[0], shape[0])
        raise
    return total.astype(g.dtype, copy=False).reshape(shape)


def step(x, y, W_letter, place, W_ln1, b_ln1, W_ln2, b_ln2, W_in_proj, b_in_proj, W_out_proj,
        b_out_proj, W_up, b_up, W_down, b_down, W_head, b_head):
    """x (4, 8) int64, y (32,) int64; W_letter (10, 16) float32, place (8, 16), W_ln1 (16,),
    b_ln1 (16,), W_ln2 (16,), b_ln2 (16,), W_in_proj (48, 16), b_in_proj (48,), W_out_proj (16, 16),
    b_out_proj (16,), W_up (64, 16), b_up (64,), W_down (16, 64), b_down (16,), W_head (10, 16),
    b_head (10,)"""
    # forward of letter
    assert x.min() >= 0 and x.max() < 10, "embedding: an index is outside [0, 10)"
    # forward
    a = W_letter[x] + place                                         # (4, 8, 16)
    # forward of block.ln1
    a_2, a_3, a_4 = standardise(a, W_ln1, b_ln1, (4, 8, 16), (2,), (16,), 1e-05, True, None)  # (4, 8, 16)
    # forward of block.attention
    a_5 = a_2.reshape((32, 16))                                     # (32, 16)
    a_6 = (a_5 @ W_in_proj.T).reshape((4, 8, 48))                   # (4, 8, 48)
    a_6 += b_in_proj                                                # (4, 8, 48)
    a_7 = a_6[:, :, 32:48].reshape((4, 8, 2, 8)).transpose((1, 2, 0, 3))  # (8, 2, 4, 8)
    a_8 = a_6[:, :, 0:16].reshape((4, 8, 2, 8)).transpose((1, 2, 0, 3))  # (8, 2, 4, 8)
    a_9 = a_8 * 0.35355339059327373                                 # (8, 2, 4, 8)
    a_10 = a_6[:, :, 16:32].reshape((4, 8, 2, 8)).transpose((1, 2, 0, 3))  # (8, 2, 4, 8)
    a_11 = a_10.transpose((0, 1, 3, 2))                             # (8, 2, 8, 4)
    a_12 = np.where(np.tri(4, M=4, k=0, dtype=bool), 0, -np.inf)    # (4, 4)
    a_13 = a_12.astype(np.float32)                                  # (4, 4)
    a_14 = a_9 @ a_11 + a_13                                        # (8, 2, 4, 4)
    e = np.exp(a_14 - a_14.max(axis=3, keepdims=True))              # (8, 2, 4, 4)
    a_15 = e / e.sum(axis=3, keepdims=True)                         # (8, 2, 4, 4)
    a_16 = (a_15 @ a_7).transpose((2, 0, 1, 3)).reshape((4, 8, 16))  # (4, 8, 16)
    # forward of block.attention.out_proj
    a_17 = a_16.reshape((32, 16))                                   # (32, 16)
    a_18 = (a_17 @ W_out_proj.T).reshape((4, 8, 16))                # (4, 8, 16)
    a_18 += b_out_proj                                              # (4, 8, 16)
    # forward of block
    a_19 = a + a_18                                                 # (4, 8, 16)
    # forward of block.ln2
    a_20, a_21, a_22 = standardise(a_19, W_ln2, b_ln2, (4, 8, 16), (2,), (16,), 1e-05, True, None)  # (4, 8, 16)
    # forward of block.up
    a_23 = a_20.reshape((32, 16))                                   # (32, 16)
    a_24 = (a_23 @ W_up.T).reshape((4, 8, 64))                      # (4, 8, 64)
    a_24 += b_up                                                    # (4, 8, 64)
    # forward of block
    a_25, a_26 = gelu(a_24)                                         # (4, 8, 64)
    # forward of block.down
    a_27 = a_25.reshape((32, 64))                                   # (32, 64)
    a_28 = (a_27 @ W_down.T).reshape((4, 8, 16))                    # (4, 8, 16)
    a_28 += b_down                                                  # (4, 8, 16)
    # forward of head
    a_29 = (a_19 + a_28).reshape((32, 16))                          # (32, 16)
    a_30 = (a_29 @ W_head.T).reshape((4, 8, 10))                    # (4, 8, 10)
    a_30 += b_head                                                  # (4, 8, 10)
    # forward
    assert y.min() >= 0 and y.max() < 10, "cross_entropy: a label is outside [0, 10)"
    a_31 = a_30.reshape((-1, 10)).copy(order='F')                   # (32, 10)
    a_32 = a_31 - a_31.max(axis=1, keepdims=True)                   # (32, 10)
    e_2 = np.exp(a_32)                                              # (32, 10)
    s = e_2.sum(axis=1, keepdims=True)                              # (32, 1)
    loss = ((1 / 32) * (np.log(s[:, 0]) - a_32[np.arange(32), y])).sum()  # ()
    # backward
    g = e_2 / s * (1 / 32)                                          # (32, 10)
    g[np.arange(32), y] -= (1 / 32)                                 # (32, 10)
    g_2 = g.reshape((4, 8, 10))                                     # (4, 8, 10)
    # backward of head
    g_3 = g_2.reshape((32, 10)) @ W_head                            # (32, 16)
    dW_head = (a_29.T @ g_2.reshape((32, 10))).T                    # (10, 16)
    db_head = g_2.reshape((32, 10)).sum(axis=0)                     # (10,)
    # backward of block.down
    dW_down = (a_27.T @ g_3).T                                      # (16, 64)
    db_down = g_3.sum(axis=0)                                       # (16,)
    g_4 = (g_3 @ W_down).reshape((4, 8, 64))                        # (4, 8, 64)
    # backward of block
    g_5 = times_slope(g_4, a_24, a_26, (True,))[0]                  # (4, 8, 64)
    # backward of block.up
    g_6 = g_5.reshape((32, 64))                                     # (32, 64)
    dW_up = (a_23.T @ g_6).T                                        # (64, 16)
    db_up = g_6.sum(axis=0)                                         # (64,)
    g_7 = (g_6 @ W_up).reshape((4, 8, 16))                          # (4, 8, 16)
    # backward of block.ln2
    g_8, dW_ln2, db_ln2 = standardise_back(g_7, a_19, W_ln2, b_ln2, (4, 8, 16), (2,), (16,), 1e-05,
        True, None, a_21, a_22, (True, True, True))                 # (4, 8, 16)
    g_9 = g_3.reshape((4, 8, 16)) + g_8                             # (4, 8, 16)
    # backward of block.attention.out_proj
    g_10 = g_9.reshape((32, 16))                                    # (32, 16)
    dW_out_proj = (a_17.T @ g_10).T                                 # (16, 16)
    db_out_proj = g_10.sum(axis=0)                                  # (16,)
    # backward of block.attention
    g_11 = (g_10 @ W_out_proj).reshape((4, 8, 2, 8)).transpose((1, 2, 0, 3))  # (8, 2, 4, 8)
    g_12 = g_11 @ a_7.mT                                            # (8, 2, 4, 4)
    g_13 = a_15 * (g_12 - (g_12 * a_15).sum(axis=3, keepdims=True))  # (8, 2, 4, 4)
    g_14 = (a_9.mT @ g_13).transpose((0, 1, 3, 2)).transpose((2, 0, 1, 3))  # (4, 8, 2, 8)
    g_15 = g_14.reshape((4, 8, 16))                                 # (4, 8, 16)
    g_16 = (g_13 @ a_11.mT * 0.35355339059327373).transpose((2, 0, 1, 3))  # (4, 8, 2, 8)
    g_17 = g_16.reshape((4, 8, 16))                                 # (4, 8, 16)
    g_18 = (a_15.mT @ g_11).transpose((2, 0, 1, 3)).reshape((4, 8, 16))  # (4, 8, 16)
    g_19 = np.concatenate((g_17, g_15, g_18), 2)                    # (4, 8, 48)
    g_20 = g_19.reshape((32, 48))                                   # (32, 48)
    dW_in_proj = (a_5.T @ g_20).T                                   # (48, 16)
    db_in_proj = g_20.sum(axis=0)                                   # (48,)
    g_21 = (g_20 @ W_in_proj).reshape((4, 8, 16))                   # (4, 8, 16)
    # backward of block.ln1
    g_22, dW_ln1, db_ln1 = standardise_back(g_21, a, W_ln1, b_ln1, (4, 8, 16), (2,), (16,), 1e-05,
        True, None, a_3, a_4, (True, True, True))                   # (4, 8, 16)
    g_23 = g_9 + g_22                                               # (4, 8, 16)
    # backward
    dplace = g_23.sum(axis=(0,))                                    # (8, 16)
    # backward of letter
    dW_letter = scatter(g_23, x, (10, 16))                          # (10, 16)
    return (loss, dW_letter, dplace, dW_ln1, db_ln1, dW_ln2, db_ln2, dW_in_proj, db_in_proj,
        dW_out_proj, db_out_proj, dW_up, db_up, dW_down, db_down, dW_head, db_head)


def checked(step, **expected):
    """The step, which refuses arrays of other shapes and dtypes."""

    def call(*arrays):
        assert len(arrays) == len(expected), f"{len(arrays)} arrays given, {len(expected)} needed"
        for (name, kind), a in zip(expected.items(), arrays, strict=True):
            met = f"{a.shape} {a.dtype}" if hasattr(a, "dtype") else type(a).__name__
            assert met == kind, f"{name} is {met}; the script was written for {kind}"
        return step(*arrays)

    call.__doc__ = step.__doc__
    return call


step = checked(
    step,
    x="(4, 8) int64",
    y="(32,) int64",
    W_letter="(10, 16) float32",
    place="(8, 16) float32",
    W_ln1="(16,) float32",
    b_ln1="(16,) float32",
    W_ln2="(16,) float32",
    b_ln2="(16,) float32",
    W_in_proj="(48, 16) float32",
    b_in_proj="(48,) float32",
    W_out_proj="(16, 16) float32",
    b_out_proj="(16,) float32",
    W_up="(64, 16) float32",
    b_up="(64,) float32",
    W_down="(16, 64) float32",
    b_down="(16,) float32",
    W_head="(10, 16) float32",
    b_head="(10,) float32",
)
