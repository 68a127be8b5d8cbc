"""A remembered parse never writes another message than the one it was given."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings

from aura_stream import Codebook, HybridCodec
from tests.property.messages import FRAGMENTS, near, streams
from tests.unit.codec.books import DICTIONARY, by_hand, mined, sample_messages


def _assert_faithful(book: Codebook, destination: str, stream: list[bytes]) -> None:
    codec = HybridCodec(book, destination)  # type: ignore[arg-type]
    frames = codec.encode_batch(stream)
    assert HybridCodec(book).decode_batch(frames) == stream
    assert codec.decode_batch(frames) == stream
    for message, frame in zip(stream, frames, strict=True):
        assert len(frame) <= len(message) + 1


@settings(max_examples=300, deadline=None)
@given(streams())
def test_near_equal_messages_through_one_codec_come_back_each_as_it_was(stream: list[bytes]) -> None:
    _assert_faithful(by_hand(check_bytes=0), "batched", stream)


@settings(max_examples=60, deadline=None)
@given(streams())
def test_the_memory_of_who_won_never_changes_a_message(stream: list[bytes]) -> None:
    _assert_faithful(by_hand(check_bytes=0, raw="marked", dictionary=DICTIONARY), "standalone", stream)
    _assert_faithful(mined(), "standalone", stream)


@pytest.mark.parametrize("seed", range(4))
def test_a_long_lived_codec_stays_faithful_over_thousands_of_near_equal_messages(seed: int) -> None:
    rng = random.Random(seed)
    bases = [b"".join(rng.choices(FRAGMENTS, k=rng.randrange(1, 7))) for _ in range(60)]
    stream = [near(rng.choice(bases), rng) if rng.random() < 0.7 else rng.choice(bases) for _ in range(4000)]
    _assert_faithful(by_hand(check_bytes=0), "batched", stream)


@pytest.mark.parametrize("destination", ["batched", "standalone"])
def test_variations_of_real_messages_come_back_as_they_were(destination: str) -> None:
    rng = random.Random(7)
    bases = sample_messages()[::9]
    stream = [near(base, rng) for base in bases for _ in range(12)] + bases
    rng.shuffle(stream)
    _assert_faithful(mined(check_bytes=0), destination, stream)


@pytest.mark.parametrize(
    ("seen", "then"),
    [
        (b"hello hello hello 2024-05-15 x", b"hello hello hello 2024-05-151 x"),
        (b"hello hello hello 2024-05-15 x", b"hello hello hello 2024-02-30 x"),
        (b"hello hello hello 2024-02-29 x", b"hello hello hello 2023-02-29 x"),
        (b"hello\nhello hello hello", b"hello1hello hello hello"),
        (b"hello1hello hello hello", b"hello\nhello hello hello"),
        (b"a\nb1c hello hello hello", b"a1b\nc hello hello hello"),
        (b"hello at 15:00:00 hello", b"hello at 24:00:00 hello"),
        (b"hello at 15:00:00 hello", b"hello at 99:59:59 hello"),
        (b"2024-05-15T15:00:00Z hello", b"2024-05-15T24:00:00Z hello"),
        (b"2024-05-15T15:00:00Z hello", b"0000-05-15T15:00:00Z hello"),
        (b"240515 150000 hello", b"240515 240000 hello"),
        (b"user=42 hello hello", b"user=042 hello hello"),
        (b"user=42 hello hello", b"user=18446744073709551616 hello hello"),
        (b"code=0007 hello hello", b"code=00007 hello hello"),
        (b"took 12.34 ms hello", b"took 012.34 ms hello"),
        (b"took 12.34 ms hello", b"took 12.340 ms hello"),
        (b"a=1234 b=1234 hello", b"a=1234 b=1235 hello"),
        (b"a=1234 b=1234 hello", b"a=01234 b=01234 hello"),
        (b"from 10.0.0.1 to 10.0.0.2", b"from 10.0.0.256 to 10.0.0.02"),
        (b"/a/b/c12/d x /a/b/c12/d hello", b"/a/b/c12/d x /a/b/c13/d hello"),
        (b"/a/b/c12/d x /a/b/c12/d hello", b"/a/b/c12/d x /a/b/c123/d hello"),
        (b"9999-12-31T23:59:59.000000000 1661140374000000000 ", b"9999-12-31T23:59:59.000000000 253402300799000000000 "),
        (b"9999-12-31T23:59:59.000000000 1661140374.000000000 ", b"9999-12-31T23:59:59.000000000 253402300799.000000000 "),
    ],
)  # fmt: skip
def test_a_shape_whose_values_no_longer_fit_is_parsed_anew(seen: bytes, then: bytes) -> None:
    _assert_faithful(by_hand(check_bytes=0), "batched", [seen, seen, seen, then, then, then, seen])
