"""Limiter: so many messages and bytes a second from the input, on average; a second's worth may come at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

from aura_stream.model import Batch


@dataclass(frozen=True, slots=True)
class Rates:
    """What may come in a second; None: no limit."""

    messages: float | None = None
    bytes: float | None = None


class Limiter:
    """Waits out what was fetched. `stopping` ends every wait: what is held then is drained."""

    def __init__(self, rates: Rates, stopping: asyncio.Event) -> None:
        self._messages = AsyncLimiter(rates.messages, 1.0) if rates.messages is not None else None
        self._bytes = AsyncLimiter(rates.bytes, 1.0) if rates.bytes is not None else None
        self._stopping = stopping

    def portion(self, max_messages: int, max_bytes: int) -> tuple[int, int]:
        """Return how much to fetch at a time: no more than a second's worth, so that the flow stays even."""
        if self._messages is not None:
            max_messages = min(max_messages, max(1, int(self._messages.max_rate)))
        if self._bytes is not None:
            max_bytes = min(max_bytes, max(1, int(self._bytes.max_rate)))
        return max_messages, max_bytes

    async def wait(self, batches: Sequence[Batch]) -> None:
        """Return once these may go on."""
        if self._messages is None and self._bytes is None:
            return
        waiting = asyncio.gather(
            _acquire(self._messages, sum(map(len, batches))),
            _acquire(self._bytes, sum(len(value or b"") for batch in batches for value in batch.values)),
        )
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((waiting, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            stopping.cancel()
            await asyncio.gather(waiting, stopping, return_exceptions=True)  # and swallows no cancellation of ours


async def _acquire(limiter: AsyncLimiter | None, amount: float) -> None:
    """Take any amount; the limiter itself takes a second's worth at most."""
    while limiter is not None and amount > 0:
        step = min(amount, limiter.max_rate)
        await limiter.acquire(step)
        amount -= step
