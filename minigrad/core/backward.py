"""The backward pass: a traversal of the graph from its end to its leaves. It knows no particular op.

Nodes are visited in the reverse order of their creation. This is a topological order, because an op's inputs exist
before its output. Each node runs its rules once, on the sum of all contributions to its gradient.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Collection
from itertools import starmap
from operator import call
from typing import Any

import numpy as np
from numpy import ndarray

from . import writes
from .dtypes import FLOAT16, as_array, narrowed, widened
from .graph import OFF, ON, Node, TensorBase, creation_order, describe, mode, wrap


def grad(
    y: Any,
    xs: Any,
    seed: Any = None,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    tap: Callable[[Node, str, Any], None] | None = None,
) -> Any:
    """dy/dx for each x in xs, contracted with `seed`: sum_i seed_i dy_i/dx.

    The core of `minigrad.grad`, whose docstring tells of each argument and error.
    """
    single = isinstance(xs, TensorBase)
    targets: list[Any] = [xs] if single else list(xs)
    for place, x in enumerate(targets):
        if not isinstance(x, TensorBase):
            raise TypeError(f"grad: xs[{place}] is a {type(x).__name__}; Tensors are needed")
        if not x._requires_grad:
            raise ValueError(
                f"grad: xs[{place}] of shape {x._data.shape} does not require grad; "
                "make it with Tensor(..., requires_grad=True) before it is used"
            )
    keys = [x if x._node is None else x._node for x in targets]
    retain = create_graph if retain_graph is None else retain_graph
    found = traverse("grad", y, seed, set(keys), create_graph, retain, tap)
    if not create_graph:
        found = {key: wrap(_own(found.pop(key))) for key in list(found)}
    results = tuple(found.get(key) for key in keys)
    return results[0] if single else results


def backward(y: Any, seed: Any = None, retain_graph: bool = False) -> None:
    """Add dy/dx to `x.grad` for every leaf x that requires grad, and for Tensors that asked with `retain_grad()`.

    seed          the gradient to start from, of y's shape; may be omitted if y has one element
    retain_graph  keep the saved values for another backward

    Several calls add up in the dtype of `.grad`: float16 is rounded at each. For derivatives of derivatives use
    `minigrad.grad(y, xs, create_graph=True)`. Raises RuntimeError for a y without history, a freed graph or a
    saved value that was written since; ValueError for a non-scalar y without seed.
    """
    _store(traverse("backward", y, seed, None, False, retain_graph, None))


def _store(found: dict[Any, Any]) -> None:
    """Write the gradients to `.grad`, in place where there is one: all of them, or none if anything fails."""
    steps: list[Any] = []
    sums: dict[int, Any] = {}
    for key in list(found):
        tensor = key if isinstance(key, TensorBase) else key.keeper()
        if tensor is None:
            continue
        g, kept = _own(found.pop(key)), tensor._grad
        if kept is None:
            steps += [(_set_grad, tensor, wrap(g))]
            continue
        array = kept._data
        g += sums.get(id(array), array)
        sums[id(array)] = g
        if not isinstance(array, ndarray):
            steps += [(_set_data, kept, g)]
        elif array.flags.writeable:
            steps += [(ndarray.__setitem__, array, ..., g)]
        else:
            raise ValueError(
                f"backward: the .grad of a Tensor of shape {tensor.shape} is read-only, so nothing can be added to "
                "it; set it to None before. No .grad was written"
            )
    if sums:  # announced before, so that no interrupt can come between a write and its announcement
        writes.mark_written(*[step[1] for step in steps if step[0] is ndarray.__setitem__])
    # one call of C functions alone: Python runs signal handlers, tracers and the like only before or after it
    deque(starmap(call, steps), maxlen=0)


# these set a slot without a line of Python
_set_grad, _set_data = TensorBase.__dict__["_grad"].__set__, TensorBase.__dict__["_data"].__set__


def traverse(
    caller: str, y: Any, seed: Any, targets: set[Any] | None, create_graph: bool, retain: bool, tap: Any,
    unfinished: Collection[Any] = (),
) -> dict[Any, Any]:  # fmt: skip
    """The gradients of the targets; without targets, of all leaves and of all nodes with a keeper.

    Gradients are plain arrays, or with create_graph Tensors. The first contribution to one is used as it is, the second
    makes a new array for the sum, float32 for float16 until it is complete, and later ones are added in place.
    """
    start = _start(caller, y)
    order = creation_order(start)
    active = None if targets is None else on_a_path(order, targets)
    wanted = None if targets is None or active is None else active | targets  # None means all
    found: dict[Any, Any] = {}
    owned: set[Any] = set()
    before = mode.get()
    try:  # from here on, because a signal handler may raise as soon as the mode is set
        mode.set(before | ON if create_graph else OFF)
        grads: dict[Any, Any] = {start: _seed(caller, y, seed, create_graph)}
        for node in reversed(order):
            g = _of_parts(node, grads) if node.part_nodes else grads.pop(node, None)
            if g is None:  # no gradient came here, and zeros instead could make nan: 0 * inf
                continue
            g = narrowed(g, node) if node in owned else g
            if node.hooks:
                g = _run_hooks(node.hooks, node, g)
                owned.discard(node)
            if node.keeper is not None if targets is None else node in targets:
                found[node] = g
            if active is not None and node not in active:
                continue
            if node.op.is_part:
                grads[node] = g  # waits for the other parts, see _of_parts
                if tap is not None:
                    tap(node, "output", _shown(g))
                continue
            if node.saved is None or node.tick < writes.last_write or node.notes is not None:
                _check_usable(caller, node)
            _pull(node, g, grads, owned, wanted, create_graph, tap)
            # no `if`: the jump back that it makes is no part of the try block in Python 3.12 and 3.13
            node.saved = node.saved if retain else None
    finally:
        mode.set(before)
    for leaf, g in grads.items():
        if targets is None or leaf in targets:
            g = narrowed(g, leaf) if leaf in owned else g
            is_whole = leaf._hooks and leaf not in unfinished
            found[leaf] = _run_hooks(leaf._hooks, leaf, g) if is_whole else g
    return found


def _pull(
    node: Node, g: Any, grads: dict[Any, Any], owned: set[Any], wanted: set[Any] | None, create_graph: bool, tap: Any
) -> None:  # fmt: skip
    """Run the node's rules on its gradient g, and add what they give to the gradients of its (wanted) parents."""
    op, parents = node.op, node.parents
    for place, rule, values in node.saved or ():
        if wanted is not None and not rule.leads_to(wanted, parents, place):
            continue
        if create_graph:
            values = rule.lift(node, place, values)
        try:
            result = rule.function(g, *values)
        except Exception as error:
            error.add_note(f"in the gradient of {describe(node)} for {rule.argument}")
            raise
        for at, c in rule.each(result, node) if rule.is_joint else ((place, result),):
            parent = parents[at]
            if parent is None or (wanted is not None and parent not in wanted):
                continue
            if c.__class__ is not ndarray or c.shape != parent.shape or c.dtype is not parent.dtype:
                c = op.fit(c, parent, node, at)
            if tap is not None:
                tap(node, op.argument_name(at), _shown(c))
            if node.notes is not None:
                node.notes.saw(node, op.argument_name(at), g, c)
            total = grads.get(parent)
            if total is None:
                grads[parent] = c
            elif create_graph or parent not in owned:
                grads[parent] = (widened(total) if c.dtype == FLOAT16 else total) + c
                owned.add(parent)
            else:
                total += c
                grads[parent] = total  # += makes a new object of a NumPy scalar


