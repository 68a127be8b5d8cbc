"""Reaching the other sides at start: patiently, but not for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aura_stream.errors import UnavailableError
from aura_stream.runtime.retry import Pauses, Sleep

T = TypeVar("T")

log = logging.getLogger(__name__)


class Starting:
    """All starts of a process share one deadline, `timeout` seconds from now. `sleep` ends early when `stopping`."""

    def __init__(self, timeout: float, stopping: asyncio.Event, sleep: Sleep) -> None:
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._stopping = stopping
        self._sleep = sleep

    async def reached(self, start: Callable[[], Awaitable[T]]) -> T | None:
        """Return what `start` returns, None if we were told to stop before it succeeded."""
        pauses, last = Pauses(), UnavailableError(f"no answer within {self._timeout:g} s of the start")
        while not self._stopping.is_set():
            try:
                async with asyncio.timeout(max(self._deadline - time.monotonic(), 0.0)):
                    return await start()
            except TimeoutError:
                raise last from None
            except UnavailableError as error:
                last = error  # it says who does not answer
                pause = pauses.next()
                if time.monotonic() + pause >= self._deadline:
                    raise
                if pauses.failures == 1:
                    log.warning("%s; trying again for %.0f s", error, self._deadline - time.monotonic())
                await self._sleep(pause)
        return None
