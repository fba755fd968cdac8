"""Standardised rows of NumPy's own arrays: (x - mean) / sqrt(var + eps) of each, in as few passes as there can be."""

from __future__ import annotations

from typing import Any

import numpy as np


def standardise(x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """y = (x - mean) scale weight + bias for x (m, n), and per row mean and scale = 1 / sqrt(var + eps)."""
    n = x.shape[1]
    mean = x.mean(axis=1, keepdims=True)
    y = x - mean
    scale = 1 / np.sqrt(np.vecdot(y, y)[:, None] / n + x.dtype.type(eps))
    y *= scale
    if weight is not None:
        y *= weight.reshape(n)
    if bias is not None:
        y += bias.reshape(n)
    return y, mean, scale


def standardise_back(
    g: Any, x: Any, weight: Any, mean: Any, scale: Any, needed: Any
) -> tuple[Any, Any, Any]:
    """The gradients by x, weight and bias."""
    m, n = x.shape
    gb = np.ones(m, g.dtype) @ g if needed[2] else None
    if not (needed[0] or needed[1]):
        return None, None, gb
    h = x - mean
    h *= scale
    gw = np.einsum("ij,ij->j", g, h) if needed[1] else None
    if not needed[0]:
        return None, gw, gb
    # dx = scale (u - mean(u) - h mean(u h)) with u = g weight
    u = g * weight.reshape(n) if weight is not None else g.copy()
    h *= (np.vecdot(u, h) / n)[:, None]
    h += u.mean(axis=1, keepdims=True)
    u -= h
    u *= scale
    return u, gw, gb
