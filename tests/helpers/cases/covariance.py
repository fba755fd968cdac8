"""Cases of minigrad.ops.covariance, whose functions are composites."""

import minigrad as mg

from .calls import Call, anywhere, positive

try:
    import torch
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = None

COMPOSITES = {
    "cov": [
        Call(mg.cov, ((2, 5),), torch=lambda x: torch.cov(x)), Call(mg.cov, ((4,),), torch=lambda x: torch.cov(x)),
        Call(mg.cov, ((2, 4), (4,)), torch=lambda x, y: torch.cov(torch.cat([x, y[None]]))),
        Call(lambda x: mg.cov(x, rowvar=False, bias=True), ((5, 2),), torch=lambda x: torch.cov(x.T, correction=0)),
        Call(
            lambda x, w: mg.cov(x, fweights=[1, 2, 0, 3], aweights=w), ((2, 4), (4,)), (anywhere, positive),
            torch=lambda x, w: torch.cov(x, fweights=torch.tensor([1, 2, 0, 3]), aweights=w),
        ),
        Call(lambda x, w: mg.cov(x, ddof=0, aweights=w), ((2, 4), (4,)), (anywhere, positive)),
    ],
    "corrcoef": [
        Call(mg.corrcoef, ((2, 5),), torch=lambda x: torch.corrcoef(x)), Call(mg.corrcoef, ((5,), (5,))),
        Call(lambda x: mg.corrcoef(x, rowvar=False), ((4, 3),)),
    ],
}  # fmt: skip
