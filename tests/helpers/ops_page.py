"""Write the page of all ops, minigrad/ops/README.md, from the table itself: `python tests/helpers/ops_page.py`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy_names import ALL
from places import ROOT

import minigrad as mg
import minigrad.ops
from minigrad.core.rows import served
from minigrad.methods import Methods
from minigrad.numpy_protocols import _words
from minigrad.ops.inspection import FUNCTIONS, UFUNCS, VALUES, name_of
from minigrad.ops.refused import WHY

PAGE = ROOT / "minigrad" / "ops" / "README.md"

TORCH = {  # where PyTorch's word is another one
    "power": "pow", "astype": "Tensor.to", "transpose": "permute", "sum_to": "Tensor.sum_to_size",
    "matrix_transpose": "Tensor.mT", "expand_dims": "unsqueeze", "concatenate": "cat", "pad": "nn.functional.pad",
    "getitem": "Tensor.__getitem__", "scatter": "index_put",
    "set_at": "index_put", "arctan2": "atan2", "arcsin": "asin", "arccos": "acos",
    "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "max": "amax", "min": "amin",
    "average": "mean", "norm": "linalg.vector_norm", "inv": "linalg.inv", "solve": "linalg.solve",
    "det": "linalg.det", "slogdet": "linalg.slogdet", "cholesky": "linalg.cholesky", "eigh": "linalg.eigh",
    **{name: f"linalg.{name}" for name in ("svd", "svdvals", "qr", "pinv", "lstsq", "cond", "eigvalsh", "lu")},
    **{name: f"linalg.{name}" for name in ("solve_triangular", "tensorinv", "tensorsolve")}, "sqrtm": "",
    "expm": "linalg.matrix_exp", "repeat": "repeat_interleave", "take": "index_select", "array_split": "tensor_split",
    "put_along_axis": "scatter", "hinge_loss": "nn.functional.multi_margin_loss", "split": "tensor_split",
    "median": "quantile", "where_safe": "", "cross_entropy": "nn.functional.cross_entropy", "concat": "cat",
    "multi_dot": "linalg.multi_dot", "matrix_power": "linalg.matrix_power", "one_hot": "nn.functional.one_hot",
    "linear": "nn.functional.linear", "logsigmoid": "nn.functional.logsigmoid", "clip": "clamp", "dot": "matmul",
    "rnn": "rnn_tanh", "nanmedian": "nanquantile", "gamma": "", "beta": "", "gammaln": "lgamma",
    "j0": "special.bessel_j0", "j1": "special.bessel_j1",
    "scatter_max": "scatter_reduce", "scatter_min": "scatter_reduce", "choose": "", "select": "",
    "append": "cat", "block": "", "linspace": "", "logspace": "", "full": "", "full_like": "",
    "sliding_window_view": "Tensor.unfold", "diagflat": "diagflat", "cross": "linalg.cross", "vander": "linalg.vander",
    "convolve": "nn.functional.conv1d", "correlate": "nn.functional.conv1d", "modf": "frac",
    **{
        name: f"nn.functional.{name}"
        for name in (
            "cosine_embedding_loss", "cosine_similarity", "ctc_loss", "margin_ranking_loss", "multi_margin_loss",
            "multilabel_margin_loss", "pairwise_distance", "poisson_nll_loss", "soft_margin_loss",
            "triplet_margin_loss", "embedding_bag", "hardshrink", "prelu", "threshold", "hinge_embedding_loss",
            "triplet_margin_with_distance_loss",
        )
    },
}  # fmt: skip
OTHER_WORDS = {  # of NumPy's, that lead to an op of another name
    np.percentile: "quantile", np.nanpercentile: "nanquantile", np.cumulative_sum: "cumsum",
    np.cumulative_prod: "cumprod", np.linalg.vector_norm: "norm", np.linalg.matrix_norm: "norm",
}  # fmt: skip
CONVENTIONS = ("At the kink:", "At a kink:", "At a tie:", "At the edge:")
TITLES = ("op", "NumPy", "method", "PyTorch", "formula", "convention")


def modules() -> list[str]:
    found = pkgutil.iter_modules(minigrad.ops.__path__)
    return [m.name for m in found if not m.ispkg and m.name != "inspection"]


def ops() -> dict[str, dict[str, object]]:
    """Module -> name -> op, for the public names of minigrad that a module of the table makes."""
    found: dict[str, dict[str, object]] = defaultdict(dict)
    for module in modules():
        imported = importlib.import_module(f"minigrad.ops.{module}")
        source = inspect.getsource(imported)
        for name in mg.__all__:  # a module without one is a tool of the others
            op = getattr(mg, name)
            is_row = re.search(
                rf"^{name}(: \w+)? = (elementwise|primitive|serves)\(", source, re.MULTILINE
            )
            if is_row or getattr(op, "__module__", None) == imported.__name__:
                found[module][name] = op
    return found


def numpy_names(op: object, name: str) -> str:
    names = set()
    for theirs, ours in served.items():
        if isinstance(theirs, str):  # of SciPy, which is not imported
            if ours is op:
                names.add(theirs)
            continue
        is_adapter = getattr(ours, "__name__", "") in (f"_numpy_{name}",)
        is_adapter = is_adapter or getattr(ours, "__wrapped__", None) is op
        is_adapter = is_adapter or OTHER_WORDS.get(theirs) == name
        is_method = isinstance(getattr(theirs, "__self__", None), np.ufunc)
        if ours is op or is_adapter or (theirs.__name__ == name and not is_method):
            names.add(name_of(theirs))
    return ", ".join(f"`{n}`" for n in sorted(names))


def torch_name(name: str) -> str:
    """PyTorch's counterpart, found in PyTorch itself when the page is written."""
    import torch

    if name in TORCH:
        return f"`torch.{TORCH[name]}`" if TORCH[name] else ""
    for space, where in (
        (torch, "torch"),
        (torch.nn.functional, "torch.nn.functional"),
        (torch.linalg, "torch.linalg"),
        (torch.special, "torch.special"),
    ):
        if hasattr(space, name):
            return f"`{where}.{name}`"
    return ""


