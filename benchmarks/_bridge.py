"""What the bridge benchmarks share: messages, the variants of a copy, and the table of their speeds."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from aura_stream import Codebook, HybridCodec, Miner
from aura_stream.codec import count_methods
from aura_stream.model import Batch
from aura_stream.ports import ExactlyOnceSink, Sink, Source
from aura_stream.runtime import Ends, Heartbeat, Transform, Worker, WorkerOptions

SAMPLES = Path(__file__).parent.parent / "aura_stream" / "samples" / "logs.txt"
TRAINING = 2000  # messages that the codebook is trained on
MAX_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Speed:
    """One run: `seconds` on the clock, `cpu` seconds of this process, from the first message to the last commit."""

    messages: int
    seconds: float
    cpu: float


Run = Callable[[], Awaitable[Speed]]


class Stopwatch:
    """Measures from the first message in hand to the last one settled."""

    def __init__(self) -> None:
        self._wall = self._cpu = 0.0

    def start(self) -> None:
        """Begin, at the first call."""
        if not self._wall:
            self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self, messages: int) -> Speed:
        """Return what was measured so far."""
        return Speed(messages, time.perf_counter() - self._wall, time.process_time() - self._cpu)


class TimedSource:
    """A source that starts a stopwatch at its first message, and reads it at the last one settled."""

    def __init__(self, source: Source, messages: int) -> None:
        self._source = source
        self._messages = messages
        self._watch = Stopwatch()
        self._settled = 0
        self.speed: Speed | None = None
        self.start, self.owns, self.keep_alive = source.start, source.owns, source.keep_alive
        self.finished, self.lag, self.stop = source.finished, source.lag, source.stop

    async def fetch(self, max_messages: int, max_bytes: int, timeout: float) -> list[Batch]:
        batches = await self._source.fetch(max_messages, max_bytes, timeout)
        if batches:
            self._watch.start()
        return batches

    async def settle(self, batches: Sequence[Batch]) -> None:
        await self._source.settle(batches)
        self.count(batches)

    def count(self, batches: Sequence[Batch]) -> None:
        """Note that these batches are settled."""
        self._settled += sum(map(len, batches))
        if self._settled >= self._messages:
            self.speed = self._watch.read(self._settled)


class TimedStep:
    """An exactly-once sink that tells a timed source what it has settled."""

    def __init__(self, sink: ExactlyOnceSink, source: TimedSource) -> None:
        self._sink = sink
        self._source = source
        self.start, self.stop = sink.start, sink.stop

    async def publish_and_settle(self, batches: Sequence[Batch], dead: Sequence[Batch] = ()) -> None:
        await self._sink.publish_and_settle(batches, dead)
        self._source.count(batches)


def messages(count: int) -> list[bytes]:
    """Return log lines, about 140 bytes each, shapes repeating as they do in logs."""
    lines = SAMPLES.read_bytes().splitlines()
    return [lines[number % len(lines)] for number in range(count)]


@cache
def codebook() -> Codebook:
    """Return a codebook trained on the first of the messages."""
    miner = Miner()
    miner.observe(messages(TRAINING))
    return Codebook().extended(miner.propose(Codebook()))


def identity() -> Transform:
    """Return a transform that leaves every message as it is, in the worker's own thread all the same."""
    return Transform(list, lambda _: {}, False, MAX_BYTES)


def encoding(destination: str) -> Transform:
    """Return a transform that encodes."""
    return Transform(HybridCodec(codebook(), destination=destination).encode_batch, count_methods, False, MAX_BYTES)


async def through_worker(source: Source, sink: Sink | ExactlyOnceSink, transform: Transform, count: int) -> Speed:
    """Copy `count` messages with the real worker."""
    timed = TimedSource(source, count)
    into = TimedStep(sink, timed) if isinstance(sink, ExactlyOnceSink) else sink
    await Worker(Ends(timed, into), transform, WorkerOptions(once=True), Heartbeat(None)).run()
    assert timed.speed is not None, "not every message came through"
    return timed.speed


async def compare(runs: Mapping[str, Run], repeats: int) -> dict[str, Speed]:
    """Return the fastest of `repeats` runs of each variant; variants take turns, so that noise hits all alike."""
    best: dict[str, Speed] = {}
    order = deque(runs)
    for _ in range(repeats):
        for name in order:
            speed = await runs[name]()
            if name not in best or speed.seconds < best[name].seconds:
                best[name] = speed
        order.rotate(1)
    return best


def report(title: str, best: Mapping[str, Speed], baseline: str) -> dict[str, dict[str, float]]:
    """Print one line for each variant, with its speed as a part of the baseline's; return the figures."""
    base = best[baseline]
    print(f"{title}, {base.messages} messages")
    figures = {}
    for name, speed in best.items():
        rate, cpu = speed.messages / speed.seconds, speed.cpu / speed.messages * 1e6
        ratio = base.seconds / speed.seconds
        print(f"  {name:28} {rate:10,.0f} msg/s {cpu:7.2f} us CPU/msg {ratio:6.2f} of {baseline}", flush=True)
        figures[name] = asdict(speed) | {"ratio": ratio}
    return figures
