"""HybridCodec: the contract that callers rely on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aura_stream import (
    Codebook,
    CorruptFrameError,
    DecodeError,
    HybridCodec,
    LimitExceededError,
    UnknownDictionaryError,
    UnknownTemplateError,
)
from aura_stream.codec import FrameInfo, Generation, Proposal, hybrid
from aura_stream.codec.wire import MARKERS
from tests.unit.codec.books import (
    BIRTH,
    DICTIONARY,
    INTEGER,
    TEMPLATES,
    by_hand,
    many_generations,
    mined,
    sample_messages,
    template,
)

LINE = b"user=42 id=123e4567-e89b-12d3-a456-426614174000 hello world"


@pytest.mark.parametrize("value", [None, bytearray(b"a"), "a", memoryview(b"a"), 5, [b"a"]])
def test_only_bytes_are_messages_and_frames(value: object) -> None:
    codec = HybridCodec(by_hand())
    for entry in (codec.encode, codec.decode, codec.peek, codec.explain):
        with pytest.raises(TypeError, match=f"bytes, not {type(value).__name__}"):
            entry(value)  # type: ignore[arg-type]
    for batch in (codec.encode_batch, codec.decode_batch):
        with pytest.raises(TypeError, match="bytes"):
            batch([b"fine", value])  # type: ignore[list-item]


def test_a_batch_of_nothing_is_nothing() -> None:
    codec = HybridCodec(Codebook())
    assert codec.encode_batch([]) == []
    assert codec.decode_batch([]) == []


def test_a_destination_is_standalone_or_batched() -> None:
    with pytest.raises(ValueError, match="destination"):
        HybridCodec(Codebook(), "kafka")  # type: ignore[arg-type]


@pytest.mark.parametrize("at", [0, 1, 3])
def test_an_error_in_a_batch_tells_the_index_of_its_frame(at: int) -> None:
    codec = HybridCodec(by_hand())
    frames = codec.encode_batch([LINE] * 4)
    frames[at] = b"\x80damaged"
    with pytest.raises(CorruptFrameError) as caught:
        codec.decode_batch(frames)
    assert caught.value.index == at
    with pytest.raises(CorruptFrameError) as caught:
        codec.decode(frames[at])
    assert caught.value.index is None


@pytest.mark.parametrize(
    ("frame", "number"),
    [
        (b"\x83\x05\x00", 5),
        (b"\x83\xc0\x00\x00", 192),
        (b"\x83\xf0\x00\x00\x00", 12_480),
        (b"\x83\xf8\x01a\x00", None),
        (b"\x83\xc0", None),
        (b"\x83\xf0\x00", None),
        (b"\x83\x00", 0),
        (b"\xfe\x01\x01\x05\x00", 5),
    ],
)
def test_a_generation_that_is_not_there_is_named_with_the_template(frame: bytes, number: int | None) -> None:
    with pytest.raises(UnknownTemplateError) as caught:
        HybridCodec(by_hand()).decode(frame)
    assert (caught.value.generation, caught.value.number, caught.value.index) == (1, number, None)


@pytest.mark.parametrize(("code", "number"), [(b"\xbf", 191), (b"\xc1\x02", 450), (b"\xf7\xff\xff", 536_767)])
def test_a_template_that_is_not_there_is_named(code: bytes, number: int) -> None:
    with pytest.raises(UnknownTemplateError) as caught:
        HybridCodec(by_hand()).decode_batch([b"fine", b"\x82\xf8\x01a" + code + b"\x00"])
    assert (caught.value.generation, caught.value.number, caught.value.index) == (0, number, 1)


def test_a_dictionary_that_is_not_there_is_named() -> None:
    frame = HybridCodec(by_hand(1, "plain", DICTIONARY)).encode(DICTIONARY)
    with pytest.raises(UnknownDictionaryError) as caught:
        HybridCodec(Codebook()).decode(frame)
    assert caught.value.generation == 0
    with pytest.raises(CorruptFrameError):  # no longer book has one either: a generation never changes its dictionary
        HybridCodec(by_hand()).decode(frame)


@pytest.mark.parametrize("first", sorted(MARKERS - {0xC1, 0xFC, 0xFD, 0xFE, *range(0x82, 0xB0)}))
def test_a_marker_without_a_meaning_is_an_error(first: int) -> None:
    codec = HybridCodec(by_hand())
    for call in (codec.decode, codec.peek, codec.explain):
        with pytest.raises(CorruptFrameError, match=f"{first:02X}"):
            call(bytes((first,)) + b"hello")


@pytest.mark.parametrize(
    "frame", [b"\xfe", b"\xfe\x00", b"\xfe\x03\x00", b"\xfe\x01", b"\xfe\x01\x80", b"\xfe\x02\xff\xff\xff\xff\x01"]
)
def test_an_extension_without_a_meaning_is_an_error(frame: bytes) -> None:
    codec = HybridCodec(by_hand())
    for call in (codec.decode, codec.peek):
        with pytest.raises(CorruptFrameError):
            call(frame)


def test_marked_books_take_no_unmarked_message() -> None:
    codec = HybridCodec(by_hand(1, "marked"))
    assert codec.encode_batch([b"", b"x", b"\x82"]) == [b"\xc1", b"\xc1x", b"\xc1\x82"]
    assert codec.decode_batch([b"\xc1", b"\xc1x"]) == [b"", b"x"]
    for call in (codec.decode, codec.peek, codec.explain):
        for frame in (b"", b"x"):
            with pytest.raises(CorruptFrameError):
                call(frame)


def test_plain_books_escape_only_what_begins_with_a_marker() -> None:
    codec = HybridCodec(Codebook())
    for first in range(256):
        message = bytes((first,))
        assert codec.encode(message) == (b"\xc1" + message if first in MARKERS else message)


@pytest.mark.parametrize(
    ("frame", "info"),
    [
        (b"", ("raw", None, None)),
        (b"hello", ("raw", None, None)),
        (b"\xc1\x82", ("raw", None, None)),
        (b"\x82\x07damaged beyond repair", ("template", 0, 7)),
        (b"\x82\xf8damaged", ("template", 0, None)),
        (b"\x98\xc1\x01", ("template", 22, 449)),
        (b"\x82", ("template", 0, None)),
        (b"\x99damaged", ("zstd", 0, None)),
        (b"\xafdamaged", ("zstd", 22, None)),
        (b"\xfc", ("brotli", None, None)),
        (b"\xfddamaged", ("zstd", None, None)),
        (b"\xfe\x01\x80\x01\x09", ("template", 128, 9)),
        (b"\xfe\x02\x17damaged", ("zstd", 23, None)),
    ],
)
def test_peek_tells_method_generation_and_template_of_a_frame_it_does_not_decode(
    frame: bytes, info: tuple[str, int | None, int | None]
) -> None:
    assert HybridCodec(Codebook()).peek(frame) == FrameInfo(*info, size=len(frame))


def test_a_damaged_check_and_a_cut_off_frame_are_errors() -> None:
    for check_bytes in (1, 2, 4):
        codec = HybridCodec(by_hand(check_bytes))
        frame = codec.encode(LINE)
        with pytest.raises(CorruptFrameError, match="check"):
            codec.decode(frame[:-1] + bytes((frame[-1] ^ 1,)))
        with pytest.raises(CorruptFrameError, match="cut off"):
            codec.decode(frame[:check_bytes])


def test_standalone_takes_the_smallest_method_and_each_occurs() -> None:
    codec = HybridCodec(by_hand(1, "plain", DICTIONARY))
    messages = [LINE, DICTIONARY[:300], b"\xff\xfe" * 600 + bytes(range(256)) * 5, b"?"]
    frames = codec.encode_batch(messages)
    assert [codec.peek(frame).method for frame in frames][:2] == ["template", "zstd"]
    assert codec.peek(frames[-1]).method == "raw"
    text = Path(hybrid.__file__).read_bytes()
    plain = HybridCodec(Codebook())
    assert plain.peek(plain.encode(text)).method == "brotli"
    assert plain.peek(plain.encode(b"ab" * 1000)).method == "zstd"
    assert plain.decode(plain.encode(text)) == text


def test_frames_of_a_fresh_codec_are_a_function_of_the_book() -> None:
    for message in sample_messages()[::40]:
        assert HybridCodec(mined()).encode(message) == HybridCodec(mined()).encode(message)


@pytest.mark.parametrize("message", [b"", b"caf\xe9 au lait " * 9, bytes(range(256)), b"\xc3\xa9"])
def test_what_is_worth_lexing_is_text_or_mostly_printable(message: bytes) -> None:
    assert hybrid._is_text(message) == (message != bytes(range(256)))


# --- adopt -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("destination", ["batched", "standalone"])
def test_a_longer_book_is_adopted_in_place(destination: str) -> None:
    codec = HybridCodec(by_hand(), destination)  # type: ignore[arg-type]
    before = codec.encode_batch([LINE] * 4)
    longer = by_hand().extended(Proposal((template(b" quite another ending"),)))
    codec.adopt(longer)
    assert codec.codebook is longer
    assert codec.encode(LINE) == before[-1]  # the remembered parse
    assert codec.decode_batch(before) == [LINE] * 4
    message = LINE + b" quite another ending"
    frame = codec.encode(message)
    assert len(frame) < len(HybridCodec(by_hand()).encode(message))
    assert HybridCodec(longer).decode(frame) == message


def test_adopting_book_after_book_keeps_every_frame() -> None:
    messages = [*sample_messages()[::15], LINE]
    books = [Codebook()]
    for proposal in (
        Proposal(TEMPLATES[:3], birth=BIRTH),
        Proposal(TEMPLATES),
        Proposal(mined().generations[0].templates, True, DICTIONARY, BIRTH),
        Proposal((template(b"more"),)),
        Proposal(dictionary=DICTIONARY[:200]),
    ):
        books.append(books[-1].extended(proposal))
    codec = HybridCodec(books[0])
    frames: list[bytes] = []
    for book in books:
        codec.adopt(book)
        frames += codec.encode_batch(messages * 3)
        assert HybridCodec(book).decode_batch(frames) == messages * (len(frames) // len(messages))
        assert codec.decode_batch(frames) == messages * (len(frames) // len(messages))


def test_a_book_that_does_not_extend_the_present_one_is_not_adopted() -> None:
    book = many_generations(2)
    codec = HybridCodec(book)
    for other in (
        Codebook(),
        replace(book, generations=book.generations[:1]),
        replace(book, generations=book.generations[::-1]),
        replace(book, check_bytes=2),
        replace(book, raw="marked"),
        replace(
            book, generations=(book.generations[0], Generation(TEMPLATES[:3], book.generations[1].dictionary, BIRTH))
        ),
    ):
        with pytest.raises(ValueError, match="extends"):
            codec.adopt(other)
        assert codec.codebook is book
    codec.adopt(book)
    codec.adopt(Codebook.from_bytes(book.to_bytes()))


def test_decode_errors_carry_no_payload() -> None:
    codec = HybridCodec(by_hand())
    for frame in (b"\x82\xf8\x06secret\xff\x00", b"\xfdsecret", b"\xfcsecret", b"\x82\xfb\x03\x00secret"):
        with pytest.raises(DecodeError) as caught:
            codec.decode(frame)
        assert "secret" not in str(caught.value)


def test_a_frame_longer_than_any_that_the_limit_allows_is_refused_unread() -> None:
    with pytest.raises(LimitExceededError):
        HybridCodec(Codebook(), max_message=10).decode(b"\xfd" + bytes(20))


def test_an_empty_book_leaves_batched_messages_as_they_are() -> None:
    message = b"words " * 50
    assert HybridCodec(Codebook(), destination="batched").encode(message) == message


# --- retired templates --------------------------------------------------------------------------------------------


def test_a_retired_template_is_not_written_with_and_decodes_for_ever() -> None:
    book = by_hand()
    codec = HybridCodec(book, "batched")
    message = b"took 12.34 ms"
    before = codec.encode(message)
    number = codec.peek(before).template
    assert book.newest is not None
    assert number is not None
    retired = book.without([book.newest.templates[number].digest])
    codec.adopt(retired)
    after = codec.encode(message)
    assert codec.peek(after).template != number
    assert HybridCodec(retired).decode_batch([before, after]) == [message, message]


def test_what_was_remembered_of_a_template_is_forgotten_when_it_retires() -> None:
    book = by_hand()
    messages = [b"took %d.34 ms" % n for n in range(10, 20)]
    codec = HybridCodec(book, "batched")
    numbers = {codec.peek(frame).template for frame in codec.encode_batch(messages)}
    assert book.newest is not None
    codec.adopt(book.without([book.newest.templates[number or 0].digest for number in numbers]))
    assert numbers.isdisjoint(codec.peek(frame).template for frame in codec.encode_batch(messages))


def test_templates_that_come_later_may_be_retired_already() -> None:
    book = by_hand()
    late = template(b"tock ", INTEGER)
    codec = HybridCodec(book.without([late.digest]), "batched")
    codec.adopt(book.extended(Proposal([late])).without([late.digest]))
    assert HybridCodec(book.extended(Proposal([late]))).decode(codec.encode(b"tock 7")) == b"tock 7"
    fresh = HybridCodec(book.extended(Proposal([late])), "batched")
    assert fresh.peek(fresh.encode(b"tock 7")).template != codec.peek(codec.encode(b"tock 7")).template
