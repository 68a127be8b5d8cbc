"""Pause and try again: for ever, longer each time, and never all workers at the same moment."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aura_stream.errors import UnavailableError

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[object]]

FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0  # a broker that is back is noticed within this
REMIND_AFTER: Final = 12  # failures between two log lines of one outage: about a minute at the longest pause

log = logging.getLogger(__name__)


class Backoff:
    """The pauses of one outage: exponential, with full jitter below the upper half."""

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self.failures = 0

    def next(self) -> float:
        """Return the seconds to wait after one more failure."""
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return self._uniform(longest / 2, longest)


class Outage:
    """Tells of the outage of one side: when it begins, now and then while it lasts, and when it is over."""

    def __init__(self, what: str, sleep: Sleep = asyncio.sleep) -> None:
        self._what = what
        self._sleep = sleep
        self._backoff = Backoff()

    async def pause(self, error: UnavailableError) -> None:
        """Wait before the next attempt."""
        if self._backoff.failures % REMIND_AFTER == 0:
            log.warning("%s is unavailable, trying again: %s", self._what, error)
        await self._sleep(self._backoff.next())

    def over(self) -> None:
        """Note that an attempt succeeded."""
        if self._backoff.failures:
            log.info("%s is available again", self._what)
            self._backoff = Backoff()

    async def outlast(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until it is not UnavailableError that comes back."""
        while True:
            try:
                result = await attempt()
            except UnavailableError as error:
                await self.pause(error)
            else:
                self.over()
                return result
