"""Ctrl-C that waits until an update is done."""

from __future__ import annotations

import threading
from typing import Any


class Interrupt:
    """A block in which the first Ctrl-C only asks to stop: no run could go on from half an update."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        import signal

        in_main = threading.current_thread() is threading.main_thread()  # others get no signals
        # leave a program alone that ignores Ctrl-C or has a handler of its own
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *exception: object) -> None:
        import signal

        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def raise_if_asked(self, run: Any) -> None:
        """Raise, with the step that a run of `fit` has reached, and its checkpoint."""
        if self.asked:
            raise KeyboardInterrupt(f"fit: after step {run.step}{run.checkpoint}")
