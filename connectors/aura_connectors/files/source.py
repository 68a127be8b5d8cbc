"""Source over files: one after the other, and then whatever is appended to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aura_connectors.feedback import PLACE
from aura_connectors.files.options import FilesSourceOptions, resolve_framing
from aura_connectors.files.reader import FileReader
from aura_stream.errors import ConfigError, MessageError, UnavailableError
from aura_stream.model import Batch, Partition, Topic
from aura_stream.ports import Context

POLL: Final = 0.1  # seconds between two looks at files that may grow


class FilesSource:
    """Reads files in the order in which they are named. One worker reads them in a group at a time."""

    def __init__(self, options: FilesSourceOptions, context: Context) -> None:
        self._options = options
        self._context = context
        self._framing = resolve_framing(options.framing, context.direction == "decode", "input")
        self._readers: dict[str, FileReader] = {}
        self._paused: set[Partition] = set()

    async def start(self) -> Sequence[Topic]:
        for path in self._options.paths:
            self._readers[path.name] = self._open(path)
        return [Topic(path.name, settings={PLACE: str(path.resolve())}) for path in self._options.paths]

    async def fetch(self, max_messages: int, max_bytes: int, timeout: float) -> list[Batch]:
        deadline = time.monotonic() + timeout
        while True:
            batches = self._read(max_messages, max_bytes)
            left = deadline - time.monotonic()
            if batches or left <= 0:
                return batches
            await asyncio.sleep(min(POLL, left))

    def owns(self, batch: Batch) -> bool:
        return batch.partition.topic in self._readers

    async def settle(self, batches: Sequence[Batch]) -> None:
        last = {batch.partition.topic: int(batch.positions[-1]) for batch in batches if len(batch)}
        for topic, number in last.items():
            try:
                await asyncio.to_thread(self._readers[topic].settle, number)
            except OSError as error:  # a full disk, for one, is mended while we wait
                raise UnavailableError(f"{topic}: its position cannot be kept: {error.strerror}") from error

    def pause(self, partition: Partition) -> None:
        self._paused.add(partition)

    def resume(self, partition: Partition) -> None:
        self._paused.discard(partition)

    async def keep_alive(self) -> None:
        """Nothing is held that could be lost."""

    async def finished(self) -> bool:
        readers = self._readers.values()
        return self._context.once and all(reader.settled.offset >= reader.size_at_start for reader in readers)

    async def lag(self) -> int | None:
        return None  # bytes are known, messages are not

    async def stop(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        self._paused.clear()

    def _open(self, path: Path) -> FileReader:
        try:
            return FileReader(
                path, self._options.group, self._framing, until_end=self._context.once, whole=self._options.whole
            )
        except OSError as error:
            raise ConfigError(f"{self._options.key}: {path}: {error.strerror}") from error

    def _read(self, max_messages: int, max_bytes: int) -> list[Batch]:
        batches: list[Batch] = []
        for reader in self._readers.values():
            while max_messages > 0 and max_bytes > 0 and reader.partition not in self._paused:
                try:
                    batch = reader.fetch(max_messages, max_bytes)
                except MessageError:
                    if batches:
                        return batches  # what stands before the damage comes first; the next fetch meets it again
                    raise
                if batch is None:
                    break
                batches.append(batch)
                max_messages -= len(batch)
                max_bytes -= sum(len(value or b"") for value in batch.values)
        return batches
