"""Any bytes come back as they were, from every kind of book, and hardly ever larger."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_stream import Codebook, HybridCodec
from aura_stream.codec import Generation
from aura_stream.codec.wire import MARKERS, MAX_TEMPLATE_MESSAGE
from tests.property.messages import FRAGMENTS
from tests.unit.codec.books import BIRTH, DICTIONARY, TEMPLATES, by_hand, mined, sample_messages

PROPERTIES = list(product((0, 1, 2, 4), ("plain", "marked"), ("batched", "standalone")))
BOOKS = {
    "empty": Codebook,
    "by hand": by_hand,
    "with a dictionary": lambda check, raw: by_hand(check, raw, DICTIONARY),
    "dictionary alone": lambda check, raw: Codebook(check, raw, (Generation((), DICTIONARY, BIRTH),)),
    "two generations": lambda check, raw: Codebook(
        check, raw, (Generation(TEMPLATES), Generation(TEMPLATES[::-1], DICTIONARY, BIRTH))
    ),
    "mined": mined,
}
MESSAGES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(str.encode),
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(b"".join),
    st.lists(st.sampled_from([b"\x82", b"\xc1", b"\xfe", b"\xfd", b"\xff", b"a", b"1"]), max_size=40).map(b"".join),
    st.tuples(st.binary(min_size=1, max_size=20), st.integers(1, 200)).map(lambda pair: pair[0] * pair[1]),
)


def _is_text(message: bytes) -> bool:
    try:
        message.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _assert_round_trip(codec: HybridCodec, messages: list[bytes]) -> None:
    frames = codec.encode_batch(messages)
    assert HybridCodec(codec.codebook).decode_batch(frames) == messages
    plain = codec.codebook.raw == "plain"
    for message, frame in zip(messages, frames, strict=True):
        assert len(frame) <= len(message) + (0 if plain and _is_text(message) else 1)
        info = codec.peek(frame)
        assert info.size == len(frame)
        assert sum(part.size for part in codec.explain(frame)) == len(frame)


@pytest.mark.parametrize("kind", BOOKS)
@settings(max_examples=40, deadline=None)
@given(messages=st.lists(MESSAGES, max_size=6), properties=st.sampled_from(PROPERTIES))
def test_any_bytes_come_back_as_they_were(kind: str, messages: list[bytes], properties: tuple[int, str, str]) -> None:
    check_bytes, raw, destination = properties
    book = BOOKS[kind](check_bytes, raw)
    _assert_round_trip(HybridCodec(book, destination), messages + messages)  # type: ignore[arg-type]


def _extremes() -> dict[str, bytes]:
    megabyte = b"".join(sample_messages())
    megabyte = (megabyte * (1 + (1 << 20) // len(megabyte)))[: 1 << 20]
    return {
        "empty": b"",
        "one megabyte of text": megabyte,
        "one megabyte of zeros": bytes(1 << 20),
        "every marker": bytes(MARKERS),
        "markers only": b"\x82" * 1000,
        "every byte": bytes(range(256)) * 4,
        "latin-1 text": "überflüßig größer als nötig ".encode("latin-1") * 9,
        "just lexed": megabyte[:MAX_TEMPLATE_MESSAGE],
        "just not lexed": megabyte[: MAX_TEMPLATE_MESSAGE + 1],
        "broken UTF-8": b"\xe2\x82" * 50 + b"hello world " * 4,
        "one marker": b"\xfe",
        "a NUL": b"\0",
    }


@pytest.mark.parametrize("name", _extremes())
@pytest.mark.parametrize("raw", ["plain", "marked"])
def test_extreme_messages_come_back_as_they_were(name: str, raw: str) -> None:
    message = _extremes()[name]
    for destination in ("batched", "standalone"):
        for book in (Codebook(raw=raw), by_hand(4, raw, DICTIONARY)):  # type: ignore[arg-type]
            _assert_round_trip(HybridCodec(book, destination), [message])  # type: ignore[arg-type]


@pytest.mark.parametrize("destination", ["batched", "standalone"])
def test_messages_above_the_largest_are_raw_and_come_back(destination: str) -> None:
    codec = HybridCodec(by_hand(), destination, max_message=100)  # type: ignore[arg-type]
    messages = [b"hello, world" * 8, b"hello" * 20 + b"h", b"\x82" * 101]
    frames = codec.encode_batch(messages)
    assert len(frames[0]) < 100
    assert frames[1:] == [messages[1], b"\xc1" + messages[2]]
    assert codec.decode_batch(frames) == messages


def test_a_batched_destination_never_gets_a_zstd_or_brotli_frame() -> None:
    codec = HybridCodec(by_hand(1, "plain", DICTIONARY), "batched")
    frames = codec.encode_batch([*sample_messages()[::7], b"\xff\x00" * 5000, b"ab " * 5000])
    assert {codec.peek(frame).method for frame in frames} <= {"raw", "template"}
