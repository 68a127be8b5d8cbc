"""Dead letters in a file beside the output: each message in an envelope with its note, behind its length."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from aura_connectors.files.options import PLACEHOLDER, BurialOptions, UnearthingOptions
from aura_connectors.files.reader import FileReader
from aura_stream.errors import ConfigError
from aura_stream.model import Batch

MAX_MESSAGES: Final = 1000  # of a look at a file, at a time
MAX_BYTES: Final = 4 << 20


def burying(place: str) -> BurialOptions:
    """Return the options of a sink of dead letters. Raises ConfigError where inputs could not be told apart."""
    if PLACEHOLDER in str(Path(place).parent):
        raise ConfigError(
            f"dead_letter.path: {PLACEHOLDER} belongs in the name of the file, by which inputs are told apart, and not "
            f"in that of a folder: {place}"
        )
    return BurialOptions(path=place, framing="varint")  # an envelope may hold a line feed, whatever the message holds


def unearthing(place: str, inputs: Sequence[str], group: str) -> UnearthingOptions:
    """Return the options of a source over the files that such a sink wrote for these inputs."""
    paths = dict.fromkeys(Path(place.replace(PLACEHOLDER, name)) for name in inputs)
    return UnearthingOptions(paths=list(paths), group=group, framing="varint")


async def buried(options: UnearthingOptions) -> AsyncIterator[Batch]:
    """See `aura_stream.ports.KeepsDeadLetters`."""
    for path in options.paths:
        try:
            reader = FileReader(path, options.group, "varint", until_end=True, whole=options.whole)
        except FileNotFoundError:
            continue  # nothing was buried there yet
        except OSError as error:
            raise ConfigError(f"{options.key}: {path}: {error.strerror}") from error
        try:
            while (batch := await asyncio.to_thread(reader.fetch, MAX_MESSAGES, MAX_BYTES)) is not None:
                yield batch
        finally:
            reader.close()
