"""The cases of nn's layers: for each, the arguments that make it and PyTorch's of that name, and its inputs.

A layer's case is one entry of LAYERS. `nn/layers/test_beside_torch` checks every property on every case of it, and
fails for a Module that nn exports without an entry.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


def same(module, *inputs):
    return module(*inputs)


@dataclass(frozen=True)
class Layer:
    """What makes a layer, ours and PyTorch's, and what it is called with.

    inputs   each a shape, for normal numbers; or a function of a Generator that makes an array, which is
             differentiated if it is one of floats, unless it is in a `fixed`
    args, options  of the constructor; arrays among them become PyTorch's tensors there
    theirs   a function of torch and the arguments that makes its module, where it is not the class of the same name
    run      how both are called: (module, *inputs) -> outputs, arrays in tuples of any depth
    """

    inputs: tuple[Any, ...]
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    theirs: Callable[..., Any] | None = None
    run: Callable[..., Any] = same


def layer(shape, *args, theirs=None, run=same, **options):
    """A case with one input, or with several in a list."""
    inputs = tuple(shape) if isinstance(shape, list) else (shape,)
    return Layer(inputs, args, options, theirs, run)


class fixed:
    """An input that is not differentiated."""

    def __init__(self, make):
        self.make = make if callable(make) else lambda rng: rng.standard_normal(make)

    def __call__(self, rng):
        return self.make(rng)


def integers(high, *shape):
    """Whole numbers in [0, high)."""
    return lambda rng: rng.integers(0, high, shape)


def empty_batch(rng):
    return rng.standard_normal((0, 3, 5, 5))


def empty_batch_of_volumes(rng):
    return rng.standard_normal((0, 3, 4, 5, 5))


def hardsigmoid(torch):
    """PyTorch's own multiplies the gradient by a sixth of single precision, in float64 too."""

    class Hardsigmoid(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.relu6(x + 3) / 6

    return Hardsigmoid()


LAYERS = {
    "Linear": [
        layer((4, 5), 5, 3),
        layer((5,), 5, 3, bias=False),
        layer((2, 3, 4, 5), 5, 3),
        layer((0, 5), 5, 3),
    ],
    "Bilinear": [
        layer([(4, 3), (4, 5)], 3, 5, 2),
        layer([(2, 4, 3), (2, 4, 5)], 3, 5, 2, bias=False),
    ],
    "Conv1d": [
        layer((2, 3, 9), 3, 4, 3),
        layer((2, 4, 9), 4, 6, 3, stride=2, padding=2, dilation=2, groups=2),
        layer((2, 3, 8), 3, 4, 4, padding="same", bias=False),
        layer((3, 8), 3, 4, 3),
        layer((2, 3, 8), 3, 4, 3, 2, padding=2, padding_mode="circular"),
        layer((2, 3, 8), 3, 4, 4, padding="same", padding_mode="replicate"),
        layer((3, 8), 3, 4, 4, padding="same", padding_mode="reflect"),
    ],
    "Conv2d": [
        layer((2, 3, 6, 7), 3, 4, 3),
        layer((2, 3, 6, 7), 3, 4, (3, 2), stride=2, padding=1, bias=False),
        layer((2, 4, 7, 8), 4, 6, (2, 3), stride=(1, 2), padding=(0, 2), dilation=2, groups=2),
        layer((1, 4, 5, 5), 4, 4, 3, padding=1, groups=4),
        layer((2, 3, 5, 6), 3, 2, 3, padding="same"),
        layer((2, 3, 5, 6), 3, 2, 3, padding="valid"),
        layer(empty_batch, 3, 2, 3),
        layer((3, 6, 7), 3, 4, 3),
        layer((2, 3, 5, 6), 3, 2, 3, padding=(1, 2), padding_mode="reflect"),
        layer((2, 3, 5, 6), 3, 2, (2, 3), padding="same", padding_mode="circular"),
        layer((2, 3, 5, 6), 3, 2, 3, padding="valid", padding_mode="replicate"),
        layer((3, 5, 6), 3, 2, 3, padding=(1, 2), padding_mode="circular"),
    ],
    "Conv3d": [
        layer((1, 3, 4, 4, 5), 3, 4, (2, 3, 2)),
        layer((2, 4, 5, 3, 4), 4, 6, 2, (2, 1, 3), (1, 0, 1), (2, 1, 1), 2),
        layer((3, 3, 4, 5), 3, 2, 2, padding="same", bias=False),
        layer(empty_batch_of_volumes, 3, 2, 2),
        layer((3, 3, 4, 5), 3, 2, 2, padding=1, padding_mode="replicate"),
    ],
    "ConvTranspose1d": [
        layer((2, 3, 5), 3, 4, 3),
        layer((2, 4, 5), 4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
        layer((3, 5), 3, 4, 3),
    ],
    "ConvTranspose2d": [
        layer((2, 3, 4, 5), 3, 4, 3),
        layer((2, 3, 4, 5), 3, 2, (3, 2), stride=2, padding=1, output_padding=1, bias=False),
        layer((2, 4, 3, 3), 4, 6, 2, stride=(1, 2), groups=2, dilation=2),
        layer((3, 4, 5), 3, 4, 3),
    ],
    "ConvTranspose3d": [
        layer((1, 3, 4, 5, 4), 3, 2, (2, 1, 2)),
        layer((1, 4, 3, 5, 3), 4, 6, 2, (2, 1, 3), 1, (1, 0, 2), groups=2),
        layer((3, 4, 5, 4), 3, 2, (2, 1, 2), dilation=(1, 2, 3), bias=False),
    ],
    "BatchNorm1d": [
        layer((6, 3), 3),
        layer((4, 3, 5), 3, eps=1e-3, momentum=0.3),
        layer((4, 3), 3, momentum=None),
        layer((4, 3), 3, affine=False),
        layer((4, 3), 3, track_running_stats=False),
    ],
    "BatchNorm2d": [
        layer((3, 4, 2, 5), 4),
        layer((1, 2, 3, 3), 2, momentum=None, affine=False),
        layer((2, 2, 3, 3), 2, affine=False, track_running_stats=False),
        layer((2, 2, 3, 3), 2, bias=False),
    ],
    "BatchNorm3d": [layer((2, 3, 1, 2, 4), 3)],
    "InstanceNorm1d": [
        layer((2, 3, 5), 3),
        layer((2, 3, 5), 3, 1e-3, 0.3, affine=True, track_running_stats=True),
        layer((3, 5), 3, momentum=None, track_running_stats=True),
        layer((3, 5), 3, affine=True, bias=False),
    ],
    "InstanceNorm2d": [
        layer((3, 2, 2, 5), 2, affine=True),
        layer((2, 2, 3, 3), 2, momentum=0.5, track_running_stats=True),
        layer((2, 3, 3), 2, affine=True, track_running_stats=True),
    ],
    "InstanceNorm3d": [layer((2, 3, 1, 2, 5), 3, affine=True, track_running_stats=True)],
    "LayerNorm": [
        layer((3, 4, 5), 5),
        layer((3, 4, 5), (4, 5), eps=1e-2),
        layer((3, 5), 5, bias=False),
        layer((3, 5), 5, elementwise_affine=False),
    ],
    "GroupNorm": [
        layer((3, 6), 2, 6),
        layer((2, 6, 4), 3, 6, eps=1e-2),
        layer((2, 4, 3, 5), 1, 4),
        layer((2, 4, 3, 5), 2, 4, affine=False),
        layer((2, 4, 3), 2, 4, bias=False),
    ],
    "LocalResponseNorm": [
        layer((2, 5, 3, 4), 3, alpha=0.5),
        layer((2, 3, 4), 4, 0.3, 0.5, 2.0),
        layer((2, 3, 2, 2, 3), 1),
    ],
    "RMSNorm": [
        layer((3, 4, 5), 5),
        layer((3, 4, 5), (4, 5), eps=1e-2),
        layer((3, 5), 5, elementwise_affine=False),
    ],
    "ReLU": [layer((3, 4))],
    "ReLU6": [layer(lambda rng: 6 * rng.standard_normal((3, 4)))],
    "LeakyReLU": [layer((3, 4)), layer((3, 4), 0.2)],
    "Hardtanh": [layer((3, 4)), layer((3, 4), -0.5, 0.7)],
    "Hardsigmoid": [layer(lambda rng: 3 * rng.standard_normal((3, 4)), theirs=hardsigmoid)],
    "Hardswish": [layer(lambda rng: 3 * rng.standard_normal((3, 4)))],
    "Softshrink": [layer((3, 4)), layer((3, 4), 0.2)],
    "Hardshrink": [layer((3, 4)), layer((3, 4), lambd=0.2)],
    "Threshold": [layer((3, 4), 0.1, -2.0)],
    "PReLU": [layer((3, 4)), layer((2, 3, 4), 3, 0.1), layer((5,), init=-0.5)],
    "GLU": [layer((3, 4)), layer((3, 4, 5), 1), layer((2, 4, 3), dim=-2)],
    "RReLU": [layer((3, 4), 0.2, 0.2)],
    "Tanhshrink": [layer((3, 4))],
    "Softmin": [layer((3, 4), -1), layer((3, 4, 5), dim=1)],
    "Softmax2d": [layer((2, 3, 4, 5)), layer((3, 4, 5))],
    "Softsign": [layer((3, 4))],
    "ELU": [layer((3, 4)), layer((3, 4), 0.5)],
    "CELU": [layer((3, 4)), layer((3, 4), 0.5)],
    "SELU": [layer((3, 4))],
    "Sigmoid": [layer((2, 3, 4))],
    "LogSigmoid": [layer((3, 4))],
    "Tanh": [layer((3, 4))],
    "Softplus": [layer((3, 4)), layer((3, 4), 2.0)],
    "SiLU": [layer((3, 4))],
    "Mish": [layer((3, 4))],
    "GELU": [layer((3, 4)), layer((3, 4), "tanh"), layer((3, 4), approximate="tanh")],
    "Softmax": [layer((3, 4), -1), layer((3, 4, 5), dim=1)],
    "LogSoftmax": [layer((3, 4), -1), layer((3, 4, 5), dim=1)],
    "MaxPool1d": [
        layer((2, 3, 8), 2),
        layer((2, 3, 9), 3, stride=2, padding=1, return_indices=True),
        layer((3, 8), 2),
    ],
    "MaxPool2d": [
        layer((2, 3, 4, 5), 2),
        layer((2, 3, 7, 8), 3, 2),
        layer((1, 2, 4, 5), (1, 3), stride=(2, 1)),
        layer((2, 3, 7, 8), 3, 2, 1, dilation=2, ceil_mode=True, return_indices=True),
        layer(empty_batch, 2),
        layer((3, 4, 5), 2),
        layer((2, 3, 2, 5), 3, 2, ceil_mode=True),
    ],
    "MaxPool3d": [
        layer((2, 3, 4, 5, 6), 2),
        layer((2, 3, 5, 4, 6), (3, 2, 3), 2, 1, dilation=(1, 1, 2), ceil_mode=True),
        layer((2, 3, 5, 4, 6), (3, 2, 3), 2, 1, return_indices=True),
        layer((3, 4, 3, 5), (2, 1, 3), stride=(1, 2, 2)),
        layer(empty_batch_of_volumes, 2),
    ],
    "AvgPool1d": [
        layer((2, 3, 8), 2),
        layer((2, 3, 9), 3, 2, 1, count_include_pad=False),
        layer((3, 8), 2),
    ],
    "AvgPool2d": [
        layer((2, 3, 4, 5), 2),
        layer((2, 3, 7, 8), 3, 2, 1, ceil_mode=True),
        layer((2, 3, 7, 8), (3, 2), stride=(2, 1), padding=1, count_include_pad=False),
        layer((2, 3, 7, 8), 3, 2, 1, True, divisor_override=7),
        layer((3, 4, 5), 2),
        layer((2, 3, 2, 5), 3, 2, ceil_mode=True),
    ],
    "AvgPool3d": [
        layer((2, 3, 4, 5, 6), 2),
        layer((2, 3, 5, 4, 6), (3, 2, 3), 2, 1, ceil_mode=True, count_include_pad=False),
        layer((3, 4, 3, 5), (2, 3, 2), 2, 1, True, divisor_override=5),
    ],
    "AdaptiveAvgPool1d": [layer((2, 3, 8), 4), layer((2, 3, 7), 3), layer((3, 7), 3)],
    "AdaptiveAvgPool2d": [
        layer((2, 3, 6, 6), 1),
        layer((2, 3, 7, 8), (3, None)),
        layer((3, 6, 4), 2),
    ],
    "AdaptiveAvgPool3d": [
        layer((1, 3, 4, 6, 4), 2),
        layer((1, 2, 5, 4, 7), (3, None, 3)),
        layer((3, 5, 4, 6), 2),
    ],
    "AdaptiveMaxPool1d": [
        layer((2, 3, 8), 4),
        layer((2, 3, 7), 3),
        layer((3, 7), 3),
        layer((2, 3, 7), 3, return_indices=True),
    ],
    "AdaptiveMaxPool2d": [
        layer((2, 3, 6, 6), 2),
        layer((2, 3, 7, 8), (3, None)),
        layer((3, 6, 4), 2),
        layer((2, 3, 6, 8), (3, 3), return_indices=True),
    ],
    "AdaptiveMaxPool3d": [
        layer((1, 3, 4, 6, 4), 2),
        layer((1, 2, 5, 4, 7), (3, None, 3)),
        layer((3, 5, 4, 6), 2, return_indices=True),
    ],
    "LPPool1d": [layer((2, 3, 8), 2.0, 3, 2), layer((3, 8), 2.0, 2, ceil_mode=True)],
    "LPPool2d": [
        layer((2, 3, 5, 6), 2.0, (2, 3), ceil_mode=True),
        layer((3, 4, 5), 4.0, 2, 1),
        layer((2, 3, 4, 5), float("inf"), 2),
        layer((2, 3, 4, 5), -float("inf"), 2),
    ],
    "LPPool3d": [layer((1, 3, 4, 5, 4), 2.0, (2, 3, 1), 2)],
    "AlphaDropout": [layer((3, 4), 0.0)],
    "FeatureAlphaDropout": [layer((2, 3, 4, 5), 0.0)],
    "Dropout": [layer((3, 4), 0.0)],
    "Dropout1d": [layer((2, 3, 4), p=0.0), layer((3, 4), p=0.0)],
    "Dropout2d": [layer((2, 3, 4, 5), p=0.0)],
    "Dropout3d": [layer((2, 3, 4, 2, 3), p=0.0), layer((3, 4, 2, 3), p=0.0)],
    "Identity": [layer((3, 4))],
    **{
        f"{kind}Pad{axes}d": [
            layer((1, 1, 2, 4, 2)[: 2 + axes], 1, *more),
            layer((3, 4, 5, 6)[: 1 + axes], (1, 0, 2, 3, 0, 1)[: 2 * axes], *more),
            layer((2, 3, 4, 5, 6)[: 2 + axes], (-1, 2, 1, -2, 0, -1)[: 2 * axes], *more),
        ]
        for kind, more in [
            ("Reflection", ()),
            ("Replication", ()),
            ("Circular", ()),
            ("Zero", ()),
            ("Constant", (1.5,)),
        ]
        for axes in (1, 2, 3)
    },
    "PixelShuffle": [layer((2, 8, 3, 4), 2), layer((9, 2, 3), 3), layer((2, 1, 4, 2, 3), 1)],
    "PixelUnshuffle": [layer((2, 3, 4, 6), 2), layer((2, 3, 6), 3), layer((2, 1, 1, 2, 4), 2)],
    "ChannelShuffle": [layer((2, 6, 3, 4), 3), layer((2, 6, 3), 2), layer((2, 4, 3, 2, 2), 4)],
    "Flatten": [
        layer((2, 3, 4, 5)),
        layer((2, 3, 4), 0),
        layer((2, 3, 4), -2),
        layer((2, 3, 4, 5), 1, 2),
    ],
    "Unflatten": [layer((2, 6, 3), 1, (2, 3)), layer((2, 3, 8), -1, (2, -1))],
    "Unfold": [
        layer((2, 3, 4, 5), 2),
        layer((2, 3, 7, 6), (2, 3), (2, 1), (1, 0), 2),
        layer((3, 4, 4), 2, stride=2),
    ],
    "Fold": [
        layer((2, 12, 12), (4, 5), 2),
        layer((2, 18, 16), (7, 6), (2, 3), (2, 1), (1, 0), (2, 1)),
        layer((12, 4), 4, 2, stride=2),
    ],
    "Upsample": [
        layer((2, 3, 4, 5), scale_factor=2),
        layer((2, 3, 4, 5), scale_factor=(3.0, 1.0)),
        layer((2, 3, 4, 5), scale_factor=1.5),
        layer((2, 3, 5), scale_factor=1.7),
        layer((2, 3, 4), scale_factor=0.5),
        layer((2, 3, 4, 5), size=(6, 3)),
        layer((2, 3, 4), 8),
        layer((2, 3, 4), 7, mode="linear"),
        layer((2, 3, 4, 5), scale_factor=2, mode="bilinear"),
        layer((2, 3, 4, 5), None, (1.5, 2.3), "bilinear"),
        layer((2, 3, 4, 5), (3, 9), None, "bilinear", True),
        layer((2, 3, 4, 5), scale_factor=0.6, mode="bilinear"),
        layer((2, 3, 4, 5), scale_factor=2, mode="bicubic"),
        layer((2, 3, 4, 5), (6, 3), mode="bicubic", align_corners=True),
        layer((1, 2, 3, 2, 4), (5, 4, 3), mode="trilinear", align_corners=False),
    ],
}

# Modules that have no counterpart in PyTorch, or none of their own to compare
WITHOUT = {
    "Module": "the base of all",
    "Sequential": "the models that test_models compares are Sequentials",
    "ModuleList": "has no forward",
    "ModuleDict": "has no forward",
    "ParameterList": "has no forward; in test_containers",
    "ParameterDict": "has no forward; in test_containers",
    "MLP": "in test_models, every step of training",
    "CNN": "in test_models, every step of training",
    "TransformerEncoder": "takes a layer; in test_transformer",
    "TransformerDecoder": "takes a layer; in test_transformer",
    "Residual": "x + layer(x); in test_nn_containers",
}

# the axes of a case's inputs that are the batch, where it is not the first; None where there is none that may vary
AXES = {
    ("Linear", 1): None, ("Linear", 3): None, ("Conv2d", 6): None, ("MaxPool2d", 4): None,
    ("BatchNorm1d", 4): None, ("Embedding", 2): None, ("PixelShuffle", 1): None, ("MultiheadAttention", 1): None,
    ("MultiheadAttention", 2): 1, ("MultiheadAttention", 3): None,
    ("MultiheadAttention", 4): 1, ("MultiheadAttention", 5): 1,
    ("MultiheadAttention", 6): None, ("MultiheadAttention", 7): None,
    ("TransformerEncoderLayer", 0): 1, ("TransformerEncoderLayer", 1): None, ("TransformerEncoderLayer", 2): None,
    **{(name, 0): 1 for name in ("TransformerDecoderLayer", "Transformer")},
    **{(name, i): None for name in ("TransformerDecoderLayer", "Transformer") for i in (1, 2)},
    **{(name, 0): 1 for name in ("RNN", "LSTM", "GRU", "MultiheadAttention")},
    **{(name, 1): (0, 1) for name in ("RNN", "GRU")}, ("LSTM", 1): (0, 1, 1), ("LSTM", 3): 1, ("LSTM", 4): (0, 1, 1),
    **{(name, 2): None for name in ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")},
    **{(name, 3): None for name in ("Conv1d", "ConvTranspose2d", "Conv3d", "MaxPool3d")}, ("AvgPool2d", 4): None,
    **{(name, 2): None for name in ("Conv3d", "ConvTranspose3d", "AvgPool3d")}, ("MaxPool3d", 4): None,
    ("Unfold", 2): None, ("Fold", 2): None,
    ("LPPool1d", 1): None, ("LPPool2d", 1): None, ("Dropout1d", 1): None, ("Dropout3d", 1): None,
    **{(name, 2): None for name in ("ConvTranspose1d", "MaxPool1d", "AvgPool1d")}, ("Conv2d", 7): None,
    **{(f"Adaptive{kind}Pool{n}d", 2): None for kind in ("Avg", "Max") for n in (1, 2, 3)}, ("MaxPool2d", 5): None,
    ("InstanceNorm1d", 2): None, ("InstanceNorm1d", 3): None, ("InstanceNorm2d", 2): None,
    ("Conv1d", 6): None, ("Conv2d", 11): None, ("Conv3d", 4): None,
}  # fmt: skip