def on_a_path(order: list[Node], targets: set[Any]) -> set[Node]:
    """The nodes that lead to a target: one of their parents is a target or leads to one."""
    active: set[Node] = set()
    for node in order:
        for parent in node.parents:
            if parent is not None and (parent in targets or parent in active):
                active.add(node)
                break
    return active


def _start(caller: str, y: Any) -> Any:
    """The node or leaf that the traversal starts from."""
    if not isinstance(y, TensorBase):
        raise TypeError(f"{caller}: a {type(y).__name__} has no gradient; a Tensor is needed")
    if not y._requires_grad:
        raise RuntimeError(
            f"{caller}: this Tensor of shape {y._data.shape} has no history: nothing it was made from requires "
            "grad, or it was made under no_grad()"
        )
    return y if y._node is None else y._node


def _seed(caller: str, y: Any, given: Any, create_graph: bool) -> Any:
    """The gradient that the traversal starts from: of y's shape and dtype, a Tensor with create_graph."""
    data = y._data
    if given is None:
        if data.size != 1:
            raise ValueError(
                f"{caller}: only a scalar has a gradient without a seed; this Tensor has shape {data.shape}. "
                "Reduce it first (.sum(), .mean()) or pass seed= of that shape"
            )
        seed: Any = np.ones_like(data) if data.ndim else np.array(1, data.dtype, like=data)
        return wrap(seed) if create_graph else seed
    seed = _as_tensor(given if isinstance(given, TensorBase) else as_array(given))
    if seed.shape != data.shape:
        raise ValueError(
            f"{caller}: the seed has shape {seed.shape}, the Tensor {data.shape}; they must be equal"
        )
    if seed.dtype.kind == "c":
        raise TypeError(f"{caller}: the seed is {seed.dtype}, the Tensor {data.dtype}")
    if seed.dtype != data.dtype:
        seed = seed.astype(data.dtype)
    return seed if create_graph else seed._data


