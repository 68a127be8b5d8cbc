"""Publishing and settling in one step: a transaction for each input partition, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from aura_connectors.kafka.client import admin
from aura_connectors.kafka.options import SinkOptions, SourceOptions
from aura_connectors.kafka.outputs import Outputs
from aura_connectors.kafka.positions import end_of, partition_of
from aura_connectors.kafka.sending import Rows, add_rows
from aura_connectors.kafka.source import KafkaSource
from aura_connectors.kafka.transactional import find_coordinator
from aura_connectors.kafka.transactions import Transactions, transactional_id
from aura_stream.errors import UnavailableError
from aura_stream.model import Batch, Topic
from aura_stream.ports import Context


def exactly_once(
    source: SourceOptions, sink: SinkOptions, dead_letters: SinkOptions | None, context: Context
) -> tuple[KafkaSource, KafkaExactlyOnceSink]:
    """See `aura_stream.ports.ExactlyOnce`."""
    transactions = Transactions(source, sink, context.namespace)
    reader = KafkaSource(source, context, transactions)
    outputs = Outputs(sink, context, one_cluster=True)
    dead = Outputs(dead_letters, context, one_cluster=True) if dead_letters is not None else None
    first = transactional_id(context.namespace, source.group, source.topics[0], 0)
    return reader, KafkaExactlyOnceSink(reader, transactions, outputs, dead, sink, first)


@dataclass(slots=True)
class _Share:
    """What one input partition has in a portion: its records by where they go, and the offset that settles them."""

    last: Batch
    rows: Rows = field(default_factory=dict)

    @property
    def offset(self) -> int:
        return end_of(self.last)


_Shares = dict[TopicPartition, _Share]


class KafkaExactlyOnceSink:
    """An `ExactlyOnceSink`; see the port for the contract. The producers are with the source's assignment."""

    def __init__(
        self,
        source: KafkaSource,
        transactions: Transactions,
        outputs: Outputs,
        dead_letters: Outputs | None,
        options: SinkOptions,
        some_id: str,
    ) -> None:
        self._source = source
        self._transactions = transactions
        self._outputs = outputs
        self._dead_letters = dead_letters
        self._options = options
        self._some_id = some_id
        self._outage = False

    async def start(self, inputs: Sequence[Topic]) -> None:
        """Find or make the topics of output and dead letters, and see whether transactions can span both sides."""
        for outputs in self._all():
            await outputs.open(inputs)
        async with admin(self._options) as client:
            await find_coordinator(client, self._some_id, self._options.servers)

    async def publish_and_settle(self, batches: Sequence[Batch], dead: Sequence[Batch] = ()) -> None:
        """Write and settle each partition's share in a transaction of its own."""
        if self._outage:
            for outputs in self._all():
                await outputs.reopen()
            self._outage = False
        shares = self._shares(batches, dead)
        ends = await asyncio.gather(*(self._settle(tp, share) for tp, share in shares.items()), return_exceptions=True)
        failures = [end for end in ends if isinstance(end, BaseException)]
        if failures:
            self._outage = True
            raise min(failures, key=lambda failure: isinstance(failure, UnavailableError))  # what is worse comes first
        if open_ones := [tp for tp, share in shares.items() if self._source.awaits(share.last)]:
            raise UnavailableError(f"{len(open_ones)} transactions had no end")  # or messages would be passed over

    async def stop(self) -> None:
        """Nothing is held: the source closes the producers when it leaves the group."""

    def _all(self) -> list[Outputs]:
        return [self._outputs, *([self._dead_letters] if self._dead_letters is not None else [])]

    def _shares(self, batches: Sequence[Batch], dead: Sequence[Batch]) -> _Shares:
        shares: _Shares = {}
        self._add(shares, batches, self._outputs, 0)
        if dead:
            assert self._dead_letters is not None, "dead letters have a place"
            self._add(shares, dead, self._dead_letters, len(batches))
        return shares

    def _add(self, shares: _Shares, batches: Iterable[Batch], outputs: Outputs, first: int) -> None:
        for number, batch in enumerate(batches, first):
            if not self._source.awaits(batch):
                continue  # settled before, in a transaction whose end was not told
            share = shares.setdefault(partition_of(batch), _Share(batch))
            add_rows(share.rows, outputs, batch, number)
            if end_of(batch) > share.offset:
                share.last = batch

    async def _settle(self, tp: TopicPartition, share: _Share) -> None:
        awaited: Callable[[], bool] = lambda: self._source.awaits(share.last)  # noqa: E731
        await self._transactions.settle(tp, share.rows, share.offset, awaited)
