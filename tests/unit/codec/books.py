"""Codebooks for the tests of the codec: empty ones, one made by hand with every kind of slot, one that was mined."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path

import aura_stream
from aura_stream import Codebook, Miner
from aura_stream.codec import Generation, Proposal, Template, times
from aura_stream.codec.lexer import lex
from aura_stream.codec.slots import (
    BASE36,
    BASE64,
    BASE64URL,
    DECIMAL,
    DIGITS,
    HEX_LOWER,
    HEX_UPPER,
    INT,
    IPV4,
    REPEAT,
    TEXT,
    TIME,
    UUID,
    slot_type,
)
from aura_stream.codec.template import Symbol

BIRTH = 1_715_785_200  # 2024-05-15T15:00:00
DICTIONARY = b'{"level":"info","user":"alice","path":"/api/v1/items"} GET POST /api/v1/items/ ' * 8
SAMPLES = ("api.jsonl", "chat.txt", "events.jsonl", "logs.txt")


def template(*parts: Symbol) -> Template:
    """Make a template, its literals split as the lexer splits them."""
    return Template(tuple(chain.from_iterable(lex(part)[0] if isinstance(part, bytes) else (part,) for part in parts)))


def time_slot(form: int, fraction: int = 0) -> int:
    return slot_type(TIME, form << 4 | fraction)


INTEGER = slot_type(INT)
ANY_TEXT = slot_type(TEXT)
REPEAT_ANY = slot_type(REPEAT)

TEMPLATES = (
    template(b"user=", INTEGER, b" id=", slot_type(UUID), b" "),
    template(b"sess=", slot_type(HEX_LOWER, 16), b" "),
    template(b"SESS=", slot_type(HEX_UPPER), b" "),
    template(b"hex=", slot_type(HEX_LOWER), b" "),
    template(b"code=", slot_type(DIGITS, 4), b" "),
    template(b"took ", slot_type(DECIMAL, 2), b" ms"),
    template(b"rate ", slot_type(DECIMAL), b" "),
    template(b"from ", slot_type(IPV4), b" to ", slot_type(IPV4)),
    template(b"token=", slot_type(BASE64), b" "),
    template(b"key=", slot_type(BASE64URL), b" "),
    template(b"ref=", slot_type(BASE36, 12), b" "),
    template(time_slot(times.ISO_T), b"Z "),
    template(time_slot(times.ISO_COMMA, 3), b" "),
    template(time_slot(times.DATE), b" "),
    template(time_slot(times.CLOCK), b" "),
    template(time_slot(times.SYSLOG), b" "),
    template(time_slot(times.EPOCH), b" "),
    template(time_slot(times.EPOCH, 9), b" "),
    template(time_slot(times.EPOCH_POINT, 3), b" "),
    template(time_slot(times.SHORT), b" "),
    template(b"a=", INTEGER, b" b=", REPEAT_ANY, b" "),
    template(b"<", ANY_TEXT, b"=", REPEAT_ANY, b">"),
    template(b"name=", ANY_TEXT, b" "),
    template((b"GET", b"POST", b"DELETE"), b" /api/v", INTEGER, b"/"),
    template((b"200", b"404"), b" OK "),
    *(template(word) for word in (b"hello", b"world", b"er", b"ing", b"st", b"a", b" ", b"\n", b", ")),
)


@cache
def by_hand(check_bytes: int = 1, raw: str = "plain", dictionary: bytes = b"") -> Codebook:
    """One generation with every kind of slot."""
    return Codebook(check_bytes, raw, (Generation(TEMPLATES, dictionary, BIRTH),))  # type: ignore[arg-type]


def sample(name: str) -> list[bytes]:
    """The messages of one of the shipped samples."""
    path = Path(aura_stream.__file__).parent / "samples" / name
    return path.read_bytes().splitlines()


@cache
def sample_messages() -> list[bytes]:
    """Some messages of each sample."""
    return [message for name in SAMPLES for message in sample(name)[:120]]


@cache
def _mined() -> Codebook:
    miner = Miner()
    miner.observe(sample_messages())
    return Codebook().extended(miner.propose(Codebook()))


def mined(check_bytes: int = 1, raw: str = "plain") -> Codebook:
    """What the miner makes of the samples."""
    return replace(_mined(), check_bytes=check_bytes, raw=raw)  # type: ignore[arg-type]


def many_generations(count: int) -> Codebook:
    """So many generations, each with a dictionary and a template that names it."""
    book = Codebook()
    for number in range(count):
        words = tuple(template(b"generation%d" % number) for _ in range(1))
        book = book.extended(Proposal((*words, *TEMPLATES), True, b"%d" % number + DICTIONARY, BIRTH))
    return book
