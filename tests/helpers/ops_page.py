"""Write the page of all ops, minigrad/ops/README.md, from the table itself: `python tests/helpers/ops_page.py`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections import defaultdict

from places import ROOT

import minigrad as mg
import minigrad.ops
from minigrad.core.rows import served
from minigrad.methods import Methods

PAGE = ROOT / "minigrad" / "ops" / "README.md"

TORCH = {  # where PyTorch's word is another one
    "power": "pow", "astype": "Tensor.to", "transpose": "permute", "sum_to": "Tensor.sum_to_size",
    "matrix_transpose": "Tensor.mT", "expand_dims": "unsqueeze", "concatenate": "cat", "pad": "nn.functional.pad",
    "getitem": "Tensor.__getitem__", "scatter": "index_put", "arctan2": "atan2", "arcsin": "asin", "arccos": "acos",
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
    "rnn": "rnn_tanh",
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
        is_adapter = getattr(ours, "__name__", "") in (f"_numpy_{name}",)
        is_adapter = is_adapter or getattr(ours, "__wrapped__", None) is op
        if ours is op or is_adapter or theirs.__name__ == name:
            space = "np.linalg" if "linalg" in (getattr(theirs, "__module__", "") or "") else "np"
            names.add(f"{space}.{theirs.__name__}")
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
            "| " + " | ".join(TITLES) + " |",
            "|---" * len(TITLES) + "|",
        ]
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
            text.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE}: {sum(map(len, ops().values()))} ops")
