"""A portion: what the transform made of some batches, on its way to the other side."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aura_stream.errors import MessageError, UnwritableMessageError
from aura_stream.model import Batch
from aura_stream.runtime.burying import Burial
from aura_stream.runtime.waiting import Stuck

TOLD: Final = 10
"""Log lines about the dead letters of one portion: a writer gone wrong can make thousands of them, and each has a note
that says the same."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Part:
    """A batch to be published, or a dead letter. `original` is what the batch was made of, where that is kept."""

    batch: Batch
    original: Batch | None = None
    dead: bool = False
    written: bool = False  # of a dead letter

    def cut(self, start: int, stop: int) -> Part:
        """Return messages `start` to `stop` (exclusive) as a part of their own."""
        original = self.original.part(start, stop) if self.original is not None else None
        return Part(self.batch.part(start, stop), original)


@dataclass(slots=True)
class Portion:
    """Parts in the order of fetching, what waits for a longer book, and why nothing comes after them, if so.

    Without a `burial` there are no dead letters: what would be one is the failure.
    """

    burial: Burial | None = None
    parts: list[Part] = field(default_factory=list)
    stuck: list[Stuck] = field(default_factory=list)
    failure: MessageError | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    _buried: int = 0  # since it was told how many

    @property
    def batches(self) -> list[Batch]:
        """What is to be published."""
        return [part.batch for part in self.parts if not part.dead]

    @property
    def dead(self) -> list[Batch]:
        """Dead letters that are to be written."""
        return [part.batch for part in self.parts if part.dead and not part.written]

    @property
    def all(self) -> list[Batch]:
        """What is to be settled, in the order of fetching."""
        return [part.batch for part in self.parts]

    def add(self, original: Batch, values: Sequence[bytes | None]) -> None:
        """Take in what was made of a batch."""
        if original.values:
            kept = original if self.burial is not None else None
            self.parts.append(Part(original.with_values(values), kept))

    def count(self, methods: Mapping[str, int], bytes_in: int, bytes_out: int) -> None:
        """Note how a batch was transformed."""
        self.methods.update(methods)
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out

    def bury(self, message: Batch, error: Exception) -> None:
        """Append the dead letter of one message, which is in no part."""
        self.parts.append(self._dead(message, error))

    def lay(self, letter: Batch) -> None:
        """Append what is a dead letter already, and goes where they go as it is."""
        self.parts.append(Part(letter, dead=True))

    def _dead(self, message: Batch, error: Exception) -> Part:
        assert self.burial is not None, "there is a place for dead letters"
        self._buried += self.burial.told
        if 0 < self._buried <= TOLD:
            log.error("%s: a dead letter: %s: %s", _place(message, 0), type(error).__name__, error)
        return Part(self.burial.of(message, error), dead=True)

    def tell(self) -> None:
        """Tell of the dead letters that had no line of their own."""
        if self._buried > TOLD:
            log.error("%d more became dead letters; `aura-stream dead-letters list` names each", self._buried - TOLD)
        self._buried = 0

    def written(self) -> None:
        """Note that all dead letters are written."""
        for part in self.parts:
            part.written = part.dead

    def refuse(self, error: UnwritableMessageError) -> None:
        """Take out the message of `batches` that the sink refused: a dead letter, or without a burial the failure."""
        alive = [index for index, part in enumerate(self.parts) if not part.dead]
        number, row = alive[error.batch], error.index
        refused = self.parts[number]
        if self.burial is None or refused.original is None:
            self.failure = self._failure("cannot be written", refused.batch, row, error)
            self.parts[number:] = self._filled(refused.cut(0, row))
            return
        dead = self._dead(refused.original.part(row, row + 1), error)
        behind = refused.cut(row + 1, len(refused.batch))
        self.parts[number : number + 1] = [*self._filled(refused.cut(0, row)), dead, *self._filled(behind)]

    def unburied(self, error: UnwritableMessageError) -> MessageError:
        """Return the error that ends the worker: message `error.batch` of `dead` cannot be kept anywhere."""
        return self._failure("its dead letter cannot be written", self.dead[error.batch], error.index, error)

    def keep(self, owns: Callable[[Batch], bool]) -> list[Batch]:
        """Keep what is still ours; return the batches, dead letters among them, that are not."""
        lost = [part.batch for part in self.parts if not owns(part.batch)]
        if lost:
            self.parts = [part for part in self.parts if owns(part.batch)]
        return lost

    def __len__(self) -> int:
        return sum(len(part.batch) for part in self.parts)

    @staticmethod
    def _filled(part: Part) -> list[Part]:
        return [part] if len(part.batch) else []

    @staticmethod
    def _failure(what: str, batch: Batch, row: int, error: Exception) -> MessageError:
        return MessageError(f"{_place(batch, row)}: {what}: {error}", str(batch.partition), batch.positions[row])


def _place(batch: Batch, row: int) -> str:
    return f"{batch.partition.topic} partition {batch.partition.index} position {batch.positions[row]}"
