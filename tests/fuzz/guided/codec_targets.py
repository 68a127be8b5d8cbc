"""Targets of the codec: frames, and codebook files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import msgpack

from aura_stream import Codebook, CodebookError, HybridCodec
from aura_stream.codec.bookfile import MAGIC
from aura_stream.codec.template import digest_of
from tests.fuzz.guided.scratch import Scratch, joined, parts
from tests.fuzz.judging import decoded
from tests.fuzz.subjects import LIMIT, codec_of, subjects
from tests.golden import frozen

_LARGE = 1 << 14  # bytes: seeds beyond are left out, small ones are mutated faster
_KINDS = ("template", "dictionary", "generation", "retired", "unknown")


@cache
def _codecs() -> tuple[tuple[HybridCodec, tuple[bytes, bytes]], ...]:
    """Codecs, each with an undamaged frame and its message; without a check, so that nothing hides behind it."""
    return (
        (codec_of("frozen", 0, "plain"), (b"x", b"x")),
        (codec_of("frozen", 0, "marked"), (b"\xc1", b"")),
        (codec_of("frozen", 1, "plain"), (b"x", b"x")),
        (HybridCodec(Codebook(0), max_message=LIMIT), (b"x", b"x")),
    )


def frame(data: bytes) -> None:
    """Decode, in every way there is; explain what decodes."""
    if not data:
        return
    codec, good = _codecs()[data[0] % len(_codecs())]
    message = decoded(codec, data[1:], good)
    if message is not None:
        assert sum(part.size for part in codec.explain(data[1:])) == len(data) - 1
        assert len(message) <= max(LIMIT, len(data))


def frames() -> Iterator[bytes]:
    """Seeds: every frozen frame, and those of every method."""
    yield from (b"\x00" + each.frame for each in frozen.frames() if len(each.frame) < _LARGE)
    for place, (check_bytes, raw) in enumerate(((0, "plain"), (0, "marked"), (1, "plain"))):
        every = subjects(check_bytes, raw)  # type: ignore[arg-type]
        yield from (bytes((place,)) + each.frame for each in every if len(each.frame) < _LARGE)


@cache
def _scratch() -> Scratch:
    return Scratch()


def book_file(data: bytes) -> None:
    """Load a codebook file; what is loaded is saved as it was."""
    _load(data)


def book_entries(data: bytes) -> None:
    """Load a codebook file whose entries have the digests that they should: what stands in them is looked at."""
    out = bytearray(msgpack.packb([MAGIC, 1, 1, "plain"]))
    count = 0
    for kind, body in parts(data):
        out += msgpack.packb([_KINDS[kind % len(_KINDS)], digest_of(body), body])
        count += 1
    _load(bytes(out + msgpack.packb(["end", count, digest_of(bytes(out))])))


def _load(data: bytes) -> None:
    try:
        book = Codebook.load(_scratch().holding(data))
    except CodebookError:
        return
    assert Codebook.from_bytes(book.to_bytes()) == book


def book_files() -> Iterator[bytes]:
    """Seeds: the frozen books."""
    yield from (data for data in frozen.book_files().values() if len(data) < _LARGE)


def entries_of_books() -> Iterator[bytes]:
    """Seeds: the entries of the frozen books."""
    for data in book_files():
        unpacker = msgpack.Unpacker()
        unpacker.feed(data)
        _, *records, _ = unpacker
        yield joined(*((_KINDS.index(kind), body) for kind, _, body in records))
