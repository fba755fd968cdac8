"""nn: layers, models, losses and optimisers, built on minigrad's public names."""

from . import init, optim
from .activations import ReLU, Sigmoid, Tanh
from .batch_norm import BatchNorm1d, BatchNorm2d
from .containers import Sequential
from .convolution import Conv2d
from .linear import Linear
from .losses import CrossEntropyLoss, MSELoss
from .models import CNN, MLP
from .module import Buffer, Module, Parameter
from .normalisation import GroupNorm, LayerNorm, RMSNorm
from .pooling import MaxPool2d
from .regularisation import Dropout
from .shaping import Flatten

__all__ = [
    "CNN",
    "MLP",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "GroupNorm",
    "LayerNorm",
    "Linear",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "Parameter",
    "RMSNorm",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "init",
    "optim",
]
