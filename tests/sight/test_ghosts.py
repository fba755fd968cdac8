"""Ghosts: what has no gradient leaves a node that says why, under record(), and is a leaf like any other."""

import copy

import numpy as np
import pytest
from leaves import leaf64 as leaf

import minigrad as mg
from minigrad import Tensor, grad
from minigrad.sight.origins import ghost_of, is_ghost, origin_of, sources_of


def under_no_grad(x):
    with mg.no_grad():
        return x * 2


CUTS = {
    "the block": ("no_grad", "multiply", under_no_grad),
    "detach": ("detach", "detach", lambda x: x.detach()),
    "a comparison": ("not differentiable", "greater", lambda x: x > 0),
    "rounding": ("not differentiable", "floor", np.floor),
    "an index": ("not differentiable", "argmax", lambda x: x.argmax()),
    "an integer": ("not differentiable", "astype", lambda x: x.astype(np.int64)),
    "data": ("constant", "multiply", lambda x: Tensor([1.0, 2.0]) * 3),
    "data compared": ("constant", "less", lambda x: Tensor([1.0, 2.0]) < 3),
}


@pytest.mark.parametrize("case", CUTS)
def test_what_has_no_gradient_leaves_a_ghost_that_says_why(case):
    cut, op, f = CUTS[case]
    x = leaf(1, 2)
    with mg.record():
        y = f(x)
    ghost = origin_of(y)
    assert is_ghost(ghost)
    assert (ghost.notes.cut, ghost.op.name) == (cut, op)
    assert ghost.notes.value is y.data
    assert "test_ghosts.py" in ghost.notes.line
    assert (ghost.shape, ghost.dtype) == (y.shape, y.dtype)
    assert dict(ghost.options).keys() <= {"a", "b", "x", "axis", "keepdims", "dtype"}
    assert any(source is x for source in ghost.notes.sources.values()) == (cut != "constant")


def test_ghosts_are_found_from_the_nodes_after_them_through_any_number_of_ghosts():
    x = leaf(1, 2)
    with mg.record():
        h = x * 3
        y = x * ((h.detach() + 1) * 2)
    (_, last) = dict(sources_of(y._node)).values()
    chain = []
    while last is not h._node:
        assert is_ghost(last)
        chain.append((last.op.name, last.notes.cut))
        last = next(iter(last.notes.sources.values()))
    assert chain == [("multiply", "constant"), ("add", "constant"), ("detach", "detach")]


def test_each_output_of_a_cut_op_has_a_ghost_part():
    x = leaf(1, 2, 3, 4)
    with mg.record(), mg.no_grad():
        parts = mg.split(x, 2)
    ghosts = [origin_of(part) for part in parts]
    assert [is_ghost(g) and g.op.is_part and g.constants[0] for g in ghosts] == [0, 1]
    assert ghosts[0].parents[0] is ghosts[1].parents[0]
    assert ghosts[0].parents[0].notes.cut == "no_grad"


def test_the_integer_output_of_a_recorded_op_has_a_ghost_part():
    row = mg.primitive(
        lambda x: (x * 1, np.array([3])), ("x",), x=lambda g: g[0],
    )  # fmt: skip
    x = leaf(1)
    with mg.record():
        y, k = row(x)
    assert y.requires_grad
    ghost = origin_of(k)
    assert (ghost.notes.cut, ghost.parents[0]) == ("not differentiable", y._node.parents[0])
    assert grad(y.sum(), x).data == 1


def test_a_leaf_made_of_a_detached_tensor_still_knows_it():
    x = leaf(1, 2)
    with mg.record():
        h = x * 2
        w = h.detach().requires_grad_()
        loss = (w * 3).sum()
    assert w.is_leaf
    assert origin_of(w) is w
    assert ghost_of(w).notes.sources == {"x": h._node}
    loss.backward()
    assert w.grad.data.tolist() == [3, 3]
    assert x.grad is None


def test_functions_that_give_several_arrays_none_or_no_array_are_recorded_as_they_are():
    x = leaf(1, 0, 2)
    with mg.record():
        (places,) = np.nonzero(x)
        assert np.shape(x) == (3,)
        assert np.shape(x.sum()) == ()
        assert np.allclose(x, x)
    ghost = origin_of(places)
    assert (ghost.op.is_part, ghost.parents[0].op.name) == (True, "nonzero")
    assert sources_of(ghost) == [("output", ghost.parents[0])]


@pytest.mark.parametrize("case", CUTS)
def test_a_tensor_with_a_ghost_is_a_leaf_like_any_other(case):
    x = leaf(1, 2)
    plain = CUTS[case][2](x)
    with mg.record():
        y = CUTS[case][2](x)
    assert y.is_leaf
    assert not y.requires_grad
    assert repr(y) == repr(plain)
    assert copy.deepcopy(y).tolist() == plain.tolist()
    assert ghost_of(copy.deepcopy(y)) is None
    with pytest.raises(RuntimeError, match="does not require grad"):
        y.register_hook(print)
    with pytest.raises(RuntimeError, match="no history"):
        y.sum().backward()
    y.requires_grad = False
    y.assign(np.zeros_like(y.data))
    assert not y.data.any()
