"""Sums of products over named axes."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from string import ascii_letters
from typing import Any

import numpy as np

from ..core.dtypes import in_float32
from ..core.rows import Primitive, primitive, serves
from .axes import arrays_of
from .indexing import scatter
from .kernels import einsum as kernels
from .kernels import noting
from .kernels.einsum import once, split
from .shapes import broadcast_to

# One or two operands: the row ----------------------------------------------------------------------------


def _einsum(a: Any, b: Any, subscripts: str) -> Any:
    is_fast = _is_numpys(a) and (b is None or _is_numpys(b))
    f = kernels.einsum if is_fast else noting(kernels.einsum, a, b) or _einsum_plain
    return in_float32(f, a, b, subscripts)


def _is_numpys(x: Any) -> bool:
    """Return whether x is an array of NumPy's, a file in memory among them, or a number, as a sum over all axes is."""
    return isinstance(x, (np.ndarray, np.generic))


def _einsum_plain(a: Any, b: Any, subscripts: str) -> Any:
    return np.einsum(subscripts, a) if b is None else np.einsum(subscripts, a, b)


def _einsum_member(g: Any, other: Any, shape: Any, labels: str, others: str, out: str) -> Any:
    """The gradient for one operand: g times the other operand, summed over the axes that this one does not have."""
    given = out if other is None else f"{out},{others}"
    sizes, kept = _distinct(labels, tuple(shape), out + others)
    y = _einsum_row(g, other, f"{given}->{kept}")
    # labels that are not in `kept` come back with size 1: those of this operand alone, and those of size 1
    if kept != labels:
        found = dict(zip(kept, y.shape, strict=True))
        y = y.reshape([found.get(n, 1) for n in sizes])
    y = broadcast_to(y, tuple(sizes.values())) if y.shape != shape else y
    return _on_diagonal(y, labels, shape) if len(sizes) < len(labels) else y


@once
def _distinct(labels: str, shape: Any, elsewhere: str) -> tuple[dict[str, int], str]:
    """The size of each label, and the labels along which the gradient varies."""
    sizes = dict(zip(labels, shape, strict=True))
    return sizes, "".join(n for n in sizes if n in elsewhere and sizes[n] != 1)


def _on_diagonal(g: Any, labels: str, shape: Any) -> Any:
    """g, which has one axis per distinct label, as an array over all labels: 0 where indices of one label differ."""
    distinct = "".join(dict.fromkeys(labels))
    counts = [labels.count(n) for n in distinct]
    # with the k axes of one label made into one of size n**k, the diagonal has a step of 1 + n + ... + n**(k-1)
    steps = tuple(
        slice(None, None, sum(n**p for p in range(count)))
        for n, count in zip(g.shape, counts, strict=True)
    )
    flat = tuple(n**count for n, count in zip(g.shape, counts, strict=True))
    order = [axis for n in distinct for axis, label in enumerate(labels) if label == n]
    y = scatter(g, steps, flat).reshape([shape[axis] for axis in order])
    return y.transpose([order.index(axis) for axis in range(len(order))])


def _einsum_a(g: Any, b: Any, a_shape: Any, subscripts: str) -> Any:
    of_a, of_b, out = split(subscripts)
    return _einsum_member(g, b, a_shape, of_a, of_b, out)


def _einsum_b(g: Any, a: Any, b_shape: Any, subscripts: str) -> Any:
    of_a, of_b, out = split(subscripts)
    return _einsum_member(g, a, b_shape, of_b, of_a, out)


_einsum_row: Primitive = primitive(_einsum, a=_einsum_a, b=_einsum_b)

# Any number of operands ----------------------------------------------------------------------------------


@serves(np.einsum)
def einsum(subscripts: Any, *operands: Any, optimize: Any = False) -> Any:
    """Sum of products over named axes: einsum("ij,jk->ik", a, b) is y_ik = sum_j a_ij b_jk.

    subscripts  a letter per axis, operands separated by commas; letters that do not follow -> are summed over. Without
                ->, the output has the letters that appear once, in alphabetical order. A letter that appears twice in
                one operand takes its diagonal. ... stands for leading axes, which broadcast. Or, in place of letters,
                a list of numbers in [0, 52) behind each operand, and at last the output's: a, [0, 1], b, [1, 2], [0, 2]
    optimize    the order in which three or more operands are multiplied in pairs: False means from left to right;
                True, "greedy", "optimal" and paths of np.einsum_path mean what they mean in np.einsum

    Each pair is multiplied as stacks of matrices where possible, whatever `optimize` says.
    """
    if not isinstance(subscripts, str):
        subscripts, operands = _in_letters((subscripts, *operands))
    xs = arrays_of(operands)
    of_xs, out = _parse(subscripts, tuple(tuple(x.shape) for x in xs))
    if len(xs) == 1:
        return _einsum_row(xs[0], None, f"{of_xs[0]}->{out}")
    if len(xs) == 2:
        return _einsum_row(*xs, f"{of_xs[0]},{of_xs[1]}->{out}")
    labels = list(of_xs)
    for i, j in _pairs(labels, out, [x.shape for x in xs], optimize):
        (a, of_a), (b, of_b) = (xs[i], labels[i]), (xs[j], labels[j])
        for k in (j, i):
            del xs[k], labels[k]
        wanted = set(out).union(*labels)
        kept = "".join(n for n in dict.fromkeys(of_a + of_b) if n in wanted) if xs else out
        xs.append(_einsum_row(a, b, f"{of_a},{of_b}->{kept}"))
        labels.append(kept)
    return xs[0]


