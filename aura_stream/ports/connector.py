"""Port: a pair of source and sink for one kind of system, found through an entry point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import BaseModel

from aura_stream.ports.sink import Sink
from aura_stream.ports.source import Source


@dataclass(frozen=True, slots=True)
class Context:
    """What a connector is told beside its own options."""

    namespace: str = "default"
    once: bool = False
    direction: Literal["encode", "decode"] = "encode"  # decode: the source reads frames, the sink takes messages
    probe: bool = False  # `start` looks only: joins no group, takes no lease, creates nothing; then comes `stop`


class Connector(Protocol):
    """One kind of system. The entry point in the group `aura_stream.connectors` names an instance.

    `source_options` and `sink_options` are pydantic models (extra keys forbidden): the config loader
    validates the user's mapping with them, and hands the result back to `source` and `sink`.
    """

    source_options: ClassVar[type[BaseModel]]
    sink_options: ClassVar[type[BaseModel]]
    destination: ClassVar[str]  # "batched" if the system compresses batches itself, else "standalone"
    metadata: ClassVar[bool]  # whether its messages carry anything beside their values

    def source(self, options: Any, context: Context) -> Source:
        """Build a source; no connection is made before its `start`. Raises ConfigError for options unfit here."""
        ...

    def sink(self, options: Any, context: Context) -> Sink:
        """Build a sink; no connection is made before its `start`. Raises ConfigError for options unfit here."""
        ...


@runtime_checkable
class Shared(Protocol):
    """A connector whose systems several processes can use as one: they divide the inputs among each other, and write to
    the same outputs. Optional: a fleet of workers needs it on both sides.
    """

    shared: ClassVar[Literal[True]]


@runtime_checkable
class Observable(Protocol):
    """A connector whose inputs can be read a second time, beside a bridge. Optional: discovery needs it."""

    def observing(self, options: Any, group: str) -> Any:
        """Return the options of a source that reads what one with `options` reads, in a group of its own.

        It takes nothing away: what it settles stays there for everybody else.
        """
        ...
