"""What is written beside a dead letter: why it became one, and where it stood."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

VERSION: Final = 1
MAX_NOTE: Final = 1 << 16  # bytes; ours take some hundreds
MAX_REASON: Final = 500  # characters
_COUNTS: Final = range(2**31)


@dataclass(frozen=True, slots=True)
class Note:
    """Why a message became a dead letter. `time` in seconds since the epoch, `codebook` a digest in hex."""

    reason: str
    error: str  # class of the error
    direction: str  # encode | decode: what could not be done with it
    topic: str
    partition: int
    position: str
    time: float
    attempts: int = 1
    codebook: str = ""

    @property
    def message(self) -> str:
        """Where the message stood: topic/partition/position."""
        return f"{self.topic}/{self.partition}/{self.position}"

    def to_bytes(self) -> bytes:
        """Return the note as one line of JSON, which people and their tools can read."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields["reason"] = self.reason[:MAX_REASON]
        fields["time"] = datetime.fromtimestamp(self.time, UTC).isoformat(timespec="milliseconds")
        return json.dumps({"version": VERSION} | fields, ensure_ascii=False).encode("utf-8", "replace")

    @classmethod
    def from_bytes(cls, data: bytes) -> Note | None:
        """Read a note, None if these bytes are not one of ours."""
        if len(data) > MAX_NOTE:
            return None
        try:
            fields = json.loads(data)
            if not isinstance(fields, dict) or fields.pop("version", None) != VERSION:
                return None
            return cls(**{name: take(fields.get(name)) for name, take in _FIELDS.items()})
        except (ValueError, TypeError, OverflowError, RecursionError):
            return None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value not in _COUNTS:
        raise TypeError
    return value


def _moment(value: Any) -> float:
    return datetime.fromisoformat(_text(value)).timestamp()


_FIELDS: Final[dict[str, Callable[[Any], Any]]] = {
    "reason": _text,
    "error": _text,
    "direction": _text,
    "topic": _text,
    "partition": _number,
    "position": _text,
    "time": _moment,
    "attempts": _number,
    "codebook": _text,
}
