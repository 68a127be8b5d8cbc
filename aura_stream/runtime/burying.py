"""Dead letters: which messages become one, and what is written beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from aura_stream.errors import RefusedMessageError
from aura_stream.model import Batch, Note

Mark = Callable[[Batch, Sequence[bytes]], Batch]  # `KeepsDeadLetters.marked`


@dataclass(frozen=True, slots=True)
class Screen:
    """What is not even tried. None: no limit."""

    max_message: int | None = None  # bytes
    max_attempts: int | None = None  # times that a message may be handed out without being settled

    def refused(self, batch: Batch) -> tuple[int, RefusedMessageError] | None:
        """Return the row of the first message to refuse and the reason, None if there is none."""
        if self.max_message is not None:
            for row, value in enumerate(batch.values):
                if value is not None and len(value) > self.max_message:
                    return row, RefusedMessageError(f"{len(value)} bytes are more than limits.message")
        if self.max_attempts is not None and batch.attempts is not None:
            for row, attempts in enumerate(batch.attempts):
                if attempts > self.max_attempts:
                    return row, RefusedMessageError(f"handed out {attempts - 1} times and never settled")
        return None


class Burial:
    """Makes a dead letter of a message. `book` tells the digest of the codebook in use, in hex.

    `told`: the log tells of it too.
    """

    def __init__(
        self,
        mark: Mark,
        direction: Literal["encode", "decode"],
        book: Callable[[], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.told = True
        self._mark = mark
        self._direction = direction
        self._book = book
        self._clock = clock

    def of(self, message: Batch, error: Exception) -> Batch:
        """Return a batch of one message as its dead letter, ready to be written."""
        note = Note(
            reason=str(error),
            error=type(error).__name__,
            direction=self._direction,
            topic=message.partition.topic,
            partition=message.partition.index,
            position=str(message.positions[0]),
            time=self._clock(),
            attempts=message.attempts[0] if message.attempts is not None else 1,
            codebook=self._book(),
        )
        return self._mark(message, [note.to_bytes()])