_LETTERS = "".join(sorted(ascii_letters))  # in the order of the output's, if it is not given


def _in_letters(args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The subscripts in letters and the operands, of operands with a list of axis numbers behind each."""
    operands, lists = args[: len(args) // 2 * 2 : 2], [*args[1::2], *args[len(args) // 2 * 2 :]]
    try:
        terms = [
            "".join("..." if n is Ellipsis else _letter(n) for n in numbers) for numbers in lists
        ]
    except (TypeError, ValueError):
        raise TypeError(
            'einsum: subscripts such as "ij,jk->ik" must come first, or a list of axis numbers in [0, 52) behind '
            "each operand"
        ) from None
    arrow = "" if len(lists) == len(operands) else f"->{terms.pop()}"
    return ",".join(terms) + arrow, operands


def _letter(n: Any) -> str:
    return _LETTERS[range(len(_LETTERS)).index(index(n))]


def _pairs(
    labels: list[str], out: str, shapes: Sequence[Any], optimize: Any
) -> list[tuple[int, int]]:
    """The pairs of operands to multiply, one after another; each product goes to the end of the list."""
    count = len(labels)
    if optimize is False:
        return [(0, 1), *[(0, left) for left in range(count - 2, 0, -1)]]
    stand_ins = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
    path, _ = np.einsum_path(f"{','.join(labels)}->{out}", *stand_ins, optimize=optimize)
    pairs = []
    for step in path[1:]:  # a step of more than two is taken two at a time
        places = sorted(step)
        while len(places) > 1:
            i, j = places[:2]
            pairs.append((i, j))
            count -= 1
            places = [*[p - 2 for p in places[2:]], count - 1]
    return pairs


@once
def _parse(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[tuple[str, ...], str]:
    """The labels of each operand and of the output: a letter per axis, with the ellipses spelled out."""
    met = f"einsum: {subscripts!r} with shapes {', '.join(map(str, shapes))}"
    given, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = given.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"{met}: {len(terms)} operands are named, {len(shapes)} given")
    for term in (*terms, out):
        rest = term.replace("...", "", 1)
        if rest.strip(ascii_letters):
            raise ValueError(f"{met}: {term!r} may hold letters and one ellipsis (...), no more")
    free = [n for n in ascii_letters if n not in given]
    extra = [
        len(shape) - len(term.replace("...", "")) for term, shape in zip(terms, shapes, strict=True)
    ]
    for term, shape, n in zip(terms, shapes, extra, strict=True):
        if n < 0 or (n and "..." not in term):
            raise ValueError(f"{met}: {term!r} does not name the {len(shape)} axes of {shape}")
    widest = max(n if "..." in term else 0 for term, n in zip(terms, extra, strict=True))
    if widest > len(free):
        raise ValueError(f"{met}: more than {len(ascii_letters)} axes in all")
    dots = "".join(free[:widest])
    labels = [term.replace("...", dots[widest - n :]) for term, n in zip(terms, extra, strict=True)]
    if not arrow:
        single = sorted(n for n in set(given) - set(".,") if given.count(n) == 1)
        out = "..." + "".join(single)
    elif widest and "..." not in out:
        raise ValueError(
            f"{met}: the output has no ellipsis; write ...{out} behind ->, or sum after"
        )
    out = out.replace("...", dots)
    if len(set(out)) < len(out) or not set(out) <= set("".join(labels)):
        raise ValueError(
            f"{met}: each letter behind -> must be one of an operand's, and stand once"
        )
    _check_sizes(met, labels, shapes)
    return tuple(labels), out


def _check_sizes(met: str, labels: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> None:
    """Raise unless axes of one letter have one size; between operands size 1 broadcasts, as in NumPy."""
    sizes: dict[str, int] = {}
    for term, shape in zip(labels, shapes, strict=True):
        own: dict[str, int] = {}
        for n, size in zip(term, shape, strict=True):
            if own.setdefault(n, size) != size:
                raise ValueError(f"{met}: a diagonal of axes of size {own[n]} and {size}")
            if sizes.setdefault(n, size) == 1:
                sizes[n] = size
            if size not in (1, sizes[n]):
                raise ValueError(f"{met}: axes of size {sizes[n]} and {size} have one letter")
