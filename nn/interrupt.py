"""Ctrl-C that waits until an update is done."""

from __future__ import annotations

import threading
from typing import Any


class Interrupt:
    """A block in which the first Ctrl-C only asks to stop: no run could go on from half an update.

    of_ranks  also SIGTERM and SIGUSR1, by which launchers of several processes tell them that the end is near
    """

    def __init__(self, of_ranks: bool = False) -> None:
        self.asked = False
        self.of_ranks = of_ranks
        self._before: dict[Any, Any] = {}

    def __enter__(self) -> Interrupt:
        import signal

        in_main = threading.current_thread() is threading.main_thread()  # others get no signals
        of_ranks = (
            (signal.SIGTERM, signal.SIGUSR1) if self.of_ranks else ()
        )  # where there are ranks, there are both
        for number in (signal.SIGINT, *of_ranks) if in_main else ():
            # leave a program alone that ignores it or has a handler of its own
            if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *exception: object) -> None:
        import signal

        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def raise_if_asked(self, run: Any) -> None:
        """Raise, with the step that a run of `fit` has reached, and its checkpoint."""
        if self.asked:
            raise KeyboardInterrupt(f"fit: after step {run.step}{run.checkpoint}")
