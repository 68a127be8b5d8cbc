"""Any bytes decode to a message or to a DecodeError, within the limits, whatever stands in them."""

from __future__ import annotations

import random
import tracemalloc

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_stream import Codebook, CorruptFrameError, DecodeError, HybridCodec, LimitExceededError
from aura_stream.codec import Generation, Template
from aura_stream.codec.slots import REPEAT, TEXT, slot_type
from aura_stream.codec.wire import MARKERS, compact
from tests.unit.codec.books import DICTIONARY, by_hand, many_generations, mined, sample_messages

LIMIT = 4096
BOOKS = (Codebook(0), by_hand(0), by_hand(1, "marked", DICTIONARY), mined(0), many_generations(25))
CODECS = [HybridCodec(book, max_message=LIMIT) for book in BOOKS]
TAILS = st.one_of(st.binary(max_size=80), st.lists(st.integers(0xF0, 0xFF), max_size=40).map(bytes))


def _assert_bounded(codec: HybridCodec, frame: bytes) -> None:
    """Decode, peek and explain give a result or a DecodeError, and no more than the limit."""
    try:
        codec.peek(frame)
    except CorruptFrameError:
        with pytest.raises(CorruptFrameError):
            codec.decode(frame)
        return
    try:
        message = codec.decode(frame)
    except DecodeError:
        with pytest.raises(DecodeError):
            codec.explain(frame)
        return
    assert sum(part.size for part in codec.explain(frame)) == len(frame)
    assert len(message) <= max(LIMIT, len(frame))


@settings(max_examples=300, deadline=None)
@given(first=st.sampled_from(sorted(MARKERS)), tail=TAILS, codec=st.sampled_from(CODECS))
def test_any_bytes_behind_any_marker_are_a_message_or_a_decode_error(
    first: int, tail: bytes, codec: HybridCodec
) -> None:
    _assert_bounded(codec, bytes((first,)) + tail)


@settings(max_examples=300, deadline=None)
@given(
    items=st.lists(
        st.one_of(
            st.integers(0, len(by_hand().generations[0].templates)).map(lambda number: bytes((number,))),
            st.tuples(st.integers(0, 15), st.integers(0, 400), st.binary(max_size=12)).map(
                lambda slot: b"\xfb" + bytes((slot[0],)) + compact(slot[1]) + slot[2]
            ),
            st.binary(max_size=20).map(lambda text: b"\xf8" + compact(len(text)) + text),
            st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda c: b"\xf9" + compact(c[0]) + compact(c[1])),
            st.integers(0, 5).map(lambda back: bytes((0xFA, back))),
            st.binary(max_size=9),
        ),
        max_size=12,
    )
)
def test_any_items_are_a_message_or_a_decode_error(items: list[bytes]) -> None:
    _assert_bounded(CODECS[1], b"\x82" + b"".join(items))


@pytest.mark.parametrize("kind", range(1, 15))
def test_every_bare_slot_with_any_payload_is_a_message_or_a_decode_error(kind: int) -> None:
    rng = random.Random(kind)
    for parameter in [*range(400), 1 << 16, 1 << 40]:
        for size in (0, 1, 3, 9, 300):
            payload = rng.choice((rng.randbytes(size), b"\xff" * size, b"\0" * size))
            _assert_bounded(CODECS[1], b"\x82\xfb" + bytes((kind,)) + compact(parameter) + payload)


def _real_frames() -> list[tuple[HybridCodec, bytes]]:
    rng = random.Random(3)
    messages = [*rng.sample(sample_messages(), 12), b"ab" * 1500, b"a=12 b=12 <x=x> 2024-05-15T15:00:00Z "]
    return [(codec, codec.encode(message)) for codec in CODECS for message in messages]


def test_every_truncated_frame_is_a_message_or_a_decode_error() -> None:
    for codec, frame in _real_frames():
        for end in range(min(len(frame), 200)):
            _assert_bounded(codec, frame[:end])


def test_every_frame_with_a_flipped_bit_is_a_message_or_a_decode_error() -> None:
    rng = random.Random(4)
    for codec, frame in _real_frames():
        for _ in range(60):
            damaged = bytearray(frame)
            damaged[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)
            _assert_bounded(codec, bytes(damaged))


