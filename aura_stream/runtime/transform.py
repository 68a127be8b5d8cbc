"""Messages to frames, or frames to messages: batch by batch, in one thread of its own.

The codec belongs to that thread; the event loop goes on with heartbeats and sockets meanwhile. Longer books are handed
in from the event loop, and taken between two batches.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from aura_stream.codec import Codebook
from aura_stream.errors import (
    AuraError,
    BrokenCodecError,
    DecodeError,
    MessageError,
    UnknownDictionaryError,
    UnknownTemplateError,
)
from aura_stream.model import Batch
from aura_stream.runtime.blame import Convert, blaming, vouched
from aura_stream.runtime.burying import Burial, Screen
from aura_stream.runtime.deciding import Decision, decide
from aura_stream.runtime.portion import Portion
from aura_stream.runtime.waiting import Stuck

CountMethods = Callable[[Sequence[bytes]], Mapping[str, int]]
Adopt = Callable[[Codebook], None]

STEP: Final = 256  # frames decoded between two looks at how much has become of them
VOUCHERS: Final = 4
"""Frames that must have passed their check before a batch with a bad frame is published up to that frame: with the
wrong codebook one frame in 256 passes a check of one byte, four in a row once in 2^32."""
_DISTRUST: Final = " (nothing of this batch was published: too little of it was decoded to trust the codebook)"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusals:
    """What becomes of a message that cannot be transformed: a dead letter, or without a `burial` the worker stops."""

    burial: Burial | None = None
    screen: Screen = field(default_factory=Screen)


@dataclass(frozen=True, slots=True)
class _Bad:
    """The first message of a batch that cannot be transformed; what stands before row `cut` is published.

    `trusted`: enough was decoded to tell that it is this message's fault, and not the codebook's.
    """

    row: int
    error: AuraError
    cut: int
    trusted: bool = True

    @property
    def note(self) -> str:
        return _DISTRUST if self.cut < self.row else ""


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
        refusals: Refusals | None = None,
    ) -> None:
        self._convert = blaming(convert)
        self._count_methods = count_methods
        self.decoding = decoding
        self._max_bytes = max_bytes
        self._adopt = adopt
        self._waits = waits
        self._refusals = refusals or Refusals()
        self._offered: Codebook | None = None
        self._vouchers = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aura-codec")

    def offer(self, book: Codebook) -> None:
        """Hand in a longer book; the next batch is transformed with it."""
        self._offered = book

    async def __call__(self, batches: deque[Batch]) -> Portion:
        """Take batches from the left of the queue and transform them; after a failure the queue is empty."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.transform, batches)

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def transform(self, batches: deque[Batch]) -> Portion:
        """Do the same in the calling thread."""
        self._take_offered()
        portion = Portion(self._refusals.burial)
        while batches and portion.bytes_out < self._max_bytes and portion.failure is None:
            batch = batches.popleft()
            if self.decoding and self._vouchers >= VOUCHERS and len(batch) > STEP:
                batches.appendleft(batch.part(STEP, len(batch)))
                batch = batch.part(0, STEP)
            self._add(batch, portion, batches)
        if portion.failure is not None:
            batches.clear()
        return portion

    def _take_offered(self) -> None:
        book, self._offered = self._offered, None
        if book is None or self._adopt is None:
            return
        try:
            self._adopt(book)
        except ValueError:  # against the contract of stores; frames of two histories must not be mixed
            log.error("the store's codebook does not go on from the one in use: it is not used; restart to take it")  # noqa: TRY400  no traceback: it is not ours

    def _add(self, batch: Batch, portion: Portion, later: deque[Batch]) -> None:
        """Transform a batch to its end, burying what is bad, or to where it gets stuck or fails."""
        while (bad := self._take(batch, portion)) is not None:
            decision = decide(bad.error)
            if decision is Decision.PAUSE and self._waits:
                assert isinstance(bad.error, UnknownTemplateError | UnknownDictionaryError)
                rest = [batch.part(bad.cut, len(batch)), *_taken_out(batch, later)]
                position = batch.positions[bad.row]
                portion.stuck.append(Stuck(batch.partition, rest, _place(batch, bad.row), position, bad.error))
                return
            if portion.burial is None or decision is not Decision.DEAD_LETTER or not bad.trusted:
                portion.failure = self._failure(batch, bad)
                return
            portion.bury(batch.part(bad.row, bad.row + 1), bad.error)
            batch = batch.part(bad.row + 1, len(batch))

    def _take(self, batch: Batch, portion: Portion) -> _Bad | None:
        """Transform as much of the batch as can be published; return the first that is bad, None if none is."""
        refused = self._refusals.screen.refused(batch)
        bad = _Bad(refused[0], refused[1], refused[0]) if refused is not None else None
        head = batch if bad is None else batch.part(0, bad.row)
        before = _values(head)
        try:
            after = self._convert(before)
        except (DecodeError, BrokenCodecError) as error:
            bad = self._found(head, before, error)
            head = head.part(0, bad.cut)
            before = _values(head)
            after = self._convert(before)
        self._count(before, after, portion)
        if len(after) != len(head):
            rest_of = iter(after)
            portion.add(head, [None if value is None else next(rest_of) for value in head.values])
        else:
            portion.add(head, after)
        return bad

    def _found(self, batch: Batch, values: list[bytes], error: DecodeError | BrokenCodecError) -> _Bad:
        """Return which message is bad, and how much before it can be published: nothing if too little vouches for the
        codebook."""
        if error.index is None:
            raise error  # not the fault of any one frame
        rows = [row for row, value in enumerate(batch.values) if value is not None]
        row = rows[error.index]
        if not self.decoding:
            return _Bad(row, error, row)
        made, missing = self._made(values[: error.index]), VOUCHERS - self._vouchers
        trusted = made >= missing
        if not trusted and self._refusals.burial is not None:
            trusted = vouched(self._convert, values[error.index + 1 :], self._made, missing - made)
        return _Bad(row, error, row if trusted or not made else 0, trusted)

    def _made(self, frames: Sequence[bytes]) -> int:
        """Count the frames that only a codebook could have made."""
        return sum(count for method, count in self._count_methods(frames).items() if method != "raw")

    def _count(self, before: list[bytes], after: list[bytes], portion: Portion) -> None:
        methods = self._count_methods(before if self.decoding else after)
        self._vouchers += sum(count for method, count in methods.items() if method != "raw")
        portion.methods.update(methods)
        portion.bytes_in += sum(map(len, before))
        portion.bytes_out += sum(map(len, after))

    def _failure(self, batch: Batch, bad: _Bad) -> MessageError:
        what = "decoded" if self.decoding else "encoded"
        text = f"{_place(batch, bad.row)}: cannot be {what}: {bad.error}{bad.note}"
        return MessageError(text, str(batch.partition), batch.positions[bad.row])


def _values(batch: Batch) -> list[bytes]:
    return [value for value in batch.values if value is not None]


def _place(batch: Batch, row: int) -> str:
    return f"{batch.partition.topic} partition {batch.partition.index} position {batch.positions[row]}"


def _taken_out(batch: Batch, later: deque[Batch]) -> list[Batch]:
    """Take out of the queue what belongs behind the batch, in its partition."""
    behind = [each for each in later if each.partition == batch.partition]
    others = [each for each in later if each.partition != batch.partition]
    later.clear()
    later.extend(others)
    return behind
