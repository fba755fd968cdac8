"""Write the tables of nn/README.md, PyTorch's words and what became of them: `python tests/helpers/nn_page.py`.

The words of arrays are those that minigrad's errors answer. Names and arguments are read, from nn and from
`torch_names.txt`; where PyTorch is installed that file is written anew.
By hand stand here what nothing can compute: other names, other meanings, and why a name is missing.
"""

from __future__ import annotations

import fnmatch
import importlib
import importlib.util
import inspect
from collections import defaultdict
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch_names
from ops_page import table
from places import ROOT
from torch_names import REQUIRED

from minigrad.ops.pytorch_words import LINES

PAGE = ROOT / "nn" / "README.md"
BEGIN, END = "<!-- begin: tests/helpers/nn_page.py, {} -->\n", "<!-- end -->\n"
VERSION, NAMES = torch_names.stored()

ROOMS = {  # a room of PyTorch's -> those of ours in which its names are looked for
    "torch.nn": ["nn"],
    "torch.nn.utils": ["nn.utils", "nn", "nn.optim"],
    "torch.nn.utils.parametrizations": ["nn.utils.parametrizations"],
    "torch.nn.utils.rnn": ["nn.utils", "nn"],
    "torch.nn.init": ["nn.init"],
    "torch.optim": ["nn.optim"],
    "torch.optim.lr_scheduler": ["nn.schedule"],
    "torch.optim.swa_utils": ["nn.optim.swa_utils", "nn.schedule"],
}
OTHER_NAMES = {
    "torch.nn.Container": "nn.Module",
    "torch.nn.CrossMapLRN2d": "nn.LocalResponseNorm",
    "torch.nn.DataParallel": "nn.parallel.DataParallel",
    "torch.nn.SyncBatchNorm": "nn.BatchNorm2d",
    "torch.nn.NLLLoss2d": "nn.NLLLoss",
    "torch.nn.UpsamplingBilinear2d": "nn.Upsample",
    "torch.nn.UpsamplingNearest2d": "nn.Upsample",
    "torch.nn.init.trunc_normal_": "nn.init.truncated_normal",
}
NOWHERE = {  # arguments of PyTorch's that nothing here takes
    "device": "arrays are where `model.to(cupy)` or `model.to(np)` moves them",
    "size_average, reduce": "old words for `reduction`",
    "min_value, max_value": "old words for `min_val` and `max_val`",
    "foreach, fused, capturable, differentiable": "they say how PyTorch runs a step, not what it computes",
    "last_epoch": "a schedule goes on from its `load_state_dict`",
    "generator": "here it is `rng`, a generator of NumPy's",
}
DIFFERENCES = {
    "torch.nn.Container": "PyTorch's old base of modules",
    "torch.nn.CrossMapLRN2d": "PyTorch's old name",
    "torch.nn.DataParallel": "averages the gradients of processes that MPI starts, and wraps no model",
    "torch.nn.SyncBatchNorm": "`nn.parallel.DataParallel(model, ranks, synchronised=True)`",
    "torch.nn.NLLLoss2d": "PyTorch's old name for images",
    "torch.nn.UpsamplingBilinear2d": "`nn.Upsample(scale_factor=2, mode=\"bilinear\", align_corners=True)`",
    "torch.nn.UpsamplingNearest2d": "its mode is \"nearest\" by default",
    "torch.nn.Softplus": "exact for large x, where PyTorch gives x",
    "torch.nn.MultiheadAttention": "a query that sees no key gets weights 0, never nan",
    "torch.nn.init.normal_": "`w.assign(nn.init.normal(w.shape, std))`: a new array, and no mean",
    "torch.nn.init.trunc_normal_": "`w.assign(nn.init.truncated_normal(w.shape, std, bound))`: the bounds are -bound "
    "std and bound std, and there is no mean",
    "torch.nn.init.uniform_": "`w.assign(nn.init.uniform(w.shape, bound))`: from -bound to bound",
    "torch.nn.init.constant_": "`w.assign(nn.init.constant(w.shape, value))`: a new array",
    "torch.nn.init.calculate_gain": "the slope `param` of leaky_relu is `a`",
    **{
        f"torch.nn.init.{name}": "takes the shape and gives an array: `w.assign(nn.init.zeros(w.shape))`"
        for name in (
            "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_", "ones_", "orthogonal_", "sparse_",
            "xavier_normal_", "xavier_uniform_", "zeros_",
        )
    },
    "torch.nn.utils.clip_grad_norm_": "gives the norm as a number",
    "torch.optim.Optimizer": "a subclass passes `lr` and its options by name, and its law is `_update`",
}  # fmt: skip
"""What cannot be computed of a name that is here."""

