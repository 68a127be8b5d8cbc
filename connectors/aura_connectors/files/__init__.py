"""Connector `files`: messages or frames in plain files; values only, nothing travels beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel

from aura_connectors.files.dead_letters import buried, burying, unearthing
from aura_connectors.files.options import BurialOptions, FilesSinkOptions, FilesSourceOptions, UnearthingOptions
from aura_connectors.files.sink import FilesSink
from aura_connectors.files.source import FilesSource
from aura_connectors.files.tail import read_tail
from aura_connectors.notes import into_envelopes, out_of_envelopes
from aura_stream.model import Batch
from aura_stream.ports import Connector, Context

__all__ = ["FilesConnector", "FilesSink", "FilesSinkOptions", "FilesSource", "FilesSourceOptions", "connector"]


class FilesConnector:
    """Builds sources and sinks; see `aura_stream.ports.Connector`."""

    source_options: ClassVar[type[BaseModel]] = FilesSourceOptions
    sink_options: ClassVar[type[BaseModel]] = FilesSinkOptions
    destination: ClassVar[str] = "standalone"
    metadata: ClassVar[bool] = False
    dead_letter_key: ClassVar[str] = "path"

    def source(self, options: FilesSourceOptions, context: Context) -> FilesSource:
        """Build a source. Raises ConfigError if it is to read frames from lines."""
        return FilesSource(options, context)

    def sink(self, options: FilesSinkOptions, context: Context) -> FilesSink:
        """Build a sink. Raises ConfigError if it is to write frames as lines."""
        return FilesSink(options, context)

    def observing(self, options: FilesSourceOptions, group: str) -> FilesSourceOptions:
        """See `aura_stream.ports.Observable`."""
        return options.model_copy(update={"group": group})

    async def tail(
        self, options: FilesSourceOptions | FilesSinkOptions, inputs: Sequence[str], limit: int
    ) -> Mapping[str, Sequence[bytes]]:
        """See `aura_stream.ports.Tail`."""
        return await asyncio.to_thread(read_tail, options, inputs, limit)

    def burying(self, options: FilesSinkOptions, place: str) -> BurialOptions:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return burying(place)

    def unearthing(self, options: FilesSinkOptions, place: str, inputs: Sequence[str], group: str) -> UnearthingOptions:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return unearthing(place, inputs, group)

    def buried(self, options: UnearthingOptions) -> AsyncIterator[Batch]:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return buried(options)

    def marked(self, batch: Batch, notes: Sequence[bytes]) -> Batch:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return into_envelopes(batch, notes)

    def unmarked(self, batch: Batch) -> tuple[Batch, Sequence[bytes | None]]:
        """See `aura_stream.ports.KeepsDeadLetters`."""
        return out_of_envelopes(batch)


connector: Connector = FilesConnector()
