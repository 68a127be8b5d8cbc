"""The traffic of the demo: made-up messages of one shop, before and after its next release, at a steady pace."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from redis.asyncio import Redis

FIELD: Final = b"d"
FIRST: Final = 0.6  # the share of the first messages that are enough for a demo
TICK: Final = 0.25  # seconds between two portions
_LATER: Final = "later_"  # samples in another shape have a name that begins so, and go to the same stream


@dataclass(frozen=True, slots=True)
class Phase:
    """Messages in order of time, each with its stream."""

    name: str
    messages: Sequence[tuple[str, bytes]]

    def counts(self) -> Counter[str]:
        """Return how many messages each stream gets."""
        return Counter(stream for stream, _ in self.messages)


def phases() -> tuple[Phase, Phase]:
    """Return the shipped messages: first as they are, then of the streams whose shape changes."""
    first: dict[str, list[bytes]] = {}
    later: dict[str, list[bytes]] = {}
    folder = files("aura_stream") / "samples"
    for entry in sorted((entry for entry in folder.iterdir() if entry.is_file()), key=lambda entry: entry.name):
        stream = entry.name.partition(".")[0]
        kind = later if stream.startswith(_LATER) else first
        messages = entry.read_bytes().splitlines()
        kind[stream.removeprefix(_LATER)] = messages if kind is later else messages[: int(FIRST * len(messages))]
    return Phase("new traffic", _mixed(first)), Phase("another shape", _mixed(later))


def _mixed(streams: dict[str, list[bytes]]) -> list[tuple[str, bytes]]:
    """Return the messages of all streams, mixed evenly from beginning to end."""
    placed = [
        (place / len(messages), stream, message)
        for stream, messages in streams.items()
        for place, message in enumerate(messages)
    ]
    return [(stream, message) for _, stream, message in sorted(placed, key=lambda each: each[0])]


async def produce(client: Redis, phase: Phase, rate: Callable[[], float]) -> AsyncIterator[int]:
    """Write a phase's messages, as many a second as `rate` says each time; yield how many are written."""
    written = 0
    while written < len(phase.messages):
        portion = max(1, round(rate() * TICK))
        pipeline = client.pipeline(transaction=False)
        for stream, message in phase.messages[written : written + portion]:
            pipeline.xadd(stream, {FIELD: message})
        await pipeline.execute()
        written = min(written + portion, len(phase.messages))
        yield written
        await asyncio.sleep(TICK)
