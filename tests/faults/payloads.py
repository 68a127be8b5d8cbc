"""What the oracle sends: every byte a function of seed, stream, lane and number, and of nothing else.

A lane is what messages are in order in: a partition of the input topic, or an input stream. Judge and oracle compute
the same message in processes of their own, so that nothing that a worker touched tells what is right.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

import aura_stream

SAMPLES: Final = Path(aura_stream.__file__).parent / "samples"
CORPORA: Final = Path(__file__).resolve().parents[3] / "shared" / "corpora"
NAMES: Final = ("loghub_hdfs.log", "loghub_openssh.log", "iot_mqtt.jsonl", "chat_utterances.txt", "cdc_events.jsonl")
LINES_OF_A_FILE: Final = 2000
MEGABYTE: Final = 1_000_000  # below the 1,048,588 bytes that Kafka takes unless told otherwise
LARGE_EVERY: Final = 2_500
DAMAGED_EVERY: Final = 500
FIRST_TIMESTAMP: Final = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Traffic:
    """All messages of one run.

    `large`: bytes of a message now and then, 0 for none. `damaged`: where frames are sent, now and then one is not
    what an encoder wrote.
    """

    seed: int
    stream: str
    lanes: int = 2
    large: int = 0
    damaged: bool = False

    def payload(self, lane: int, number: int) -> bytes:
        """Return the message with this number in this lane."""
        draw = blake2b(f"{self.seed}/{self.stream}/{lane}/{number}".encode(), digest_size=16).digest()
        chance = random.Random(draw)
        if self.large and number % LARGE_EVERY == LARGE_EVERY // 3:
            return _large(self.large, chance)
        return _small(draw[0], chance)

    def is_damaged(self, number: int) -> bool:
        """Tell whether the frame with this number is sent damaged."""
        return self.damaged and number % DAMAGED_EVERY == DAMAGED_EVERY // 3

    def payloads(self, lane: int, first: int, count: int) -> list[bytes]:
        """Return messages that follow each other."""
        return [self.payload(lane, number) for number in range(first, first + count)]


def _small(kind: int, chance: random.Random) -> bytes:
    """Return a message of the kind that a byte from 0 to 255 stands for."""
    if kind < 110:
        return _like_a_template(chance)
    if kind < 205:
        return chance.choice(real_lines())
    if kind < 225:
        return chance.randbytes(chance.randrange(1, 300))
    if kind < 245:
        return bytes([chance.choice(MARKERS)]) + chance.randbytes(chance.randrange(40))
    if kind < 255:
        return b""
    return b"\n".join(chance.choices(real_lines(), k=chance.randrange(5, 15)))  # takes milliseconds to encode


UNKNOWN_MARKER: Final = b"\xff"
# First bytes that frames begin with: no text does (docs/wire-format.md).
MARKERS: Final = (*range(0x80, 0xC2), *range(0xF5, 0x100))
_PLACES: Final = ("checkout", "payment", "search", "cart", "login", "invoice")
_STATES: Final = ("accepted", "refused", "retried", "timed out")


def _like_a_template(chance: random.Random) -> bytes:
    number, address = chance.randrange(10**7), ".".join(str(chance.randrange(256)) for _ in range(4))
    state, place, took = chance.choice(_STATES), chance.choice(_PLACES), chance.randrange(5000)
    return f"request {number:07d} for {place} from {address} was {state} after {took} ms".encode()


def _large(size: int, chance: random.Random) -> bytes:
    half = b"\n".join(chance.choices(real_lines(), k=4000))[: size // 2]
    return half + chance.randbytes(size - len(half))


def damage(frame: bytes) -> bytes:
    """Return a frame that no decoder may take for a message: a marker that nobody writes, and what followed it."""
    return UNKNOWN_MARKER + frame


@cache
def real_lines() -> Sequence[bytes]:
    """Return lines of real traffic where they are there, else of the shipped samples."""
    paths = [path for name in NAMES if (path := CORPORA / name).is_file()] or sorted(SAMPLES.iterdir())
    return tuple(line for path in paths for line in path.read_bytes().splitlines()[:LINES_OF_A_FILE])


# What goes beside a message, so that the judge knows which one it is, and sees whether that too came through


def identity(lane: int, number: int) -> bytes:
    """Return what stands in the key of a record, or in the first field of an entry."""
    return b"%d:%d" % (lane, number)


def identified(name: bytes | None) -> tuple[int, int] | None:
    """Return lane and number, None if nobody of ours wrote that."""
    lane, colon, number = (name or b"").partition(b":")
    return (int(lane), int(number)) if colon and lane.isdigit() and number.isdigit() else None


def headers(number: int) -> list[tuple[str, bytes | None]]:
    """Return the headers of a record: two of one name, of bytes that are no text."""
    return [("trace", b"\xff%d" % number), ("trace", None)][: number % 3]


def timestamp(number: int) -> int:
    """Return the milliseconds of a record."""
    return FIRST_TIMESTAMP + number


NAME_FIELD: Final = b"name"
MORE_FIELD: Final = b"more"


def fields(lane: int, number: int) -> list[tuple[bytes, bytes]]:
    """Return the fields of an entry that stand behind the message."""
    return [(NAME_FIELD, identity(lane, number)), (MORE_FIELD, b"\xff"), (MORE_FIELD, b"")][: 1 + number % 3]
