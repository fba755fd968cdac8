"""Cases of minigrad.ops.bags."""

import numpy as np

import minigrad as mg

from .calls import Call, i

ROWS = i(3, 0, 3, 2, 1, 3)
STARTS = i(0, 2, 2, 5)


def bag(mode, indices, *offsets, **options):
    """Of a table (4, 3); PyTorch's has no second derivative, its first stands in the cases of the layers."""
    return Call(
        lambda w, x, *o: mg.embedding_bag(w, x, *(o or (None,)), mode, **options),
        ((4, 3),), constants=(indices, *offsets),
    )  # fmt: skip


def weighted(indices, *offsets):
    return Call(
        lambda w, v, x, *o: mg.embedding_bag(w, x, *(o or (None,)), "sum", v),
        ((4, 3), indices.shape), constants=(indices, *offsets),
    )  # fmt: skip


COMPOSITES = {
    "embedding_bag": [
        bag("sum", ROWS, STARTS), bag("mean", ROWS, STARTS), bag("mean", ROWS.reshape(2, 3)),
        bag("sum", ROWS, i(0, 4, 6), include_last_offset=True), weighted(ROWS, STARTS), weighted(ROWS.reshape(3, 2)),
        bag("mean", ROWS, STARTS, padding_idx=3), Call(lambda w, x, o: mg.embedding_bag(w, x, o, "max"), ((4, 3),),
        constants=(ROWS, STARTS)), bag("sum", np.zeros((0, 2), int)),
    ],
}  # fmt: skip
