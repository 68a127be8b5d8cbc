"""One input file: items from a position on, and the byte at which each ends."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

from aura_connectors.files.durable import require_regular
from aura_connectors.files.options import FramingName
from aura_connectors.files.position import Position, PositionFile
from aura_connectors.files.writer import load_committed
from aura_stream.errors import ConfigError, MessageError
from aura_stream.model import Batch, Partition
from aura_stream.model.framing import MAX_ITEM, SPLITS, DamagedFileError, Items

BLOCK: Final = 1 << 20


class FileReader:
    """Reads a file from its settled position on, follows it while it grows, and settles.

    `until_end`: the file ends where it ends, so that what stands behind the last LF is a message too. Otherwise that
    may still be written, and is waited for. `whole`: of a file that a sink of ours writes, only what it acknowledged is
    read.
    """

    def __init__(self, path: Path, group: str, framing: FramingName, until_end: bool, whole: bool = False) -> None:
        self.partition = Partition(path.name)
        self._path = path
        self._split = SPLITS[framing]
        self._lines = framing == "lines"
        self._until_end = until_end
        self._whole = whole
        self._positions = PositionFile(path, group)
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe must not hold up the worker
        try:
            require_regular(self._descriptor, path)
            self.settled = self._positions.load(self._descriptor)
        except BaseException:
            self.close()
            raise
        self.size_at_start = self._size()
        self._buffer, self._start, self._base = b"", 0, self.settled.offset  # base: the buffer's offset in the file
        self._messages = self.settled.messages
        self._unsettled: deque[tuple[int, list[int]]] = deque()  # number of the first message, offset behind each

    def fetch(self, max_messages: int, max_bytes: int) -> Batch | None:
        """Return the next messages, None if there is none now. Raises MessageError for damage, ConfigError."""
        items = self._next_items(max_messages, max_bytes)
        if not items.values:
            return None
        first = self._messages + 1  # people count lines from 1
        self._messages += len(items.values)
        self._unsettled.append((first, [self._base + end for end in items.ends]))
        self._start = items.ends[-1]
        return Batch(self.partition, items.values, range(first, self._messages + 1))

    def settle(self, number: int) -> None:
        """Keep durably that message `number`, and all before it, need not come again. Raises OSError."""
        while self._unsettled and self._unsettled[0][0] <= number:
            first, ends = self._unsettled[0]
            reached = min(number, first + len(ends) - 1)
            self.settled = Position(ends[reached - first], reached)
            if reached < first + len(ends) - 1:
                break
            self._unsettled.popleft()
        self._positions.store(self._descriptor, self.settled)

    def close(self) -> None:
        """Close the file; may come twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _next_items(self, max_messages: int, max_bytes: int) -> Items:
        while True:
            try:
                items = self._split(self._buffer, self._start, max_messages, max_bytes)
            except DamagedFileError as error:
                if error.offset == self._start:
                    raise self._damaged(str(error)) from error
                items = self._split(self._buffer[: error.offset], self._start, max_messages, max_bytes)
            if items.values or not self._read_on():
                return items if items.values or not self._until_end else self._tail()

    def _read_on(self) -> bool:
        """Add a block to what is not used yet; False at the end of the file."""
        rest = self._buffer[self._start :]
        if len(rest) > MAX_ITEM + BLOCK:
            raise self._damaged(f"an item of more than {MAX_ITEM} bytes")
        self._base, self._start = self._base + self._start, 0
        end = self._base + len(rest)
        most = max(BLOCK, len(rest))
        if self._whole:
            most = min(most, max(0, self._size() - end))
        block = os.pread(self._descriptor, most, end)
        self._buffer = rest + block
        if not block:
            self._check_that_it_is_the_same(end)
        return bool(block)

    def _size(self) -> int:
        """Return where the file ends for us."""
        size = os.fstat(self._descriptor).st_size
        committed = load_committed(self._path) if self._whole else None
        return size if committed is None else min(size, committed)

    def _check_that_it_is_the_same(self, end: int) -> None:
        """Raise ConfigError if the file was cut short, or its name given to another one that nobody would read."""
        status = os.fstat(self._descriptor)
        if status.st_size < end:
            raise ConfigError(f"{self._path} was cut short while it was read")
        if self._until_end:
            return
        with suppress(FileNotFoundError):  # moved away, and no successor yet
            if not os.path.samestat(status, os.stat(self._path)):
                raise ConfigError(
                    f"{self._path} was replaced by another file; a file that is read must stay what it is"
                )

    def _tail(self) -> Items:
        """Return what stands behind the last line feed, as a message."""
        if not self._buffer:
            return Items([], [])
        if not self._lines:
            raise self._damaged(f"the file ends {len(self._buffer)} bytes into an item")
        return Items([self._buffer], [len(self._buffer)])

    def _damaged(self, what: str) -> MessageError:
        number = self._messages + 1
        place = f"{self._path} message {number} at byte {self._base + self._start}"
        return MessageError(f"{place}: {what}", str(self.partition), number)
