"""Who commits a source's offsets: the group's member itself, or each partition's transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from aura_connectors.kafka.client import look_at


class Progress(Protocol):
    """How far the partitions of an assignment are settled; a source keeps this."""

    def place(self, tp: TopicPartition) -> tuple[int, int] | None:
        """Return under which epoch the partition is read and how far it is settled, None if it is not read (yet)."""
        ...

    async def find_out(self, tp: TopicPartition, attempted: int) -> None:
        """Go on from the committed offset, which `attempted` may have become or not.

        Raises UnavailableError, also for a partition that is not read.
        """
        ...

    def settled(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note that these offsets are committed."""
        ...


class Commits(Protocol):
    """Commits offsets for one source, from assignment to revocation, and tells its `Progress` of each."""

    async def begin(self, partitions: Sequence[TopicPartition], progress: Progress) -> None:
        """Keep former owners of these partitions from committing, before their committed offsets are read.

        Raises UnavailableError and ConfigError. Bounded in time.
        """
        ...

    async def commit(self, consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit offsets. Raises the client's CommitFailedError for what is another member's now."""
        ...

    async def end(self) -> None:
        """Commit nothing more: nothing is ours now. Bounded in time; raises nothing."""
        ...


class GroupCommits:
    """Commits as a member of the group, which refuses those of an earlier generation."""

    def __init__(self) -> None:
        self._progress: Progress | None = None

    async def begin(self, partitions: Sequence[TopicPartition], progress: Progress) -> None:
        """The group's generation keeps former owners away."""
        self._progress = progress

    async def commit(self, consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
        committing = asyncio.ensure_future(consumer.commit(dict(offsets)))  # goes on in the client if we are cancelled
        committing.add_done_callback(look_at)
        await asyncio.shield(committing)
        if self._progress is not None:
            self._progress.settled(offsets)

    async def end(self) -> None:
        """Nothing is held."""
