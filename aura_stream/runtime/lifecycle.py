"""From the first message to the last: signals, draining, and what the end means."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Final, Protocol

from aura_stream.errors import NotDrainedError
from aura_stream.runtime.statistics import Statistics

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
DRAIN: Final = signal.SIGUSR1  # said by a supervisor: drain, and if we do already, go on with that
FORCE: Final = signal.SIGUSR2  # the same: cut it short
INSIST: Final = 1.0  # seconds between two cancellations: redis-py on Python 3.11 can swallow one in its own time-out
LAST_RESORT: Final = 20.0  # seconds of cancelling in vain; whatever is left then comes again, as after a crash

log = logging.getLogger(__name__)


class Runnable(Protocol):
    """A worker, or a discovery."""

    @property
    def statistics(self) -> Statistics:
        """How far it is."""
        ...

    async def run(self) -> None:
        """Work until told to stop, or through."""
        ...

    def stop(self) -> None:
        """Begin nothing new."""
        ...


class _Ending:
    """What signals and the deadline do to a running worker."""

    def __init__(self, worker: Runnable, running: asyncio.Task[None], drain_timeout: float) -> None:
        self._worker = worker
        self._running = running
        self._drain_timeout = drain_timeout
        self._loop = asyncio.get_running_loop()
        self._forced: float | None = None  # when, on the loop's clock
        self._timer: asyncio.TimerHandle | None = None
        self._signals = 0
        self.told = False

    def on_signal(self) -> None:
        """Drain at the first, force at any other."""
        self._signals += 1
        if self._signals > 1:
            self.force()
        else:
            self.drain()

    def drain(self) -> None:
        """Let it fetch no more, and finish within the deadline."""
        if self.told:
            return
        self.told = True
        seconds = self._drain_timeout
        log.info(
            "draining %d messages, for %g s at most: no more is fetched", self._worker.statistics.in_flight, seconds
        )
        self._worker.stop()
        self._timer = self._loop.call_later(seconds, self.force)

    def force(self) -> None:
        """Cancel, again and again, until the worker has ended."""
        self.over()
        if self._running.done():
            return
        self.told = True
        now = self._loop.time()
        if self._forced is None:
            self._forced = now
        if now - self._forced >= LAST_RESORT:
            left = self._worker.statistics.in_flight
            log.critical("it does not end: leaving it, with %d messages not settled; they will come again", left)
            logging.shutdown()
            os._exit(os.EX_TEMPFAIL)
        self._running.cancel()
        self._timer = self._loop.call_later(INSIST, self.force)

    def over(self) -> None:
        """Wait for no deadline any more."""
        if self._timer is not None:
            self._timer.cancel()


async def run_until_stopped(worker: Runnable, drain_timeout: float, *, supervised: bool = False) -> None:
    """Run the worker; the first SIGTERM or SIGINT drains it, a second one (or the deadline) cuts it short.

    `supervised`: DRAIN and FORCE may come beside them, for an init system tells all processes of a service, and their
    supervisor its workers. Once the worker has ended, neither DRAIN nor SIGTERM does anything more: a process that
    ends by them had never begun.
    Returns when nothing is left over. Raises NotDrainedError, telling how many messages were fetched and not
    settled (they come again), and whatever the worker raises.
    """
    running = asyncio.create_task(worker.run())
    loop = asyncio.get_running_loop()
    ending = _Ending(worker, running, drain_timeout)
    handlers = dict.fromkeys(STOP_SIGNALS, ending.on_signal)
    if supervised:
        handlers |= {DRAIN: ending.drain, FORCE: ending.force}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        await running
    except asyncio.CancelledError:
        if not ending.told:
            raise
        left = worker.statistics.in_flight
        if left:
            raise NotDrainedError(f"stopped with {left} messages not settled; they will come again", left) from None
    finally:
        ending.over()
        for number in handlers:
            loop.remove_signal_handler(number)
        if supervised:
            for number in (DRAIN, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
