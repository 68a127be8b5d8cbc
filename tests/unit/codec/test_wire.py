"""Numbers of the wire format: their sizes, their ranges, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_stream.codec.trie import code_size
from aura_stream.codec.wire import (
    COMPACT_5_END,
    MARKERS,
    MAX_COMPACT,
    MAX_TEMPLATES,
    compact,
    compact_size,
    read_compact,
    template_code,
    unzigzag,
    zigzag,
)

ENDS = (192, 192 + (1 << 13), 192 + (1 << 13) + (1 << 20), 192 + (1 << 13) + (1 << 20) + (1 << 27), COMPACT_5_END)


@pytest.mark.parametrize(("end", "size"), list(zip(ENDS, range(1, 6), strict=True)))
def test_a_compact_number_takes_one_byte_more_from_each_end_on(end: int, size: int) -> None:
    assert len(compact(end - 1)) == size
    assert len(compact(end)) == max(size + 1, 6 if size == 5 else 0)
    assert compact(end - 1)[0] < compact(end)[0]


@pytest.mark.parametrize(
    ("value", "size"), [((1 << 40) - 1, 6), (1 << 40, 7), (1 << 48, 8), (1 << 56, 9), (MAX_COMPACT, 9)]
)
def test_large_compact_numbers_take_as_many_bytes_as_they_have_and_one(value: int, size: int) -> None:
    assert len(compact(value)) == size


@given(st.one_of(st.integers(0, MAX_COMPACT), st.integers(0, 70_000)))
def test_compact_numbers_read_back_and_know_their_size(value: int) -> None:
    spelled = compact(value)
    assert read_compact(b"x" + spelled + b"y", 1) == (value, 1 + len(spelled))
    assert compact_size(value) == len(spelled)


@given(st.integers(0, MAX_COMPACT))
def test_a_compact_number_that_is_cut_off_is_an_index_error(value: int) -> None:
    spelled = compact(value)
    for end in range(len(spelled)):
        with pytest.raises(IndexError):
            read_compact(spelled[:end], 0)


@given(st.integers(-MAX_COMPACT, MAX_COMPACT))
def test_signed_numbers_fold_and_unfold(value: int) -> None:
    assert unzigzag(zigzag(value)) == value


def test_small_distances_fold_to_small_numbers() -> None:
    assert [zigzag(value) for value in (0, -1, 1, -2, 2)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (0, "00"),
        (191, "bf"),
        (192, "c000"),
        (447, "c0ff"),
        (448, "c100"),
        (12_479, "efff"),
        (12_480, "f00000"),
        (MAX_TEMPLATES - 1, "f7ffff"),
    ],
)
def test_template_numbers_have_the_codes_of_the_wire_format(number: int, code: str) -> None:
    assert template_code(number).hex() == code
    assert code_size(number) == len(code) // 2


def test_no_utf8_text_begins_with_a_marker() -> None:
    assert len(MARKERS) == 77
    firsts = {
        chr(point).encode()[0] for point in (*range(0x800), *range(0x800, 0xD800, 64), *range(0xE000, 0x110000, 64))
    }
    assert not firsts & MARKERS
    assert len(firsts | MARKERS) == 256
