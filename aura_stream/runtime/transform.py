"""Messages to frames, or frames to messages: batch by batch, in one thread of its own.

The codec belongs to that thread; the event loop goes on with heartbeats and sockets meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from aura_stream.errors import DecodeError, MessageError
from aura_stream.model import Batch

Convert = Callable[[list[bytes]], list[bytes]]
CountMethods = Callable[[Sequence[bytes]], Mapping[str, int]]

STEP: Final = 256  # frames decoded between two looks at how much has become of them
VOUCHERS: Final = 4
"""Frames that must have passed their check before a batch with a bad frame is published up to that frame: with the
wrong codebook one frame in 256 passes a check of one byte, four in a row once in 2^32."""


@dataclass(slots=True)
class Transformed:
    """Batches ready to be published, and why nothing comes after them, if so."""

    batches: list[Batch] = field(default_factory=list)
    failure: MessageError | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    methods: Counter[str] = field(default_factory=Counter)


class Transform:
    """Applies one direction of a codec to batches; nulls pass by.

    `convert` is `encode_batch` or `decode_batch`, `count_methods` counts frames by method. Results are handed back
    as soon as they hold `max_bytes`, so that frames that become very large do not fill the memory.
    """

    def __init__(self, convert: Convert, count_methods: CountMethods, decoding: bool, max_bytes: int) -> None:
        self._convert = convert
        self._count_methods = count_methods
        self.decoding = decoding
        self._max_bytes = max_bytes
        self._vouchers = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aura-codec")

    async def __call__(self, batches: deque[Batch]) -> Transformed:
        """Take batches from the left of the queue and transform them; after a failure the queue is empty."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.transform, batches)

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def transform(self, batches: deque[Batch]) -> Transformed:
        """Do the same in the calling thread."""
        done = Transformed()
        while batches and done.bytes_out < self._max_bytes and done.failure is None:
            batch = batches.popleft()
            if self.decoding and self._vouchers >= VOUCHERS and len(batch) > STEP:
                batches.appendleft(batch.part(STEP, len(batch)))
                batch = batch.part(0, STEP)
            self._add(batch, done)
        if done.failure is not None:
            batches.clear()
        return done

    def _add(self, batch: Batch, done: Transformed) -> None:
        before = [value for value in batch.values if value is not None]
        try:
            after = self._convert(before)
        except DecodeError as error:
            batch, before, done.failure = self._before_failure(batch, before, error)
            after = self._convert(before)
        self._count(before, after, done)
        if len(after) != len(batch):
            rest = iter(after)
            done.batches.append(batch.with_values([None if value is None else next(rest) for value in batch.values]))
        elif batch.values:
            done.batches.append(batch.with_values(after))

    def _before_failure(
        self, batch: Batch, values: list[bytes], error: DecodeError
    ) -> tuple[Batch, list[bytes], MessageError]:
        """Return what of the batch stands before the bad frame, and the error that names its place."""
        if error.index is None:
            raise error  # not the fault of any one frame
        rows = [row for row, value in enumerate(batch.values) if value is not None]
        row = rows[error.index]
        what = f"cannot be decoded: {error}"
        good = values[: error.index]
        if 0 < self._made(good) < VOUCHERS - self._vouchers:
            row, good = 0, []
            what += " (nothing of this batch was published: too little of it was decoded to trust the codebook)"
        position = batch.positions[rows[error.index]]
        place = f"{batch.partition.topic} partition {batch.partition.index} position {position}"
        return batch.part(0, row), good, MessageError(f"{place}: {what}", str(batch.partition), position)

    def _made(self, frames: list[bytes]) -> int:
        """Count the frames that only a codebook could have made."""
        return sum(count for method, count in self._count_methods(frames).items() if method != "raw")

    def _count(self, before: list[bytes], after: list[bytes], done: Transformed) -> None:
        methods = self._count_methods(before if self.decoding else after)
        self._vouchers += sum(count for method, count in methods.items() if method != "raw")
        done.methods.update(methods)
        done.bytes_in += sum(map(len, before))
        done.bytes_out += sum(map(len, after))
