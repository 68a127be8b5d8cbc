"""A worker over the in-process broker, with sides that fail when told to."""

from __future__ import annotations

import asyncio
import sys
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import uuid4

from aura_connectors.memory import MemoryBroker, MemorySink, MemorySource
from aura_connectors.memory.options import MemorySinkOptions, MemorySourceOptions

from aura_stream.codec import HybridCodec, count_methods
from aura_stream.errors import CorruptFrameError, UnavailableError, UnwritableMessageError
from aura_stream.model import Batch, Partition, Topic
from aura_stream.ports import Context
from aura_stream.runtime import Ends, FollowingCodec, Heartbeat, Transform, Worker, WorkerOptions
from tests.unit.runtime.stores import FakeStore

PATIENCE = 20.0
BAD = b"cannot be decoded"
UNWRITABLE = b"cannot be written"


class FailingSource(MemorySource):
    """Counts calls; is away while `away`."""

    def __init__(self, options: MemorySourceOptions, context: Context) -> None:
        super().__init__(options, context)
        self.away = False
        self.kept_alive = 0
        self.stopped = 0
        self.settled_sizes: list[int] = []

    async def start(self) -> Sequence[Topic]:
        self._require()
        return await super().start()

    async def fetch(self, max_messages: int, max_bytes: int, timeout: float) -> list[Batch]:
        self._require()
        return await super().fetch(max_messages, max_bytes, min(timeout, 0.02))

    async def settle(self, batches: Sequence[Batch]) -> None:
        self._require()
        self.settled_sizes.append(sum(map(len, batches)))
        await super().settle(batches)

    async def keep_alive(self) -> None:
        self.kept_alive += 1
        self._require()

    async def stop(self) -> None:
        self.stopped += 1

    def _require(self) -> None:
        if self.away:
            raise UnavailableError("the input is away")


class FailingSink(MemorySink):
    """Is away while `away`; waits while `held`; refuses UNWRITABLE; `hooks` run before each publish."""

    def __init__(self, options: MemorySinkOptions, context: Context) -> None:
        super().__init__(options, context)
        self.away = False
        self.held = asyncio.Event()
        self.held.set()
        self.publishes = 0
        self.stopped = 0
        self.hook: Callable[[], None] = lambda: None

    async def start(self, inputs: Sequence[Topic]) -> None:
        self._require()
        await super().start(inputs)

    async def publish(self, batches: Sequence[Batch]) -> None:
        self.publishes += 1
        self.hook()
        await self.held.wait()
        self._require()
        for index, batch in enumerate(batches):
            if UNWRITABLE in batch.values:
                raise UnwritableMessageError("too large", list(batch.values).index(UNWRITABLE), index)
        await super().publish(batches)

    async def stop(self) -> None:
        self.stopped += 1

    def _require(self) -> None:
        if self.away:
            raise UnavailableError("the output is away")


class Engine:
    """One worker with everything around it. `transform` may be replaced before `worker` is first asked for."""

    def __init__(self, partitions: int = 1, **options: int | float | bool) -> None:
        self.broker_name = f"runtime-{uuid4().hex[:8]}"
        self.broker = MemoryBroker.named(self.broker_name)
        self.broker.create("in", partitions)
        self.options = replace(WorkerOptions(once=True, max_messages=100, startup_timeout=5.0), **options)  # type: ignore[arg-type]
        context = Context(once=bool(self.options.once))
        self.source = FailingSource(MemorySourceOptions(broker=self.broker_name, topics=["in"]), context)
        self.sink = FailingSink(MemorySinkOptions(broker=self.broker_name, topic="out"), context)
        self.transform = Transform(list, count_raw, decoding=False, max_bytes=1 << 20)
        self.dead_letters: FailingSink | None = None
        self.heartbeat: Path | None = None
        self.store: FakeStore | None = None
        self._worker: Worker | None = None

    @property
    def worker(self) -> Worker:
        if self._worker is None:
            heartbeat = Heartbeat(self.heartbeat)
            ends = Ends(self.source, self.sink, self.dead_letters)
            self._worker = Worker(ends, self.transform, self.options, heartbeat, self.store)
        return self._worker

    def write(self, values: Sequence[bytes | None], partition: int = 0) -> None:
        self.broker.append(Partition("in", partition), values)

    def written(self, partition: int = 0) -> list[bytes | None]:
        logs = self.broker.topic("out") or []
        return [value for batch in (logs[partition].read_all() if logs else []) for value in batch.values]

    def settled(self, partition: int = 0) -> int:
        return self.broker.settled("aura", Partition("in", partition))

    async def run(self) -> None:
        await asyncio.wait_for(self.worker.run(), PATIENCE)


def numbered(count: int) -> list[bytes | None]:
    return [b"message %d" % number for number in range(count)]


def compressed(values: Sequence[bytes | None]) -> list[bytes | None]:
    return [None if value is None else zlib.compress(value) for value in values]


def decompress(frames: list[bytes], max_bytes: int = sys.maxsize) -> list[bytes]:
    """Decode zlib frames until they hold `max_bytes`, or raise for BAD with its place."""
    messages: list[bytes] = []
    for index, frame in enumerate(frames):
        if frame == BAD:
            raise CorruptFrameError("its check does not match", index)
        messages.append(zlib.decompress(frame))
        max_bytes -= len(messages[-1])
        if max_bytes <= 0:
            break
    return messages


def decoding(max_bytes: int = 1 << 20) -> Transform:
    return Transform(partial(decompress, max_bytes=max_bytes), count_templates, decoding=True, max_bytes=max_bytes)


def following(decodes: bool) -> Transform:
    """A real codec, whose book comes from the store."""
    codec = FollowingCodec(HybridCodec, decodes)
    return Transform(codec.convert, count_methods, decodes, 1 << 20, codec.adopt, waits=True)


def count_raw(frames: Sequence[bytes]) -> Mapping[str, int]:
    return {"raw": len(frames)}


def count_templates(frames: Sequence[bytes]) -> Mapping[str, int]:
    return {"template": len(frames)}


async def eventually(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        await asyncio.sleep(0.01)


async def finish(*tasks: Awaitable[object]) -> None:
    await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE)
