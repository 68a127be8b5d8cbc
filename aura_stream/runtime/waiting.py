"""What waits for a template that the book does not have yet: held back by partition, tried again with each longer book.

Never a guess, and never a dead letter: the entry is in the store, or on its way to it. Meanwhile the partition is not
fetched further, and the others go on.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from aura_stream.errors import MessageError, UnknownDictionaryError, UnknownTemplateError
from aura_stream.model import Batch, Partition
from aura_stream.runtime.serial import SerialSource
from aura_stream.runtime.statistics import Statistics

HINT: Final = (
    "do namespace, store and journal here name those that it was written with? `aura-stream templates verify` looks"
)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Stuck:
    """The batches of one partition from a frame on that names what the book does not have; `place` is that frame's."""

    partition: Partition
    batches: list[Batch]
    place: str
    position: int | str
    error: UnknownTemplateError | UnknownDictionaryError

    @property
    def missing(self) -> tuple[int, int | None]:
        """Generation and number of what it waits for; the number is None for a dictionary."""
        return self.error.generation, self.error.number

    def __len__(self) -> int:
        return sum(map(len, self.batches))


@dataclass(slots=True)
class _Wait:
    """One partition that waits, since when, and whether it was said that it may take long."""

    stuck: Stuck
    since: float
    told: bool = field(default=False)


class WaitingRoom:
    """Holds stuck partitions. `patience` in seconds: after it they count as paused, or with `once` the run fails.

    The worker asks `look` and `take` around each fetch, and calls `admit` and `tried` once that was transformed.
    """

    def __init__(
        self,
        source: SerialSource,
        statistics: Statistics,
        patience: float,
        once: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._statistics = statistics
        self._patience = patience
        self._once = once
        self._clock = clock
        self._waits: dict[Partition, _Wait] = {}
        self._released: dict[Partition, _Wait] = {}  # being tried again

    @property
    def blocks(self) -> bool:
        """Whether nothing at all may be fetched, because the source cannot leave out a partition."""
        return bool(self._waits) and not self._source.can_pause

    def __len__(self) -> int:
        return sum(len(wait.stuck) for wait in self._waits.values())

    def take(self, fetched: Iterable[Batch], longer: bool) -> deque[Batch]:
        """Return what can be transformed now: with a longer book all that waits, and what is not behind it."""
        self._let_go()  # of an assignment that ended during the fetch: what came of the next one is not behind it
        ready: deque[Batch] = deque()
        if longer:
            self._released, self._waits = self._waits, {}
            ready.extend(batch for wait in self._released.values() for batch in wait.stuck.batches)
        for batch in fetched:
            wait = self._waits.get(batch.partition)
            if wait is None:
                ready.append(batch)
            else:
                wait.stuck.batches.append(batch)
        return ready

    def admit(self, stuck: Iterable[Stuck]) -> bool:
        """Hold back what got stuck, and have no more of it fetched. Return whether anything new is missing."""
        news = False
        for each in stuck:
            before = self._released.pop(each.partition, None)
            if before is not None and before.stuck.missing == each.missing:
                self._waits[each.partition] = _Wait(each, before.since, before.told)
            else:
                log.warning("%s: waiting for %s", each.place, _missing(each))
                self._waits[each.partition] = _Wait(each, self._clock())
                news = True
            self._source.pause(each.partition)
        self._statistics.waiting = len(self)
        return news

    def tried(self) -> None:
        """Let what did not get stuck again be fetched further."""
        for partition in self._released:
            self._source.resume(partition)
            log.info("%s: what was missing has arrived, going on", partition)
        self._released.clear()

    def look(self) -> None:
        """Let go of what is not ours any more, and tell of what waits too long. With `once` raise MessageError then."""
        self._let_go()
        for wait in self._waits.values():
            if not wait.told and self._clock() - wait.since >= self._patience:
                wait.told = True
                self._overdue(wait.stuck)
        self._statistics.waiting = len(self)

    def _let_go(self) -> None:
        """Drop what is not ours any more. Its partition may be: there it comes again, and must not stay paused."""
        for partition, wait in list(self._waits.items()):
            if not all(map(self._source.owns, wait.stuck.batches)):
                del self._waits[partition]
                self._source.resume(partition)
                self._statistics.dropped += len(wait.stuck)
                log.info("left to its new owner: %s", partition)

    def _overdue(self, stuck: Stuck) -> None:
        missing = _missing(stuck)
        if self._once:
            what = f"cannot be decoded: {missing} did not arrive within {self._patience:g} s; {HINT}"
            raise MessageError(f"{stuck.place}: {what}", str(stuck.partition), stuck.position)
        log.error(
            "%s: paused: %s did not arrive within %g s; the other partitions go on, and this one as soon as the store "
            "has it",
            stuck.place,
            missing,
            self._patience,
        )


def _missing(stuck: Stuck) -> str:
    generation, number = stuck.missing
    return f"the dictionary of generation {generation}" if number is None else f"template {generation}-{number}"
