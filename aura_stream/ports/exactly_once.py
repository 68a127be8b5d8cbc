"""Port: publishing and settling as one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from aura_stream.model import Batch, Topic
from aura_stream.ports.connector import Context
from aura_stream.ports.source import Source


@runtime_checkable
class ExactlyOnceSink(Protocol):
    """Writes batches and settles them at the source that it was built with, in one step.

    Called like a `Sink`: from one event loop, one call at a time: `start`, again if it raised UnavailableError, then
    any number of `publish_and_settle`, at last `stop`, also after a failed `start`; `stop` may come twice. The source's
    own `settle` is not called.
    """

    async def start(self, inputs: Sequence[Topic]) -> None:
        """As a `Sink`, for outputs and dead letters. Raises ConfigError too if the two sides cannot be one step."""
        ...

    async def publish_and_settle(self, batches: Sequence[Batch], dead: Sequence[Batch] = ()) -> None:
        """Write `batches` to the output and `dead` (marked already) to the dead letters, and settle them all.

        After a return each batch is written and settled, once, or not ours any more (`Source.owns`). Raises
        UnavailableError if that is not certain for some: these are settled, or no longer ours and come again, or
        untouched; the engine calls again with those that it still owns, and what is settled already is passed over.
        Raises UnwritableMessageError as a `Sink` does, before anything is written; `batch` counts `dead` behind
        `batches`. Bounded in time.
        """
        ...

    async def stop(self) -> None:
        """Close. Bounded in time."""
        ...


@runtime_checkable
class ExactlyOnce(Protocol):
    """A connector that can do so between two of its own. Optional."""

    def exactly_once(
        self, source: Any, sink: Any, dead_letters: Any | None, context: Context
    ) -> tuple[Source, ExactlyOnceSink]:
        """Build both ends from the options of an input, an output, and of where dead letters go (`burying`), if any.

        Raises ConfigError, with the reason, for options that cannot be one step.
        """
        ...
