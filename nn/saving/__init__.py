"""Saving and loading: a model's weights, or all that a run needs to go on; nothing is ever unpickled."""

from .checkpoint import Loaded, load, save

__all__ = ["Loaded", "load", "save"]
