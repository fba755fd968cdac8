"""An array of another library."""

import numpy as np

import minigrad as mg

METHODS_OF_DUCK = {
    "all", "any", "argmax", "astype", "copy", "max", "min", "mT", "reshape", "sum", "T", "transpose", "view",
}  # fmt: skip
ATTRIBUTES = {"dtype", "itemsize", "nbytes", "ndim", "shape", "size"}


class Duck(np.lib.mixins.NDArrayOperatorsMixin):
    """Computes like a NumPy array, but refuses to become one, or a number, and to be combined with one."""

    def __init__(self, array):
        self.array = np.asarray(array)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if any(isinstance(a, mg.Tensor) for a in inputs):
            return NotImplemented
        return _in_duck(getattr(ufunc, method)(*_out_of_duck(inputs), **_out_of_duck(options)))

    def __array_function__(self, function, types, args, options):
        if any(issubclass(t, mg.Tensor) for t in types):
            return NotImplemented
        return _in_duck(function(*_out_of_duck(args), **_out_of_duck(options)))

    def __getattr__(self, name):
        if name in ATTRIBUTES:
            return getattr(self.array, name)
        if name not in METHODS_OF_DUCK:
            raise AttributeError(f"this array has no attribute {name}")
        found = getattr(self.array, name)
        if not callable(found):
            return Duck(found)
        return lambda *args, **options: _in_duck(
            found(*_out_of_duck(args), **_out_of_duck(options))
        )

    def __getitem__(self, index):
        return Duck(self.array[_out_of_duck(index)])

    def __setitem__(self, index, value):
        self.array[_out_of_duck(index)] = _out_of_duck(value)

    def __len__(self):
        return len(self.array)

    def _refuse(self, *_, **__):
        raise TypeError("this array does not become a NumPy array or a number")

    __array__ = __float__ = __int__ = __index__ = __bool__ = __complex__ = __iter__ = _refuse


def _out_of_duck(value):
    if isinstance(value, np.ndarray):
        raise TypeError("this array does not compute with one of NumPy's")
    if isinstance(value, Duck):
        return value.array
    if isinstance(value, dict):
        return {name: _out_of_duck(v) for name, v in value.items()}
    return type(value)(map(_out_of_duck, value)) if isinstance(value, (tuple, list)) else value


def _in_duck(value):
    return Duck(value) if isinstance(value, (np.ndarray, np.generic)) else value
