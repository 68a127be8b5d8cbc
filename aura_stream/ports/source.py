"""Port: where messages come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from aura_stream.model import Batch, Partition, Topic


class Source(Protocol):
    """Reads batches and remembers how far they were settled.

    The engine calls from one event loop, one call at a time, except `keep_alive` and `settle`, which may run
    while a `fetch` waits. Order of calls: `start`, again if it raised UnavailableError, then any number of
    `fetch`, `settle`, `keep_alive`, `finished`, `lag`; at last `stop`, also after a failed `start`; `stop` may
    come twice.

    Errors, from any call: UnavailableError makes the engine wait and call again (a source rebuilds its
    connection by itself); ConfigError ends the run with exit 78; MessageError, for a message that cannot even
    be read, ends it with exit 1 once all that was fetched before is settled; anything else is a traceback.
    """

    async def start(self) -> Sequence[Topic]:
        """Connect, and return the topics read, each with what a sink needs to make a fitting output.

        Raises UnavailableError within 10 s if nothing answers, ConfigError if a topic is missing.
        """
        ...

    async def fetch(self, max_messages: int, max_bytes: int, timeout: float) -> list[Batch]:
        """Return the next batches, each partition's messages in order, none twice under one assignment.

        Waits up to `timeout` seconds for the first message, then returns what is there; [] if nothing came.
        Never more than `max_messages` in all, nor more than about `max_bytes` (one message always fits).
        A message that was fetched but not settled comes again after a restart or a change of assignment,
        before any later one of its partition.
        """
        ...

    def owns(self, batch: Batch) -> bool:
        """Tell whether the batch's partition is still assigned as it was when the batch was fetched.

        The engine asks right before it publishes and drops what is no longer owned.
        """
        ...

    async def settle(self, batches: Sequence[Batch]) -> None:
        """Record durably that these batches, and all before them, need not come again.

        Called only after everything in them is acknowledged by the sink, in the order of fetching. Batches
        no longer owned are left alone: their new owner settles them.
        """
        ...

    async def keep_alive(self) -> None:
        """Hold membership and leases without fetching: called at least each second while the sink is down."""
        ...

    async def finished(self) -> bool:
        """With `once`: tell whether everything that the input held at `start` is settled, by any member.

        Stays False while a dead member's share may still come back. Without `once`: always False.
        """
        ...

    async def lag(self) -> int | None:
        """Return how many messages are not settled yet, None if unknown. Asked every few seconds."""
        ...

    async def stop(self) -> None:
        """Leave the group, give back leases, close. Settles nothing by itself. Bounded in time."""
        ...


@runtime_checkable
class PausableSource(Source, Protocol):
    """A source that can leave out one partition and go on with the others.

    Optional: while a message of one partition waits for a template that is not there yet, a worker with any other
    source fetches nothing at all.
    """

    def pause(self, partition: Partition) -> None:
        """Fetch no more of this partition, until `resume` or until it is assigned anew; leave alone what is not ours.

        What was fetched of it stays owned, and settles as ever. May be called again.
        """
        ...

    def resume(self, partition: Partition) -> None:
        """Fetch of this partition again, from where it was left; also of one that is not paused."""
        ...


@runtime_checkable
class Losing(Protocol):
    """A source whose messages can vanish before anybody has read them: retention, trimming. Optional."""

    @property
    def lost(self) -> int:
        """How many did so far, as far as this source could tell; each was named in the log."""
        ...


@runtime_checkable
class Rebalancing(Protocol):
    """A source whose partitions move between the workers of a group. Optional."""

    @property
    def rebalances(self) -> int:
        """How often partitions came to this worker so far, the first time included."""
        ...
