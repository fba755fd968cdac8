"""Cases of minigrad.ops.further_pools: compositions, each beside PyTorch's."""

import minigrad as mg

from .calls import Call, anywhere, positive

try:
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    F = None


def call(name, shape, *options, draw=anywhere):
    return Call(
        lambda x: getattr(mg, name)(x, *options), (shape,), draw, torch=lambda x: getattr(F, name)(x, *options)
    )  # fmt: skip


COMPOSITES = {
    "lp_pool1d": [call("lp_pool1d", (2, 1, 5), 3, 2, 1, draw=positive)],
    "lp_pool2d": [
        call("lp_pool2d", (1, 2, 3, 4), 2, 2, None, True),
        call("lp_pool2d", (2, 3, 4), 0.5, (1, 2), 1, draw=positive),
    ],
    "lp_pool3d": [call("lp_pool3d", (1, 2, 2, 3, 2), 2, (2, 1, 2))],
    "local_response_norm": [
        call("local_response_norm", (1, 3, 2), 2, 0.5),
        call("local_response_norm", (2, 4, 1, 2), 3, 0.3, 0.5, 2.0),
    ],
}
