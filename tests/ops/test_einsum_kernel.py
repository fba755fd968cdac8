"""The kernel of einsum equals its plain version to rounding: subscripts, dtypes, layouts, broadcast and empty sizes."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minigrad.ops import einsum as ops
from minigrad.ops.kernels import einsum as kernels

DTYPES = ["float16", "float32", "float64"]
LAYOUTS = {
    "C": lambda x: x.copy("C"),
    "Fortran": lambda x: x.copy("F"),
    "reversed": lambda x: np.flip(np.flip(x).copy()),
    "gaps": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
    "one element": lambda x: np.broadcast_to(x.reshape(-1)[:1].sum(), x.shape),
}
"""Name -> a function that gives an array in this layout, and "one element" with one value, repeated by strides of 0."""

terms = st.text("ijkl", max_size=4)
sizes = st.lists(st.sampled_from([0, 1, 2, 3, 5]), min_size=4, max_size=4)


@st.composite
def cases(draw):
    """(subscripts, shapes) of one or two operands; a label may have size 1 in one of them, and broadcast."""
    given = draw(st.lists(terms, min_size=1, max_size=2))
    letters = sorted(set("".join(given)))
    out = "".join(draw(st.permutations(letters))[: draw(st.integers(0, len(letters)))])
    size = dict(zip("ijkl", draw(sizes), strict=True))
    shapes = []
    for term in given:
        own = {n: 1 if draw(st.integers(0, 7)) == 0 else size[n] for n in sorted(set(term))}
        shapes.append(tuple(own[n] for n in term))
    return f"{','.join(given)}->{out}", shapes


def check(subscripts, shapes, dtype, layouts, seed=0):
    rng = np.random.default_rng(seed)
    made = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    a, b = [*(LAYOUTS[layout](x) for layout, x in zip(layouts, made, strict=False)), None][:2]
    found, expected = kernels.einsum(a, b, subscripts), ops._einsum_plain(a, b, subscripts)
    assert (np.shape(found), found.dtype) == (np.shape(expected), expected.dtype)
    # each of the products is rounded, and so is each of the sums up to it
    size = {n: m for term, shape in zip(subscripts.split("->")[0].split(","), shapes, strict=True)
            for n, m in zip(term, shape, strict=True) if m != 1}  # fmt: skip
    count = np.prod([m for n, m in size.items() if n not in subscripts.split("->")[1]])
    magnitudes = [np.abs(x).astype("float64") for x in (a, b) if x is not None]
    info = np.finfo(dtype)
    bound = (count + 2) * (info.eps * np.einsum(subscripts, *magnitudes) + info.smallest_subnormal)
    difference = np.abs(np.subtract(found, expected, dtype="float64"))
    assert np.all(difference <= bound), (difference, bound)


@settings(max_examples=400)
@given(
    case=cases(),
    dtype=st.sampled_from(DTYPES),
    layouts=st.lists(st.sampled_from(sorted(LAYOUTS)), min_size=2, max_size=2),
    seed=st.integers(0, 99),
)
@example(case=(",->", [(), ()]), dtype="float32", layouts=["C", "C"], seed=0)
@example(case=("ij,jk->ik", [(2, 0), (0, 3)]), dtype="float16", layouts=["C", "C"], seed=0)
@example(case=("ij,jk->ik", [(2, 1), (3, 2)]), dtype="float64", layouts=["C", "Fortran"], seed=0)
@example(case=("iij,jk->ki", [(3, 3, 2), (2, 5)]), dtype="float32", layouts=["gaps", "C"], seed=0)
def test_the_kernel_equals_the_plain_version(case, dtype, layouts, seed):
    check(*case, dtype, layouts, seed)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", [(17, 65), (65, 9)]),
        ("ij,jk->ki", [(17, 65), (65, 9)]),
        ("bihd,bjhd->bhij", [(2, 7, 3, 16), (2, 5, 3, 16)]),
        ("bij,bjk->bik", [(1, 7, 8), (4, 8, 5)]),
        ("ijk,jkl->il", [(4, 5, 6), (5, 6, 7)]),
        ("iaj,kjb->bi", [(4, 3, 9), (2, 9, 5)]),
    ],
)
def test_a_product_of_stacks_of_matrices_equals_the_plain_version(
    subscripts, shapes, layout, dtype
):
    of_a, of_b, out = kernels.split(subscripts)
    pairs = ((of_a, of_b), (of_b, of_a))
    left = [[n for n in own if n in other + out] for own, other in pairs]
    reduced = [tuple(m for n, m in zip(term, shape, strict=True) if n in kept)
               for term, shape, kept in zip((of_a, of_b), shapes, left, strict=True)]  # fmt: skip
    assert kernels._as_matmul(*map("".join, left), out, *reduced) is not None
    check(subscripts, shapes, dtype, [layout, layout])
