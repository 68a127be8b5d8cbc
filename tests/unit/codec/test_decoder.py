"""The decoder of template frames: each item, and everything that is no item."""

from __future__ import annotations

import tracemalloc

import pytest

from aura_stream import CorruptFrameError, HybridCodec, LimitExceededError, UnknownTemplateError
from aura_stream.codec import Generation, Template, decoder
from aura_stream.codec.decoder import TemplateDecoder
from aura_stream.codec.wire import compact
from tests.unit.codec.books import ANY_TEXT, INTEGER, REPEAT_ANY, by_hand

GENERATION = Generation(
    (
        Template((b"hello",)),
        Template((b"n=", INTEGER, b";")),
        Template(((b"x", b"y"), b"!")),
        Template((b"<", ANY_TEXT, b"=", REPEAT_ANY, b">")),
    )
)


def _decode(items: bytes, limit: int = 1000) -> bytes:
    return TemplateDecoder(GENERATION, 7).decode(items, 0, limit)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (b"", b""),
        (b"\x00\x00", b"hellohello"),
        (b"\x01\x05", b"n=5;"),
        (b"\x02\x00\x02\x01", b"x!y!"),
        (b"\x03\x02ab\x01", b"<ab=ab>"),
        (b"\xf8\x03abc", b"abc"),
        (b"\xf8\x00", b""),
        (b"\xf8\x04abcd\xf9\x04\x02", b"abcdab"),
        (b"\xf8\x04abcd\xf9\x04\x04\xf9\x08\x08", b"abcd" * 4),
        (b"\x01\x05\xfa\x01", b"n=5;5"),
        (b"\xfb\x01\x00\x07", b"7"),
        (b"\x02\x01\xfa\x01", b"y!y"),
        (b"\x01\x05\xfb\x0d\x01", b"n=5;5"),
        (b"\x01\x05\xfb\x0d\x00\x01", b"n=5;5"),
    ],
)
def test_items_spell_the_message(items: bytes, message: bytes) -> None:
    assert _decode(items) == message


@pytest.mark.parametrize(
    "items",
    [
        b"\x01",  # a slot without its payload
        b"\x02\x02",  # an index beyond the values
        b"\xc0",  # half a code
        b"\xf0\x00",
        b"\xf8",
        b"\xf8\x05abc",
        b"\xf8\xff" + b"\xff" * 8 + b"abc",
        b"\xf9\x01\x01",  # copies of what is not there
        b"\xf8\x02ab\xf9\x03\x01",
        b"\xf8\x02ab\xf9\x02\x00",
        b"\xf8\x02ab\xf9\x01\x02",  # a copy that would run into itself
        b"\xf8\x02ab\xf9\x00\x00",
        b"\xf8\x02ab\xf9\x01",
        b"\xfa",
        b"\xfa\x00",
        b"\xfa\x01",
        b"\x01\x05\xfa\x02",
        b"\xfb",
        b"\xfb\x01",
        b"\xfb\x00\x00",
        b"\xfb\x0e\x00\x00",
        b"\xfb\x01\x01\x05",
        b"\xfb\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x05",
        b"\xfb\x0d\x05",
        b"\xfc",
        b"\xfd\x00",
        b"\xfe\x00",
        b"\xff\x00",
    ],
)
def test_what_is_no_item_is_damage(items: bytes) -> None:
    for frame in (items, b"\xf8\x00" + items):
        with pytest.raises(CorruptFrameError):
            _decode(frame)


@pytest.mark.parametrize(("items", "number"), [(b"\x04", 4), (b"\xc0\x00", 192), (b"\xf0\x00\x01", 12_481)])
def test_a_template_beyond_the_last_is_unknown(items: bytes, number: int) -> None:
    with pytest.raises(UnknownTemplateError) as caught:
        _decode(b"\x00" + items)
    assert (caught.value.generation, caught.value.number) == (7, number)


@pytest.mark.parametrize("items", [b"\x00" * 3, b"\xf8\x05abcde\x00\xf9\x05\x05", b"\xf8\x05abcde\xf9\x05\x05\x00"])
def test_the_limit_is_the_largest_message(items: bytes) -> None:
    assert len(_decode(items, 15)) == 15
    with pytest.raises(LimitExceededError):
        _decode(items, 14)


def test_long_messages_are_put_together_on_the_way() -> None:
    assert _decode(b"\x00" * 5000 + b"\x01\x05" * 2000, 40_000) == b"hello" * 5000 + b"n=5;" * 2000
    with pytest.raises(LimitExceededError):
        _decode(b"\x00" * 5000, 24_999)


def test_repeats_reach_255_slots_back_in_messages_of_many_slots() -> None:
    items = b"".join(b"\x01" + bytes((number % 190,)) for number in range(1200))
    assert _decode(items + b"\xfa\xff", 10_000).endswith(b"%d" % (945 % 190))


def test_only_the_new_templates_of_a_grown_generation_are_made_ready() -> None:
    decoder = TemplateDecoder(Generation(GENERATION.templates[:1]), 0)
    with pytest.raises(UnknownTemplateError):
        decoder.decode(b"\x01\x05", 0, 100)
    decoder.adopt(GENERATION)
    assert decoder.decode(b"\x00\x01\x05", 0, 100) == b"hellon=5;"


def test_the_current_moment_follows_the_times_of_a_frame() -> None:
    codec = HybridCodec(by_hand(0), "batched")
    message = b"2024-05-15T15:00:01Z 15:00:02 2024-05-16T00:00:00Z 00:00:01 "
    frame = codec.encode(message)
    assert codec.decode(frame) == message
    assert len(frame) <= 1 + 4 * 2 + 4


def test_copies_and_pieces_in_great_number_stand_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "_CHECK_EVERY", 3)
    monkeypatch.setattr(decoder, "_JOIN_EVERY", 7)
    items, message = b"\xf8\x04abcd", b"abcd"
    for number in range(60):
        distance, length = 1 + number % len(message), 1 + number % 3
        if length <= distance:
            items += b"\xf9" + compact(distance) + compact(length)
            start = len(message) - distance
            message += message[start : start + length]
        items += b"\x00" * (number % 4)
        message += b"hello" * (number % 4)
    assert _decode(items, len(message)) == message
    with pytest.raises(LimitExceededError):
        _decode(items, len(message) - 1)


def test_copies_that_double_are_refused_before_they_are_made() -> None:
    items = b"\xf8\x04abcd" + b"".join(b"\xf9" + compact(4 << power) * 2 for power in range(40))
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceededError):
            _decode(items, 64 << 20)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
