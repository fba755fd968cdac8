"""On what it was measured: the line below every table."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
from pathlib import Path

import numpy as np
from engines import ENGINES

EXTENSIONS = {"avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}  # the widest first


def about(engines: list[str]) -> dict[str, str]:
    """Name -> version or description, in the order of the line."""
    facts = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "Python": platform.python_version(),
        "NumPy": f"{np.__version__} ({blas()})",
    }
    for name in engines:
        if name != "numpy":
            facts[ENGINES[name].title] = importlib.metadata.version(ENGINES[name].package)
    return facts | {"cores": str(cores()), "CPU": cpu()}


def line(facts: dict[str, str]) -> str:
    described = {"date": "{}", "cores": "{} cores", "CPU": "{}"}
    return ", ".join(described.get(n, n + " {}").format(value) for n, value in facts.items())


def blas() -> str:
    """What NumPy multiplies matrices with, such as OpenBLAS 0.3.31."""
    found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    name = "OpenBLAS" if "openblas" in found["name"] else found["name"]
    return f"{name} {'.'.join(found.get('version', '').split('.')[:3])}".strip()


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu() -> str:
    """The processor's name and its widest vectors."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor() or platform.machine()
    text = path.read_text()
    name = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    flags = set(text.split())
    widest = next((title for flag, title in EXTENSIONS.items() if flag in flags), "")
    title = re.sub(r"\(R\)|\(TM\)", "", name[1] if name else platform.machine())
    return f"{title} {widest}".strip()
