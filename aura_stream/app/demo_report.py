"""What becomes of the demo's messages, as the server shows it: while they pass, and when all is through."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from redis.asyncio import Redis

from aura_stream.app.demo_traffic import FIELD, Phase
from aura_stream.codec import count_methods

AT_FIRST: Final = 0.1  # the share of a phase's messages before anything can be learned from them
LEARNED: Final = 0.25  # the share at its end, after learning
WINDOW: Final = 2.0  # seconds over which a hit rate is shown

Pair = tuple[bytes, bytes]  # message, frame


@dataclass(slots=True)
class Share:
    """Some of the messages, and what they became. A hit is a template frame of at most half its message's size."""

    name: str = ""
    messages: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    hits: int = 0
    methods: Counter[str] = field(default_factory=Counter)  # frames by method

    def add(self, pairs: Sequence[Pair]) -> None:
        """Count messages and their frames."""
        self.messages += len(pairs)
        self.bytes_in += sum(len(message) for message, _ in pairs)
        self.bytes_out += sum(len(frame) for _, frame in pairs)
        halved = count_methods([frame for message, frame in pairs if 2 * len(frame) <= len(message)])
        self.hits += halved["template"]
        self.methods.update(count_methods([frame for _, frame in pairs]))

    @property
    def ratio(self) -> float:
        """How many times smaller the frames are."""
        return self.bytes_in / max(1, self.bytes_out)

    @property
    def hit_rate(self) -> float:
        """The share of hits."""
        return self.hits / max(1, self.messages)


@dataclass(frozen=True, slots=True)
class DemoReport:
    """`shares`: each phase at its beginning and at its end, then all. Memory is the server's own account, in bytes."""

    shares: Sequence[Share]
    templates: int  # in the newest generation
    generations: int
    store_memory: int  # of the store's log and journal
    raw_memory: int
    compressed_memory: int
    restored: int  # messages that came back byte for byte

    @property
    def total(self) -> Share:
        """All messages."""
        return self.shares[-1]


@dataclass(frozen=True, slots=True)
class Moment:
    """How it goes: `hit_rate` and `ratio` are those of the last seconds, None while nothing came through."""

    seconds: float
    phase: str
    messages: int
    hit_rate: float | None
    ratio: float | None
    templates: int


class Watcher:
    """Reads raw and compressed streams as they grow."""

    def __init__(self, client: Redis, streams: Sequence[str]) -> None:
        self._client = client
        self._raw = {stream: _Tail(stream) for stream in streams}
        self._frames = {stream: _Tail(f"{stream}.aura") for stream in streams}
        self._counted = dict.fromkeys(streams, 0)
        self._readings: deque[tuple[float, int, int, int, int]] = deque()
        self.total = Share("all")

    async def look(self, seconds: float, phase: str, templates: int) -> Moment:
        """Read what is new, and return how it goes, `seconds` after the beginning."""
        for stream in self._raw:
            await self._raw[stream].read(self._client)
            await self._frames[stream].read(self._client)
            pairs = self.pairs(stream)
            self.total.add(pairs[self._counted[stream] :])
            self._counted[stream] = len(pairs)
        return self._moment(seconds, phase, templates)

    def pairs(self, stream: str) -> list[Pair]:
        """Return messages and frames, as far as both are there."""
        return list(zip(self._raw[stream].values, self._frames[stream].values, strict=False))

    def _moment(self, seconds: float, phase: str, templates: int) -> Moment:
        now = self.total
        self._readings.append((seconds, now.messages, now.hits, now.bytes_in, now.bytes_out))
        while len(self._readings) > 1 and self._readings[1][0] <= seconds - WINDOW:
            self._readings.popleft()
        _, messages, hits, bytes_in, bytes_out = self._readings[0]
        count, written = now.messages - messages, now.bytes_out - bytes_out
        return Moment(
            seconds=seconds,
            phase=phase,
            messages=now.messages,
            hit_rate=(now.hits - hits) / count if count else None,
            ratio=(now.bytes_in - bytes_in) / written if written else None,
            templates=templates,
        )


@dataclass(slots=True)
class _Tail:
    """A stream's values, read on from where the last reading ended."""

    stream: str
    values: list[bytes] = field(default_factory=list)
    last: bytes = b"-"

    async def read(self, client: Redis) -> None:
        entries = cast(list[tuple[bytes, dict[bytes, bytes]]], await client.xrange(self.stream, self.last))
        self.values += [fields[FIELD] for _, fields in entries]
        if entries:
            self.last = b"(" + entries[-1][0]


def shares_of(pairs: Mapping[str, Sequence[Pair]], phases: Sequence[Phase], names: Sequence[str]) -> list[Share]:
    """Count each phase at its beginning and at its end; `names` are those of the counts, in order."""
    start: Counter[str] = Counter()
    shares = []
    for phase, first_name, last_name in zip(phases, names[::2], names[1::2], strict=True):
        first, learned = Share(first_name), Share(last_name)
        for stream, count in phase.counts().items():
            mine = pairs[stream][start[stream] : start[stream] + count]
            first.add(mine[: round(count * AT_FIRST)])
            learned.add(mine[count - round(count * LEARNED) :])
            start[stream] += count
        shares += [first, learned]
    return shares


async def restored_of(client: Redis, phases: Sequence[Phase]) -> int:
    """Return how many messages of the restored streams are byte for byte those that were written, in their order."""
    same = 0
    for stream in sorted({stream for phase in phases for stream in phase.counts()}):
        written = [message for phase in phases for name, message in phase.messages if name == stream]
        restored = _Tail(f"{stream}.aura.restored")
        await restored.read(client)
        same += sum(map(bytes.__eq__, written, restored.values))
    return same


async def memory_of(client: Redis, keys: Sequence[str | bytes]) -> int:
    """Return what the keys take of the server's memory, counted in full (SAMPLES 0), not estimated."""
    found: list[Any] = [await client.memory_usage(key, samples=0) for key in keys]
    return sum(int(size or 0) for size in found)
