"""Messages to frames, or frames to messages: batch by batch, in one thread of its own.

The codec belongs to that thread; the event loop goes on with heartbeats and sockets meanwhile. Longer books are handed
in from the event loop, and taken between two batches.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
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
from aura_stream.runtime.blame import Convert, blaming
from aura_stream.runtime.burying import Burial, Screen
from aura_stream.runtime.deciding import Decision, decide
from aura_stream.runtime.portion import Portion
from aura_stream.runtime.trust import CountMethods, Trust
from aura_stream.runtime.waiting import Stuck

Adopt = Callable[[Codebook], None]

STEP: Final = 256  # messages tried at once where the ones before held a bad one: each bad one costs such a step
_DISTRUST: Final = " (nothing of this batch was published: too little of it was decoded to trust the codebook)"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusals:
    """What becomes of a message that cannot be transformed: a dead letter, or without a `burial` the worker stops.

    `passes` returns what is written among the dead letters instead of a batch that is not to be transformed at all;
    `witnesses` are frames that the codebook must know (`Trust`).
    """

    burial: Burial | None = None
    screen: Screen = field(default_factory=Screen)
    passes: Callable[[Batch], Batch | None] = lambda _batch: None
    witnesses: Sequence[bytes] = ()


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

    `convert` is `encode_batch` or `decode_batch`; it may return less than it was given, if that is very large: what
    became of the first ones, at least of one. `count_methods` counts frames by method, `adopt` takes longer books.
    Results are handed back as soon as they hold `max_bytes`. `waits`: a frame of a template or dictionary that the book
    does not have may wait for a longer one.
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
        self._trust = Trust(self._convert, count_methods, self._refusals.witnesses)
        self._offered: Codebook | None = None
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
        careful = False
        while batches and portion.bytes_out < self._max_bytes and portion.failure is None:
            batch = batches.popleft()
            if careful and len(batch) > STEP:
                batches.appendleft(batch.part(STEP, len(batch)))
                batch = batch.part(0, STEP)
            careful = self._add(batch, portion, batches)
        if portion.failure is not None:
            batches.clear()
        portion.tell()
        return portion

    def _take_offered(self) -> None:
        book, self._offered = self._offered, None
        if book is None or self._adopt is None:
            return
        try:
            self._adopt(book)
        except ValueError:  # against the contract of stores; frames of two histories must not be mixed
            log.error("the store's codebook does not go on from the one in use: it is not used; restart to take it")  # noqa: TRY400  no traceback: it is not ours

    def _add(self, batch: Batch, portion: Portion, later: deque[Batch]) -> bool:
        """Transform a batch up to its first bad message, and put back what is behind that; return whether there is one.

        The bad one is buried, or waits with all that is behind it in its partition, or is the portion's failure.
        """
        letter = self._refusals.passes(batch)
        if letter is not None:
            portion.lay(letter)
            return False
        taken, bad = self._take(batch, portion)
        if bad is None:
            _put_back(batch, taken, later)
            return False
        decision = decide(bad.error)
        if decision is Decision.PAUSE and self._waits:
            portion.stuck.append(_stuck(batch, bad, later))
        elif portion.burial is None or decision is not Decision.DEAD_LETTER or not bad.trusted:
            portion.failure = self._failure(batch, bad)
        else:
            portion.bury(batch.part(bad.row, bad.row + 1), bad.error)
            _put_back(batch, bad.row + 1, later)
        return True

    def _take(self, batch: Batch, portion: Portion) -> tuple[int, _Bad | None]:
        """Transform as much of the batch as can be published; return how many rows that are, and the first bad one."""
        refused = self._refusals.screen.refused(batch)
        bad = _Bad(refused[0], refused[1], refused[0]) if refused is not None else None
        head = batch if bad is None else batch.part(0, bad.row)
        before = _values(head)
        try:
            after = self._convert(before)
            if len(after) < len(before):
                if (bad := self._behind(head, before, len(after))) is not None:
                    return 0, bad
                head = head.part(0, _rows(head)[len(after) - 1] + 1)
                before = before[: len(after)]
        except (DecodeError, BrokenCodecError) as error:
            bad = self._found(head, before, error)
            head = head.part(0, bad.cut)
            before = _values(head)
            after = self._convert(before)
        self._publish(head, before, after, portion)
        return len(head), bad

    def _publish(self, head: Batch, before: list[bytes], after: list[bytes], portion: Portion) -> None:
        methods = self._count_methods(before if self.decoding else after)
        self._trust.passed(methods)
        portion.count(methods, sum(map(len, before)), sum(map(len, after)))
        if len(after) != len(head):
            rest_of = iter(after)
            portion.add(head, [None if value is None else next(rest_of) for value in head.values])
        else:
            portion.add(head, after)

    def _found(self, batch: Batch, values: list[bytes], error: DecodeError | BrokenCodecError) -> _Bad:
        """Return which message is bad, and how much before it can be published: nothing if too little vouches for the
        codebook."""
        if error.index is None:
            raise error  # not the fault of any one frame
        row = _rows(batch)[error.index]
        if not self.decoding or self._trust.earned:
            return _Bad(row, error, row)
        made = self._trust.made(values[: error.index])
        behind = values[error.index + 1 :] if self._refusals.burial is not None else []
        trusted = self._trust.look(made, behind).vouched
        return _Bad(row, error, row if trusted or not made else 0, trusted)

    def _behind(self, batch: Batch, values: list[bytes], done: int) -> _Bad | None:
        """Look, where only a part was decoded and nothing vouches for the codebook yet, whether the rest speaks against
        what was."""
        if not self.decoding or self._trust.earned:
            return None
        made = self._trust.made(values[:done])
        look = self._trust.look(made, values[done:])
        if look.vouched or look.bad is None or not made:
            return None
        index, error = look.bad
        return _Bad(_rows(batch)[done + index], error, 0, trusted=False)

    def _failure(self, batch: Batch, bad: _Bad) -> MessageError:
        what = "decoded" if self.decoding else "encoded"
        text = f"{_place(batch, bad.row)}: cannot be {what}: {bad.error}{bad.note}"
        return MessageError(text, str(batch.partition), batch.positions[bad.row])


def _values(batch: Batch) -> list[bytes]:
    return [value for value in batch.values if value is not None]


def _rows(batch: Batch) -> list[int]:
    """Return the rows of a batch's values that are no nulls."""
    return [row for row, value in enumerate(batch.values) if value is not None]


def _place(batch: Batch, row: int) -> str:
    return f"{batch.partition.topic} partition {batch.partition.index} position {batch.positions[row]}"


def _put_back(batch: Batch, start: int, later: deque[Batch]) -> None:
    if start < len(batch):
        later.appendleft(batch.part(start, len(batch)))


def _stuck(batch: Batch, bad: _Bad, later: deque[Batch]) -> Stuck:
    """Return what waits for a longer book, taking out of the queue what belongs behind it."""
    assert isinstance(bad.error, UnknownTemplateError | UnknownDictionaryError)
    behind = [each for each in later if each.partition == batch.partition]
    others = [each for each in later if each.partition != batch.partition]
    later.clear()
    later.extend(others)
    rest = [batch.part(bad.cut, len(batch)), *behind]
    return Stuck(batch.partition, rest, _place(batch, bad.row), batch.positions[bad.row], bad.error)
