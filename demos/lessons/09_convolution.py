"""Lesson 9: convolution, as a closed family of three.

A small kernel w slides over an image x. At each place, what lies under it is multiplied by it and added up to a pixel
of y. For image n, channels c of x and o of y, pixel (i, j) and element (u, v) of the kernel: y[n, o, i, j] is the sum
of w[o, c, u, v] x[n, c, i + u, j + v] over c, u, v. A walk comes with the gradient g of y and asks how s moves, the
sum of g[n, o, i, j] y[n, o, i, j]. In s stand g, x and w side by side: what x is multiplied by is the gradient of x,
what w is multiplied by that of w, and what g is multiplied by is y. So there are three functions of two arrays each.
The rules of each are the other two (where g is an argument, the gradient that comes is called G), and with that
derivatives of every order are done.
"""

import numpy as np
from classroom import ask, draw, heading
from engine.after_7 import Op, Tensor, grad

import minigrad


def places(kernel, size):
    """For each element of a kernel: the index [..., u, v], and that of what it meets, [..., u : u + h, v : v + w]."""
    for u, v in np.ndindex(*kernel):
        yield (..., u, v), (..., slice(u, u + size[0]), slice(v, v + size[1]))


def slid(x, w):
    """What g is multiplied by in s: y. (einsum multiplies at equal letters, and adds up those not on the right: c.)"""
    size = np.subtract(x.shape[2:], w.shape[2:]) + 1
    y = np.zeros((len(x), len(w), *size))
    for at, part in places(w.shape[2:], size):
        y += np.einsum("nchw,oc->nohw", x[part], w[at])
    return y


def slid_by_x(g, w):
    """What x is multiplied by in s."""
    size = np.add(g.shape[2:], w.shape[2:]) - 1
    x = np.zeros((len(g), w.shape[1], *size))
    for at, part in places(w.shape[2:], g.shape[2:]):
        x[part] += np.einsum("nohw,oc->nchw", g, w[at])
    return x


def slid_by_w(g, x):
    """What w is multiplied by in s."""
    kernel = np.subtract(x.shape[2:], g.shape[2:]) + 1
    w = np.zeros((g.shape[1], x.shape[1], *kernel))
    for at, part in places(kernel, g.shape[2:]):
        w[at] = np.einsum("nohw,nchw->oc", g, x[part])
    return w


conv = Op(slid, x=lambda g, w: conv_x(g, w), w=lambda g, x: conv_w(g, x))
conv_x = Op(slid_by_x, g=lambda G, w: conv(G, w), w=lambda G, g: conv_w(g, G))
conv_w = Op(slid_by_w, g=lambda G, x: conv(x, G), x=lambda G, g: conv_x(g, G))

heading(
    "1. A kernel that finds edges, in an image that is dark on the left and bright on the right"
)
print(conv(np.array([[[[0.0, 0, 0, 1, 1, 1]] * 3]]), np.array([[[[-1.0, 1.0]]]]))[0, 0])


def slope(w):
    y = conv(x, w)
    return grad((y * y).sum(), [x], record=True)[0].sum()


heading("2. How the sum of the gradient of x moves with an element of w: a second derivative")
rng = np.random.default_rng(0)
x, w = Tensor(rng.random((2, 3, 5, 5))), Tensor(rng.random((4, 3, 2, 2)))
nudged = Tensor(w.data.copy())
nudged.data[0, 0, 0, 0] += 1e-6
moved = (slope(nudged) - slope(w)).data / 1e-6
print(f"{grad(slope(w), [w])[0][0, 0, 0, 0]:.3f}, by a nudge {moved:.3f}")
values = {"x": x.data, "w": w.data}
draw(__file__, lambda x, w: minigrad.conv2d(x, w).sum(), values, detail="gradients")
[by_x] = grad(conv(x, w).sum(), [x], record=True)
ask(
    "y is conv(x, w).sum(). With which of x and w does its gradient by x move? And that by w?",
    lambda: f"With w; with x. By x again it is {grad(by_x.sum(), [x])[0]}: x is once in a term.",
)
