"""Cases of minigrad.ops.matrix_functions."""

import minigrad as mg

from .calls import Call, anywhere
from .linalg import of as of_square
from .linalg import regular, symmetric

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def system(*shapes, trans=0, lower=False, unit_diagonal=False):
    def in_torch(a, b):
        t = a.tril() if lower else a.triu()
        if unit_diagonal:
            t = t - torch.diag_embed(t.diagonal(dim1=-2, dim2=-1)) + torch.eye(t.shape[-1])
        t = t.mT if trans else t
        is_upper = lower == bool(trans)
        columns = b[:, None] if b.ndim == 1 else b
        y = torch.linalg.solve_triangular(t, columns, upper=is_upper)
        return y[..., 0] if b.ndim == 1 else y

    def ours(a, b):
        return mg.solve_triangular(a, b, trans, lower, unit_diagonal)

    return Call(ours, shapes, (regular, anywhere), torch=in_torch)


CASES = {
    "solve_triangular": [
        *[
            system((3, 3), shape, trans=trans, lower=lower, unit_diagonal=unit)
            for shape in [(3,), (3, 2)]
            for trans in (0, 1)
            for lower in (False, True)
            for unit in (False, True)
        ],
        system((2, 2, 2), (2, 3)), system((2, 2), (3, 2, 1), lower=True), system((2, 1, 2, 2), (3, 2, 2), trans=1),
        system((0, 0), (0, 2)), system((3, 3), (3, 0)), system((0, 2, 2), (2, 1), unit_diagonal=True),
        Call(
            lambda a, b: mg.cholesky_solve(b, mg.cholesky(symmetric(a))), ((3, 3), (3, 2)), (regular, anywhere),
            torch=lambda a, b: torch.linalg.solve(symmetric(a), b),
        ),
    ],
    # square: of a tall matrix P is large; tests/ops/test_matrix_functions.py has the others
    "lu": of_square(lambda x: mg.lu(x).L, lambda x: torch.linalg.lu(x).L)[:5]
    + of_square(lambda x: mg.lu(x).U, lambda x: torch.linalg.lu(x).U)
    + of_square(lambda x: mg.lu(x, permute_l=True)[0], lambda x: torch.linalg.lu(x).P @ torch.linalg.lu(x).L)[:3],
    "expm": of_square(lambda x: mg.expm(0.3 * x), lambda x: torch.linalg.matrix_exp(0.3 * x)),
    "sqrtm": of_square(
        lambda x: mg.sqrtm(symmetric(x)), lambda x: root(*torch.linalg.eigh(symmetric(x)))
    ) + of_square(lambda x: mg.sqrtm(x), None),
}  # fmt: skip


def root(w, v):
    return v * w[..., None, :] ** 0.5 @ v.mT
