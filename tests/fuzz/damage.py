"""Ways to damage a frame: cut off, flipped, spliced, changed, grown, or nothing but noise. Seeded, so repeatable."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

Damaged = tuple[str, bytes, int]  # kind of damage, the frame, the other subject's place in a splice (else -1)

_LONGEST_NOISE = 300  # bytes
KINDS = ("prefix", "flip", "splice", "insert", "overwrite", "noise")


def prefixes(frame: bytes) -> Iterator[Damaged]:
    """Every prefix, the empty one included."""
    for end in range(len(frame)):
        yield "prefix", frame[:end], -1


def flips(frame: bytes) -> Iterator[Damaged]:
    """Every single flipped bit."""
    for place in range(len(frame)):
        for bit in range(8):
            yield "flip", _flipped(frame, place, bit), -1


def some_flips(frame: bytes, count: int, rng: random.Random) -> Iterator[Damaged]:
    """Some single flipped bits, of a frame that has too many for all of them."""
    for _ in range(count):
        yield "flip", _flipped(frame, rng.randrange(len(frame)), rng.randrange(8)), -1


def at_random(frame: bytes, others: Sequence[bytes], count: int, rng: random.Random) -> Iterator[Damaged]:
    """So many of each: splices with one of the others, bytes inserted, bytes overwritten, and pure noise."""
    for _ in range(count):
        other = rng.randrange(len(others))
        yield "splice", _spliced(frame, others[other], rng), other
        place = rng.randrange(len(frame) + 1)
        yield "insert", frame[:place] + rng.randbytes(rng.choice((1, 1, 2, 4, 16))) + frame[place:], -1
        yield "overwrite", _overwritten(frame, rng), -1
        yield "noise", _noise(frame, rng), -1


def _flipped(frame: bytes, place: int, bit: int) -> bytes:
    damaged = bytearray(frame)
    damaged[place] ^= 1 << bit
    return bytes(damaged)


def _spliced(frame: bytes, other: bytes, rng: random.Random) -> bytes:
    return frame[: rng.randrange(1, len(frame) + 1)] + other[rng.randrange(len(other) + 1) :]


def _overwritten(frame: bytes, rng: random.Random) -> bytes:
    place, size = rng.randrange(len(frame)), rng.choice((1, 1, 2, 3, 8))
    return frame[:place] + rng.randbytes(min(size, len(frame) - place)) + frame[place + size :]


def _noise(frame: bytes, rng: random.Random) -> bytes:
    """Random bytes; half of the time behind the frame's first byte, so that they reach its method."""
    noise = rng.randbytes(rng.randrange(_LONGEST_NOISE))
    return frame[:1] + noise if rng.random() < 0.5 else noise
