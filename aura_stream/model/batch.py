"""The unit of work: consecutive messages of one partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from aura_stream.model.metadata import Metadata


@dataclass(frozen=True, slots=True)
class Partition:
    """One ordered part of a topic. Streams and files have the single index 0."""

    topic: str
    index: int = 0

    def __str__(self) -> str:
        return f"{self.topic}/{self.index}"


@dataclass(frozen=True, slots=True)
class Topic:
    """What a sink must know of an input to make a fitting output: `settings` are the broker's own words."""

    name: str
    partitions: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive messages of one partition, as columns of equal length.

    `values` are messages or frames, None a tombstone. `positions` name each message for people and for
    settling: offsets (Kafka), entry ids (Redis), line numbers (files). `epoch` tells under which assignment
    of the partition the batch was fetched; only its source reads it. `attempts` counts how often each message was
    handed out before it was settled, this time included; None where the system does not count.
    """

    partition: Partition
    values: Sequence[bytes | None]
    positions: Sequence[int | str]
    metadata: Metadata = None
    epoch: int = 0
    attempts: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def with_values(self, values: Sequence[bytes | None]) -> Batch:
        """Return the same messages in another spelling; everything beside them travels on untouched."""
        return replace(self, values=values)

    def part(self, start: int, stop: int) -> Batch:
        """Return messages `start` to `stop` (exclusive) as a batch of their own."""
        metadata = self.metadata.part(start, stop) if self.metadata is not None else None
        attempts = self.attempts[start:stop] if self.attempts is not None else None
        values, positions = self.values[start:stop], self.positions[start:stop]
        return replace(self, values=values, positions=positions, metadata=metadata, attempts=attempts)
