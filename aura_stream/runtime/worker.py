"""THE loop: fetch, transform, publish, settle."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from aura_stream.errors import MessageError, UnavailableError
from aura_stream.model import Batch
from aura_stream.ports import Sink, Source
from aura_stream.runtime.publisher import Publisher
from aura_stream.runtime.pulse import Heartbeat, Pulse
from aura_stream.runtime.retry import Backoff, Outage
from aura_stream.runtime.serial import SerialSource
from aura_stream.runtime.statistics import Statistics
from aura_stream.runtime.transform import Transform

T = TypeVar("T")

FETCH_TIMEOUT: Final = 0.5  # seconds; a signal to stop is noticed within this
LOOK_AROUND: Final = 3.0  # seconds between two questions for lag, or for the end while messages still come

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker works; durations in seconds."""

    once: bool = False
    max_messages: int = 5000
    max_bytes: int = 4 * 2**20
    startup_timeout: float = 30.0


class Worker:
    """Brings messages from a source through a transform to a sink, at least once and in order.

    The publishing of one portion runs beside the fetching and transforming of the next, never further ahead: at most
    three times `max_bytes` and what they become are held. A worker runs once; `statistics` tell how far it is.
    """

    def __init__(
        self,
        source: Source,
        sink: Sink,
        transform: Transform,
        options: WorkerOptions,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self._source = SerialSource(source)
        self._sink = sink
        self._transform = transform
        self._options = options
        self.statistics = Statistics()
        self._heartbeat = heartbeat or Heartbeat(None)
        self._pulse = Pulse(self._source, self._heartbeat)
        self._stopping = asyncio.Event()
        self._publisher = Publisher(self._source, sink, self._pulse, self.statistics, asyncio.sleep)
        self._outage = Outage("the input", self._sleep)
        self._idle = False
        self._next_look = 0.0

    def stop(self) -> None:
        """Fetch no more; `run` returns when everything fetched is settled."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until told to stop, or with `once` until the input as it was at the start is through.

        Raises UnavailableError if a side does not answer within `startup_timeout` (later outages are waited for),
        MessageError at a message that cannot be transformed or written, once everything before it is settled, and
        ConfigError.
        """
        try:
            await self._start()
            while not await self._is_over():
                fetched = await self._fetch()
                while fetched:
                    transformed = await self._pulse.during(self._transform(fetched))
                    await self._publisher.publish(transformed)  # and settle, beside the next fetch
            await self._publisher.settled()
        finally:
            await self._end()

    async def _start(self) -> None:
        self._heartbeat.begin()
        deadline = time.monotonic() + self._options.startup_timeout
        topics = await self._reached(self._source.start, deadline)
        if topics is not None:
            log.info("reading %s", ", ".join(topic.name for topic in topics))
            await self._pulse.during(self._reached(lambda: self._sink.start(topics), deadline))

    async def _reached(self, start: Callable[[], Awaitable[T]], deadline: float) -> T | None:
        """Return what `start` returns, None if we were told to stop before it succeeded."""
        backoff, last = (
            Backoff(),
            UnavailableError(f"no answer within {self._options.startup_timeout:g} s of the start"),
        )
        while not self._stopping.is_set():
            try:
                async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)):
                    return await start()
            except TimeoutError:
                raise last from None
            except UnavailableError as error:
                last = error  # it says who does not answer
                pause = backoff.next()
                if time.monotonic() + pause >= deadline:
                    raise
                if backoff.failures == 1:
                    log.warning("%s; trying again for %.0f s", error, deadline - time.monotonic())
                await self._sleep(pause)
        return None

    async def _is_over(self) -> bool:
        if self._stopping.is_set():
            return True
        look = self._time_to_look()
        try:
            if look:
                self.statistics.lag = await self._source.lag()
            return self._options.once and (look or self._idle) and await self._source.finished()
        except UnavailableError as error:
            await self._outage.pause(error)
            return False

    async def _fetch(self) -> deque[Batch]:
        """Return the next batches, none if there are none yet; the input being away is waited for."""
        self._heartbeat.beat()
        try:
            batches = await self._source.fetch(self._options.max_messages, self._options.max_bytes, FETCH_TIMEOUT)
        except UnavailableError as error:
            await self._outage.pause(error)
            batches = []
        except MessageError:
            await self._publisher.settled()
            raise
        else:
            self._outage.over()
        self._idle = not batches
        if self._idle:
            await self._publisher.settled()
        self.statistics.fetched += sum(map(len, batches))
        return deque(batches)

    def _time_to_look(self) -> bool:
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + LOOK_AROUND
        return True

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until we are told to stop."""
        self._heartbeat.beat()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _end(self) -> None:
        """Close in the order in which nothing is left behind: publishing first, its source last."""
        await self._publisher.close()
        self._transform.close()
        try:
            await self._sink.stop()
        finally:
            await self._source.stop()