def documentation(op: object) -> tuple[str, str]:
    """The formula, which is the first line, and what is said of kinks, ties and edges."""
    lines = (inspect.getdoc(op) or "").splitlines()
    convention, taking = [], False
    for line in lines[1:]:
        if line.strip().startswith(CONVENTIONS):
            taking = True
        elif not line.strip():
            taking = False
        if taking:
            convention.append(line.strip())
    return lines[0] if lines else "", " ".join(convention)


def ours_by_name(function: object) -> str:
    """The public name of what serves a function of NumPy."""
    if function in OTHER_WORDS:
        return OTHER_WORDS[function]
    ours = served[function]
    ours = getattr(ours, "__wrapped__", ours)
    same = [name for name in mg.__all__ if getattr(mg, name) is ours]
    named = getattr(ours, "__name__", "").removeprefix("_numpy_")
    return same[0] if same else named if named in mg.__all__ else ""


def numpy_row(function: object) -> list[str]:
    """A function of NumPy that is served: its name and ours, the orders of its gradient, and its conventions."""
    ours = ours_by_name(function)
    formula, convention = documentation(getattr(mg, ours, served[function]))
    is_constant = "without gradient" in formula or "No gradient" in formula
    orders = "none" if is_constant else "any order"
    options = ", ".join(f"`{word}`" for word in options_not_taken(function))
    return [f"`{name_of(function)}`", f"`{ours}`" if ours else "", orders, options, convention]


def options_not_taken(function: object) -> list[str]:
    """What else NumPy's function may be given; ours raises for it. No function of ours takes `out`."""
    if isinstance(function, np.ufunc):
        return []
    ours = served[function]
    named, takes_any = _words(ours)
    takes_any |= ours.__name__ == "_numpy_where"  # its branches have no names
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # older versions of NumPy do not tell those of a function in C
        return []
    optional = [p.name for p in parameters if p.default is not p.empty and p.name != "out"]
    return [] if takes_any else [word for word in optional if word not in named]


def listed(functions: Iterable[object]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(map(name_of, functions)))


def numpy_tables() -> list[str]:
    """What becomes of every function of NumPy that asks a Tensor what to do."""
    refused = defaultdict(list)
    for function in ALL - served.keys() - UFUNCS - FUNCTIONS - VALUES:
        refused[WHY.get(name_of(function), "TODO")].append(function)
    return [
        "",
        "# Every function of NumPy",
        "",
        f"What each function of NumPy {numpy_version()} does with a `Tensor`. Those that make arrays from numbers,",
        "read files or print (`np.arange`, `np.load`, ...) do not ask a Tensor what to do, and are not listed.",
        "An option that is not taken raises by its name; so do the options of ufuncs, and `out=` where a gradient",
        "would be lost.",
        "",
        *table(
            ("NumPy", "minigrad", "gradient", "options not taken", "convention"),
            [numpy_row(f) for f in sorted(ALL & served.keys(), key=name_of)],
        ),
        "",
        "These act on the data, and have no gradient, as they are constant around almost every point: "
        f"{listed(ALL & (UFUNCS | FUNCTIONS))}.",
        "",
        f"These act on the data, but only where nothing requires grad: {listed(ALL & VALUES)}.",
        "",
        "These are refused, by an error that says so:",
        "",
        *table(
            ("NumPy", "why, and what to use"),
            sorted([listed(fs), why] for why, fs in refused.items()),
        ),
    ]


def numpy_version() -> str:
    return np.__version__.rpartition(".")[0]


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [titles, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    return [text[0], "|---" * len(titles) + "|", *text[1:]]


def page() -> str:
    text = [
        "# Every op",
        "",
        "Generated from the table by `python tests/helpers/ops_page.py`; a test checks that it is up to date. Each op",
        "is `minigrad.<name>`; called on a `Tensor`, the NumPy functions in the second column do the same.",
    ]
    methods = {n for n in dir(Methods) if not n.startswith("_")}
    spelled = {"absolute": "abs", "transpose": "transpose, T", "matrix_transpose": "mT"}
    for module, found in sorted(ops().items()):
        summary = (importlib.import_module(f"minigrad.ops.{module}").__doc__ or "").splitlines()[0]
        text += [
            "",
            f"## {module}",
            "",
            summary,
            "",
        ]
        rows = []
        for name, op in sorted(found.items()):
            formula, convention = documentation(op)
            method = spelled.get(name, name if name in methods else "")
            cells = [
                f"`{name}`",
                numpy_names(op, name),
                f"`t.{method}`" if method else "",
                torch_name(name),
                f"{formula}",
                convention,
            ]
            rows.append(cells)
        text += table(TITLES, rows)
    return "\n".join(text + numpy_tables()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    constant = ALL & (UFUNCS | FUNCTIONS)
    scipys = [name for name in served if isinstance(name, str)]
    print(
        f"{PAGE}: {sum(map(len, ops().values()))} ops; of NumPy's functions {len(ALL & served.keys())} are served"
    )
    print(f"and {len(constant)} constant between jumps; {len(scipys)} of SciPy's")
