"""Publish and settle: beside the fetching and transforming of what comes next, one portion at a time."""

from __future__ import annotations

import asyncio
import logging

from aura_stream.ports import Source
from aura_stream.runtime.portion import Portion
from aura_stream.runtime.pulse import Pulse
from aura_stream.runtime.statistics import Statistics
from aura_stream.runtime.ways import Way

log = logging.getLogger(__name__)


class Publisher:
    """Brings portions to the other side, in the order they are handed in."""

    def __init__(self, source: Source, way: Way, pulse: Pulse, statistics: Statistics) -> None:
        self._source = source
        self._way = way
        self._pulse = pulse
        self._statistics = statistics
        self._under_way: asyncio.Task[None] | None = None

    async def publish(self, portion: Portion) -> None:
        """Begin to publish, once the portion before is settled; after a failure wait for the end and raise it."""
        await self.settled()
        self._under_way = asyncio.create_task(self._publish_and_settle(portion))
        if portion.failure is not None:
            await self.settled()

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

    async def _publish_and_settle(self, portion: Portion) -> None:
        await self._way.bring(portion, self._owned)
        self._count(portion)
        if portion.failure is not None:
            raise portion.failure

    def _owned(self, portion: Portion) -> bool:
        """Drop what is not ours any more, which comes again at its new owner; tell whether anything is left."""
        if lost := portion.keep(self._source.owns):
            self._statistics.dropped += sum(map(len, lost))
            log.info("left to their new owner: %s", ", ".join(sorted({str(batch.partition) for batch in lost})))
        return bool(portion.parts)

    def _count(self, portion: Portion) -> None:
        dead = sum(len(part.batch) for part in portion.parts if part.dead)
        self._statistics.settled += len(portion)
        self._statistics.published += len(portion) - dead
        self._statistics.dead_letters += dead
        self._statistics.bytes_in += portion.bytes_in
        self._statistics.bytes_out += portion.bytes_out
        self._statistics.methods.update(portion.methods)
