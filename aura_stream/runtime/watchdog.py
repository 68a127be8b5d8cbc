"""Watchdog: a thread that notices an event loop that stands still, which the loop itself never could.

It counts its own ticks and no time: where the whole process was stopped (SIGSTOP, a suspended machine) its ticks were
too, and nothing is amiss. Code that holds the interpreter's lock keeps the thread from ticking as well.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from aura_stream.runtime.statistics import Statistics

TICKS: Final = 20  # in the time after which a loop counts as stalled
PATIENCE: Final = 3  # so many times as long, and the process ends

log = logging.getLogger(__name__)


@contextmanager
def watched(stalled_after: float | None, statistics: Statistics) -> Iterator[None]:
    """Watch the running event loop until the block ends, and count its stalls; None or 0 seconds: do not."""
    if not stalled_after:
        yield
        return

    def count() -> None:
        statistics.stalls += 1

    with Watchdog(stalled_after, count).watching():
        yield


class Watchdog:
    """Watches the loop that it is started in. `stalled_after` in seconds; `end` ends the process."""

    def __init__(
        self,
        stalled_after: float,
        told: Callable[[], None] = lambda: None,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._tick = stalled_after / TICKS
        self._told = told
        self._end = end
        self._beats = 0  # of the loop; written by it alone
        self._next: asyncio.TimerHandle | None = None
        self._closed = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the running event loop until the block ends."""
        self._beat(asyncio.get_running_loop())
        thread = threading.Thread(target=self._watch, args=(threading.get_ident(),), name="aura-watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._closed.set()
            thread.join()
            if self._next is not None:
                self._next.cancel()

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._beats += 1
        self._next = loop.call_later(self._tick / 2, self._beat, loop)

    def _watch(self, loop_thread: int) -> None:
        seen, missed = -1, 0
        while not self._closed.wait(self._tick):
            if self._beats != seen:
                if missed >= TICKS:
                    self._tell(logging.WARNING, "the event loop moves again, after about %.0f s", missed * self._tick)
                seen, missed = self._beats, 0
                continue
            missed += 1
            if missed == TICKS:
                self._told()
                self._tell(
                    logging.CRITICAL,
                    "the event loop stands still for %.0f s: nothing is fetched, settled or kept alive; it is at\n%s",
                    missed * self._tick,
                    _stack(sys._current_frames().get(loop_thread)),
                )
            if missed == PATIENCE * TICKS:
                text = "it stands still for %.0f s: ending the process, to be started anew"
                self._tell(logging.CRITICAL, text, missed * self._tick)
                self._end(os.EX_TEMPFAIL)
                return

    def _tell(self, level: int, text: str, *values: object) -> None:
        """Log it, and wait a tick for that at most: a log that takes no more may be what the loop stands still at."""
        teller = threading.Thread(target=log.log, args=(level, text, *values), name="aura-watchdog-log", daemon=True)
        teller.start()
        teller.join(self._tick)


def _stack(frame: FrameType | None) -> str:
    """Name the places that a thread is in, innermost last; lines of code, no values."""
    return "".join(traceback.format_stack(frame)).rstrip() if frame is not None else "(unknown)"
