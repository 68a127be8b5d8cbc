"""The note of a dead letter stands beside the message where there is a place for it, else around it."""

from __future__ import annotations

import msgpack
import pytest
from aura_connectors.notes import (
    into_envelopes,
    into_fields,
    into_headers,
    out_of_envelopes,
    out_of_fields,
    out_of_headers,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_stream.model import Batch, Entries, Partition, Records

PLAIN = Batch(Partition("in"), [b"a", None], [0, 1])


def test_in_a_record_it_is_the_last_header() -> None:
    records = Records([None] * 2, [[("aura.dead", b"mine"), ("x", None)], ()], [1, 2], [0, 0])
    marked = into_headers(PLAIN, records, [b"1", b"2"])
    assert isinstance(marked.metadata, Records)
    assert marked.metadata.headers == [
        [("aura.dead", b"mine"), ("x", None), ("aura.dead", b"1")],
        [("aura.dead", b"2")],
    ]
    plain, notes = out_of_headers(marked)
    assert (plain.metadata.headers, notes) == ([[("aura.dead", b"mine"), ("x", None)], []], [b"1", b"2"])  # type: ignore[union-attr]


def test_in_an_entry_it_is_the_last_field() -> None:
    entries = Entries([b"1-0", b"2-0"], [[(b"aura.dead", b"mine"), (b"x", b"")], []], [0, -1])
    marked = into_fields(PLAIN, entries, [b"1", b"2"])
    assert isinstance(marked.metadata, Entries)
    assert marked.metadata.fields[0][-1] == (b"aura.dead", b"1")
    plain, notes = out_of_fields(marked)
    assert (plain.metadata.fields, notes) == ([[(b"aura.dead", b"mine"), (b"x", b"")], []], [b"1", b"2"])  # type: ignore[union-attr]


@pytest.mark.parametrize("undo", [out_of_headers, out_of_fields])
def test_where_nothing_is_beside_the_values_there_is_no_note(undo: object) -> None:
    assert undo(PLAIN) == (PLAIN, [None, None])  # type: ignore[operator]


@settings(deadline=None)
@given(st.lists(st.tuples(st.none() | st.binary(max_size=40), st.binary(max_size=40)), max_size=5))
def test_an_envelope_holds_any_message_and_any_note(rows: list[tuple[bytes | None, bytes]]) -> None:
    batch = Batch(Partition("in"), [value for value, _ in rows], range(len(rows)))
    plain, notes = out_of_envelopes(into_envelopes(batch, [note for _, note in rows]))
    assert list(zip(plain.values, notes, strict=True)) == rows


@pytest.mark.parametrize(
    "value",
    [
        None, b"", b"text", b"\xc1", b"\x93\x01\xc4", b"\x93" * 2000, msgpack.packb([2, b"note", b"message"]),
        msgpack.packb([1, b"note", b"message", 0]), msgpack.packb([True, b"note", b"message"]), msgpack.packb({1: 2}),
        msgpack.packb([1, None, b"message"]), msgpack.packb([1, b"note", 5]), msgpack.packb([1, "note", b"message"]),
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_a_message_without_a_note(value: bytes | None) -> None:
    batch = Batch(Partition("in"), [value], [0])
    assert out_of_envelopes(batch) == (batch, [None])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_are_an_error(value: bytes) -> None:
    out_of_envelopes(Batch(Partition("in"), [value], [0]))