REASONS = {  # names, * standing for any letters -> why they are missing, and what to use
    "torch.nn.Lazy*": "Shapes are given when a layer is made, so that all parameters are there from the start: use the "
    "name without Lazy, such as `nn.Linear`.",
    "torch.nn.Uninitialized*": "Parameters have values from the start: use `nn.Parameter` and `nn.Buffer`.",
    "torch.nn.RNNBase": "It makes no layer of its own: use `nn.RNN`, `nn.LSTM` or `nn.GRU`, or subclass one.",
    "torch.nn.RNNCellBase": "It makes no layer of its own: use `nn.RNNCell`, `nn.LSTMCell` or `nn.GRUCell`.",
    "torch.nn.LinearCrossEntropy*": "It saves memory for vocabularies of 100,000 words: use `nn.Linear`, then "
    "`nn.CrossEntropyLoss`.",
    "torch.nn.AdaptiveLogSoftmaxWithLoss": "It saves time for vocabularies of 100,000 words: use `nn.Linear`, then "
    "`nn.CrossEntropyLoss`.",
    "torch.nn.FractionalMaxPool?d": "Windows of random sizes, hardly used since 2015: use `nn.MaxPool2d`.",
    "torch.nn.MaxUnpool?d": "Of segmentation nets before U-Net: use `nn.Upsample` or `nn.ConvTranspose2d`; the "
    "inverse proper is `minigrad.put_along_axis` of zeros, with the indices of `return_indices=True`.",
    "torch.nn.utils.[sw]*_norm": "PyTorch's old ones, with other names in the state: use those of "
    "`nn.utils.parametrizations`.",
    "torch.nn.utils.remove_*_norm": "`nn.utils.parametrize.remove_parametrizations` takes one away.",
    "torch.nn.utils.clip_grads_with_norm_": "`nn.optim.clip_grad_norm_` computes the norm and clips.",
    "torch.nn.utils.get_total_norm": "`nn.optim.clip_grad_norm_` with max_norm=inf clips nothing and gives the norm.",
    "torch.nn.utils.convert_conv?d_weight_memory_format": "Memory is laid out as a layer needs it; leave the call out.",
    "torch.nn.utils.fuse_*": "Nothing is fused: a model in evaluation mode runs as it was trained.",
    "torch.nn.utils.skip_init": "Drawing is cheap: make the layer, then `load_state_dict`.",
    "torch.nn.utils.rnn.*": "Sequences of several lengths are one padded array: recurrent layers take `lengths=`, "
    "attention takes `key_padding_mask`.",
    "torch.nn.utils.parametrizations.orthogonal": "Write the weight as a function of a parameter in `forward`, as in "
    "`minigrad.qr(self.w)[0]`; `nn.init.orthogonal` begins with such a matrix.",
    "torch.optim.SparseAdam": "Gradients are arrays, never sparse: use `nn.optim.Adam`.",
    "torch.optim.Adafactor": "It saves memory of models with billions of weights: use `nn.optim.AdamW`.",
    "torch.optim.swap_in_optimizer_params_and_state": "`load_state_dict` sets the state, `assign` a parameter.",
    "torch.optim.lr_scheduler.CyclicLR": "`nn.schedule.OneCycleLR` for one cycle, `nn.schedule."
    "CosineAnnealingWarmRestarts` for many.",
    "torch.optim.swa_utils.get_*_multi_avg_fn": "It averages many parameters in one call: "
    "`nn.optim.swa_utils.get_ema_avg_fn` gives the same means.",
}  # fmt: skip

# What is here --------------------------------------------------------------------------------------------


def found(path: str) -> Any:
    """What a dotted name stands for, or None."""
    room, _, name = path.rpartition(".")
    is_room = bool(room) and importlib.util.find_spec(room.partition(".")[0])
    if not is_room:
        return None
    try:
        return getattr(importlib.import_module(room), name, None)
    except ModuleNotFoundError:  # a class
        return getattr(found(room), name, None)


def ours(name: str) -> str:
    """Our name for PyTorch's, or nothing."""
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    room, _, last = name.rpartition(".")
    names = [f"{here}.{word}" for here in ROOMS[room] for word in (last, last.removesuffix("_"))]
    return next(filter(found, names), "")


HERE = {name: ours(name) for name in NAMES if ours(name)}
MISSING = [name for name in NAMES if name not in HERE]


def matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern)


def parameters(name: str) -> dict[str, Any]:
    """The arguments of what we have under PyTorch's name, with their defaults."""
    taken = inspect.signature(found(HERE[name])).parameters.values()
    return {p.name: REQUIRED if p.default is p.empty else p.default for p in taken}


