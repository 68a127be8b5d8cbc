"""From the first message to the last: signals, draining, and what the end means."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Final, Protocol

from aura_stream.errors import NotDrainedError
from aura_stream.runtime.statistics import Statistics

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

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


async def run_until_stopped(worker: Runnable, drain_timeout: float) -> None:
    """Run the worker; the first SIGTERM or SIGINT drains it, a second one (or the deadline) cuts it short.

    Returns when nothing is left over. Raises NotDrainedError, telling how many messages were fetched and not
    settled (they come again), and whatever the worker raises.
    """
    running = asyncio.create_task(worker.run())
    loop = asyncio.get_running_loop()
    signals = 0

    def stop() -> None:
        nonlocal signals
        signals += 1
        if signals > 1:
            running.cancel()
            return
        log.info("stopping: no more is fetched, %d messages are in flight", worker.statistics.in_flight)
        worker.stop()
        loop.call_later(drain_timeout, running.cancel)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        await running
    except asyncio.CancelledError:
        if not signals:
            raise
        left = worker.statistics.in_flight
        if left:
            raise NotDrainedError(f"stopped with {left} messages not settled; they will come again", left) from None
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
