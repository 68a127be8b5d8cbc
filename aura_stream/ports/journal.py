"""Port: the durable copy of a template store, beside the frames that need it. The journal decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel


class Journal(Protocol):
    """An append-only sequence of records, in one order that every reader sees. Only promoters append.

    Called from one event loop, one call at a time. Raises UnavailableError if the other side does not answer,
    ConfigError for a journal that may lose records by its settings (retention, compaction) or may not be used.
    """

    async def start(self, create: bool) -> None:
        """Connect. `create`: make it where it is missing; otherwise a missing journal reads as empty.

        May be called again after it raised UnavailableError. Within 10 s.
        """
        ...

    async def read(self) -> Sequence[bytes]:
        """Return the records behind those returned before, up to the end as it is now: the first call after `start`
        returns all.

        A record appended and acknowledged before the call, by anybody, is in it. Damaged ones are returned as they
        are: whoever reads checks the digest in them.
        """
        ...

    async def append(self, records: Sequence[bytes]) -> None:
        """Write records, in this order, and return once all are durable as the frames beside them are.

        After an error any prefix of them may have been written. Bounded in time (30 s).
        """
        ...

    async def stop(self) -> None:
        """Close. May be called twice, and after a failed start."""
        ...


class JournalMaker(Protocol):
    """One kind of journal. The entry point in the group `aura_stream.journals` names an instance.

    `options` is a pydantic model (extra keys forbidden) for `store.journal.NAME`. `beside` is the connector whose
    outputs it stands beside by default.
    """

    options: ClassVar[type[BaseModel]]
    beside: ClassVar[str]

    def options_beside(self, connection: Any, namespace: str) -> BaseModel:
        """Return the options of the journal that stands beside a sink or a source with these options."""
        ...

    def journal(self, options: Any, namespace: str) -> Journal:
        """Build a journal; no connection is made before its `start`."""
        ...


class SharedLogMaker(Protocol):
    """One kind of shared log. The entry point in the group `aura_stream.shared_logs` names an instance.

    `options` is the pydantic model for `store.NAME`.
    """

    options: ClassVar[type[BaseModel]]

    def shared_log(self, options: Any, namespace: str) -> Any:
        """Build a `SharedLog`; no connection is made before its `start`."""
        ...
