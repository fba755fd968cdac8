"""Ctrl-C that waits until an update is done."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .parallel import Ranks


class Interrupt:
    """A block in which the first Ctrl-C only asks to stop: no run could go on from half an update.

    ranks  that stop together: what one of them is asked, all know when they have met. If there are several, SIGTERM and
           SIGUSR1 ask too, by which launchers tell them that the end is near
    """

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks
        self._before: dict[Any, Any] = {}

    @property
    def asked(self) -> bool:
        """True if all ranks are to stop here: of several, all have the same answer between two meetings."""
        return self.ranks.asking if self.ranks.size == 1 else self.ranks.asked

    def __enter__(self) -> Interrupt:
        import signal

        in_main = threading.current_thread() is threading.main_thread()  # others get no signals
        # where there are ranks, there are both
        of_ranks = (signal.SIGTERM, signal.SIGUSR1) if self.ranks.size > 1 else ()
        for number in (signal.SIGINT, *of_ranks) if in_main else ():
            # leave a program alone that ignores it or has a handler of its own
            if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *exception: object) -> None:
        import signal

        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._before:  # not those of a run around this one
            self.ranks.asking = self.ranks.asked = False

    def _ask(self, number: int, frame: Any) -> None:
        if self.ranks.asking:
            raise KeyboardInterrupt
        self.ranks.asking = True

    def raise_if_asked(self, run: Any) -> None:
        """Raise, with the step that a run of `fit` has reached, and its checkpoint."""
        if self.asked:
            raise KeyboardInterrupt(f"fit: after step {run.step}{run.checkpoint}")
