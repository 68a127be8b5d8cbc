"""Publish and settle: beside the fetching and transforming of what comes next, one portion at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from aura_stream.errors import MessageError, UnavailableError, UnwritableMessageError
from aura_stream.model import Batch
from aura_stream.ports import Sink, Source
from aura_stream.runtime.pulse import Pulse
from aura_stream.runtime.retry import Outage, Sleep
from aura_stream.runtime.statistics import Statistics
from aura_stream.runtime.transform import Transformed

log = logging.getLogger(__name__)


class Publisher:
    """Brings batches to the sink and settles them at the source, in the order they are handed in."""

    def __init__(self, source: Source, sink: Sink, pulse: Pulse, statistics: Statistics, sleep: Sleep) -> None:
        self._source = source
        self._sink = sink
        self._pulse = pulse
        self._statistics = statistics
        self._sink_outage = Outage("the output", sleep)
        self._source_outage = Outage("the input", sleep)
        self._under_way: asyncio.Task[None] | None = None

    async def publish(self, transformed: Transformed) -> None:
        """Begin to publish, once the portion before is settled; after a failure wait for the end and raise it."""
        await self.settled()
        self._under_way = asyncio.create_task(self._publish_and_settle(transformed))
        if transformed.failure is not None:
            await self.settled()
            raise transformed.failure

    async def settled(self) -> None:
        """Wait until everything handed in is settled. Raises what went wrong with it."""
        if self._under_way is not None:
            await self._pulse.during(self._under_way)
            self._under_way = None

    async def close(self) -> None:
        """Give up what is not settled yet."""
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.gather(self._under_way, return_exceptions=True)

    async def _publish_and_settle(self, transformed: Transformed) -> None:
        batches, failure = await self._publish(transformed.batches)
        if batches:
            await self._source_outage.outlast(lambda: self._source.settle(batches))
            self._statistics.settled += sum(map(len, batches))
        self._count(transformed)
        if failure is not None:
            raise failure

    async def _publish(self, batches: Sequence[Batch]) -> tuple[Sequence[Batch], MessageError | None]:
        """Return what was published, and the error that names the message before which it ends, if one was refused."""
        failure: MessageError | None = None
        while batches := self._owned(batches):
            try:
                await self._sink.publish(batches)
            except UnavailableError as error:
                await self._sink_outage.pause(error)
            except UnwritableMessageError as error:
                batches, failure = _before(batches, error)
            else:
                self._sink_outage.over()
                self._statistics.published += sum(map(len, batches))
                break
        return batches, failure

    def _owned(self, batches: Sequence[Batch]) -> Sequence[Batch]:
        """Return those batches that are still ours; the others come again at their new owner."""
        owned = [batch for batch in batches if self._source.owns(batch)]
        if len(owned) < len(batches):
            lost = [batch for batch in batches if not self._source.owns(batch)]
            self._statistics.dropped += sum(map(len, lost))
            log.info("left to their new owner: %s", ", ".join(sorted({str(batch.partition) for batch in lost})))
        return owned

    def _count(self, transformed: Transformed) -> None:
        self._statistics.bytes_in += transformed.bytes_in
        self._statistics.bytes_out += transformed.bytes_out
        self._statistics.methods.update(transformed.methods)


def _before(batches: Sequence[Batch], error: UnwritableMessageError) -> tuple[list[Batch], MessageError]:
    """Return what stands before the refused message, and the error that names its place."""
    refused = batches[error.batch]
    position = refused.positions[error.index]
    place = f"{refused.partition.topic} partition {refused.partition.index} position {position}"
    failure = MessageError(f"{place}: cannot be written: {error}", str(refused.partition), position)
    head = refused.part(0, error.index)
    return [*batches[: error.batch], *([head] if len(head) else [])], failure
