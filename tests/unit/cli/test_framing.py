"""Reading files: what is read is what was written, in chunks, and damage is named by number and byte."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_stream.cli import framing
from aura_stream.cli.framing import Chunk, read_chunks
from aura_stream.errors import CorruptFrameError, LimitExceededError
from aura_stream.model.framing import JOINS, MAX_ITEM, join_lines, join_varint, leb128


class Trickle:
    """A stream that gives a few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes, step: int) -> None:
        self.file = io.BytesIO(data)
        self.step = step

    def read1(self, size: int = -1, /) -> bytes:
        return self.file.read(self.step)


def read(kind: str, data: bytes, step: int = 1 << 20) -> list[Chunk]:
    return list(read_chunks(Trickle(data, step), kind, "orders.log"))


def items(chunks: list[Chunk]) -> list[bytes]:
    return [item for chunk in chunks for item in chunk.items]


@given(st.lists(st.binary(max_size=300)), st.integers(1, 400))
def test_varint_gives_back_any_items_however_they_trickle_in(messages: list[bytes], step: int) -> None:
    assert items(read("varint", join_varint(messages), step)) == messages


@given(st.lists(st.binary(max_size=300).map(lambda line: line.replace(b"\n", b"\r"))), st.integers(1, 400))
def test_lines_give_back_any_items_without_line_feed(messages: list[bytes], step: int) -> None:
    """CR stays, and an empty line is an empty message."""
    assert items(read("lines", join_lines(messages), step)) == messages


@given(st.lists(st.binary(min_size=1, max_size=40).map(lambda line: line.replace(b"\n", b" "))), st.integers(1, 50))
def test_chunks_tell_number_and_offset_of_each_item(messages: list[bytes], step: int) -> None:
    for kind, join in JOINS.items():
        data = join(messages)
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
    data = join_varint([b"whole", b"x" * 300])
    with pytest.raises(CorruptFrameError, match=r"orders\.log: number 1 at byte 6 is torn") as caught:
        read("varint", data[: 6 + cut])
    assert caught.value.index == 1


@pytest.mark.parametrize("length", [leb128(MAX_ITEM + 1), b"\xff" * 20], ids=["too long", "never ends"])
def test_a_length_beyond_the_limit_is_refused_before_anything_is_read_for_it(length: bytes) -> None:
    """What stands before it is given first, so that its number and offset are exact."""
    chunks = read_chunks(Trickle(join_varint([b"whole", b""]) + length + b"x", 1 << 20), "varint", "orders.log")
    assert next(chunks).items == [b"whole", b""]
    with pytest.raises(LimitExceededError, match="number 2 at byte 7") as caught:
        next(chunks)
    assert caught.value.index == 2


def test_a_line_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_ITEM", 100)
    monkeypatch.setattr(framing, "BLOCK", 50)
    with pytest.raises(LimitExceededError, match="number 1 at byte 3"):
        read("lines", b"ab\n" + b"x" * 200, step=50)
