"""A layer beside PyTorch's with the same weights: its state, its outputs, and all gradients."""

import numpy as np
from cases.modules import flat, places_of

import minigrad
import nn
from minigrad import Tensor

TOLERANCES = {"float64": 1e-10, "float32": 1e-5}


def normal(*shape, seed=1, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def converted(values, of):
    """Nested tuples, and dicts, with `of` applied to their arrays."""
    if isinstance(values, dict):
        return {name: converted(value, of) for name, value in values.items()}
    if isinstance(values, tuple):
        return tuple(converted(value, of) for value in values)
    return of(values) if isinstance(values, np.ndarray) else values


def assert_is_pytorchs(torch, ours, theirs, dtype, *inputs, **options):
    """Loads the state of each into the other by its own names, then compares what comes of the inputs and options.

    Arrays among the inputs that are floats get gradients, which are compared, and so are those of the parameters.
    """
    tolerance = TOLERANCES[dtype]
    theirs.load_state_dict({k: torch.from_numpy(a) for k, a in ours.state_dict().items()})
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())

    def leaf(a):
        return Tensor(a, requires_grad=a.dtype.kind == "f")

    def their_leaf(a):
        return torch.tensor(a, requires_grad=a.dtype.kind == "f")

    # one object given twice stays one: MultiheadAttention looks whether query, key and value are
    leaves, their_leaves = ({id(a): make(a) for a in flat(inputs)} for make in (leaf, their_leaf))
    y = ours(*converted(inputs, lambda a: leaves[id(a)]), **options)
    other = theirs(
        *converted(inputs, lambda a: their_leaves[id(a)]), **converted(options, torch.tensor)
    )
    outputs, others = flat(y), flat(other)
    assert [tuple(a.shape) for a in outputs] == [tuple(a.shape) for a in others]
    seeds = [normal(*a.shape, seed=i, dtype=dtype) for i, a in enumerate(outputs)]
    sum((a * seed).sum() for a, seed in zip(outputs, seeds, strict=True)).backward()
    sum((a * torch.tensor(seed)).sum() for a, seed in zip(others, seeds, strict=True)).backward()
    pairs = [
        *zip(outputs, others, strict=True),
        *((a.grad, b.grad) for a, b in zip(leaves.values(), their_leaves.values(), strict=True)),
        *((a.grad, b.grad) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True)),
    ]
    for mine, his in pairs:
        assert (mine is None) == (his is None)
        if mine is not None:
            assert mine.dtype == dtype
            his = his.detach().numpy()
            np.testing.assert_allclose(mine.detach().numpy(), his, rtol=tolerance, atol=tolerance)


def assert_order_2_is_pytorchs(torch, ours, theirs, *arrays, **options):
    """The gradients of the sum of the squares of all first gradients of sum(y^3), from the same weights."""

    def of(y, leaves, grad):
        first = grad((flat(y)[0] ** 3).sum(), leaves, create_graph=True)
        return grad(sum((g**2).sum() for g in first), leaves)

    xs = [Tensor(a, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    found = of(ours(*xs, **options), [*xs, *ours.parameters()], minigrad.grad)
    # its faster ways cannot be differentiated twice
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        y = theirs(*ts, **options)
    expected = of(y, [*ts, *theirs.parameters()], torch.autograd.grad)
    for a, b in zip(found, expected, strict=True):
        size = max(1, b.abs().max().item())
        np.testing.assert_allclose(a.data, b.detach(), rtol=1e-9, atol=1e-10 * size)


def doubled(net):
    """The net, its parameters made float64."""
    for owner, name in places_of(net):
        setattr(owner, name, nn.Parameter(getattr(owner, name).data.astype(np.float64)))
    return net
