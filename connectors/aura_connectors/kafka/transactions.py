"""The transactions of all partitions that a source owns: a producer for each, from assignment to revocation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from aura_connectors.kafka.commits import Progress
from aura_connectors.kafka.options import SinkOptions, SourceOptions
from aura_connectors.kafka.sending import Rows, side_by_side
from aura_connectors.kafka.transactor import Transactor

AT_ONCE = 16  # producers that are started at the same time: each opens two connections


def transactional_id(namespace: str, group: str, topic: str, partition: int) -> str:
    """Return the id of a partition's producer: the same in every worker of the group, and in no other group."""
    return f"aura/{namespace}/{group}/{topic}/{partition}"


class Transactions:
    """`Commits` by transactions; what is written with the offsets comes by `settle`."""

    def __init__(self, source: SourceOptions, sink: SinkOptions, namespace: str) -> None:
        self._source = source
        self._sink = sink
        self._namespace = namespace
        self._transactors: dict[TopicPartition, Transactor] = {}
        self._progress: Progress | None = None

    async def begin(self, partitions: Sequence[TopicPartition], progress: Progress) -> None:
        """See `Commits`: starting a partition's producer fences the one of its former owner."""
        await self.end()
        self._progress = progress
        self._transactors = {tp: self._transactor(tp, progress) for tp in partitions}
        places = asyncio.Semaphore(AT_ONCE)

        async def start(transactor: Transactor) -> None:
            async with places:
                await transactor.start()

        try:
            await side_by_side(map(start, self._transactors.values()))
        except BaseException:
            await self.end()
            raise

    async def commit(self, consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
        """See `Commits`. Transactions that write nothing else: fenced like all others, so no offset ever goes back."""
        await side_by_side(self.settle(tp, {}, offset, self._as_it_is(tp)) for tp, offset in offsets.items())

    def _as_it_is(self, tp: TopicPartition) -> Callable[[], bool]:
        """Return what tells whether the partition is still read, and settled, as it is now."""
        progress = self._progress
        assert progress is not None, "begun"
        place = progress.place(tp)
        return lambda: progress.place(tp) == place

    async def settle(self, tp: TopicPartition, rows: Rows, offset: int, awaited: Callable[[], bool]) -> None:
        """As `Transactor.settle`, for one partition; nothing is done for one that is not ours."""
        if transactor := self._transactors.get(tp):
            await transactor.settle(rows, offset, awaited)

    async def end(self) -> None:
        """See `Commits`: what is open is aborted."""
        transactors, self._transactors = self._transactors, {}
        await asyncio.gather(*(transactor.close() for transactor in transactors.values()), return_exceptions=True)

    def _transactor(self, tp: TopicPartition, progress: Progress) -> Transactor:
        group = self._source.group
        name = transactional_id(self._namespace, group, tp.topic, tp.partition)
        rest = self._source.session_timeout / 4  # a heartbeat; see KafkaSource
        return Transactor(tp, group, name, self._sink, progress, rest)
