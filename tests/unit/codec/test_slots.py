"""Slots: a text is taken only if its payload gives it back; damaged payloads are IndexErrors or ValueErrors."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_stream.codec import times
from aura_stream.codec.slots import (
    BASE36,
    BASE64,
    BASE64URL,
    DECIMAL,
    DIGITS,
    ENUM,
    HEX_LOWER,
    HEX_UPPER,
    INT,
    IPV4,
    REPEAT,
    TEXT,
    TIME,
    UUID,
    Trail,
    base36_size,
    digits_size,
    is_valid,
    kind_of,
    packed_size,
    parameter_of,
    reader,
    slot_type,
    writer,
)

KINDS = range(1, 14)
VALID = [
    slot_type(kind, parameter) for kind in KINDS for parameter in range(1 << 10) if is_valid(slot_type(kind, parameter))
]
UUID_TEXT = b"123e4567-e89b-12d3-a456-426614174000"
TEXTS = st.one_of(
    st.from_regex(rb"[0-9]{1,30}", fullmatch=True),
    st.from_regex(rb"[0-9]{1,22}\.[0-9]{1,20}", fullmatch=True),
    st.from_regex(rb"[0-9a-fA-F]{1,260}", fullmatch=True),
    st.from_regex(rb"[0-9A-Za-z+/_-]{1,60}", fullmatch=True),
    st.from_regex(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", fullmatch=True),
    st.from_regex(rb"[0-9]{1,3}(\.[0-9]{1,3}){3}", fullmatch=True),
    st.sampled_from([b"", b"0", b"00", b".", b"0.", b".5", b"1_0", b" 1", b"+1", b"-1", b"1.5.2", b"a.5", b"1.x"]),
    st.binary(max_size=40),
)


def _trail() -> Trail:
    trail = Trail(1_715_785_200 * 10**9)
    trail.texts += [b"zero", b"123", b"one"]
    return trail


def _written(slot: int, text: bytes) -> bytes | None:
    return writer(slot)(text, _trail())


def _read(slot: int, payload: bytes) -> bytes:
    text, end = reader(slot)(b"\x82" + payload + b"behind", 1, _trail())
    assert end == 1 + len(payload)
    return text


@settings(max_examples=300)
@given(st.sampled_from(VALID), TEXTS)
def test_a_text_that_a_slot_takes_is_given_back(slot: int, text: bytes) -> None:
    payload = _written(slot, text)
    if payload is not None:
        assert _read(slot, payload) == text


@pytest.mark.parametrize("slot", VALID)
def test_any_payload_is_a_text_or_damage(slot: int) -> None:
    rng = random.Random(slot)
    for size in (0, 1, 2, 5, 16, 200):
        for payload in (rng.randbytes(size), b"\xff" * size, b"\0" * size):
            try:
                _, end = reader(slot)(payload, 0, _trail())
            except (IndexError, ValueError):
                continue
            assert end <= len(payload)


@pytest.mark.parametrize(
    ("kind", "parameter", "text"),
    [
        (INT, 0, b"0"),
        (INT, 0, b"999"),
        (INT, 0, b"1000"),
        (INT, 0, b"18446744073709551615"),
        (DIGITS, 1, b"0"),
        (DIGITS, 4, b"0007"),
        (DIGITS, 20, b"99999999999999999999"),
        (DECIMAL, 2, b"0.05"),
        (DECIMAL, 18, b"1.000000000000000001"),
        (DECIMAL, 0, b"12.5"),
        (HEX_LOWER, 5, b"abcd1"),
        (HEX_LOWER, 0, b"a" * 300),
        (HEX_UPPER, 6, b"ABCDEF"),
        (HEX_UPPER, 0, b"0"),
        (UUID, 0, UUID_TEXT),
        (UUID, 1, UUID_TEXT.upper()),
        (IPV4, 0, b"0.1.10.255"),
        (TEXT, 0, b""),
        (TEXT, 0, b"\xff\x00" * 200),
        *((BASE64, n, b"aZ09+/bX1"[:n]) for n in range(1, 10)),
        *((BASE64URL, n, b"aZ09-_bX1"[:n]) for n in range(1, 10)),
        (BASE64, 0, b"+/" * 200),
        (BASE36, 1, b"Z"),
        (BASE36, 40, b"Z" * 40),
        (REPEAT, 0, b"zero"),
        (REPEAT, 2, b"123"),
        (TIME, times.ISO_T << 4, b"2024-05-15T15:00:01"),
    ],
)
def test_a_slot_takes_what_it_is_for(kind: int, parameter: int, text: bytes) -> None:
    slot = slot_type(kind, parameter)
    assert is_valid(slot)
    assert (kind_of(slot), parameter_of(slot)) == (kind, parameter)
    payload = _written(slot, text)
    assert payload is not None
    assert _read(slot, payload) == text
    for end in range(len(payload)):
        with pytest.raises((IndexError, ValueError)):
            reader(slot)(payload[:end], 0, _trail())


@pytest.mark.parametrize(
    ("kind", "parameter", "text"),
    [
        (INT, 0, b"00"),
        (INT, 0, b"01000"),
        (INT, 0, b"18446744073709551616"),
        (INT, 0, b"9" * 5000),
        (INT, 0, b""),
        (INT, 0, b"-1"),
        (DIGITS, 4, b"007"),
        (DIGITS, 4, b"00007"),
        (DIGITS, 4, b"+007"),
        (DECIMAL, 2, b"00.05"),
        (DECIMAL, 2, b"1.5"),
        (DECIMAL, 2, b".55"),
        (DECIMAL, 2, b"155"),
        (DECIMAL, 2, b"1.-5"),
        (DECIMAL, 2, b"9" * 5000 + b".00"),
        (DECIMAL, 0, b"18446744073709551615.1"),
        (DECIMAL, 0, b"1."),
        (DECIMAL, 0, b"15"),
        (DECIMAL, 0, b"1.0000000000000000001"),
        (HEX_LOWER, 4, b"ABCD"),
        (HEX_LOWER, 4, b"abc"),
        (HEX_LOWER, 0, b""),
        (HEX_UPPER, 0, b"abcd"),
        (UUID, 0, UUID_TEXT.upper()),
        (UUID, 1, UUID_TEXT),
        (UUID, 0, UUID_TEXT.replace(b"-", b"_")),
        (UUID, 0, b"123e4567e-89b-12d3-a456-426614174000"),
        (IPV4, 0, b"1.2.3"),
        (IPV4, 0, b"1.2.3.256"),
        (IPV4, 0, b"1.2.3.04"),
        (IPV4, 0, b"1.2.3.4.5"),
        (BASE64, 4, b"ab-_"),
        (BASE64URL, 4, b"ab+/"),
        (BASE64, 0, b""),
        (BASE36, 4, b"abcd"),
        (BASE36, 4, b"A_B1"),
        (REPEAT, 0, b"nowhere"),
        (REPEAT, 2, b"one"),
        (REPEAT, 4, b"zero"),
        (TIME, times.ISO_T << 4, b"2024-05-15 15:00:01"),
        (TIME, times.ISO_T << 4 | 9, b"9999-12-31T00:00:00.000000000"),
    ],
)
def test_a_slot_leaves_what_it_would_not_give_back(kind: int, parameter: int, text: bytes) -> None:
    assert _written(slot_type(kind, parameter), text) is None


@pytest.mark.parametrize(
    ("kind", "parameter", "payload"),
    [
        (DIGITS, 1, b"\x0a"),
        (DIGITS, 20, b"\xff" * 9),
        (DECIMAL, 0, b"\x00\x01"),
        (DECIMAL, 0, b"\x13\x01"),
        (BASE36, 1, b"\x24"),
        (REPEAT, 0, b"\x00"),
        (REPEAT, 0, b"\x04"),
        (TIME, times.CLOCK << 4, b"\xff" * 9),
    ],
)
def test_a_payload_out_of_range_is_damage(kind: int, parameter: int, payload: bytes) -> None:
    with pytest.raises((IndexError, ValueError)):
        reader(slot_type(kind, parameter))(payload, 0, _trail())


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (INT, {0}),
        (DIGITS, {*range(1, 21)}),
        (DECIMAL, {*range(19)}),
        (HEX_LOWER, {*range(256)}),
        (HEX_UPPER, {*range(256)}),
        (UUID, {0, 1}),
        (IPV4, {0}),
        (TEXT, {0}),
        (BASE64, {*range(256)}),
        (BASE64URL, {*range(256)}),
        (BASE36, {*range(1, 41)}),
        (REPEAT, {*range(256)}),
        (ENUM, set()),
        (0, set()),
        (15, set()),
    ],
)
def test_only_the_slot_types_of_the_wire_format_are_valid(kind: int, parameters: set[int]) -> None:
    assert {parameter for parameter in range(1 << 16) if is_valid(slot_type(kind, parameter))} == parameters


def test_a_repeat_reaches_255_slots_back_and_no_further() -> None:
    trail = _trail()
    trail.texts += [b"x"] * 252
    assert writer(slot_type(REPEAT))(b"zero", trail) == b"\xff"
    trail.texts.append(b"x")
    assert writer(slot_type(REPEAT))(b"zero", trail) is None


def test_an_absolute_time_moves_the_moment_and_a_time_of_day_does_not() -> None:
    for make in (writer, reader):
        trail = Trail(0)
        make_iso, make_clock = (make(slot_type(TIME, form << 4)) for form in (times.ISO_T, times.CLOCK))
        if make is writer:
            assert make_iso(b"2024-05-15T15:00:00", trail) is not None  # type: ignore[call-arg]
            moment = trail.moment
            assert make_clock(b"15:00:01", trail) == b"\x02"  # type: ignore[call-arg]
        else:
            make_iso(b"\xf8" + bytes(4), 0, trail)  # type: ignore[call-arg,arg-type]
            moment = trail.moment
            make_clock(b"\x02", 0, trail)  # type: ignore[call-arg,arg-type]
        assert trail.moment == moment != 0


def test_sizes_hold_the_largest_value_and_are_not_larger() -> None:
    for length in range(1, 21):
        assert 256 ** (digits_size(length) - 1) < 10**length <= 256 ** digits_size(length)
    for length in range(1, 41):
        assert 256 ** (base36_size(length) - 1) < 36**length <= 256 ** base36_size(length)
    assert [packed_size(length, 6) for length in range(5)] == [0, 1, 2, 3, 3]
