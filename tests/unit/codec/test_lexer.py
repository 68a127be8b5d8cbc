"""Lexing: tokens put together are the message, each candidate holds its token, and the time is linear."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_stream.codec import lexer, times
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
    TEXT,
    TIME,
    UUID,
    Trail,
    kind_of,
    parameter_of,
    reader,
    writer,
)
from tests.property.messages import FRAGMENTS
from tests.unit.codec.books import sample_messages

MESSAGES = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from(FRAGMENTS), max_size=10).map(b"".join),
    st.from_regex(rb"[0-9a-fA-F:/. ,TZ+-]{1,60}", fullmatch=True),
)


def _assert_sound(message: bytes) -> None:
    texts, candidates = lex(message)
    assert b"".join(texts) == message
    assert len(texts) == len(candidates)
    assert all(texts)
    for text, found in zip(texts, candidates, strict=True):
        for slot, size in found:
            payload = writer(slot)(text, Trail(0))
            if kind_of(slot) == TIME and payload is None:
                continue  # too far from 1970 for a unit as short as that: the parser sees it
            assert payload is not None
            assert reader(slot)(payload, 0, Trail(0)) == (text, len(payload))
            assert kind_of(slot) == TIME or size == len(payload)


@settings(max_examples=250)
@given(MESSAGES)
def test_tokens_put_together_are_the_message_and_each_candidate_holds_its_token(message: bytes) -> None:
    _assert_sound(message)


def test_real_messages_are_lexed_soundly() -> None:
    for message in sample_messages():
        _assert_sound(message)


def _kinds(text: bytes) -> set[int]:
    texts, candidates = lex(b" " + text + b" ")
    assert texts == [b" ", text, b" "], texts
    return {kind_of(slot) for slot, _ in candidates[1]}


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (b"42", {INT, DIGITS}),
        (b"042", {DIGITS}),
        (b"18446744073709551615", {INT, DIGITS, HEX_LOWER, HEX_UPPER}),
        (b"18446744073709551616", {DIGITS, HEX_LOWER, HEX_UPPER}),
        (b"123456789012345678901", {TEXT}),
        (b"12345", {INT, DIGITS, HEX_LOWER, HEX_UPPER}),
        (b"1.5", {DECIMAL}),
        (b"0.05", {DECIMAL}),
        (b"10.0.0.255", {IPV4}),
        (b"123e4567-e89b-12d3-a456-426614174000", {UUID}),
        (b"123E4567-E89B-12D3-A456-426614174000", {UUID}),
        (b"deadbeef", {TEXT, HEX_LOWER}),
        (b"DEADBEEF", {TEXT, HEX_UPPER}),
        (b"c0ffee1", {HEX_LOWER}),
        (b"C0FFEE1", {HEX_UPPER}),
        (b"a1" * 200, {HEX_LOWER}),
        (b"hello", {TEXT}),
        (b"\xc3\xa9\xc3\xa9", {TEXT}),
        (b"aB3dE5fG7hJ", {BASE64}),
        (b"A1B2C3D4Z5X6", {BASE36, BASE64}),
        (b"A1Z2" * 5 + b"Q9", {BASE36, BASE64}),
        (b"QWx3ZGRpb3jvcGVuIHNlc2FtZQ01aB+/", {BASE64}),
        (b"QWx3ZGRpb3jvcGVuIHNlc2FtZQ01aB-_", {BASE64URL}),
        (b"1715785200", {INT, DIGITS, TIME, HEX_LOWER, HEX_UPPER}),
        (b"1715785200123", {INT, DIGITS, TIME, HEX_LOWER, HEX_UPPER}),
        (b"4200000000", {INT, DIGITS, HEX_LOWER, HEX_UPPER}),
        (b"1715785200.25", {DECIMAL, TIME}),
        (b"4200000000.25", {DECIMAL}),
        (b"17157852000.25", {DECIMAL}),
    ],
)
def test_a_value_has_the_candidates_of_its_kind(text: bytes, kinds: set[int]) -> None:
    assert _kinds(text) == kinds


@pytest.mark.parametrize(
    ("text", "form", "fraction"),
    [
        (b"2024-05-15T15:00:00", times.ISO_T, 0),
        (b"2024-05-15T15:00:00.123456789", times.ISO_T, 9),
        (b"2024-05-15 15:00:00", times.ISO_SPACE, 0),
        (b"2024-05-15 15:00:00.5", times.ISO_SPACE, 1),
        (b"2024-05-15 15:00:00,747", times.ISO_COMMA, 3),
        (b"2024/05/15 15:00:00", times.ISO_SLASH, 0),
        (b"15/May/2024:15:00:00", times.CLF, 0),
        (b"May 15 15:00:00", times.SYSLOG, 0),
        (b"May 15 15:00:00", times.SYSLOG_PADDED, 0),
        (b"May  5 15:00:00", times.SYSLOG_PADDED, 0),
        (b"05-15 15:00:00.123", times.MONTH_DAY, 3),
        (b"24/05/15 15:00:00", times.SHORT_SLASH, 0),
        (b"240515 150000", times.SHORT, 0),
        (b"2024-05-15", times.DATE, 0),
        (b"15:00:00", times.CLOCK, 0),
        (b"15:00:00.25", times.CLOCK, 2),
        (b"Wed May 15 15:00:00 2024", times.CTIME, 0),
        (b"Sun May  5 15:00:00 2024", times.CTIME_PADDED, 0),
        (b"Wed May 15 15:00:00 +0000 2024", times.TWITTER, 0),
        (b"Wed, 15 May 2024 15:00:00 GMT", times.HTTP_DATE, 0),
        (b"1715785200123456", times.EPOCH, 6),
        (b"1715785200.82437", times.EPOCH_POINT, 5),
    ],
)
def test_a_time_is_one_token_of_its_form(text: bytes, form: int, fraction: int) -> None:
    texts, candidates = lex(b"[" + text + b"]")
    assert texts == [b"[", text, b"]"]
    assert form << 4 | fraction in {parameter_of(slot) for slot, _ in candidates[1] if kind_of(slot) == TIME}


@pytest.mark.parametrize(
    "text",
    [
        b"2024-02-30",
        b"2024-05-15T24:00:00",
        b"0000-00-00 00:00:00",
        b"2024/05/15",
        b"27:15:09",
        b"32/May/2024:15:00:00",
        b"Tue May 15 15:00:00 2024",
        b"Feb 30 15:00:00",
        b"13-15 15:00:00",
        b"24/13/15 15:00:00",
        b"241315 150000",
        b"1.2.3.256",
        b"1.2.3.04",
        b"99999999999999999999.5",
        b"123e4567-E89b-12d3-a456-426614174000",
        b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        b"some-longish_word-with-hyphens_and-so-on",
        b"QWx3ZGRpb3jvcGVuIHNlc2FtZQ01aB+_",
        b"/usr/lib/python3/dist-packages/2024-05-15/x",
        b"user12345name",
        b"0xdeadbeef1",
        b"0xhello12",
    ],
)
def test_what_only_looks_like_a_value_is_read_in_parts(text: bytes) -> None:
    _assert_sound(text)
    assert len(lex(text)[0]) > 1 or text == b"a" * 34


def test_a_hexadecimal_number_with_its_prefix_is_a_prefix_and_a_value() -> None:
    texts, candidates = lex(b"0xdeadbeef01")
    assert texts == [b"0x", b"deadbeef01"]
    assert {kind_of(slot) for slot, _ in candidates[1]} == {HEX_LOWER}


def test_long_runs_are_not_remembered() -> None:
    before = lexer._alnum.cache_info().currsize
    for number in range(50):
        lex(b"%da" % number * 40)
    assert lexer._alnum.cache_info().currsize == before


# --- time ----------------------------------------------------------------------------------------------------------

HARD = {
    "letters": b"a",
    "zeros": b"0",
    "letters and digits": b"a1",
    "hyphens and slashes": b"-/",
    "base64": b"aB3+/xYz9Q",
    "almost base64": b"aB3-+",
    "nested quotes": b'\\"',
    "brackets": b'[{"',
    "points": b"1.",
    "colons": b"00:00:00",
    "dates": b"0000-00-00 ",
    "uuids": b"12345678-1234-",
    "months": b"Jan 01 ",
    "wide": b"\xff",
    "hex": b"0123456789abcdef-",
    "six digits": b"123456 ",
}


def _calls(function: Callable[[], Any]) -> int:
    """Count the calls that Python and its C functions make: operations, not seconds."""
    count = 0

    def tracer(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(tracer)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("name", HARD)
def test_lexing_32_times_as_much_takes_about_32_times_as_many_operations(name: str) -> None:
    piece = HARD[name]
    small, large = (piece * (size // len(piece)) for size in (1 << 10, 1 << 15))
    few = _calls(lambda: lex(small))
    many = _calls(lambda: lex(large))
    assert many <= 40 * few + 1000
    _assert_sound(large)


def test_every_run_of_the_expression_is_bounded_or_of_one_class_of_characters() -> None:
    pattern = lexer._TOKEN.pattern
    unbounded = re.findall(rb"(\[[^]]*\]|\\d|\.|\))(?:\+|\*|\{\d+,\})", pattern)
    assert {run for run in unbounded if run == b")"} == set()
    assert not re.search(rb"\(\?<[=!]", pattern)  # no look-behind
