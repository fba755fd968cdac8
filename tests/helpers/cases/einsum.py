"""Cases of minigrad.ops.einsum."""

import minigrad as mg

from .calls import Call

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None


def sum_of(subscripts, *shapes, optimize=False, torch_too=True):
    return Call(
        lambda *xs: mg.einsum(subscripts, *xs, optimize=optimize), shapes,
        torch=(lambda *xs: torch.einsum(subscripts, *xs)) if torch_too else None,
    )  # fmt: skip


CASES = {
    "einsum": [
        # products of matrices, of stacks of them, and of what only looks so
        sum_of("ij,jk->ik", (2, 3), (3, 4)), sum_of("ij,jk", (2, 3), (3, 4)), sum_of("kj,ik->ji", (2, 3), (4, 2)),
        sum_of("bij,bjk->bik", (2, 3, 4), (2, 4, 2)), sum_of("bhqd,bhkd->bhqk", (2, 1, 3, 2), (2, 1, 2, 2)),
        sum_of("jbi,ajb->abi", (3, 2, 2), (4, 3, 2)), sum_of("ij,jk->ik", (2, 0), (0, 2)),
        sum_of("ij,jk->ik", (0, 3), (3, 2)), sum_of("ij,j", (2, 3), (3,)), sum_of("i,i", (3,), (3,)),
        sum_of("i,j->ij", (2,), (3,)), sum_of("bi,bi->b", (2, 3), (2, 3)), sum_of("ij,ij->ij", (2, 3), (2, 3)),
        # one operand: permuted, summed, diagonals
        sum_of("ba", (2, 3)), sum_of("ij->", (2, 3)), sum_of("ij->j", (2, 3)), sum_of("->", ()),
        sum_of("ii->i", (3, 3)), sum_of("ii", (3, 3)), sum_of("iij->j", (2, 2, 3)), sum_of("iii->i", (2, 2, 2)),
        sum_of("iiji->ji", (2, 2, 3, 2)), sum_of("ii->i", (0, 0)), sum_of("ijij->ji", (2, 3, 2, 3)),
        # letters of one operand alone, diagonals beside another operand
        sum_of("ij,jk->k", (2, 3), (3, 4)), sum_of("ij,kl->jl", (2, 3), (3, 4)), sum_of("ii,i->i", (3, 3), (3,)),
        sum_of("ii,ij->j", (3, 3), (3, 2)), sum_of("ii,jj->", (3, 3), (2, 2)),
        # broadcasting: ellipses, and sizes of 1
        sum_of("...ij,...jk->...ik", (5, 1, 2, 3), (4, 3, 2)), sum_of("...i,...i", (2, 1, 3), (4, 3)),
        sum_of("a...b,b->a...", (2, 4, 3), (3,)), sum_of("i...i->...", (2, 3, 2)), sum_of("...,...", (2, 3), ()),
        sum_of(",ij->ji", (), (2, 3)), sum_of("ij,ij->ij", (1, 3), (2, 3)), sum_of("ij,ij->", (1, 3), (2, 1)),
        sum_of("ij,jk->ik", (2, 1), (3, 4)), sum_of("bij,bjk->bik", (1, 2, 3), (4, 3, 2)),
        # more operands
        sum_of("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)), sum_of("ij,ik,il->jkl", (2, 3), (2, 4), (2, 2)),
        sum_of("bi,bo,bk,bk->io", (3, 2), (3, 2), (3, 4), (3, 4)), sum_of("i,i,i", (3,), (3,), (3,)),
        sum_of("ij,jk,kl,l->i", (4, 3), (3, 4), (4, 2), (2,), optimize=True),
        sum_of("ij,ij,ij->i", (1, 3), (2, 1), (2, 3), optimize="greedy"),
        sum_of("i,j,k->ijk", (2,), (2,), (3,), optimize=["einsum_path", (1, 2), (0, 1)]),
    ],
}  # fmt: skip
