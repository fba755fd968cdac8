"""Cases of minigrad.ops.linalg."""

import numpy as np

import minigrad as mg

from .calls import Call, anywhere

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def regular(rng, shape):
    """Far from singular, and positive definite when made symmetric; eigenvalues apart."""
    n = shape[-1]
    return rng.uniform(-0.25, 0.25, shape) + np.diag(1.0 + np.arange(n))


def symmetric(x):
    return (x + x.mT) / 2


def of(f, counterpart, draw=regular):
    return [
        Call(f, (shape,), draw, torch=counterpart)
        for shape in [(3, 3), (1, 1), (2, 2, 2), (2, 1, 3, 3), (0, 2, 2), (0, 0)]
    ]


def system(*shapes):
    return Call(mg.solve, shapes, (regular, anywhere), torch=lambda a, b: torch_solve(a, b))


def torch_solve(a, b):
    """With NumPy's rule for what a vector is."""
    return torch.linalg.solve(a, b[:, None])[..., 0] if b.ndim == 1 else torch.linalg.solve(a, b)


CASES = {
    "inv": [
        *of(mg.inv, lambda x: torch.linalg.inv(x)),
        Call(
            lambda x: mg.matrix_power(x, -2), ((2, 2, 2),), regular,
            torch=lambda x: torch.linalg.matrix_power(x, -2),
        ),
    ],
    "solve": [
        system((3, 3), (3,)), system((3, 3), (3, 2)), system((2, 2, 2), (2, 3)), system((2, 2), (3, 2, 1)),
        system((2, 1, 2, 2), (3, 2, 2)), system((2, 3, 3), (3,)), system((0, 0), (0, 2)), system((3, 3), (3, 0)),
        system((0, 2, 2), (2, 1)), system((1, 1), (1,)),
    ],
    "det": of(mg.det, lambda x: torch.linalg.det(x)),
    "slogdet": of(lambda x: mg.slogdet(x)[1], lambda x: torch.linalg.slogdet(x)[1]) + of(
        lambda x: mg.slogdet(x).sign * mg.slogdet(x).logabsdet,
        lambda x: torch.linalg.slogdet(x)[0] * torch.linalg.slogdet(x)[1],
    )[:2],
    "cholesky": of(
        lambda x: mg.cholesky(symmetric(x)), lambda x: torch.linalg.cholesky(symmetric(x))
    ) + of(
        lambda x: mg.cholesky(symmetric(x), upper=True), lambda x: torch.linalg.cholesky(symmetric(x), upper=True)
    )[:2],
    "eigh": of(
        lambda x: mg.eigh(symmetric(x)).eigenvalues, lambda x: torch.linalg.eigh(symmetric(x))[0]
    ) + of(  # squares: the sign of a vector is a matter of the library
        lambda x: mg.eigh(symmetric(x)).eigenvectors ** 2, lambda x: torch.linalg.eigh(symmetric(x))[1] ** 2
    ) + of(
        lambda x: values_and_vectors(*mg.eigh(symmetric(x), "U")),
        lambda x: values_and_vectors(*torch.linalg.eigh(symmetric(x), "U")),
    )[:3],
}  # fmt: skip


def values_and_vectors(w, v):
    return (v**2 * w[..., None, :] ** 3).sum(-1)
