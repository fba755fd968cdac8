"""Check minigrad on a GPU, and time it: `python tests/gpu_check.py`, which needs cupy; torch is timed beside it.

Every call of the table and every layer and loss is computed on the device and by NumPy, values and first and second
derivatives, and so is a training with each optimiser. A line is printed for each that differs or fails. Then come the
times of a training step. `--stand-in` rehearses all of it without a device, on an array with CuPy's manners.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
import warnings
from itertools import islice
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "helpers")]

from cases import CASES, COMPOSITES  # noqa: E402
from cases.modules import flat  # noqa: E402
from layer_cases import NAMED, inputs_of, made, products_with_hessian  # noqa: E402

import minigrad as mg  # noqa: E402
import nn  # noqa: E402
from minigrad import Tensor  # noqa: E402

TOLERANCE = 1e-8  # in float64: a device sums in another order


class StandIn:
    """The words of cupy that are used here, on arrays that NumPy computes."""

    def __init__(self):
        from minigrad.trust.other_library import OnDevice

        self.asarray, self.wait = OnDevice.asarray, lambda: None


class CuPy:
    def __init__(self):
        try:
            import cupy

            cupy.zeros(1)
        except Exception as error:  # there is no package, no driver, or no device
            print(f"skipped: CuPy does not work here ({type(error).__name__}: {error})")
            sys.exit(0)
        self.asarray, self.wait = cupy.asarray, cupy.cuda.Device().synchronize
        properties = cupy.cuda.runtime.getDeviceProperties(0)
        print(f"cupy {cupy.__version__} on {properties['name'].decode()}")


# Values and derivatives ----------------------------------------------------------------------------------


def of_call(call, place):
    """The value, gradients for a seed, and gradients of <directions, gradients>, as in tests/ops/test_table.py."""
    rng = np.random.default_rng(0)
    xs = [Tensor(place(a), requires_grad=True) for a in call.arguments()]
    y = call.f(*xs, *map(place, call.constants))
    seed = Tensor(place(rng.standard_normal(y.shape).astype(y.dtype)), requires_grad=True)
    first = mg.grad(y, xs, seed=seed, create_graph=True)
    directions = [place(rng.standard_normal(x.shape).astype(x.dtype)) for x in xs]
    along = sum((g * d).sum() for g, d in zip(first, directions, strict=True))
    return [y, *first, *mg.grad(along, [*xs, seed])]


def of_layer(name, case, place):
    mg.seed(0)
    layer = made(name, case, "float64").to(place)
    xs = [Tensor(place(a), requires_grad=needs) for a, needs in inputs_of(name, case, "float64")]
    leaves = [*(x for x in xs if x.requires_grad), *layer.parameters()]
    outputs = flat(case.run(layer, *xs))
    first = mg.grad(sum((y * y).sum() for y in outputs if y.dtype.kind == "f"), leaves)
    second = products_with_hessian(mg.grad, case.run, layer, xs, leaves, place)
    return [*outputs, *first, *second, *(value for _, value in layer._walk())]


def of_training(name, place):
    """Three steps of an optimiser on a small net; only Muon's has no vectors to learn."""
    mg.seed(0)
    rng, bias = np.random.default_rng(0), name != "Muon"
    norm = nn.BatchNorm1d(16, affine=bias, dtype="float64")
    sizes = (nn.Linear(8, 16, bias=False, dtype="float64"), norm, nn.ReLU())
    model = nn.Sequential(*sizes, nn.Linear(16, 3, bias=bias, dtype="float64")).to(place)
    optimizer = getattr(nn.optim, name)(model.parameters(), lr=0.01)
    x, y = place(rng.standard_normal((32, 8))), place(rng.integers(0, 3, 32))
    for _ in range(3):
        optimizer.zero_grad()
        mg.cross_entropy(model(x), y).backward()
        optimizer.step()
    return [value for _, value in model._walk()]


def optimizers():
    found = ((name, getattr(nn.optim, name)) for name in nn.optim.__all__)
    kinds = (name for name, k in found if isinstance(k, type) and issubclass(k, nn.optim.Optimizer))
    return sorted(set(kinds) - {"Optimizer", "LBFGS"})


def checks():
    """(part, name, function of a place)"""
    for name, calls in (CASES | COMPOSITES).items():
        for i, call in enumerate(calls):
            yield "table", f"{name}{i}", lambda place, call=call: of_call(call, place)
    for name, case in NAMED.items():
        yield "layers", name, lambda place, case=case: of_layer(*case, place)
    for name in optimizers():
        yield "optimisers", name, lambda place, name=name: of_training(name, place)


