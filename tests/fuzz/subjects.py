"""Undamaged frames of every method and several sizes, for each property that a codebook can have."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

from aura_stream import Codebook, HybridCodec
from aura_stream.codec.check import checker
from aura_stream.codec.codebook import CHECK_SIZES, RawMode
from aura_stream.codec.general import Zstd, brotli_compress
from aura_stream.model.framing import leb128
from tests.golden import make
from tests.unit.codec.books import mined, sample_messages

LIMIT = 1 << 20  # what a damaged frame may ask for
RAW_MODES: tuple[RawMode, ...] = ("plain", "marked")
SETTINGS = tuple(product(CHECK_SIZES, RAW_MODES))
_LAST = 24  # a generation with a dictionary, named by extension frames
_EVENT = make.MESSAGES["event"]
_SIZES = (1, 20, 140, 1500, 6000, 40_000)  # bytes of the messages of general methods
_MINED = 40  # messages of the samples, evenly spread


@dataclass(frozen=True, slots=True)
class Subject:
    """A frame that is to be damaged, and its message. `family` names the book: only frames of one are spliced."""

    family: str
    method: str
    message: bytes
    frame: bytes


def _text(size: int) -> bytes:
    """So many bytes, three quarters of which are known to a dictionary."""
    rng = random.Random(size)
    return b"".join(b"%b %x " % (_EVENT, rng.getrandbits(160)) for _ in range(size // 100 + 1))[:size]


@cache
def book_of(family: str, check_bytes: int, raw: RawMode) -> Codebook:
    """The codebook of a family. `frozen`: 25 generations, every kind of slot; `mined`: what the miner finds."""
    if family == "mined":
        return mined(check_bytes, raw)
    return Codebook(check_bytes, raw, make.generations())


@cache
def codec_of(family: str, check_bytes: int, raw: RawMode) -> HybridCodec:
    """What damaged frames of a family are given to."""
    return HybridCodec(book_of(family, check_bytes, raw), max_message=LIMIT)


@cache
def subjects(check_bytes: int, raw: RawMode) -> tuple[Subject, ...]:
    """All frames of one setting; each decodes to its message."""
    found = [*_frozen(check_bytes, raw), *_mined(check_bytes, raw)]
    distinct = {(each.family, each.frame): each for each in found}
    for each in distinct.values():
        assert codec_of(each.family, check_bytes, raw).decode(each.frame) == each.message, each
    return tuple(distinct.values())


def _frozen(check_bytes: int, raw: RawMode) -> Iterator[Subject]:
    book = book_of("frozen", check_bytes, raw)
    first = Codebook(check_bytes, raw, book.generations[:1])
    for name, codec in (("template", HybridCodec(first, "batched")), ("extended", HybridCodec(book, "batched"))):
        for message in make.MESSAGES.values():
            frame = codec.encode(message)
            method = codec.peek(frame).method
            yield Subject("frozen", name if method == "template" else method, message, frame)
    for _, pen in (*make.bare_slots(first), *make.controls(first)):
        yield Subject("frozen", "template", pen.message, pen.frame())
    check = checker(check_bytes)
    for method, marker, compress in _general(book):
        for message in map(_text, _SIZES):
            yield Subject("frozen", method, message, marker + compress(message) + check(message))


def _general(book: Codebook) -> tuple[tuple[str, bytes, Callable[[bytes], bytes]], ...]:
    last = book.generations[_LAST].dictionary
    return (
        ("dictionary", b"\x99", Zstd(book.generations[0].dictionary).compress),
        ("extended", b"\xfe\x02" + leb128(_LAST), Zstd(last).compress),
        ("zstd", b"\xfd", Zstd().compress),
        ("brotli", b"\xfc", brotli_compress),
    )


def _mined(check_bytes: int, raw: RawMode) -> Iterator[Subject]:
    codec = HybridCodec(book_of("mined", check_bytes, raw))
    messages = sample_messages()
    for message in messages[:: max(1, len(messages) // _MINED)]:
        frame = codec.encode(message)
        info = codec.peek(frame)
        has_dictionary = info.method == "zstd" and info.generation is not None
        yield Subject("mined", "dictionary" if has_dictionary else info.method, message, frame)