def test_a_check_of_four_bytes_finds_every_flipped_bit_of_a_frame_that_is_not_raw() -> None:
    codec = HybridCodec(by_hand(4, "marked", DICTIONARY))
    for message in (b"user=42 id=123e4567-e89b-12d3-a456-426614174000 hello", DICTIONARY, b"ab" * 3000):
        frame = codec.encode(message)
        assert codec.peek(frame).method != "raw"
        for bit in range(8 * len(frame)):
            damaged = bytearray(frame)
            damaged[bit >> 3] ^= 1 << (bit & 7)
            try:
                decoded = codec.decode(bytes(damaged))
            except DecodeError:
                continue
            assert decoded == message  # some bits of a zstd frame mean nothing


# --- bombs -------------------------------------------------------------------------------------------------------


def _magicless(message: bytes, **options: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters(format=zstandard.FORMAT_ZSTD1_MAGICLESS, **options)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(message)


def _doubling() -> bytes:
    size, items = 4, b"\xf8\x04aaaa"
    for _ in range(40):
        items += b"\xf9" + compact(size) + compact(size)
        size *= 2
    return b"\x82" + items


BOMBS = {
    "zstd of 2^40 bytes": b"\xfd\xe0" + (1 << 40).to_bytes(8, "little") + b"\x01\x00\x00",
    "zstd of 2^63 bytes": b"\xfd\xe0" + (1 << 63).to_bytes(8, "little") + b"\x01\x00\x00",
    "zstd with a window of 2^31": b"\xfd\x80\xa8" + (100).to_bytes(4, "little") + b"\x01\x00\x00",
    "zstd of one byte too many": b"\xfd" + _magicless(bytes(LIMIT + 1)),
    "brotli of one byte too many": b"\xfc" + brotli.compress(bytes(LIMIT + 1)),
    "brotli of 100 MB": b"\xfc" + brotli.compress(bytes(100 << 20), quality=1),
    "copies that double": _doubling(),
    "templates": b"\x82" + b"\x00" * (2 * LIMIT - 1),
    "repeats": b"\x82\xfb\x09\x00" + compact(LIMIT - 1) + b"a" * (LIMIT - 1) + b"\xfa\x01" * 2000,
    "hex": b"\x82\xfb\x04\x00" + compact(2 * LIMIT) + bytes(LIMIT),
    "a longer frame than twice the limit": b"\x82" + b"\xf8\x00" * LIMIT,
}


def _book_of_bombs(check_bytes: int = 0) -> Codebook:
    texts = Template((slot_type(TEXT), *[slot_type(REPEAT, 1)] * 63))
    return Codebook(check_bytes, "plain", (Generation((Template((b"a" * 1000,)), texts)),))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_its_memory_is_taken(name: str) -> None:
    codec = HybridCodec(_book_of_bombs(), max_message=LIMIT)
    frame = BOMBS[name][: 1 << 20]
    with pytest.raises(DecodeError):  # let caches and contexts be made before memory is counted
        codec.decode(b"\x82\xff")
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceededError):
            codec.decode(frame)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_template_of_repeats_takes_no_more_memory_than_its_limit() -> None:
    codec = HybridCodec(_book_of_bombs(), max_message=LIMIT)
    tracemalloc.start()
    try:
        assert codec.decode(b"\x82" + b"\x01\x00" * (LIMIT - 1)) == b""  # 64 empty texts each
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
        with pytest.raises(LimitExceededError):
            codec.decode(b"\x82\x01" + compact(1000) + b"a" * 1000)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "frame",
    {
        "without a size": b"\xfd" + _magicless(b"hello" * 20, write_content_size=0),
        "of size 0 and more behind it": b"\xfd\x20\x00\x01\x00\x00junk",
        "of no message": b"\xfd\x20\x00\x01\x00\x00",
        "naming a dictionary": b"\xfd\x21\x07\x05\x29\x00\x00hello",
        "with bytes behind it": b"\xfd" + _magicless(b"hello" * 20) + b"x",
        "cut off": b"\xfd" + _magicless(b"hello" * 20)[:-1],
        "of nothing": b"\xfd",
        "brotli of nothing": b"\xfc",
        "brotli cut off": b"\xfc" + brotli.compress(b"hello" * 20)[:-1],
        "brotli with bytes behind it": b"\xfc" + brotli.compress(b"hello" * 20) + b"x",
        "of a generation without a dictionary": b"\x99\x20\x05\x29\x00\x00hello",
    }.values(),
)
def test_general_frames_that_encoders_do_not_make_are_refused(frame: bytes) -> None:
    with pytest.raises(CorruptFrameError):
        HybridCodec(by_hand(0), max_message=LIMIT).decode(frame)
