"""Compare minigrad with backpropagation by hand in NumPy, PyTorch, JAX, MyGrad and HIPS/autograd.

    python tests/benchmarks                              every report but `train`; half an hour
    python tests/benchmarks --only steps                 a training step of each workload, twice; ten minutes
    python tests/benchmarks --only steps --workloads spiral conv3 --engines minigrad torch --rounds 40
    python tests/benchmarks --only train --data FOLDER   seconds to 99.0% on MNIST; half a minute a seed
    python tests/benchmarks --baseline                   keep what is measured, to compare with another day
    python tests/benchmarks --compare                    what has changed since

The tables are GitHub's Markdown. A time means little on a machine that others use too; the ratios hold: the engines
take turns, each in a process of its own, and a ratio is the median of those taken turn by turn. Engines that are not
installed are left out: pip install torch jax mygrad autograd brings all. Each report is written when it is done.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import machine
import tables
from engines import ENGINES, is_installed
from results import Chosen
from workloads import ON_REQUEST, WORKLOADS

from minigrad.files import whole

REPORTS = {
    "steps": "one training step of each workload",
    "memory": "peak memory of a process that trains, and above what it held after its import",
    "imports": "time of the import alone",
    "nodes": "overhead of a node: a chain of 1000, and one x used by 10,000 nodes",
    "layers": "each layer of a step, forward and backward, in minigrad and PyTorch",
    "convolutions": "convolution in many configurations, forward and backward, in minigrad and PyTorch",
    "scaling": "a step as batch, width and depth grow, in minigrad and PyTorch",
    "ranks": "a step in one process and on two ranks that MPI starts, in minigrad and PyTorch",
    "pictures": "a graph of 100 to 20,000 ops as plain data, as a picture and as a page",
    "train": "seconds until demos/mnist.py --model cnn reaches 99.0%, in minigrad and PyTorch; not by default",
}
BASELINE = Path(__file__).with_name("baseline.json")


def parse(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks",
        description=__doc__,
        epilog="reports:\n" + "\n".join(f"  {name:14}{what}" for name, what in REPORTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", nargs="+", choices=REPORTS, metavar="REPORT",
        default=[name for name in REPORTS if name != "train"],
        help="the reports below; default: all but train",
    )  # fmt: skip
    parser.add_argument(
        "--workloads", nargs="+", choices=WORKLOADS | ON_REQUEST, default=list(WORKLOADS), metavar="NAME",
        help=f"of steps, memory and layers: {', '.join(WORKLOADS)}; default: all; besides {', '.join(ON_REQUEST)}",
    )  # fmt: skip
    parser.add_argument(
        "--engines", nargs="+", choices=ENGINES, default=list(ENGINES), metavar="NAME",
        help=f"{', '.join(ENGINES)}; default: all that are installed",
    )  # fmt: skip
    parser.add_argument(
        "--rounds",
        type=positive,
        help="turns of each engine, of train seeds; default: as each report needs",
    )
    parser.add_argument("--data", type=Path, help="of train: the folder of MNIST's four files")
    parser.add_argument(
        "--json", metavar="FILE", help="write the numbers too; - for stdout, tables then to stderr"
    )
    parser.add_argument(
        "--baseline", action="store_true",
        help=f"keep these reports in {BASELINE.name} beside this script, whole; others in it stay",
    )  # fmt: skip
    parser.add_argument(
        "--compare", nargs="?", type=Path, const=BASELINE, metavar="FILE",
        help="print what each ratio was in FILE, made by --json or --baseline; default: the baseline",
    )  # fmt: skip
    arguments = parser.parse_args(given)
    if arguments.baseline and (arguments.workloads, arguments.engines) != (
        list(WORKLOADS),
        list(ENGINES),
    ):
        parser.error("--baseline keeps whole reports: leave out --workloads and --engines")
    path = Path(arguments.json or "-").resolve()
    if not path.parent.is_dir() or path.is_dir():
        parser.error(f"--json: there is no folder {path.parent}, or {path} is one itself")
    return arguments


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def main() -> None:
    arguments = parse()
    # whatever may fail is asked for before the first of many minutes
    before = read(arguments.compare) if arguments.compare else {}
    kept = read(BASELINE) if arguments.baseline and BASELINE.exists() else {}
    if arguments.data is not None:
        os.environ["MINIGRAD_DATA"] = str(arguments.data.resolve())  # where demo and workers look
    engines = [name for name in ENGINES if name in arguments.engines and is_installed(name)]
    out = sys.stderr if arguments.json == "-" else sys.stdout
    for name in arguments.engines:
        if name not in engines:
            package = ENGINES[name].package
            print(f"{name} left out: not installed (pip install {package})", file=out, flush=True)
    about = machine.about(engines)
    reports = asked_for([name for name in REPORTS if name in arguments.only], out)
    done: dict[str, Any] = {}
    try:
        for name, report in reports.items():
            load = machine.load()
            try:
                chosen = Chosen(arguments.workloads, engines, arguments.rounds or report.ROUNDS)
                results = report.measure(chosen).plain()
            except (ImportError, OSError, RuntimeError, ValueError) as error:
                print(f"\n{name} left out: {error}", file=out, flush=True)
                continue
            took_part = {r["engine"] for r in results["records"]}
            absent = {ENGINES[engine].title for engine in ENGINES if engine not in took_part}
            facts = {fact: value for fact, value in about.items() if fact not in absent}
            done[name] = {"about": facts | machine.loads(load, machine.load()), **results}
            text = tables.table(name, done[name], before.get(name))
            print(f"\n## {name}\n\n{report.__doc__.strip()}\n\n{text}", file=out, flush=True)
            if arguments.baseline:
                write(BASELINE, kept | done)
            if arguments.json and arguments.json != "-":
                write(Path(arguments.json), done)
    finally:  # also of an interrupted run
        if arguments.json == "-":
            print(json.dumps(done, indent=1))
    if arguments.compare:
        lines = list(tables.moved(done, before)) or ["nothing"]
        print("\nMoved beyond the spread of the rounds:\n", file=out)
        print(*(f"- {line}" for line in lines), sep="\n", file=out)


def asked_for(names: list[str], out: Any) -> dict[str, Any]:
    """Name -> the module of each report that can be made: some need more than engines, which their `ask` looks for."""
    found = {}
    for name in names:
        try:
            report = importlib.import_module(name)
            getattr(report, "ask", lambda: None)()
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            print(f"\n{name} left out: {error}", file=out, flush=True)
        else:
            found[name] = report
    return found


def read(path: Path) -> dict[str, Any]:
    """The reports that --json or --baseline wrote."""
    if path == BASELINE and not path.exists():
        raise FileNotFoundError(f"there is no {path} yet; --baseline makes it")
    reports = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(reports, dict) or not reports.keys() <= REPORTS.keys():
        raise ValueError(f"{path} is no file that --json or --baseline wrote")
    return reports


def write(path: Path, reports: dict[str, Any]) -> None:
    with whole(path) as file:
        file.write((json.dumps(reports, indent=1) + "\n").encode())
    print(f"wrote {path}: {', '.join(reports)}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; the reports that were done are written where they were to be")
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(f"error: {error}")
