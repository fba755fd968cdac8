"""Cases of minigrad.ops.conv."""

import minigrad as mg
from minigrad.ops import conv
from minigrad.ops.kernels.windows import Window

from .calls import Call, torch_gradient

try:
    import torch
    import torch.nn.functional as F
except ImportError:  # the comparisons with PyTorch are skipped then
    torch = F = None


CONVOLUTIONS = [  # x, w, stride, padding, dilation, groups
    ((2, 2, 4, 5), (3, 2, 2, 3), (1, 1), (0, 0), (1, 1), 1),
    ((1, 1, 5, 5), (2, 1, 3, 3), (2, 1), (1, 0), (1, 1), 1),
    ((2, 1, 6, 4), (1, 1, 2, 2), (3, 2), (0, 1), (1, 1), 1),
    ((1, 2, 2, 3), (2, 2, 1, 2), (1, 1), (1, 2), (1, 1), 1),
    ((0, 2, 4, 4), (3, 2, 3, 3), (1, 1), (0, 0), (1, 1), 1),
    ((1, 2, 5, 4), (1, 2, 2, 2), (1, 1), (1, 0), (3, 2), 1),
    ((2, 4, 3, 3), (2, 2, 2, 2), (1, 1), (0, 1), (1, 1), 2),
    ((1, 3, 5, 4), (6, 1, 2, 3), (2, 1), (1, 2), (2, 1), 3),
]


def ones(*shape):
    return torch.ones(shape, dtype=torch.float64, requires_grad=True)


def convolution_calls(x, w, stride, padding, dilation, groups):
    """conv2d with and without a bias, and its two partners."""
    window = Window(w[2:], stride, tuple((p, p) for p in padding), dilation)
    y = (x[0], w[0], *window.output_size(x[2:]))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}

    def by_input(g, w_):
        of = ones(*x).to(w_.dtype)
        return torch_gradient(lambda: F.conv2d(of, w_, **options), of, g)

    def by_weight(g, x_):
        of = ones(*w).to(x_.dtype)
        return torch_gradient(lambda: F.conv2d(x_, of, **options), of, g)

    def plain(*xwb):
        return mg.conv2d(*xwb, **options)

    return {
        "conv2d": [Call(plain, s, torch=lambda *a: F.conv2d(*a, **options)) for s in [(x, w, w[:1]), (x, w)]],
        "conv2d_input": [Call(lambda g, w: conv.conv2d_input(g, w, x[2:], window, groups), (y, w), torch=by_input)],
        "conv2d_weight": [Call(lambda g, x: conv.conv2d_weight(g, x, window, groups), (y, x), torch=by_weight)],
    }  # fmt: skip


def call(name, shapes, counterpart=True, **options):
    """A call of minigrad's function of that name, compared with PyTorch's."""
    theirs = (lambda *a: getattr(F, name)(*a, **options)) if counterpart else None
    return Call(lambda *a: getattr(mg, name)(*a, **options), shapes, torch=theirs)


CASES: dict[str, list[Call]] = {}
for calls in [convolution_calls(*c) for c in CONVOLUTIONS]:
    for name, found in calls.items():
        CASES.setdefault(name, []).extend(found)

CASES["conv2d"] += [
    call("conv2d", ((1, 2, 3, 4), (2, 2, 2, 3), (2,)), padding="same", dilation=2),
    call("conv2d", ((1, 2, 4, 3), (2, 1, 2, 3), (2,)), padding="valid", groups=2),
    # PyTorch has neither of these
    call("conv2d", ((1, 2, 5, 4), (2, 2, 2, 3)), False, padding="same", stride=(2, 3)),
    call("conv2d", ((2, 1, 2, 3), (2, 1, 3, 2), (2,)), False, padding=((0, 2), (3, 1)), stride=2),
    call("conv1d", ((2, 2, 5), (3, 2, 2), (3,)), stride=2, padding=1),
    call("conv1d", ((1, 4, 6), (2, 2, 3)), dilation=2, groups=2, padding="same"),
    call("conv1d", ((1, 1, 4), (2, 1, 2)), False, padding=((2, 0),)),
    call("conv1d", ((0, 1, 4), (2, 1, 3), (2,))),
    call("conv1d", ((2, 4), (2, 2, 3), (2,))),
    call("conv2d", ((2, 4, 3), (2, 1, 2, 3), (2,)), groups=2),
]
CASES["conv2d"] += [
    call("conv3d", ((1, 2, 3, 2, 3), (2, 2, 2, 1, 2), (2,)), stride=(1, 2, 1), padding=(1, 0, 1)),
    call("conv3d", ((2, 2, 3, 3, 2), (2, 1, 2, 2, 2)), dilation=(2, 1, 1), groups=2),
    call("conv3d", ((0, 1, 2, 3, 2), (2, 1, 2, 2, 2), (2,))),
    call("conv3d", ((1, 3, 2, 3), (2, 1, 2, 1, 2)), False, padding=((2, 0), (0, 0), (0, 1))),
]
CASES["conv2d_input"] += [
    call("conv_transpose2d", ((2, 2, 2, 3), (2, 3, 2, 3), (3,))),
    call("conv_transpose2d", ((1, 4, 3, 2), (4, 2, 3, 2), (4,)), stride=(2, 3), padding=1, groups=2),
    call("conv_transpose2d", ((1, 2, 2, 3), (2, 1, 2, 2)), stride=(3, 1), dilation=(1, 3), output_padding=(2, 1)),
    call("conv_transpose2d", ((1, 1, 2, 2), (1, 2, 2, 1), (2,)), dilation=3, output_padding=2),
    call("conv_transpose2d", ((1, 1, 2, 2), (1, 1, 2, 1)), stride=2, dilation=3, output_padding=2),
    call("conv_transpose2d", ((0, 1, 3, 2), (1, 2, 3, 3))),
    call("conv_transpose1d", ((2, 2, 3), (2, 2, 3), (2,)), stride=2, padding=1, output_padding=1),
    call("conv_transpose1d", ((1, 4, 3), (4, 1, 2)), groups=2, dilation=2),
    call("conv_transpose1d", ((4, 3), (4, 1, 2), (1,))),
    call("conv_transpose3d", ((1, 2, 2, 1, 2), (2, 1, 2, 2, 1), (2,)), stride=(2, 1, 3), output_padding=(1, 0, 2),
         groups=2),
    call("conv_transpose3d", ((2, 1, 2, 2, 1), (1, 2, 2, 1, 2)), padding=(1, 0, 0), dilation=(1, 1, 2)),
]  # fmt: skip

PARTNERS = {
    "conv2d_input": "the gradient of conv2d by its input, and conv_transpose2d without a bias",
    "conv2d_weight": "the gradient of conv2d by its weight",
}
