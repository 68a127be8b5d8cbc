"""Messages to frames, or frames to messages: batch by batch, in one thread of its own.

The codec belongs to that thread; the event loop goes on with heartbeats and sockets meanwhile. Longer books are handed
in from the event loop, and taken between two batches.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from aura_stream.codec import Codebook
from aura_stream.errors import DecodeError, MessageError, UnknownDictionaryError, UnknownTemplateError
from aura_stream.model import Batch
from aura_stream.runtime.waiting import Stuck

Convert = Callable[[list[bytes]], list[bytes]]
CountMethods = Callable[[Sequence[bytes]], Mapping[str, int]]
Adopt = Callable[[Codebook], None]

STEP: Final = 256  # frames decoded between two looks at how much has become of them
VOUCHERS: Final = 4
"""Frames that must have passed their check before a batch with a bad frame is published up to that frame: with the
wrong codebook one frame in 256 passes a check of one byte, four in a row once in 2^32."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Transformed:
    """Batches ready to be published, what must wait for a longer book, and why nothing comes after them, if so."""

    batches: list[Batch] = field(default_factory=list)
    stuck: list[Stuck] = field(default_factory=list)
    failure: MessageError | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    methods: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a batch ends that can be published: before `row`; `good` are the values there, `place` the bad frame's."""

    row: int
    good: list[bytes]
    place: str
    position: int | str
    note: str


class Transform:
    """Applies one direction of a codec to batches; nulls pass by.

    `convert` is `encode_batch` or `decode_batch`, `count_methods` counts frames by method, `adopt` takes longer books.
    Results are handed back as soon as they hold `max_bytes`, so that frames that become very large do not fill the
    memory. `waits`: a frame of a template or dictionary that the book does not have may wait for a longer one.
    """

    def __init__(
        self,
        convert: Convert,
        count_methods: CountMethods,
        decoding: bool,
        max_bytes: int,
        adopt: Adopt | None = None,
        waits: bool = False,
    ) -> None:
        self._convert = convert
        self._count_methods = count_methods
        self.decoding = decoding
        self._max_bytes = max_bytes
        self._adopt = adopt
        self._waits = waits
        self._offered: Codebook | None = None
        self._vouchers = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aura-codec")

    def offer(self, book: Codebook) -> None:
        """Hand in a longer book; the next batch is transformed with it."""
        self._offered = book

    async def __call__(self, batches: deque[Batch]) -> Transformed:
        """Take batches from the left of the queue and transform them; after a failure the queue is empty."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.transform, batches)

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def transform(self, batches: deque[Batch]) -> Transformed:
        """Do the same in the calling thread."""
        self._take_offered()
        done = Transformed()
        while batches and done.bytes_out < self._max_bytes and done.failure is None:
            batch = batches.popleft()
            if self.decoding and self._vouchers >= VOUCHERS and len(batch) > STEP:
                batches.appendleft(batch.part(STEP, len(batch)))
                batch = batch.part(0, STEP)
            self._add(batch, done, batches)
        if done.failure is not None:
            batches.clear()
        return done

    def _take_offered(self) -> None:
        book, self._offered = self._offered, None
        if book is None or self._adopt is None:
            return
        try:
            self._adopt(book)
        except ValueError:  # against the contract of stores; frames of two histories must not be mixed
            log.error("the store's codebook does not go on from the one in use: it is not used; restart to take it")  # noqa: TRY400  no traceback: it is not ours

    def _add(self, batch: Batch, done: Transformed, later: deque[Batch]) -> None:
        before = [value for value in batch.values if value is not None]
        try:
            after = self._convert(before)
        except DecodeError as error:
            cut = self._cut(batch, before, error)
            if self._waits and isinstance(error, UnknownTemplateError | UnknownDictionaryError):
                rest = [batch.part(cut.row, len(batch)), *_taken_out(batch, later)]
                done.stuck.append(Stuck(batch.partition, rest, cut.place, cut.position, error))
            else:
                done.failure = _failure(batch, cut, error)
            batch, before = batch.part(0, cut.row), cut.good
            after = self._convert(before)
        self._count(before, after, done)
        if len(after) != len(batch):
            rest_of = iter(after)
            done.batches.append(batch.with_values([None if value is None else next(rest_of) for value in batch.values]))
        elif batch.values:
            done.batches.append(batch.with_values(after))

    def _cut(self, batch: Batch, values: list[bytes], error: DecodeError) -> _Cut:
        """Return what of the batch stands before the bad frame; nothing if too little vouches for the codebook."""
        if error.index is None:
            raise error  # not the fault of any one frame
        rows = [row for row, value in enumerate(batch.values) if value is not None]
        bad = rows[error.index]
        row, good, note = bad, values[: error.index], ""
        if 0 < self._made(good) < VOUCHERS - self._vouchers:
            row, good = 0, []
            note = " (nothing of this batch was published: too little of it was decoded to trust the codebook)"
        position = batch.positions[bad]
        place = f"{batch.partition.topic} partition {batch.partition.index} position {position}"
        return _Cut(row, good, place, position, note)

    def _made(self, frames: list[bytes]) -> int:
        """Count the frames that only a codebook could have made."""
        return sum(count for method, count in self._count_methods(frames).items() if method != "raw")

    def _count(self, before: list[bytes], after: list[bytes], done: Transformed) -> None:
        methods = self._count_methods(before if self.decoding else after)
        self._vouchers += sum(count for method, count in methods.items() if method != "raw")
        done.methods.update(methods)
        done.bytes_in += sum(map(len, before))
        done.bytes_out += sum(map(len, after))


def _taken_out(batch: Batch, later: deque[Batch]) -> list[Batch]:
    """Take out of the queue what belongs behind the batch, in its partition."""
    behind = [each for each in later if each.partition == batch.partition]
    others = [each for each in later if each.partition != batch.partition]
    later.clear()
    later.extend(others)
    return behind


def _failure(batch: Batch, cut: _Cut, error: DecodeError) -> MessageError:
    return MessageError(f"{cut.place}: cannot be decoded: {error}{cut.note}", str(batch.partition), cut.position)
