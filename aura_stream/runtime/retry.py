"""Pause and try again: for ever, longer each time, and never all workers at the same moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from tenacity import AsyncRetrying, RetryCallState, wait_random_exponential
from tenacity.wait import wait_base

from aura_stream.runtime.breaker import Breaker
from aura_stream.runtime.deciding import Decision, decide
from aura_stream.runtime.statistics import Side

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[object]]

FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0  # a broker that is back is noticed within this
REMIND_AFTER: Final = 12  # failures between two log lines of one outage: about half a minute at the longest pause

log = logging.getLogger(__name__)


class StillAwayError(Exception):
    """A side does not answer, and the pause is over: look again what is to be done, and try again."""


class Pauses:
    """The pauses of one outage: exponential, with full jitter (M. Brooker, "Exponential backoff and jitter", 2015)."""

    def __init__(self, wait: wait_base | None = None) -> None:
        self._wait = wait or wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE)
        self._state = RetryCallState(AsyncRetrying(), None, (), {})

    @property
    def failures(self) -> int:
        """How often it failed so far."""
        return self._state.attempt_number - 1

    def next(self) -> float:
        """Return the seconds to wait after one more failure."""
        seconds: float = self._wait(self._state)
        self._state.prepare_for_next_attempt()
        return seconds


class Outage:
    """Attempts at one side, whose outage it tells of: when it begins, now and then while it lasts, when it is over.

    A breaker keeps all who share it from trying at once. `side` knows it, and counts the failures; where several
    outages have one side, the first to begin and the last to end are told.
    """

    def __init__(
        self, what: str, sleep: Sleep = asyncio.sleep, side: Side | None = None, breaker: Breaker | None = None
    ) -> None:
        self._what = what
        self._sleep = sleep
        self._side = side or Side()
        self._breaker = breaker or Breaker()
        self._side.breakers.append(self._breaker)
        self._pauses = Pauses()

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Try what is in the block. Raises StillAwayError, after a pause, if the other side does not answer."""
        attempt = self._breaker.enter()
        if attempt is None:
            await self._sleep(self._breaker.remaining or FIRST_PAUSE)
            raise StillAwayError
        try:
            yield
        except BaseException as error:
            if decide(error) is not Decision.RETRY:
                self._breaker.gave_up(attempt)
                raise
            self._breaker.failed(attempt)
            await self._pause(error)
            raise StillAwayError from error
        self._breaker.succeeded(attempt)
        self._over()

    async def outlast(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until the other side answers."""
        while True:
            try:
                async with self.attempt():
                    return await attempt()
            except StillAwayError:
                continue

    async def _pause(self, error: BaseException) -> None:
        if not self._pauses.failures:
            self._side.down.append(self._breaker)
        if self._pauses.failures % REMIND_AFTER == 0 and self._side.down[0] is self._breaker:
            log.warning("%s is unavailable, trying again: %s", self._what, error)
        self._side.failures += 1
        await self._sleep(self._pauses.next())

    def _over(self) -> None:
        if self._pauses.failures:
            self._pauses = Pauses()
            self._side.down.remove(self._breaker)
            if not self._side.down:
                log.info("%s is available again", self._what)