def _as_tensor(c: Any) -> Any:
    c = np.asarray(c) if isinstance(c, np.generic) else c
    return c if isinstance(c, TensorBase) else wrap(c)


def _shown(c: Any) -> Any:
    """A gradient as hooks and taps get it: a Tensor, which is read-only if the gradient was a plain array."""
    tensor = _as_tensor(c)
    return wrap(tensor.numpy()) if tensor is not c else c


def _own(g: Any) -> Any:
    """g as a writable contiguous array that nobody else holds: not the seed, another gradient or a broadcast view.

    It is row-major or column-major, so that a weight's gradient keeps the layout of the product that made it. An array
    that only the caller holds is returned as it is, and so is a transposed view of one; any other is copied.
    """
    if g.__class__ is ndarray and _holders(g) in _ALONE:
        whole = g.base if g.base.__class__ is ndarray else g  # of some views it is no array
        if whole.flags.owndata and whole.size == g.size and g.flags.forc and g.flags.writeable:
            return g
    if isinstance(g, (ndarray, np.generic)) or hasattr(g, "noting"):
        return np.array(g, order="A", like=None if isinstance(g, np.generic) else g)
    return g.copy()


def _holders(g: Any) -> tuple[int, int]:
    """The number of references to an array, and to the array that it is a view of (0 if it is no view)."""
    return sys.getrefcount(g), 0 if g.base is None else sys.getrefcount(g.base)


def _holders_within(g: Any) -> tuple[int, int]:  # as many frames hold g as in `_own`
    return _holders(g)


# the counts in `_own` of an array that nobody else holds: measured, because interpreters differ
_ALONE = (_holders_within(np.empty(2)), _holders_within(np.empty((2, 2)).T))


def _run_hooks(hooks: list[Any], of: Any, g: Any) -> Any:
    """The gradient after all hooks: each gets the gradient so far, and a result that is not None replaces it."""
    plain = not isinstance(g, TensorBase)
    for hook in list(hooks):
        given = hook.function(_shown(g))
        if given is None:
            continue
        answer: Any = given if isinstance(given, TensorBase) else wrap(as_array(given))
        if answer.shape != of.shape:
            raise ValueError(
                f"a hook returned a gradient of shape {answer.shape} for a Tensor of shape {of.shape}"
            )
        if answer.dtype != of.dtype:
            answer = answer.astype(of.dtype)
        g = answer._data if plain else answer
    return g


def _of_parts(node: Node, grads: dict[Any, Any]) -> tuple[Any, ...] | None:
    """The gradients of all parts of a node; None if no part has one.

    A part without gradient gets zeros, the only ones that the engine makes.
    """
    given = [grads.pop(reference(), None) for reference in node.part_nodes]
    like = next((g for g in given if g is not None), None)
    if like is None:
        return None
    like = like._data if isinstance(like, TensorBase) else like
    return tuple(
        [
            np.zeros_like(like, shape=shape, dtype=dtype) if g is None else g
            for g, shape, dtype in zip(given, node.shape, node.dtype, strict=True)
        ]
    )


def _check_usable(caller: str, node: Node) -> None:
    """Raise if the saved values were freed, or written since: the gradient would be silently wrong."""
    if node.saved is None:
        raise RuntimeError(
            f"{caller}: this graph was freed by an earlier backward, or by one that failed on its way (met at "
            f"{node.op.name}); pass retain_graph=True to that one to go through it again"
        )
    for name, value in node.saved_arrays():
        if writes.written_since(value, node.tick):
            raise RuntimeError(
                f"{caller}: `{name}` of shape {value.shape}, which the gradient of {describe(node)} needs, was "
                "written after the forward pass (by an optimiser step, assign, touch or `-=`). Run backward "
                "before the write, or compute the forward pass again after it"
            )
    if node.notes is not None:
        node.notes.check(caller, node)
