"""A note is a line of JSON for people, and comes back as it was; nothing that anybody else wrote passes for one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_stream.model import Note
from aura_stream.model.note import MAX_NOTE, MAX_REASON

NOTE = Note("its check does not match", "CorruptFrameError", "decode", "in", 3, "17-4", 1_700_000_000.25, 2, "c0de")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=MAX_REASON)


def test_it_reads_like_this() -> None:
    line = NOTE.to_bytes().decode()
    assert "\n" not in line
    assert json.loads(line) == {
        "version": 1,
        "reason": "its check does not match",
        "error": "CorruptFrameError",
        "direction": "decode",
        "topic": "in",
        "partition": 3,
        "position": "17-4",
        "time": "2023-11-14T22:13:20.250+00:00",
        "attempts": 2,
        "codebook": "c0de",
    }
    assert NOTE.message == "in/3/17-4"


@settings(deadline=None)
@given(
    st.builds(
        Note, TEXT, TEXT, TEXT, TEXT, st.integers(0, 2**31 - 1), TEXT,
        st.integers(0, 10**13).map(lambda milliseconds: milliseconds / 1000), st.integers(0, 2**31 - 1), TEXT,
    )
)  # fmt: skip
def test_it_comes_back_as_it_was(note: Note) -> None:
    read = Note.from_bytes(note.to_bytes())
    assert read is not None
    assert replace(read, time=note.time) == note
    assert abs(read.time - note.time) < 0.001


def test_a_reason_is_cut_and_what_is_no_text_is_replaced() -> None:
    read = Note.from_bytes(replace(NOTE, reason="é" * 1000, topic="\udcff").to_bytes())
    assert read is not None
    assert (read.reason, read.topic) == ("é" * MAX_REASON, "?")


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"version": None}, {"reason": None}, {"reason": 1}, {"partition": "3"}, {"partition": True},
        {"partition": -1}, {"partition": 2**31}, {"partition": 1.0}, {"attempts": -1}, {"time": 17}, {"time": "soon"},
        {"topic": ["in"]},
    ],
)  # fmt: skip
def test_what_has_another_shape_is_no_note(change: dict[str, object]) -> None:
    assert Note.from_bytes(json.dumps(json.loads(NOTE.to_bytes()) | change).encode()) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"1",
        b"\xff",
        b"{",
        b'"text"',
        b"[" * 50_000,
        b" " * (MAX_NOTE + 1),
        NOTE.to_bytes()[:-1],
    ],
)
def test_other_bytes_are_no_note(data: bytes) -> None:
    assert Note.from_bytes(data) is None


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_are_an_error(data: bytes) -> None:
    Note.from_bytes(data)


def test_what_a_later_version_adds_is_no_harm() -> None:
    assert Note.from_bytes(json.dumps(json.loads(NOTE.to_bytes()) | {"more": 1}).encode()) == NOTE
