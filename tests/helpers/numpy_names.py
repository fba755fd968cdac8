"""The functions of NumPy that ask a Tensor what to do, by the names under which users know them."""

import numpy as np

MODULES = [np, np.linalg, np.fft, np.lib.stride_tricks, np.emath]
DISPATCHER = type(np.sum)
ALL = {
    f
    for module in MODULES
    for name in vars(module)
    if not name.startswith(("_", "save"))
    for f in [vars(module)[name]]
    if isinstance(f, (DISPATCHER, np.ufunc))
}
