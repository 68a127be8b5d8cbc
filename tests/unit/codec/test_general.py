"""zstd and brotli behind one shape: small frames, and limits that hold."""

from __future__ import annotations

import random
from contextlib import suppress

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_stream import Codebook, CorruptFrameError, HybridCodec, LimitExceededError
from aura_stream.codec import general
from tests.unit.codec.books import DICTIONARY


@pytest.mark.parametrize("dictionary", [b"", b"x", DICTIONARY])
@given(message=st.one_of(st.binary(min_size=1, max_size=300), st.integers(1, 5000).map(lambda size: b"ab" * size)))
def test_zstd_gives_a_message_back_at_its_exact_limit(dictionary: bytes, message: bytes) -> None:
    zstd = general.Zstd(dictionary)
    frame = zstd.compress(message)
    assert zstd.decompress(frame, len(message)) == message
    with pytest.raises(LimitExceededError):
        zstd.decompress(frame, len(message) - 1)


def test_zstd_frames_carry_neither_magic_nor_checksum_nor_dictionary_id() -> None:
    frame = general.Zstd(DICTIONARY).compress(b"hello")
    assert frame[0] == 0x20  # single segment, a size of one byte, no checksum, no dictionary id
    assert frame[1] == 5


def test_a_frame_of_another_dictionary_is_another_message_or_damage() -> None:
    frame = general.Zstd(DICTIONARY).compress(DICTIONARY[:50])
    with suppress(CorruptFrameError):
        assert general.Zstd().decompress(frame, 1000) != DICTIONARY[:50]


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_damage_or_beyond_the_limit(frame: bytes) -> None:
    for decompress in (general.Zstd().decompress, general.Zstd(DICTIONARY).decompress, general.brotli_decompress):
        try:
            assert len(decompress(frame, 1000)) <= 1000
        except (CorruptFrameError, LimitExceededError):
            continue


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 300_000])
def test_brotli_gives_a_message_back_at_its_exact_limit(size: int) -> None:
    message = bytes(size)
    frame = general.brotli_compress(message)
    assert general.brotli_decompress(frame, size) == message
    if size:
        with pytest.raises(LimitExceededError):
            general.brotli_decompress(frame, size - 1)


def test_brotli_with_much_to_give_when_all_is_read_gives_all_of_it() -> None:
    message = random.Random(1).randbytes(80_000) + bytes(250_000)
    codec = HybridCodec(Codebook())
    frame = b"\xfc" + general.brotli_compress(message) + codec.encode(message)[-1:]
    assert codec.decode(frame) == message
    assert codec.decode(codec.encode(message)) == message


def test_brotli_that_is_cut_off_anywhere_is_damage() -> None:
    frame = brotli.compress(DICTIONARY)
    for end in range(len(frame)):
        with pytest.raises(CorruptFrameError):
            general.brotli_decompress(frame[:end], 10_000)


@pytest.mark.parametrize(
    ("dictionary", "usable"),
    [(b"x", True), (b"x" * 8, True), (DICTIONARY, True), (b"\x37\xa4\x30\xec" + b"garbage" * 20, False)],
)
def test_a_dictionary_is_what_zstd_takes_as_one(dictionary: bytes, usable: bool) -> None:
    assert general.is_dictionary(dictionary) == usable
