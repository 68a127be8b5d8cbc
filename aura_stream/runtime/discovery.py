"""Discovery: reads a sample of the messages in a group of its own, learns from it, and has promoted what it finds.

It settles what it read whether it learned from it or not: skipping costs nothing but knowledge.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from aura_stream.codec import Codebook, Proposal
from aura_stream.errors import UnavailableError
from aura_stream.model import Batch
from aura_stream.ports import Source, TemplateStore
from aura_stream.runtime.affording import Drift, Means, TemplateBudget
from aura_stream.runtime.checkpoint import Checkpoint, Saved
from aura_stream.runtime.learning import Learner, Measure
from aura_stream.runtime.promoting import Promoting, StorePromoter
from aura_stream.runtime.pulse import Heartbeat, Pulse
from aura_stream.runtime.retry import Outage, StillAwayError
from aura_stream.runtime.serial import SerialSource
from aura_stream.runtime.starting import Starting
from aura_stream.runtime.statistics import Statistics

T = TypeVar("T")
Tell = Callable[[Sequence[str]], None]

FETCH_TIMEOUT: Final = 0.5  # seconds
FOLLOW_EVERY: Final = 1.0  # seconds: others promote too, and a lost store is ours to mend
LAG_EVERY: Final = 3.0
SAVE_EVERY: Final = 60.0
LAST_ROUNDS: Final = 3  # proposals at the end of the input, with `once`: each may build on the one before

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DiscoveryLimits:
    """What a discovery may use; durations in seconds, `sample` in messages a second, `budget` in templates an hour."""

    once: bool = False
    sample: int = 2000
    cpu: float = 0.5
    interval: float = 5.0
    drift: float = 0.05
    budget: int = 5000
    max_messages: int = 5000
    max_bytes: int = 4 * 2**20
    startup_timeout: float = 30.0


class Discovery:
    """Learns from a source for a store. Runs once; `statistics` tell how far it is.

    `promoting` stands for the store where proposals go elsewhere. `tell` hears why each proposal is what it is.
    """

    def __init__(
        self,
        source: Source,
        store: TemplateStore,
        learner: Callable[[bytes | None], Learner],
        limits: DiscoveryLimits,
        checkpoint: Checkpoint,
        promoting: Promoting | None = None,
        heartbeat: Heartbeat | None = None,
        tell: Tell | None = None,
    ) -> None:
        self._source = SerialSource(source)
        self._store = store
        self._learner_of = learner
        self._limits = limits
        self._checkpoint = checkpoint
        self._stopping = asyncio.Event()
        self._promoting = promoting or StorePromoter(store, self._sleep, self._stopping.is_set)
        self._heartbeat = heartbeat or Heartbeat(None)
        self._tell = tell
        self.statistics = Statistics()
        self._pulse = Pulse(self._source, self._heartbeat)
        side = self.statistics.side("the input")
        self._outage = Outage("the input", self._sleep, side)
        self._settling = Outage("the input", asyncio.sleep, side)  # which ends with the drain's deadline
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aura-learning")
        self._means = Means(limits.sample, limits.cpu, time.monotonic(), time.process_time())
        self._drift = Drift(limits.drift)
        self._due = dict.fromkeys((self._follow, self._ask_lag, self._save), 0.0)
        self._next_proposal = 0.0
        self._reading_until = 0.0  # no proposal before that: half of the time, at least, goes into reading on
        self._learned = 0  # messages since the last proposal
        self._falling_behind = False

    def stop(self) -> None:
        """Fetch no more; `run` returns when what was fetched is learned and settled."""
        self._stopping.set()

    async def run(self) -> None:
        """Learn until told to stop, or with `once` until the input as it was at the start is through.

        Raises UnavailableError if a side does not answer within `startup_timeout` (later outages are waited for),
        MessageError for a message that cannot even be read, CodebookError and ConfigError.
        """
        try:
            if await self._start():
                while not await self._is_over():
                    await self._learn(await self._fetch())
                    await self._look_around()
                    await self._propose_in_time()
                await self._conclude()
        finally:
            await self._end()

    async def _start(self) -> bool:
        """Return whether everything is there."""
        self._heartbeat.begin()
        saved = self._checkpoint.open()
        self._budget = TemplateBudget(self._limits.budget, *((saved.at, saved.left) if saved else (time.time(),)))
        self._learner = self._learner_of(saved.miner if saved else None)
        starting = Starting(self._limits.startup_timeout, self._stopping, self._sleep)
        book = await starting.reached(self._open_store)
        topics = await starting.reached(self._source.start)
        if book is None or topics is None:
            return False
        self._take(book)
        now = time.monotonic()
        self._next_proposal = now + self._limits.interval
        self._due[self._save] = now + SAVE_EVERY
        log.info("learning from %s", ", ".join(topic.name for topic in topics))
        return True

    async def _open_store(self) -> Codebook:
        await self._store.stop()  # what an attempt before left open
        return await self._store.start()

    def _take(self, book: Codebook) -> None:
        self._book = book
        newest = book.newest
        self.statistics.generations = len(book.generations)
        self.statistics.templates = len(newest.templates) if newest is not None else 0
        self.statistics.store = self._store.status

    async def _is_over(self) -> bool:
        if self._stopping.is_set():
            return True
        try:
            async with self._outage.attempt():
                return self._limits.once and await self._source.finished()
        except StillAwayError:
            return False

    async def _fetch(self) -> list[Batch]:
        """Return what comes next. With more computed than there is time for, rest first, unless that falls behind."""
        self._heartbeat.beat()
        self._means.refill(time.monotonic(), time.process_time())
        if self._means.rest and not self._limits.once and not self._falling_behind:
            await self._sleep(self._means.rest)
        limits = self._limits
        try:
            async with self._outage.attempt():
                batches = await self._source.fetch(limits.max_messages, limits.max_bytes, FETCH_TIMEOUT)
        except StillAwayError:
            return []
        self.statistics.fetched += sum(map(len, batches))
        return batches

    async def _learn(self, batches: list[Batch]) -> None:
        """Learn from as many as can be afforded, and settle all."""
        messages = [value for batch in batches for value in batch.values if value]
        sample = messages if self._limits.once else self._means.take(messages)
        if sample:
            measure = await self._in_thread(lambda: self._learner.observe(self._book, sample))
            self._note(measure, len(sample))
        if batches:
            await self._pulse.during(self._settling.outlast(lambda: self._source.settle(batches)))
            self.statistics.settled += sum(map(len, batches))

    def _note(self, measure: Measure, learned: int) -> None:
        self._learned += learned
        self.statistics.learned += learned
        self.statistics.methods["template"] += measure.by_template
        self.statistics.methods["raw"] += measure.messages - measure.by_template
        self._drift.note(measure.messages, measure.saved)

    async def _look_around(self) -> None:
        now = time.monotonic()
        for look, every in ((self._follow, FOLLOW_EVERY), (self._ask_lag, LAG_EVERY), (self._save, SAVE_EVERY)):
            if now >= self._due[look]:
                await look()
                self._due[look] = time.monotonic() + every

    async def _follow(self) -> None:
        """Learn what others promoted, and mend the store if it is lost."""
        self._take(await self._pulse.during(self._asked()))
        if self._store.status.state == "lost":
            self._take(await self._pulse.during(self._promoting.mend(self._book)))

    async def _asked(self) -> Codebook:
        try:
            return await self._store.follow()
        except UnavailableError as error:
            log.debug("the store cannot be followed: %s", error)
            return self._book

    async def _ask_lag(self) -> None:
        before = self.statistics.lag
        with suppress(UnavailableError):  # the next fetch meets the same and says so
            self.statistics.lag = await self._source.lag()
        lag = self.statistics.lag
        self._falling_behind = lag is not None and before is not None and lag > before + self._limits.sample

    async def _propose_in_time(self) -> None:
        """Propose what was found: on schedule, at once where drift shows, and never on credit."""
        now = time.monotonic()
        if not self._learned or now < self._reading_until or (self._means.in_debt and not self._limits.once):
            return
        if self._drift.fell:
            recent, usual = 100 * self._drift.recent, 100 * self._drift.long
            log.info("drift: %.1f%% of bytes are saved, and it was %.1f%%", recent, usual)
            await self._propose()
        elif now >= self._next_proposal and not self._limits.once:
            await self._propose()

    async def _propose(self) -> bool:
        """Propose once; return whether anything was found."""
        self._learned = 0
        self._drift.accept()
        began, computed = time.monotonic(), time.process_time()
        proposal = await self._in_thread(lambda: self._learner.propose(self._book))
        if self._tell is not None:
            self._tell(await self._in_thread(self._learner.explain))
        found = await self._promote(proposal, time.process_time() - computed) if proposal else False
        now = time.monotonic()
        self._next_proposal, self._reading_until = now + self._limits.interval, now + (now - began)
        return found

    async def _promote(self, proposal: Proposal, seconds: float) -> bool:
        self._budget.refill(time.time())
        allowed = self._budget.cut(proposal, self._book.newest)
        if len(allowed.templates) < len(proposal.templates):
            refused = len(proposal.templates) - len(allowed.templates)
            log.warning("%d templates are refused: the budget is %d an hour", refused, self._limits.budget)
        if not allowed.templates and not allowed.dictionary:  # an opening without any would be empty
            return False
        before = self._book
        self._take(await self._pulse.during(self._promoting.promote(allowed, before)))
        if self._book is before:
            return False
        fresh = _fresh(before, self._book)
        self._budget.spend(fresh)
        self.statistics.promoted += fresh
        log.info(
            "promoted %d templates: generation %d holds %d now (%.1f%% of bytes were saved before, found in %.2f s)",
            fresh, len(self._book.generations) - 1, self.statistics.templates, 100 * self._drift.recent, seconds,
        )  # fmt: skip
        return True

    async def _conclude(self) -> None:
        """With `once` and all the input learned from, propose to the end."""
        if self._limits.once and not self._stopping.is_set() and self.statistics.learned:
            for _ in range(LAST_ROUNDS):
                if not await self._propose():
                    break
        if self._limits.once:
            await self._ask_lag()  # what is left, not what was there at the beginning
        await self._save()

    async def _save(self) -> None:
        snapshot = await self._in_thread(self._learner.snapshot)
        saved = Saved(self._budget.left, time.time(), snapshot)
        await self._pulse.during(asyncio.to_thread(self._checkpoint.save, saved))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        async def done() -> T:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

        return await self._pulse.during(done())

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until we are told to stop."""
        self._heartbeat.beat()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _end(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._checkpoint.close()
        try:
            await self._source.stop()
        finally:
            await self._store.stop()


def _fresh(before: Codebook, after: Codebook) -> int:
    """Count the templates of the newest generation that were in no newest one before."""
    known = before.newest.digests if before.newest is not None else frozenset()
    return len(after.newest.digests - known) if after.newest is not None else 0
