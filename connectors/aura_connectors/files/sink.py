"""Sink into files: one for each input, or one for all."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aura_connectors.feedback import refuse_feedback
from aura_connectors.files.options import PLACEHOLDER, FilesSinkOptions, resolve_framing
from aura_connectors.files.writer import FileWriter
from aura_stream.errors import ConfigError, UnavailableError, UnwritableMessageError
from aura_stream.model import Batch, Topic
from aura_stream.model.framing import JOINS
from aura_stream.ports import Context


class FilesSink:
    """Appends values to the file that their input's name gives; what was acknowledged is on the disk."""

    def __init__(self, options: FilesSinkOptions, context: Context) -> None:
        self._options = options
        self._context = context
        self._join = JOINS[resolve_framing(options.framing, context.direction == "encode", "output")]
        self._writers: dict[Path, FileWriter] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aura-files")

    async def start(self, inputs: Sequence[Topic]) -> None:
        for path in {self._output(topic.name) for topic in inputs}:
            refuse_feedback(path.name, str(path.resolve()), inputs)
            if self._context.probe:
                _look_at(path, self._options.key)
            elif path not in self._writers:
                self._open(path)

    async def publish(self, batches: Sequence[Batch]) -> None:
        contents: dict[Path, list[bytes]] = defaultdict(list)
        for index, batch in enumerate(batches):
            try:
                contents[self._output(batch.partition.topic)].append(self._join(batch.values))
            except UnwritableMessageError as error:
                error.batch = index
                raise
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write, contents)

    async def stop(self) -> None:
        await asyncio.to_thread(self._thread.shutdown)  # a write under way ends before its file is closed
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _write(self, contents: dict[Path, list[bytes]]) -> None:
        for path, pieces in contents.items():
            writer = self._writers.get(path) or self._open(path)
            try:
                writer.append(b"".join(pieces))
            except OSError as error:  # a full disk, for one, is mended while we wait
                raise UnavailableError(f"{path}: {error.strerror}") from error

    def _open(self, path: Path) -> FileWriter:
        try:
            writer = self._writers[path] = FileWriter(path, self._options.key)
        except OSError as error:
            raise ConfigError(f"{self._options.key}: {path}: {error.strerror}") from error
        return writer

    def _output(self, topic: str) -> Path:
        if PLACEHOLDER in self._options.path and ("/" in topic or "\0" in topic):
            raise ConfigError(
                f"{self._options.key}: the name {topic!r} of an input cannot stand for {PLACEHOLDER} in a path"
            )
        return Path(self._options.path.replace(PLACEHOLDER, topic))


def _look_at(path: Path, key: str) -> None:
    """Raise ConfigError if the file, which `key` names, could not be written."""
    if path.exists() and not path.is_file():
        raise ConfigError(f"{key}: {path} is not a regular file")
    place = path if path.exists() else path.parent
    if not place.exists() or not os.access(place, os.W_OK):
        raise ConfigError(f"{key}: {place} does not exist, or may not be written")