def difference(name: str) -> str:
    """What PyTorch's name has and ours has not, in arguments and defaults, and what is said by hand."""
    said = DIFFERENCES.get(name, "")
    if name.startswith("torch.nn.init.") or name in OTHER_NAMES:
        return said
    taken, nowhere = parameters(name), words_of(NOWHERE)
    theirs = {word: d for word, d in NAMES[name].items() if word not in nowhere and word[0] != "_"}
    lacking = [f"`{word}`" for word in theirs if word not in taken]
    others = [
        f"`{word}` is {taken[word]!r} by default, not {default!r}"
        for word, default in theirs.items()
        if word in taken and not alike(taken[word], default)
    ]
    parts = (
        [f"takes no {', '.join(lacking)}"] if lacking and name != "torch.optim.Optimizer" else []
    )
    return "; ".join([*parts, *others, *filter(None, [said])])


def words_of(groups: dict[str, str]) -> set[str]:
    return {word for group in groups for word in group.split(", ")}


def alike(default: Any, theirs: Any) -> bool:
    """Whether two defaults mean the same: what has no text in the file does, and so does an empty list for None."""
    return theirs is ... or default == theirs or (theirs is None and default == ())


# The page ------------------------------------------------------------------------------------------------


def short(name: str) -> str:
    return name.removeprefix("torch.")


def source(path: str) -> str:
    """The file that defines what a dotted name of ours stands for, as seen from the page."""
    module = importlib.import_module(found(path).__module__)
    file = Path(str(module.__file__)).relative_to(ROOT).as_posix()
    return file.removeprefix("nn/") if file.startswith("nn/") else f"../{file}"


def listed(names: list[str]) -> str:
    return ", ".join(f"`{short(name)}`" for name in names)


def same() -> Iterator[list[str]]:
    """A row for each of our files: the names that mean there what they mean in PyTorch."""
    files = defaultdict(list)
    for name, here in HERE.items():
        if not difference(name):
            files[source(here)].append(name)
    for file, names in sorted(files.items()):
        yield [f"[{file}]({file})", ", ".join(f"`{name.rpartition('.')[2]}`" for name in names)]


def different() -> Iterator[list[str]]:
    """A row for each difference: PyTorch's names, ours with their files, and what differs."""
    rows = defaultdict(list)
    for name in HERE:
        if text := difference(name):
            rows[text].append(name)
    for text, names in rows.items():
        links = dict.fromkeys(f"[`{HERE[name]}`]({source(HERE[name])})" for name in names)
        yield [listed(names), ", ".join(links), text]


def missing() -> Iterator[list[str]]:
    """A row for each reason: the names that are missing for it."""
    rows = defaultdict(list)
    for pattern, why in REASONS.items():
        rows[why] += [name for name in MISSING if matches(name, pattern)]
    yield from ([listed(names), why] for why, names in rows.items() if names)


def words() -> str:
    """PyTorch's words of arrays and ours, two pairs to a row."""
    pairs = [[f"`{theirs}`", f"`{ours}`"] for theirs, ours in LINES.items()]
    half = (len(pairs) + 1) // 2
    rows = (a + b for a, b in zip_longest(pairs[:half], pairs[half:], fillvalue=["", ""]))
    return "\n".join([*table(("PyTorch", "here", "PyTorch", "here"), rows), ""])


def names() -> str:
    of_nn = sum(name.startswith("torch.nn.") and name.count(".") == 2 for name in MISSING)
    text = [
        f"Made by `python tests/helpers/nn_page.py` from the names and arguments of PyTorch {VERSION} and ours; a test",
        "checks it. `torch.nn` is `nn`, `torch.optim` is `nn.optim`, `torch.optim.lr_scheduler` is `nn.schedule`.",
        "",
        "Arguments that nothing here takes:",
        "",
        *(f"- {', '.join(f'`{w}`' for w in words.split(', '))}: {why}" for words, why in NOWHERE.items()),
        "",
        "### The same",
        "",
        *table(("file", "PyTorch's names that are ours, with the same arguments"), same()),
        "",
        "### With a difference",
        "",
        *table(("PyTorch", "here", "difference"), different()),
        "",
        "### Not here",
        "",
        f"{len(MISSING)} of {len(NAMES)} names, {of_nn} of them classes of `torch.nn`.",
        "",
        *table(("PyTorch", "why, and what to use"), missing()),
        "",
    ]  # fmt: skip
    return "\n".join(text)


def page() -> str:
    """The page with its tables made anew between their markers."""
    text = PAGE.read_text(encoding="utf-8")
    for made in (words, names):
        before, begin, rest = text.partition(BEGIN.format(made.__name__))
        text = before + begin + made() + END + rest.partition(END)[2]
    return text


if __name__ == "__main__":
    if importlib.util.find_spec("torch"):
        torch_names.STORED.write_text("\n".join(torch_names.installed()) + "\n")
        VERSION, NAMES = torch_names.stored()
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE}: of PyTorch's {len(NAMES)} names {len(HERE)} are here")
