"""How far a file was read, kept beside it as PATH.GROUP.position."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aura_connectors.files.durable import replace_durably
from aura_stream.errors import ConfigError

FORMAT: Final = 1
HEAD: Final = 4096  # bytes of the file that tell it from another one of the same name


@dataclass(frozen=True, slots=True)
class Position:
    """Everything before byte `offset`, which is `messages` messages, is settled."""

    offset: int = 0
    messages: int = 0


class PositionFile:
    """Loads and stores the position of one input file."""

    def __init__(self, input_path: Path, group: str) -> None:
        self._input = input_path
        self.path = input_path.with_name(f"{input_path.name}.{group}.position")

    def load(self, descriptor: int) -> Position:
        """Return the position in the opened input. Raises ConfigError if it was made for another content."""
        try:
            kept = json.loads(self.path.read_bytes())
            position, head = Position(int(kept["offset"]), int(kept["messages"])), kept["head"]
        except FileNotFoundError:
            return Position()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{self.path}: no position can be read; remove it to read all again") from error
        if os.fstat(descriptor).st_size < position.offset or _head(descriptor, position) != head:
            raise ConfigError(
                f"{self._input} is not the file whose position stands in {self.path.name}; "
                "remove that file to read this one from the beginning"
            )
        return position

    def store(self, descriptor: int, position: Position) -> None:
        """Keep the position durably. Raises OSError."""
        kept = {"format": FORMAT, "head": _head(descriptor, position)}
        kept |= {"offset": position.offset, "messages": position.messages}
        replace_durably(self.path, json.dumps(kept).encode())


def _head(descriptor: int, position: Position) -> str:
    return hashlib.sha256(os.pread(descriptor, min(position.offset, HEAD), 0)).hexdigest()[:32]
