"""What was written stays readable: frozen codebooks and frames, read by the codec and by an independent decoder.

A failure means that the wire format changed. That needs a new format number, a line in docs/wire-format.md, and
new golden files (tests/golden/make.py); a change of what the encoder prefers needs new golden files alone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aura_stream import Codebook, CodebookError, DecodeError, HybridCodec
from tests.golden.frozen import Frozen, book_files, decoders, frames
from tests.golden.independent_decoder import BadFrame, parse_book, read_book

BOOKS = ("empty", "first", "many", "check0", "check2", "check4", "marked", "wide", "retired")
COMPRESSED = frozenset(
    bytes((first,)) for first in (*range(0x99, 0xB0), 0xFC, 0xFD)
)  # first bytes of frames that zstd or brotli wrote


def _id(golden: Frozen) -> str:
    return f"{golden.book}: {golden.name}"


@pytest.mark.parametrize("golden", frames(), ids=_id)
def test_a_golden_frame_decodes_to_its_message_by_the_codec_and_by_the_document_alone(golden: Frozen) -> None:
    both = decoders(golden.book)
    assert both.codec.decode(golden.frame) == golden.message
    assert both.independent(golden.frame) == golden.message


@pytest.mark.parametrize("golden", [each for each in frames() if each.encode], ids=_id)
def test_a_fresh_codec_writes_the_golden_frame(golden: Frozen) -> None:
    assert golden.encode is not None
    codec = HybridCodec(decoders(golden.book).codec.codebook, golden.encode)
    frame = codec.encode(golden.message)
    if golden.frame[:1] in COMPRESSED:
        # The bytes are those of the wheel's version of zstd or brotli; the method is ours.
        assert codec.peek(frame).method == codec.peek(golden.frame).method
        assert codec.decode(frame) == golden.message
    else:
        assert frame == golden.frame


def test_every_method_is_frozen() -> None:
    firsts = {golden.frame[0] for golden in frames() if golden.frame}
    assert {0x82, 0x83, 0x97, 0x98, 0x99, 0xAF, 0xC1, 0xFC, 0xFD, 0xFE} <= firsts
    assert {b"\xfe\x01", b"\xfe\x02"} <= {golden.frame[:2] for golden in frames()}


@pytest.mark.parametrize("name", BOOKS)
def test_a_golden_codebook_is_written_again_as_it_was(name: str) -> None:
    assert Codebook.from_bytes(book_files()[name]).to_bytes() == book_files()[name]


def test_a_codebook_file_is_read_from_disk_by_both(tmp_path: Path) -> None:
    path = tmp_path / "book"
    path.write_bytes(book_files()["many"])
    assert len(Codebook.load(path).generations) == len(read_book(path).generations) == 25


@pytest.mark.parametrize("name", BOOKS)
def test_both_decoders_agree_on_every_prefix_of_a_golden_frame(name: str) -> None:
    both = decoders(name)
    for golden in frames():
        if golden.book == name and len(golden.frame) < 600:
            for end in range(len(golden.frame)):
                both.agree(golden.frame[:end])


@pytest.mark.parametrize("name", ["check0", "many"])
def test_both_decoders_agree_on_every_single_bit_flip_of_a_golden_frame(name: str) -> None:
    both = decoders(name)
    for golden in frames():
        if golden.book == name and 1 < len(golden.frame) < 60:
            for bit in range(8 * len(golden.frame)):
                damaged = bytearray(golden.frame)
                damaged[bit // 8] ^= 1 << bit % 8
                both.agree(bytes(damaged))


@pytest.mark.parametrize("name", ["check0", "many"])
def test_both_decoders_agree_on_a_golden_frame_with_bytes_behind_it(name: str) -> None:
    both = decoders(name)
    for golden in frames():
        if golden.book == name:
            for extra in range(0, 256, 5):
                both.agree(golden.frame + bytes((extra,)))


@pytest.mark.parametrize(
    "frame",
    [
        *(bytes((first,)) + b"rest" for first in (0xC0, 0x80, 0x81, *range(0xB0, 0xC0), *range(0xF5, 0xFC), 0xFF)),
        *(b"\x82" + bytes((code,)) + b"\x01\x01\x01" for code in range(0xFC, 0x100)),
        b"\x82\xfa\x00",
        b"\x82\xfb\x01\x00\x07\xfa\x02",  # a repeat of what was not there
        b"\x82\xf8\x03abc\xf9\x04\x01",  # a copy from before the message
        b"\x82\xf8\x03abc\xf9\x02\x03",  # a copy of what is not written yet
        b"\x82\xf8\x03abc\xf9\x02\x00",
        b"\x82\xfb\x0e\x00\x00",  # an enum outside of a template
        b"\x82\xfb\x02\x01\x0a",  # 10 in one digit
        b"\x82\xfb\x0c\x01\x24",  # 36 in one base36 character
        b"\x82\xfb\x03\x00\x00\x01",
        b"\x82\xfb\x03\x00\x13\x01",
        b"\x82\xfb\x08\x51\x01",  # a form without fractions, with one
        b"\x82\xfb\x08\xc0\x90\x00",  # form 21 (parameter 336) without a fraction
        b"\xfe\x03\x00rest",
        b"\xfe\x01\x80\x80\x80\x80\x00",
        b"\xfd\x00\x01\x00\x00",  # no content size
        b"\xfd\x20\x00\x01\x00\x00",  # a content size of 0
    ],
    ids=bytes.hex,
)
def test_both_decoders_refuse_what_the_document_calls_an_error(frame: bytes) -> None:
    assert decoders("check0").agree(frame) is None


def test_both_decoders_refuse_a_marked_book_s_frame_without_a_marker() -> None:
    assert decoders("marked").agree(b"") is None
    assert decoders("marked").agree(b"text") is None
    assert decoders("marked").agree(b"\xc1") == b""


def test_both_decoders_refuse_a_message_beyond_the_limit() -> None:
    doubling = b"\x82\xf8\x01x" + b"".join(b"\xf9" + _compact(1 << n) * 2 for n in range(21))
    assert decoders("check0").agree(doubling) is None


def _compact(value: int) -> bytes:
    return b"\xff" + value.to_bytes(8, "big")


@pytest.mark.parametrize("name", ["empty", "first"])
def test_a_damaged_codebook_is_refused_by_both(name: str) -> None:
    file = book_files()[name]
    step = 1 + len(file) // 300
    damaged = [file[:end] for end in range(0, len(file), step)] + [file + b"\xc0"]
    for place in range(0, len(file), step):
        changed = bytearray(file)
        changed[place] ^= 1 << place % 8
        damaged.append(bytes(changed))
    for each in damaged:
        with pytest.raises(CodebookError):
            Codebook.from_bytes(each)
        with pytest.raises(BadFrame):
            parse_book(each)


def test_golden_files_are_not_replaced_by_accident() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.golden.make"], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 2
    assert "frozen" in run.stderr


def test_unknown_numbers_are_refused_by_both() -> None:
    first, wide = decoders("first"), decoders("wide")
    for both, frame in ((first, b"\x83\x00x"), (first, b"\x82\xbfx"), (first, b"\x9ax"), (wide, b"\x82\xf0\xff\xffx")):
        assert both.agree(frame) is None
        with pytest.raises(DecodeError):
            both.codec.decode(frame)
