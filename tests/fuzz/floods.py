"""Traffic that was crafted to fill a template store, or to keep who learns from it busy; and ordinary traffic."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import count

_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_MARKS = b"!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~"


def _word(rng: random.Random) -> bytes:
    return bytes(rng.choices(_LETTERS, k=rng.randrange(2, 9)))


def log_lines(rng: random.Random, number: int) -> bytes:
    """Ordinary: an application's log."""
    clock = number // 60 % 60, number % 60, number % 1000
    return b"2024-05-15T15:%02d:%02d.%03dZ INFO orders request %d finished with %d in %d ms from 10.0.%d.%d" % (
        *clock, number, rng.choice((200, 404)), *rng.sample(range(250), 3)
    )  # fmt: skip


def events(rng: random.Random, number: int) -> bytes:
    """Ordinary: JSON."""
    return b'{"level":"info","ts":%d.%03d,"user":"u%d","path":"/api/v1/items/%d","status":%d,"ok":true}' % (
        1_715_785_200 + number, number % 1000, rng.randrange(99), number, rng.choice((200, 404))
    )  # fmt: skip


def unique_words(rng: random.Random, number: int) -> bytes:
    """Words that never come again."""
    return b" ".join(_word(rng) for _ in range(18))


def near_duplicates(rng: random.Random, number: int) -> bytes:
    """Templates that differ in one word or two."""
    names = b"n%x" % (number % 977), b"h%x" % (number % 1013), b"r%x" % (number % 887)
    return b"user %b logged in from host %b with role %b at gate %d" % (*names, number % 1009)


def huge_messages(rng: random.Random, number: int) -> bytes:
    """As large as is still looked at."""
    return b" ".join(b"%x" % rng.getrandbits(rng.randrange(4, 40)) for _ in range(3500))[: 32 << 10]


def punctuation(rng: random.Random, number: int) -> bytes:
    """A token a byte."""
    return bytes(rng.choices(_MARKS, k=140))


def single_letters(rng: random.Random, number: int) -> bytes:
    """A token a byte, half of them words."""
    return b" ".join(bytes(rng.choices(_LETTERS, k=1)) for _ in range(70))


def tiny_messages(rng: random.Random, number: int) -> bytes:
    """Six bytes, none twice."""
    return b"%06x" % number


def just_often_enough(rng: random.Random, number: int) -> bytes:
    """Phrases that come as often as is asked for, and never again."""
    batch = number // 6
    mine = random.Random(batch)
    return b" ".join(_word(mine) for _ in range(12)) + b" %d" % number


ORDINARY: Sequence[Callable[[random.Random, int], bytes]] = (log_lines, events)
FLOODS: Sequence[Callable[[random.Random, int], bytes]] = (
    unique_words, near_duplicates, huge_messages, punctuation, single_letters, tiny_messages, just_often_enough,
)  # fmt: skip


def messages(kind: Callable[[random.Random, int], bytes], seed: int) -> Iterator[bytes]:
    """Messages of a kind without end."""
    rng = random.Random(seed)
    return (kind(rng, number) for number in count())


def of_bytes(source: Iterator[bytes], size: int) -> list[bytes]:
    """Take messages of so many bytes in all."""
    taken: list[bytes] = []
    while size > 0:
        taken.append(next(source))
        size -= len(taken[-1])
    return taken
