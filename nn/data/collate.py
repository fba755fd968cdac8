"""collate: items made into a batch, with one more axis in front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import minigrad


def collate(items: Sequence[Any], indices: Sequence[int] | None = None) -> Any:
    """One array (N, ...) from N arrays of one shape and dtype; tuples, lists and dicts are collated member by member.

    Numbers become arrays (N,): Python's floats float32, ints int64, bools bool. ValueError if items differ in kind,
    shape or dtype, with their numbers in the data set, `indices` (by default their places in `items`), or if a Tensor
    requires grad, which a batch would lose; TypeError for what is neither array nor number.

    >>> collate([([1.0, 2.0], 3), ([4.0, 5.0], 6)])
    ([array([1., 4.], dtype=float32), array([2., 5.], dtype=float32)], array([3, 6]))
    """
    if not items:
        raise ValueError("collate: there are no items")
    return _collate(items, range(len(items)) if indices is None else indices, "")


def _collate(items: Sequence[Any], indices: Sequence[int], path: str) -> Any:
    """The batch of members of items; `path` is their place in each item, such as [0]['image']."""
    _require_alike(items, indices, path)
    first = items[0]
    if isinstance(first, Mapping):
        return {k: _collate([d[k] for d in items], indices, f"{path}[{k!r}]") for k in first}
    if isinstance(first, (tuple, list)):
        members = [
            _collate(member, indices, f"{path}[{at}]")
            for at, member in enumerate(zip(*items, strict=True))
        ]
        if isinstance(first, list):
            return members
        return type(first)(*members) if hasattr(first, "_fields") else tuple(members)
    return np.stack([_as_array(item) for item in items])


def _require_alike(items: Sequence[Any], indices: Sequence[int], path: str) -> None:
    form = None
    for item, i in zip(items, indices, strict=True):
        if isinstance(item, minigrad.Tensor) and item.requires_grad:
            raise ValueError(
                f"collate: item {i}{path} requires grad, which its batch would lose; make it under no_grad(), or pass "
                "its .detach()"
            )
        other = _form(item)
        if other is None:
            raise TypeError(
                f"collate: item {i}{path} is a {type(item).__name__}; arrays, numbers, and tuples, lists and dicts of "
                "them make a batch. Convert it in the data set, or pass a collate_fn to the DataLoader"
            )
        form = form or other
        if other != form:
            raise ValueError(
                f"collate: the items of a batch must be alike, but item {indices[0]}{path} is {_words(*form)} and "
                f"item {i}{path} is {_words(*other)}. Make them alike in the data set, or pass a collate_fn to the "
                "DataLoader"
            )


def _form(item: Any) -> tuple[type, Any, Any] | None:
    """The properties that all items must share: a container's type and names, or an array's shape and dtype."""
    if isinstance(item, Mapping):
        return dict, frozenset(item), None
    if isinstance(item, (tuple, list)):
        return type(item), len(item), None
    array = _as_array(item)
    return None if array is None else (np.ndarray, array.shape, array.dtype)


def _words(kind: type, size: Any, dtype: Any) -> str:
    if kind is np.ndarray:
        return f"{dtype} {size}"
    if kind is dict:
        return f"a dict of {', '.join(sorted(map(repr, size)))}"
    return f"a {kind.__name__} of {size}"


def _as_array(item: Any) -> Any:
    """An array, a Tensor or a number as an array; None for anything else."""
    if isinstance(item, minigrad.Tensor):
        return item.numpy()
    if isinstance(item, (bool, int, float)):
        return minigrad.Tensor(item).numpy()
    return item if isinstance(item, (np.ndarray, np.generic)) else None
