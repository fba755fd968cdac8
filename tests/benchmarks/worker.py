"""The process of one engine: python worker.py REPORT ENGINE WHAT, started and asked for turns by turns.py."""

from __future__ import annotations

import importlib
import sys

from engines import ENGINES
from turns import Turn, serve


def main(report: str, engine: str, what: str) -> None:
    def make_turn() -> Turn:
        module = importlib.import_module(ENGINES[engine].module)
        return importlib.import_module(report).job(module, what)

    serve(make_turn)


if __name__ == "__main__":
    main(*sys.argv[1:])
