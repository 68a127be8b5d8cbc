"""Entries: whatever was changed of one is noticed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_stream.codec.template import digest_of
from aura_stream.errors import CodebookError
from aura_stream.model import LogRecord
from aura_stream.store.entry import MAX_ENTRY, Entry

ENTRY = Entry("template", 3, 1, 18, b"p" * 16, b"body of a template")


def _record(*items: Any) -> bytes:
    packed = msgpack.packb(list(items))
    return bytes(packed + digest_of(packed))


@pytest.mark.parametrize(
    "entry",
    [
        ENTRY,
        Entry("generation", 0, 0, -1, b"p" * 16, b""),
        Entry("namespace", 0, -1, 0, b"", b"x" * 1000),
        Entry("retire", 0, -1, -1, b"", b"d" * 16),
    ],
)
def test_an_entry_is_read_as_it_was_written(entry: Entry) -> None:
    assert Entry.from_bytes(entry.to_bytes()) == entry
    assert entry.record == LogRecord(entry.generation, entry.number, entry.to_bytes())


def test_every_changed_bit_is_noticed() -> None:
    data = ENTRY.to_bytes()
    for at in range(len(data) * 8):
        changed = bytearray(data)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(CodebookError):
            Entry.from_bytes(bytes(changed))


def test_every_cut_is_noticed() -> None:
    data = ENTRY.to_bytes()
    for size in range(len(data)):
        with pytest.raises(CodebookError):
            Entry.from_bytes(data[:size])
    with pytest.raises(CodebookError):
        Entry.from_bytes(data + b"\0")


@pytest.mark.parametrize(
    "items",
    [
        [],
        ["template", 0, 0, 0, b"p" * 16],
        ["template", 0, 0, 0, b"p" * 16, b"", 0],
        ["unheard of", 0, 0, 0, b"", b""],
        [["template"], 0, 0, 0, b"", b""],
        ["template", True, 0, 0, b"", b""],
        ["template", 0, 1.0, 0, b"", b""],
        ["template", 0, 0, None, b"", b""],
        ["template", -1, 0, 0, b"", b""],
        ["template", 0, -2, 0, b"", b""],
        ["template", 0, 0, -2, b"", b""],
        ["template", 1 << 40, 0, 0, b"", b""],
        ["template", 0, 1 << 40, 0, b"", b""],
        ["template", 0, 0, 1 << 40, b"", b""],
        ["template", 0, 0, 0, b"short", b""],
        ["template", 0, 0, 0, "text", b""],
        ["template", 0, 0, 0, b"", "text"],
        ["template", 0, 0, 0, b"", None],
    ],
    ids=str,
)
def test_what_is_no_entry_is_refused_though_its_digest_fits(items: list[Any]) -> None:
    with pytest.raises(CodebookError):
        Entry.from_bytes(_record(*items))


def test_another_spelling_of_the_same_is_refused() -> None:
    packed = ENTRY.to_bytes()[:-16]
    longer = packed.replace(b"\x03\x01\x12", b"\xcc\x03\x01\x12")  # epoch 3 in two bytes
    assert longer != packed
    with pytest.raises(CodebookError, match="spelled"):
        Entry.from_bytes(longer + digest_of(longer))


@pytest.mark.parametrize(
    "packed", [b"", b"\xc1", b"\x96", b"\x81\x01\x02", b"\xdd\xff\xff\xff\xff", b"\x05", b"\xa1\xff"]
)
def test_hostile_bytes_are_refused_though_their_digest_fits(packed: bytes) -> None:
    with pytest.raises(CodebookError):
        Entry.from_bytes(packed + digest_of(packed))


def test_an_entry_that_is_too_large_is_refused() -> None:
    with pytest.raises(CodebookError):
        Entry.from_bytes(Entry("template", 0, 0, 0, b"", bytes(MAX_ENTRY)).to_bytes())


@given(st.binary(max_size=100))
def test_any_bytes_are_an_entry_or_an_error(data: bytes) -> None:
    for each in (data, data + digest_of(data)):
        with suppress(CodebookError):
            assert Entry.from_bytes(each).to_bytes() == each
