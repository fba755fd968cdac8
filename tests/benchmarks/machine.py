"""On what it was measured: the line below every table."""

from __future__ import annotations

import ctypes
import datetime
import importlib
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
        if name not in ("numpy", "compiled"):
            facts[ENGINES[name].title] = version(ENGINES[name].package)
    return facts | {"cores": cores(), "CPU": cpu()}


def version(package: str) -> str:
    """That of an installed package, or of one that is only found, such as a checkout, what it says itself."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        text = getattr(importlib.import_module(package), "__version__", None)
        return f"{text} (not installed)" if text else "of no version (not installed)"


def load() -> float | None:
    """How many processes wanted to run, on average over the last minute; None where the system does not say."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def loads(before: float | None, after: float | None) -> dict[str, str]:
    """The fact of how loaded the machine was."""
    if before is None or after is None:
        return {}
    return {"load": f"{before:.2f} before, {after:.2f} after"}


def line(facts: dict[str, str]) -> str:
    described = {"date": "{}", "cores": "{} cores", "CPU": "{}"}
    return ", ".join(described.get(n, n + " {}").format(value) for n, value in facts.items())


def blas() -> str:
    """What NumPy multiplies matrices with, such as OpenBLAS 0.3.31."""
    found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    name = "OpenBLAS" if "openblas" in found["name"] else found["name"]
    version = ".".join(found.get("version", "").split(".")[:3])
    return " ".join(filter(None, (name, version, kernels())))


def kernels() -> str:
    """The processor whose kernels OpenBLAS has taken, which may be older than this one; "" if it cannot be asked."""
    try:
        maps = Path("/proc/self/maps").read_text().splitlines()
        library = ctypes.CDLL(next(line.split()[-1] for line in maps if "openblas" in line))
    except (OSError, StopIteration):
        return ""
    for name in ("scipy_openblas_get_corename64_", "openblas_get_corename"):
        ask = getattr(library, name, None)
        if ask is not None:
            ask.restype = ctypes.c_char_p
            return f"for {ask().decode()}"
    return ""


def cores() -> str:
    """Those that this process may use, and where these are not all, how many there are."""
    count = os.cpu_count() or 1
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count
    return f"{ours} of {count}" if ours < count else str(ours)


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
