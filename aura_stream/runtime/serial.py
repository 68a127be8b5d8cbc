"""One call at a time: what the port `Source` promises to its adapters."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aura_stream.model import Batch, Partition, Topic
from aura_stream.ports import Losing, PausableSource, Rebalancing, Source


class SerialSource:
    """A source whose calls other than `fetch` wait for each other."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._turn = asyncio.Lock()

    @property
    def can_pause(self) -> bool:
        """Whether it can leave out one partition and go on with the others."""
        return isinstance(self._source, PausableSource)

    @property
    def lost(self) -> int:
        """See `Losing`; 0 where nothing can be lost unseen."""
        return self._source.lost if isinstance(self._source, Losing) else 0

    @property
    def rebalances(self) -> int:
        """See `Rebalancing`; 0 where nobody shares."""
        return self._source.rebalances if isinstance(self._source, Rebalancing) else 0

    def pause(self, partition: Partition) -> None:
        if isinstance(self._source, PausableSource):
            self._source.pause(partition)

    def resume(self, partition: Partition) -> None:
        if isinstance(self._source, PausableSource):
            self._source.resume(partition)

    async def start(self) -> Sequence[Topic]:
        return await self._source.start()

    async def fetch(self, max_messages: int, max_bytes: int, timeout: float) -> list[Batch]:
        return await self._source.fetch(max_messages, max_bytes, timeout)

    def owns(self, batch: Batch) -> bool:
        return self._source.owns(batch)

    async def settle(self, batches: Sequence[Batch]) -> None:
        async with self._turn:
            await self._source.settle(batches)

    async def keep_alive(self) -> None:
        if self._turn.locked():
            return  # a call is under way, and the next second is soon enough
        async with self._turn:
            await self._source.keep_alive()

    async def finished(self) -> bool:
        async with self._turn:
            return await self._source.finished()

    async def lag(self) -> int | None:
        async with self._turn:
            return await self._source.lag()

    async def stop(self) -> None:
        await self._source.stop()
