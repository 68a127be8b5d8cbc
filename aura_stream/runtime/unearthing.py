"""Dead letters as a source of the messages that they are: from where those came, and settled where they lie now."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

from aura_stream.model import Batch, Note, Partition, Topic
from aura_stream.ports import Source

Unmark = Callable[[Batch], tuple[Batch, Sequence[bytes | None]]]  # `KeepsDeadLetters.unmarked`
LOOK_AGAIN: Final = 10.0  # seconds between two looks whether somebody else has settled what we wait for


@dataclass(frozen=True, slots=True)
class Plan:
    """Which dead letters are to be replayed: of those that lie there now, so that none is replayed twice.

    `ends` are the last ones, `total` counts all up to them. `names` tells for each topic of dead letters an input whose
    letters go there. `mine` tells whether a letter with this note is to be replayed; the others are laid behind the
    ends again, as they are.
    """

    ends: Mapping[Partition, int | str]
    total: int
    names: Mapping[str, str]
    mine: Callable[[Note | None], bool]


@dataclass(slots=True, eq=False)
class _Run:
    """Letters that lie side by side and were handed out as one batch, in parts perhaps."""

    letters: Batch
    aside: bool
    settled: int = 0  # on the other side of the bridge
    closed: int = 0  # where they lie, too


@dataclass(slots=True)
class _Place:
    """One partition of a place for dead letters: what was handed out of it and is not settled, in order."""

    runs: deque[_Run] = field(default_factory=deque)
    reached: bool = False  # its end was handed out


class Unearthed:
    """A `Source` over another one, which reads dead letters. `inputs` are the topics that it stands in for.

    Each batch has the partition and the positions that its messages came from; its epoch tells which letters they are.
    Letters of one place may be settled in any order (a message can wait for its template), and their places cannot, so
    what is settled there is always a beginning. `still_there` tells which ends of the plan are not settled by anybody.
    """

    def __init__(
        self,
        source: Source,
        unmark: Unmark,
        plan: Plan,
        inputs: Sequence[Topic],
        still_there: Callable[[], Awaitable[Collection[Partition]]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._unmark = unmark
        self._plan = plan
        self._inputs = inputs
        self._still_there = still_there
        self._clock = clock
        self._next_look = 0.0
        self._serial = 0
        self._runs: dict[int, _Run] = {}
        self._places: dict[Partition, _Place] = {}
        self._settled = 0
        self.laid_aside = 0  # settled without being replayed: written again as they were
        self.through = False  # nothing of the plan is left

    @property
    def remaining(self) -> int:
        """How many of the planned letters are not settled yet."""
        return 0 if self.through else self._plan.total - self._settled

    async def start(self) -> Sequence[Topic]:
        """Connect to where the letters lie, and return the inputs that the messages came from."""
        await self._source.start()
        self._runs.clear()
        self._places = {place: _Place() for place in self._plan.ends}
        self._next_look = self._clock() + LOOK_AGAIN
        return self._inputs

    async def fetch(self, max_messages: int, max_bytes: int, timeout: float) -> list[Batch]:
        """Return messages of the plan; what was buried since is left where it is."""
        batches = await self._source.fetch(max_messages, max_bytes, timeout)
        self._forget_lost()
        return [handed_out for batch in batches for handed_out in self._hand_out(self._up_to_end(batch))]

    def owns(self, batch: Batch) -> bool:
        run = self._runs.get(batch.epoch)
        return run is not None and self._source.owns(run.letters)

    def passes(self, batch: Batch) -> Batch | None:
        """Return the batch if it is not to be replayed, but written among the dead letters as it is; see `Refusals`."""
        run = self._runs.get(batch.epoch)
        return batch if run is not None and run.aside else None

    async def settle(self, batches: Sequence[Batch]) -> None:
        more: Counter[int] = Counter()
        for batch in batches:
            if batch.epoch in self._runs:
                more[batch.epoch] += len(batch)
        beginnings = self._beginnings(more)
        await self._source.settle(  # may fail, and is then asked for again
            [run.letters.part(run.closed, end) for run, end in beginnings]
        )
        for run, end in beginnings:
            run.closed = end
        for serial, count in more.items():
            run = self._runs[serial]
            run.settled += count
            self._settled += count
            self.laid_aside += count if run.aside else 0
        self._forget_closed()

    async def keep_alive(self) -> None:
        await self._source.keep_alive()

    async def finished(self) -> bool:
        """Tell whether all of the plan is settled, by us or by somebody else who replays the same."""
        places = self._places.values()
        if any(place.runs for place in places):
            return False
        if self._clock() >= self._next_look and not all(place.reached for place in places):
            left = await self._still_there()
            self._next_look = self._clock() + LOOK_AGAIN
            self._places = {name: place for name, place in self._places.items() if place.reached or name in left}
        self.through = all(place.reached for place in self._places.values())
        return self.through

    async def lag(self) -> int | None:
        return self.remaining

    async def stop(self) -> None:
        await self._source.stop()

    def _up_to_end(self, batch: Batch) -> Batch:
        place = self._places.get(batch.partition)
        if place is None or place.reached:
            return batch.part(0, 0)
        end = self._plan.ends[batch.partition]
        if end not in batch.positions:
            return batch
        place.reached = True
        return batch.part(0, list(batch.positions).index(end) + 1)

    def _hand_out(self, letters: Batch) -> list[Batch]:
        """Cut letters into runs of messages that came from one partition, or are not to be replayed."""
        plain, marks = self._unmark(letters)
        notes = [None if mark is None else Note.from_bytes(mark) for mark in marks]
        batches = []
        for origin, rows in groupby(range(len(letters)), lambda row: self._origin(notes[row])):
            first, *rest = rows
            stop = first + 1 + len(rest)
            self._serial += 1
            run = self._runs[self._serial] = _Run(letters.part(first, stop), aside=origin is None)
            self._places[letters.partition].runs.append(run)
            if origin is None:
                name = self._plan.names[letters.partition.topic]
                partition = Partition(name, letters.partition.index)
                batches.append(replace(run.letters, partition=partition, epoch=self._serial))
            else:
                known = [note for note in notes[first:stop] if note is not None]
                batches.append(as_they_came(plain.part(first, stop), known, self._serial))
        return batches

    def _origin(self, note: Note | None) -> Partition | None:
        return Partition(note.topic, note.partition) if note is not None and self._plan.mine(note) else None

    def _beginnings(self, more: Mapping[int, int]) -> list[tuple[_Run, int]]:
        """Return the runs that can be settled where they lie, and up to which letter, once `more` of them are."""
        serials = {run: serial for serial, run in self._runs.items()}
        ready = []
        for place in self._places.values():
            for run in place.runs:
                settled = run.settled + more.get(serials[run], 0)
                if settled > run.closed:
                    ready.append((run, settled))
                if settled < len(run.letters):
                    break
        return ready

    def _forget_closed(self) -> None:
        for place in self._places.values():
            while place.runs and place.runs[0].closed == len(place.runs[0].letters):
                place.runs.popleft()
        kept = {run for place in self._places.values() for run in place.runs}
        self._runs = {serial: run for serial, run in self._runs.items() if run in kept}

    def _forget_lost(self) -> None:
        """Forget what belongs to somebody else now: from there on it comes again, to them or to us."""
        for place in self._places.values():
            lost = [run for run in place.runs if not self._source.owns(run.letters)]
            if lost:
                place.reached = False
                self._settled -= sum(run.settled - run.closed for run in lost)
                place.runs = deque(run for run in place.runs if self._source.owns(run.letters))
        self._forget_closed()


def as_they_came(messages: Batch, notes: Sequence[Note], serial: int = 0) -> Batch:
    """Return messages, all of one partition, as they came in the first time; they are handed out once more now."""
    partition = Partition(notes[0].topic, notes[0].partition)
    positions = [note.position for note in notes]
    attempts = [note.attempts + 1 for note in notes]
    return replace(messages, partition=partition, positions=positions, epoch=serial, attempts=attempts)
