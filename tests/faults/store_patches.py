"""Faults inside of processes that use a store: functions for `run.start(patch="tests.faults.store_patches:…")`."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

from aura_connectors.files.journal import FileJournal
from aura_connectors.redis_streams.shared_log import RedisSharedLog

from aura_stream.model import LogReading, LogRecord
from aura_stream.runtime import Transform, Worker

# On the way of a message

ASKED, BESIDE, ENCODED = "the store is asked on the way of a message", "the store is asked beside it", "encoded in"
_CALLS = ((RedisSharedLog, ("start", "read")), (FileJournal, ("start", "read")))
_on_the_way = ContextVar("on_the_way", default=False)


def watch_the_way_of_messages() -> None:
    """Tell when the store is asked by what messages wait for: by the worker's own task, or one that it began since its
    start. Tell how long each portion took to encode too, and when.
    """
    start, transform = Worker._start, Transform.__call__

    async def started(self: Worker) -> None:
        await start(self)
        _on_the_way.set(True)  # of this task, and of those that it begins from now on: the follower runs already

    async def timed(self: Transform, *arguments: Any) -> Any:
        began = time.monotonic()
        portion = await transform(self, *arguments)
        say(f"{ENCODED} {time.monotonic() - began:.6f} s at {began:.3f}")
        return portion

    Worker._start = started  # type: ignore[method-assign]
    Transform.__call__ = timed  # type: ignore[method-assign, assignment]
    for kind, names in _CALLS:
        for name in names:
            setattr(kind, name, _watched(getattr(kind, name)))


def _watched(call: Callable[..., Any]) -> Callable[..., Any]:
    async def watched(*arguments: Any, **more: Any) -> Any:
        say(ASKED if _on_the_way.get() else BESIDE)
        return await call(*arguments, **more)

    return watched


def ask_the_store_on_the_way() -> None:
    """Do what no worker may: wait for the store before each portion. The watch above must notice."""
    fetch = Worker._fetch

    async def fetched(self: Worker) -> Any:
        if self._follower is not None:
            await self._follower._store.follow()
        return await fetch(self)

    Worker._fetch = fetched  # type: ignore[method-assign]


# What is read of the log

LOST, REPEATED, REORDERED = "records of the log are lost", "records are repeated", "records are reordered"
_GARBLED = (LOST, REPEATED, REORDERED)


def garble_what_is_read_of_the_store() -> None:
    """Lose, repeat and reorder records of the log on their way to this process, in turn; every fourth time none."""
    read, readings = RedisSharedLog.read, 0

    async def garbled(self: RedisSharedLog, *arguments: Any, **more: Any) -> LogReading | None:
        nonlocal readings
        reading = await read(self, *arguments, **more)
        if reading is None or len(reading.records) < 2:
            return reading
        turn, readings = readings % 4, readings + 1
        if turn == 3:
            return reading
        say(_GARBLED[turn])
        return replace(reading, records=_mixed(list(reading.records), _GARBLED[turn]))

    RedisSharedLog.read = garbled  # type: ignore[method-assign]


def _mixed(records: list[LogRecord], how: str) -> list[LogRecord]:
    half = len(records) // 2
    if how == LOST:
        return records[:half] + records[half + 1 :]
    return records + records[:half] if how == REPEATED else records[::-1]


# Where a promoter stops

STEPS: dict[str, tuple[type, str]] = {
    "stop_before_proposing": (RedisSharedLog, "propose"),
    "stop_before_the_journal": (FileJournal, "append"),
    "stop_before_activating": (RedisSharedLog, "activate"),
}


def __getattr__(name: str) -> Callable[[], None]:
    """Return the function that stops (SIGSTOP) the process once, right before the first such step."""
    if name not in STEPS:
        raise AttributeError(name)
    return lambda: _stop_before(*STEPS[name])


def _stop_before(kind: type, name: str) -> None:
    call, stopped = getattr(kind, name), False

    async def stopping(*arguments: Any, **more: Any) -> Any:
        nonlocal stopped
        if not stopped:
            stopped = True
            os.kill(os.getpid(), signal.SIGSTOP)
        return await call(*arguments, **more)

    setattr(kind, name, stopping)


# A full disk

SIGN = "this-disk-is-full"  # a file of this name: nothing that stands below its folder can be made durable


def fill_disks_that_say_so() -> None:
    """Let each fsync fail below a folder with SIGN in it, as that of a full disk does: where nothing can be mounted."""
    sync = os.fsync

    def full(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if any((folder / SIGN).exists() for folder in path.parents):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    os.fsync = full  # type: ignore[assignment]


def say(what: str) -> None:
    """Write a line where the test finds it."""
    print(what, file=sys.stderr)
