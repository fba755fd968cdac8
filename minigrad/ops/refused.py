"""Functions of NumPy that have no rule here: why not, and what to use instead."""

from __future__ import annotations

# fmt: off
_GROUPS: tuple[tuple[str, str], ...] = (
    ("fft.fft fft.fft2 fft.fftn fft.hfft fft.ifft fft.ifft2 fft.ifftn fft.ihfft fft.irfft fft.irfft2 fft.irfftn "
     "fft.rfft fft.rfft2 fft.rfftn",
     "its values are complex, and gradients here are of real numbers; a product with a matrix of cosines and one of "
     "sines is the transform of a short array"),
    ("linalg.eig linalg.eigvals",
     "its result may be complex; of symmetric matrices take np.linalg.eigh or np.linalg.eigvalsh, of others the "
     "singular values, np.linalg.svd"),
    ("roots",
     "roots may be complex, and gradients here are of real numbers; np.polyval and np.polyder lead to Newton's "
     "iteration for a real one"),
    ("poly",
     "of a matrix it takes eigenvalues, which may be complex; np.convolve of [1, -r], one root r after another, gives "
     "the coefficients"),
    ("emath.sqrt emath.log emath.log2 emath.log10 emath.power "
     "emath.arccos emath.arcsin emath.arctanh",
     "its values may be complex, and gradients here are of real numbers; the function of the same name in np gives "
     "nan there"),
    ("emath.logn",
     "its values may be complex, and gradients here are of real numbers; np.log(x) / np.log(n) gives nan there"),
    ("sort_complex",
     "its values are complex, and gradients here are of real numbers; np.sort sorts those"),
    ("copyto place putmask",
     "it writes into its argument, which cannot be recorded; np.where(mask, values, a) gives a new array"),
    ("put",
     "it writes into its argument, which cannot be recorded; minigrad.set_at(a.ravel(), places, values) gives a new "
     "array"),
    ("fill_diagonal",
     "it writes into its argument, which cannot be recorded; np.where(np.eye(n, dtype=bool), value, a) gives a new "
     "array"),
    ("nextafter spacing",
     "it is about how numbers are stored, which has no derivative"),
    ("polydiv",
     "it is a loop over the coefficients; np.polymul and np.polysub are rules"),
    ("apply_over_axes",
     "it calls a function axis by axis; most take axis=(0, 1)"),
    ("busday_count busday_offset is_busday isnat datetime_as_string",
     "it is about dates, of which there are no Tensors"),
)
# fmt: on

WHY = {f"np.{name}": why for names, why in _GROUPS for name in names.split()}
"""The function as users name it -> why it has no rule, and what to do."""