def difference(found, expected):
    """The largest difference, relative to the largest element of each array."""
    worst = 0.0
    for f, e in zip(found, expected, strict=True):
        if f is None or e is None:
            assert f is e
            continue
        f, e = mg.on_host(f), mg.on_host(e)
        assert f.shape == e.shape, f"shape {f.shape}, needed {e.shape}"
        assert f.dtype == e.dtype, f"dtype {f.dtype}, needed {e.dtype}"
        finite = np.isfinite(e)
        assert (finite == np.isfinite(f)).all(), "finite at other places"
        size = np.abs(e[finite]).max(initial=1.0)
        worst = max(worst, np.abs(f[finite] - e[finite].astype(f.dtype)).max(initial=0.0) / size)
    return worst


def correctness(library, only, every):
    """Print what differs, and a count for each part; returns the number of failures."""
    counts = {}
    for part, name, compute in islice(checks(), 0, None, every):
        if only and part not in only:
            continue
        right, count, worst = counts.get(part, (0, 0, 0.0))
        try:
            with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
                found = difference(compute(library.asarray), compute(np.asarray))
            if found > TOLERANCE:
                print(f"{part} {name}: differs by {found:.1e}")
        except Exception as error:
            line = traceback.extract_tb(error.__traceback__)[-1]
            print(f"{part} {name}: {type(error).__name__}: {error} ({line.filename}:{line.lineno})")
            found = np.inf
        is_right = found <= TOLERANCE
        counts[part] = right + is_right, count + 1, max(worst, found if is_right else 0.0)
    for part, (right, count, worst) in counts.items():
        print(f"{part}: {right} of {count} are NumPy's, to {worst:.0e}", flush=True)
    return sum(count - right for right, count, _ in counts.values())


# Times ---------------------------------------------------------------------------------------------------


def models(kit):
    """Name -> (layers in the words that minigrad and PyTorch share, the shape of a batch)."""

    def conv():
        return kit.Sequential(
            kit.Conv2d(3, 32, 3), kit.ReLU(), kit.MaxPool2d(2), kit.Conv2d(32, 64, 3), kit.ReLU(),
            kit.MaxPool2d(2), kit.Flatten(), kit.Linear(64 * 6 * 6, 10),
        )  # fmt: skip

    def mlp():
        wide = (kit.Linear(1024, 1024), kit.ReLU(), kit.Linear(1024, 1024), kit.ReLU())
        return kit.Sequential(kit.Linear(784, 1024), kit.ReLU(), *wide, kit.Linear(1024, 10))

    return {"MLP 784-1024x3-10": (mlp, (512, 784)), "CNN 3x32x32": (conv, (256, 3, 32, 32))}


def seconds(step, wait, rounds):
    """The median of the times of a step, after one that warms up."""
    step()
    wait()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        step()
        wait()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def our_step(make, shape, place):
    rng = np.random.default_rng(0)
    model = make().to(place)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.01)
    x, y = (
        place(rng.standard_normal(shape).astype(np.float32)),
        place(rng.integers(0, 10, shape[0])),
    )

    def step():
        optimizer.zero_grad()
        mg.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def their_step(torch, make, shape, device):
    rng = np.random.default_rng(0)
    model = make().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x = torch.tensor(rng.standard_normal(shape).astype(np.float32), device=device)
    y = torch.tensor(rng.integers(0, 10, shape[0]), device=device)

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def times(library, rounds, batch):
    """Print the milliseconds of a training step on the device, without its checks, and of PyTorch's there."""
    try:
        import torch
    except ImportError:
        torch = None
    on_gpu = torch is not None and torch.cuda.is_available()
    theirs = models(torch.nn) if torch else {}
    head = f"PyTorch, {'GPU' if on_gpu else 'CPU'}"
    print(f"| step, ms | minigrad | unchecked | {head} |\n|---|---|---|---|")
    for name, (make, shape) in models(nn).items():
        shape = (batch or shape[0], *shape[1:])
        step = our_step(make, shape, library.asarray)
        ours = seconds(step, library.wait, rounds)
        with mg.unchecked():
            unchecked = seconds(step, library.wait, rounds)
        beside = "-"
        if torch:
            wait = torch.cuda.synchronize if on_gpu else lambda: None
            other = their_step(torch, theirs[name][0], shape, "cuda" if on_gpu else "cpu")
            beside = f"{1e3 * seconds(other, wait, rounds):.2f}"
        print(f"| {name} | {1e3 * ours:.2f} | {1e3 * unchecked:.2f} | {beside} |", flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stand-in", action="store_true", help="rehearse without a device")
    parser.add_argument("--only", nargs="+", choices=["table", "layers", "optimisers"])
    parser.add_argument("--every", type=int, default=1, help="check each n-th only")
    parser.add_argument("--rounds", type=int, default=20, help="steps that are timed")
    parser.add_argument("--batch", type=int, help="rows of a batch, in place of each model's own")
    chosen = parser.parse_args(arguments)
    library = StandIn() if chosen.stand_in else CuPy()
    failures = correctness(library, chosen.only, chosen.every)
    times(library, chosen.rounds, chosen.batch)
    return failures


if __name__ == "__main__":
    sys.exit(main() > 0)
