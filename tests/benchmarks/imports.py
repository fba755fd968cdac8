"""The time of an import: that of `python -c "import ..."` less that of `python -c pass`, and its ratio to NumPy's."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from engines import ENGINES
from results import Chosen, Results
from turns import progress

ROUNDS = 10
# as of an installed package, whose bytecode pip has compiled
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def seconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT
    )
    return time.perf_counter() - start


def measure(chosen: Chosen) -> Results:
    engines = ["numpy", *(e for e in chosen.engines if e not in ("numpy", "compiled"))]
    results = Results("numpy", chosen.rounds)
    for engine in list(engines):
        try:
            seconds(f"import {ENGINES[engine].imports}")  # from now on the files are in memory
        except subprocess.CalledProcessError:
            engines.remove(engine)
            results.left_out("imports", {engine: "its import fails"})
    # the least, as a Python that was delayed may take longer than an import
    bare = min(seconds("pass") for _ in range(5))
    taken = []
    for _ in progress(range(chosen.rounds), "imports"):
        taken.append({e: seconds(f"import {ENGINES[e].imports}") - bare for e in engines})
    results.add("import", taken)
    return results
