"""Port: where messages go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from aura_stream.model import Batch, Topic


class Sink(Protocol):
    """Writes batches durably, in order.

    The engine calls from one event loop, one call at a time: `start`, again if it raised UnavailableError,
    then any number of `publish`, at last `stop`, also after a failed `start`; `stop` may come twice.
    """

    async def start(self, inputs: Sequence[Topic]) -> None:
        """Connect, and make the outputs that these inputs need, where that is asked for.

        Raises UnavailableError within 10 s if nothing answers, ConfigError if an output is missing or unfit.
        """
        ...

    async def publish(self, batches: Sequence[Batch]) -> None:
        """Write all messages, each partition's in order, and return once every one is acknowledged durably.

        Raises UnavailableError if that is not certain; the engine then calls again with the same batches
        (those that got through are written twice: at least once). Bounded in time. Raises
        UnwritableMessageError, before it writes anything, for a message that it can never take; the engine
        then calls again without that message, which becomes a dead letter, or with what stands before it,
        and ends the run with exit 1.
        """
        ...

    async def stop(self) -> None:
        """Close. Everything published was acknowledged before. Bounded in time."""
        ...
