"""nn: layers, models, losses and optimisers, built on minigrad's public names."""

from importlib import import_module
from types import ModuleType

import minigrad

# fmt: off
# isort: off
from . import init, optim, parallel, schedule
from .fitting import fit
from .layers.activations import (
    CELU, ELU, GELU, GLU, SELU, Hardshrink, Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, LogSigmoid,
    LogSoftmax, Mish, PReLU, RReLU, ReLU, ReLU6, SiLU, Sigmoid, Softmax, Softmax2d, Softmin,
    Softplus, Softshrink, Softsign, Tanh, Tanhshrink, Threshold,
)
from .layers.attention import MultiheadAttention
from .layers.batch_norm import (
    BatchNorm1d, BatchNorm2d, BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d,
)
from .layers.cells import GRUCell, LSTMCell, RNNCell
from .layers.containers import (
    ModuleDict, ModuleList, ParameterDict, ParameterList, Residual, Sequential,
)
from .layers.convolution import (
    Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d,
)
from .layers.distances import CosineSimilarity, PairwiseDistance
from .layers.embedding import Embedding, EmbeddingBag
from .layers.likelihood_losses import CTCLoss, GaussianNLLLoss, PoissonNLLLoss
from .layers.linear import Bilinear, Linear
from .layers.losses import (
    BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, HingeLoss, HuberLoss, KLDivLoss, L1Loss, MSELoss,
    NLLLoss, SmoothL1Loss,
)
from .layers.margin_losses import (
    CosineEmbeddingLoss, HingeEmbeddingLoss, MarginRankingLoss, MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss, MultiMarginLoss, SoftMarginLoss, TripletMarginLoss,
    TripletMarginWithDistanceLoss,
)
from .layers.normalisation import GroupNorm, LayerNorm, LocalResponseNorm, RMSNorm
from .layers.padding import (
    CircularPad1d, CircularPad2d, CircularPad3d, ConstantPad1d, ConstantPad2d, ConstantPad3d,
    ReflectionPad1d, ReflectionPad2d, ReflectionPad3d, ReplicationPad1d, ReplicationPad2d,
    ReplicationPad3d, ZeroPad1d, ZeroPad2d, ZeroPad3d,
)
from .layers.pooling import (
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool1d, AdaptiveMaxPool2d,
    AdaptiveMaxPool3d, AvgPool1d, AvgPool2d, AvgPool3d, LPPool1d, LPPool2d, LPPool3d, MaxPool1d,
    MaxPool2d, MaxPool3d,
)
from .layers.recurrent import GRU, LSTM, RNN
from .layers.regularisation import (
    AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout,
)
from .layers.shaping import (
    ChannelShuffle, Flatten, Fold, Identity, PixelShuffle, PixelUnshuffle, Unflatten, Unfold,
    Upsample,
)
from .layers.transformer import (
    Transformer, TransformerDecoder, TransformerDecoderLayer, TransformerEncoder,
    TransformerEncoderLayer,
)
from .models import CNN, MLP
from .module import Buffer, Module, Parameter
from .onnx import export_onnx
from .saving import load, save

# in reading order: what a layer is, the layers, what is built of them, what trains them
__all__ = [  # noqa: RUF022
    "Module", "Parameter", "Buffer",
    # layers with parameters
    "Linear", "Bilinear", "Conv1d", "Conv2d", "Conv3d",
    "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm", "GroupNorm", "RMSNorm",
    "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LocalResponseNorm",
    # of sequences
    "Embedding", "EmbeddingBag", "RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell",
    "MultiheadAttention", "TransformerEncoderLayer", "TransformerEncoder",
    "TransformerDecoderLayer", "TransformerDecoder", "Transformer",
    # activations
    "ReLU", "ReLU6", "LeakyReLU", "Hardtanh", "Hardsigmoid", "Hardswish", "ELU", "CELU", "SELU",
    "Sigmoid", "LogSigmoid", "Tanh", "Softplus", "SiLU", "Mish", "GELU", "Softmax", "LogSoftmax",
    "PReLU", "GLU", "Softsign", "Softshrink", "Hardshrink", "Threshold", "RReLU", "Tanhshrink",
    "Softmin", "Softmax2d",
    # pooling, dropout, shapes
    "MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d",
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d", "LPPool1d", "LPPool2d",
    "LPPool3d",
    "Dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout", "Dropout3d",
    "Identity", "Flatten", "Unflatten", "Fold", "Unfold",
    "Upsample", "PixelShuffle", "PixelUnshuffle", "ChannelShuffle", "ReflectionPad1d",
    "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d",
    "ReplicationPad3d", "CircularPad1d", "CircularPad2d", "CircularPad3d", "ZeroPad1d", "ZeroPad2d",
    "ZeroPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
    # of modules
    "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Residual", "MLP", "CNN",
    # losses
    "CrossEntropyLoss", "NLLLoss", "HingeLoss", "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss",
    "BCELoss", "BCEWithLogitsLoss", "KLDivLoss", "GaussianNLLLoss", "PoissonNLLLoss", "CTCLoss",
    "MarginRankingLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss",
    "CosineEmbeddingLoss", "HingeEmbeddingLoss", "SoftMarginLoss",
    "MultiMarginLoss", "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss",
    "CosineSimilarity", "PairwiseDistance",
    # training, saving, export
    "save", "load", "fit", "export_onnx",
    # rooms of their own
    "init", "optim", "schedule", "parallel",
]
# fmt: on


def __getattr__(name: str) -> ModuleType:
    if name in ("data", "functional", "utils"):  # imported where they are used
        return import_module(f"nn.{name}")
    hint = ""
    if not name.startswith("_"):
        for room in (minigrad, optim, schedule, import_module("nn.data")):
            if name in room.__all__:
                hint = f"; it is {room.__name__}.{name}"
    raise AttributeError(f"nn has no attribute {name!r}{hint}")
