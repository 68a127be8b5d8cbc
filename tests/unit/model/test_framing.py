"""How items lie in a file: splitting gives back what was joined, within the limits that are asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_stream.errors import UnwritableMessageError
from aura_stream.model.framing import JOINS, MAX_ITEM, SPLITS, DamagedFileError, join_lines, leb128, split_varint

ITEMS = st.lists(st.binary(max_size=50).map(lambda item: item.replace(b"\n", b"-")), max_size=20)
KINDS = st.sampled_from(["lines", "varint"])


@given(KINDS, ITEMS, st.integers(1, 8), st.integers(1, 100))
def test_items_come_back_in_portions_within_the_limits(
    kind: str, messages: list[bytes], max_items: int, max_bytes: int
) -> None:
    """One item always fits, however large it is."""
    data = JOINS[kind](messages)
    found: list[bytes] = []
    start = 0
    while (portion := SPLITS[kind](data, start, max_items, max_bytes)).values:
        assert len(portion.values) <= max_items
        assert len(portion.values) == 1 or sum(map(len, portion.values)) <= max_bytes
        found += portion.values
        start = portion.ends[-1]
    assert found == messages
    assert start == len(data)


@given(st.integers(0, 2**70))
def test_leb128_holds_seven_bits_a_byte_lowest_first(value: int) -> None:
    spelled = leb128(value)
    assert sum((byte & 0x7F) << 7 * place for place, byte in enumerate(spelled)) == value
    assert all(byte > 0x7F for byte in spelled[:-1])
    assert spelled[-1] <= 0x7F


def test_a_length_that_cannot_be_names_its_offset() -> None:
    with pytest.raises(DamagedFileError) as caught:
        split_varint(b"\x01a" + leb128(MAX_ITEM + 1), 0, 10, 10**9)
    assert caught.value.offset == 2


@pytest.mark.parametrize("kind", JOINS)
def test_a_null_cannot_be_written(kind: str) -> None:
    with pytest.raises(UnwritableMessageError) as caught:
        JOINS[kind]([b"a", None])
    assert caught.value.index == 1


def test_a_line_feed_cannot_be_written_to_lines() -> None:
    with pytest.raises(UnwritableMessageError, match="line feed") as caught:
        join_lines([b"a", b"b\nc"])
    assert caught.value.index == 1
