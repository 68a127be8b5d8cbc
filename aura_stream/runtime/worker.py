"""THE loop: fetch, transform, publish, settle."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from aura_stream.errors import MessageError, NotDrainedError, UnavailableError
from aura_stream.model import Batch
from aura_stream.ports import TemplateStore
from aura_stream.runtime.following import READERS_FIRST, Follower
from aura_stream.runtime.limiter import Limiter, Rates
from aura_stream.runtime.portion import Portion
from aura_stream.runtime.publisher import Publisher
from aura_stream.runtime.pulse import Heartbeat, Pulse
from aura_stream.runtime.retry import Outage, StillAwayError
from aura_stream.runtime.serial import SerialSource
from aura_stream.runtime.starting import Starting
from aura_stream.runtime.statistics import Statistics
from aura_stream.runtime.transform import Transform
from aura_stream.runtime.waiting import WaitingRoom
from aura_stream.runtime.ways import Ends

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
    patience: float = 10.0  # with a frame whose template is not in the book
    rates: Rates = field(default_factory=Rates)


class Worker:
    """Brings messages from a source through a transform to a sink, in order, at least or exactly once.

    The publishing of one portion runs beside the fetching and transforming of the next, never further ahead: at most
    three times `max_bytes` and what they become are held, and what waits for a template. The book comes from `store`,
    which is followed; without one the transform has its own. A worker runs once; `statistics` tell how far it is.
    """

    def __init__(
        self,
        ends: Ends,
        transform: Transform,
        options: WorkerOptions,
        heartbeat: Heartbeat | None = None,
        store: TemplateStore | None = None,
    ) -> None:
        self._source = SerialSource(ends.source)
        self._transform = transform
        self.options = options
        self.statistics = Statistics()
        self._way = ends.way(self._source, self.statistics, asyncio.sleep)
        self._heartbeat = heartbeat or Heartbeat(None)
        self._pulse = Pulse(self._source, self._heartbeat)
        self._stopping = asyncio.Event()
        self._limiter = Limiter(options.rates, self._stopping)
        self._publisher = Publisher(self._source, self._way, self._pulse, self.statistics)
        self._reading = Outage("the input", self._sleep, self.statistics.side("the input"))
        self._room = WaitingRoom(self._source, self.statistics, options.patience, options.once)
        delay = 0.0 if transform.decoding else READERS_FIRST
        self._follower = Follower(store, transform.offer, self.statistics, delay) if store is not None else None
        self._books = 0  # of those that the follower handed over: how many were tried on what waits
        self._idle = False
        self._next_look = 0.0

    def stop(self) -> None:
        """Fetch no more; `run` returns when everything fetched is settled."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until told to stop, or with `once` until the input as it was at the start is through.

        Raises UnavailableError if a side does not answer within `startup_timeout` (later outages are waited for),
        MessageError at a message that cannot be transformed or written, once everything before it is settled,
        NotDrainedError if messages still wait for a template when it is told to stop, and ConfigError.
        """
        try:
            await self._start()
            while not await self._is_over():
                fetched = await self._fetch()
                while fetched:
                    portion = await self._pulse.during(self._transform(fetched))
                    await self._publisher.publish(portion)  # and settle, beside the next fetch
                    self._hold_back(portion)
                self._room.tried()
            await self._publisher.settled()
            await self._look_back()
            self._require_nothing_waiting()
        finally:
            await self._end()

    async def _start(self) -> None:
        self._heartbeat.begin()
        starting = Starting(self.options.startup_timeout, self._stopping, self._sleep)
        if self._follower is not None:
            await starting.reached(self._follower.start)
            self._follower.begin()
        topics = await starting.reached(self._source.start)
        if topics is not None:
            log.info("reading %s", ", ".join(topic.name for topic in topics))
            await self._pulse.during(starting.reached(lambda: self._way.start(topics)))

    async def _is_over(self) -> bool:
        if self._stopping.is_set():
            return True
        look = self._time_to_look()
        ask = self.options.once and (look or self._idle)
        if not (look or ask):
            return False
        try:
            async with self._reading.attempt():
                if look:
                    self._count()
                    self.statistics.lag = await self._source.lag()
                return ask and await self._source.finished()
        except StillAwayError:
            return False

    def _count(self) -> None:
        self.statistics.lost, self.statistics.rebalances = self._source.lost, self._source.rebalances

    async def _look_back(self) -> None:
        """With `once`, ask what is left: what was told before is from the first moment, and would stand at the end."""
        self._count()
        if self.options.once:
            with suppress(UnavailableError):
                self.statistics.lag = await self._source.lag()

    async def _fetch(self) -> deque[Batch]:
        """Return the next batches, none if there are none yet; the input being away is waited for."""
        self._heartbeat.beat()
        batches: list[Batch] = []
        try:
            async with self._reading.attempt():
                self._room.look()
                batches = await self._read()
        except StillAwayError:
            pass
        except MessageError:
            await self._publisher.settled()
            raise
        self._idle = not batches
        if self._idle:
            await self._publisher.settled()
        self.statistics.fetched += sum(map(len, batches))
        await self._pulse.during(self._limiter.wait(batches))
        return self._room.take(batches, self._is_longer())

    async def _read(self) -> list[Batch]:
        if self._room.blocks:
            await self._source.keep_alive()
            await self._sleep(FETCH_TIMEOUT)
            return []
        portion = self._limiter.portion(self.options.max_messages, self.options.max_bytes)
        return await self._source.fetch(*portion, FETCH_TIMEOUT)

    def _is_longer(self) -> bool:
        """Tell whether the book has grown since this was asked last."""
        if self._follower is None:
            return False
        self._follower.check()
        self._follower.searching = self._follower.searching and len(self._room) > 0
        tried, self._books = self._books, self._follower.books
        return tried < self._books

    def _hold_back(self, portion: Portion) -> None:
        if self._room.admit(portion.stuck) and self._follower is not None:
            self._follower.search_now()

    def _require_nothing_waiting(self) -> None:
        if left := len(self._room):
            raise NotDrainedError(f"stopped with {left} messages that wait for a template; they will come again", left)

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
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _end(self) -> None:
        """Close in the order in which nothing is left behind: publishing first, its source last."""
        await self._publisher.close()
        self._transform.close()
        try:
            await self._way.stop()
        finally:
            try:
                await self._source.stop()
            finally:
                if self._follower is not None:
                    await self._follower.stop()
