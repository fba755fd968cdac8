"""Transforms of functions: gradients, Jacobians, Hessians and products with them, as functions.

A transform takes a function of arrays, or of lists, tuples and dicts of arrays, and returns gradients in the same
structure. It leaves `.grad` alone, and the gradient by an argument that has no influence is 0; so is that of a result
that is a plain number or array, a constant. None is a part of a structure.

The function gets Tensors in the place of what it is differentiated by. Plain arrays and numbers are answered with plain
arrays of their own memory, 0-d ones with NumPy's scalars: where no argument holds a Tensor, and no part of the result
has history. Python floats count as float64.

Transforms nest: a result keeps its history exactly where it depends on something that requires grad beyond the
transform's own leaves, be it an argument, a parameter or a Tensor that f takes from outside. `no_grad()` around a
transform leaves its derivative alone, and its results without history; inside f it makes constant what it covers.
"""
