"""Port: a connector whose outputs can keep dead letters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from aura_stream.model import Batch


@runtime_checkable
class KeepsDeadLetters(Protocol):
    """A connector that writes messages which cannot be transformed to a place beside its output, and reads them back.

    Optional. A dead letter is the message as it came in, with its metadata, and a note (`aura_stream.model.Note`, a
    line of JSON): in Kafka a header, in Redis a field, `aura.dead`, readable with any tool.
    """

    dead_letter_key: ClassVar[str]
    """The key of `dead_letter` that names the place: topic, stream or path."""

    def burying(self, options: Any, place: str) -> Any:
        """Return the options of a sink that writes to `place` what one with `options` would write.

        Like any sink it replaces `{source}` with the name of the input; it drops no metadata, and trims nothing.
        """
        ...

    def unearthing(self, options: Any, place: str, inputs: Sequence[str], group: str) -> Any:
        """Return the options of a source that reads, under a group, what such a sink wrote for these inputs."""
        ...

    def buried(self, options: Any) -> AsyncIterator[Batch]:
        """Yield what a source with these options (of `unearthing`) would be given of what is there now.

        Each partition's in order, up to its end at the call or later. Joins no group and changes nothing. A place that
        does not exist holds nothing. Raises UnavailableError, ConfigError, and MessageError as a source does.
        """
        ...

    def marked(self, batch: Batch, notes: Sequence[bytes]) -> Batch:
        """Return the batch, whatever system it came from, as the sink writes it: with a note beside each message.

        Partition, positions and epoch stay as they are.
        """
        ...

    def unmarked(self, batch: Batch) -> tuple[Batch, Sequence[bytes | None]]:
        """Undo `marked`: return what the source read without the notes, and the notes; None where there is none."""
        ...
