"""Framing: what is read is what was written, in chunks, and damage is named by number and byte."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_stream.cli import framing
from aura_stream.errors import CorruptFrameError, LimitExceededError, UnwritableMessageError


class Trickle:
    """A stream that gives a few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes, step: int) -> None:
        self.file = io.BytesIO(data)
        self.step = step

    def read1(self, size: int = -1, /) -> bytes:
        return self.file.read(self.step)


def read(kind: str, data: bytes, step: int = 1 << 20) -> list[framing.Chunk]:
    return list(framing.READERS[kind](Trickle(data, step), "orders.log"))


def items(chunks: list[framing.Chunk]) -> list[bytes]:
    return [item for chunk in chunks for item in chunk.items]


@given(st.lists(st.binary(max_size=300)), st.integers(1, 400))
def test_varint_gives_back_any_items_however_they_trickle_in(messages: list[bytes], step: int) -> None:
    assert items(read("varint", framing.join_varint(messages, 0), step)) == messages


@given(st.lists(st.binary(max_size=300).map(lambda line: line.replace(b"\n", b"\r"))), st.integers(1, 400))
def test_lines_give_back_any_items_without_line_feed(messages: list[bytes], step: int) -> None:
    """CR stays, and an empty line is an empty message."""
    assert items(read("lines", framing.join_lines(messages, 0), step)) == messages


@given(st.lists(st.binary(min_size=1, max_size=40).map(lambda line: line.replace(b"\n", b" "))), st.integers(1, 50))
def test_chunks_tell_number_and_offset_of_each_item(messages: list[bytes], step: int) -> None:
    for kind, join in framing.WRITERS.items():
        data = join(messages, 0)
        number = 0
        for chunk in read(kind, data, step):
            assert chunk.first == number
            number += len(chunk.items)
            for offset, item in zip(chunk.offsets, chunk.items, strict=True):
                head = 1 if kind == "varint" else 0  # items are short here: one byte of length
                assert data[offset + head : offset + head + len(item)] == item
        assert number == len(messages)


def test_the_last_line_may_lack_its_line_feed() -> None:
    assert items(read("lines", b"a\nb")) == [b"a", b"b"]


def test_an_empty_file_holds_nothing() -> None:
    assert read("lines", b"") == []
    assert read("varint", b"") == []


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_torn_item_is_named_by_number_and_byte(cut: int) -> None:
    data = framing.join_varint([b"whole", b"x" * 300], 0)
    with pytest.raises(CorruptFrameError, match=r"orders\.log: number 1 at byte 6 is torn") as caught:
        read("varint", data[: 6 + cut])
    assert caught.value.index == 1


def test_a_length_beyond_the_limit_is_refused_before_anything_is_read_for_it() -> None:
    with pytest.raises(LimitExceededError, match="number 0 at byte 0"):
        read("varint", framing.leb128(framing.MAX_ITEM + 1) + b"x")


def test_a_length_that_never_ends_is_refused() -> None:
    with pytest.raises(LimitExceededError):
        read("varint", b"\xff" * 20)


def test_a_line_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_ITEM", 100)
    with pytest.raises(LimitExceededError, match="number 1 at byte 3"):
        read("lines", b"ab\n" + b"x" * 200, step=50)


def test_a_message_with_line_feed_cannot_be_written_to_lines() -> None:
    with pytest.raises(UnwritableMessageError, match=r"message 11 .*--framing varint") as caught:
        framing.join_lines([b"a", b"b\nc", b"d"], 10)
    assert caught.value.index == 1


@pytest.mark.parametrize("join", framing.WRITERS.values())
def test_nothing_is_written_for_nothing(join: Callable[[list[bytes], int], bytes]) -> None:
    assert join([], 0) == b""
