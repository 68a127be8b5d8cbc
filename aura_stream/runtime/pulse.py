"""What must go on while the worker waits: the source's membership, and the heartbeat file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

from aura_stream.errors import ConfigError, UnavailableError
from aura_stream.ports import Source

T = TypeVar("T")

BEAT: Final = 1.0  # seconds; the port promises a call of keep_alive at least each second
CANCEL_TIMEOUT: Final = 5.0

log = logging.getLogger(__name__)


class Heartbeat:
    """A file whose age tells a health check that the loop turns. Without a path: nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._failed = False

    def begin(self) -> None:
        """Make the file. Raises ConfigError if that cannot be."""
        if self._path is not None:
            try:
                self._path.touch()
            except OSError as error:
                raise ConfigError(f"heartbeat: {self._path}: {error.strerror}") from error

    def beat(self) -> None:
        """Renew the file; a disk that fails later on is told once, and does not stop the worker."""
        if self._path is None:
            return
        try:
            self._path.touch()
        except OSError as error:
            if not self._failed:
                log.warning("heartbeat: %s: %s", self._path, error.strerror)
            self._failed = True
        else:
            self._failed = False


class Pulse:
    """Keeps the source and the heartbeat alive while something else takes its time."""

    def __init__(self, source: Source, heartbeat: Heartbeat) -> None:
        self._source = source
        self._heartbeat = heartbeat

    async def during(self, work: Coroutine[Any, Any, T] | asyncio.Task[T]) -> T:
        """Wait for the work and return what it returns; if we are cancelled, so is the work."""
        task = work if isinstance(work, asyncio.Task) else asyncio.create_task(work)
        try:
            while not (await asyncio.wait({task}, timeout=BEAT))[0]:
                await self.beat()
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=CANCEL_TIMEOUT)

    async def beat(self) -> None:
        """Show once that we are alive."""
        self._heartbeat.beat()
        try:
            await self._source.keep_alive()
        except UnavailableError as error:
            log.debug("could not keep the source alive: %s", error)
