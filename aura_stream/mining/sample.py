"""Which messages are kept to mine from, in bounded memory."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

_LEAST: Final = 24  # bytes that a message counts for: what mining keeps about the shortest is no less
_OF_TOKEN: Final = 1.5  # bytes that a token counts for: ordinary text has two a token, a flood of marks has one
_WORDS: Final = bytes(byte for byte in range(256) if byte > 127 or bytes((byte,)).isalnum())
_MARKS: Final = bytes(set(range(256)).difference(_WORDS))
_APART: Final = bytes.maketrans(_MARKS, b" " * len(_MARKS))


def weight(message: bytes) -> int:
    """Return the bytes that a message counts for: mining costs by the token where they are short."""
    tokens = len(message) - len(message.translate(None, _MARKS)) + len(message.translate(_APART).split())
    return max(len(message), _LEAST, int(_OF_TOKEN * tokens))


class Reservoir:
    """A fair sample of the messages since it was last emptied, in their order: each is kept with the same probability
    (J. Vitter, "Random sampling with a reservoir", 1985).
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit  # bytes
        self._kept: list[tuple[int, bytes]] = []  # (order of arrival, message)
        self._size = 0
        self._seen = 0
        self._random = random.Random(0)  # noqa: S311  # fairness, not secrecy; seeded, so that proposals can be repeated

    def keep(self, message: bytes) -> None:
        """See one more message."""
        self._seen += 1
        kept = (self._seen, message)
        if self._size + weight(message) <= self._limit:
            self._kept.append(kept)
            self._size += weight(message)
        elif self._kept and self._random.randrange(self._seen) < len(self._kept):
            place = self._random.randrange(len(self._kept))
            self._size += weight(message) - weight(self._kept[place][1])
            self._kept[place] = kept
            while self._size > self._limit:
                self._size -= weight(self._kept.pop(self._random.randrange(len(self._kept)))[1])

    def take(self) -> list[bytes]:
        """Return what was kept, and begin anew."""
        kept, self._kept = self._kept, []
        self._size = self._seen = 0
        return [message for _, message in sorted(kept)]


class Recent:
    """The messages that came last."""

    def __init__(self, limit: int) -> None:
        self.limit = limit  # bytes
        self.messages: list[bytes] = []

    def add(self, messages: Sequence[bytes]) -> None:
        """Take messages in; the oldest make room."""
        self.messages = newest([*self.messages, *messages], self.limit)


def newest(messages: list[bytes], limit: int) -> list[bytes]:
    """Return the last of the messages, `limit` bytes of them at most."""
    size = 0
    for place in range(len(messages) - 1, -1, -1):
        size += weight(messages[place])
        if size > limit:
            return messages[place + 1 :]
    return messages
