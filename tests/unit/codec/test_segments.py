"""Segments: what a parse writes, and the slots that refuse what they were given."""

from __future__ import annotations

from aura_stream.codec import Template
from aura_stream.codec.parser import BareSlot, Copy, LiteralRun, Spelled, TemplateUse
from aura_stream.codec.segments import CopySegment, SlotSegment, payload_of, segments_of, write
from aura_stream.codec.slots import REPEAT, Trail, slot_type
from tests.unit.codec.books import INTEGER, REPEAT_ANY

TEXTS = [b"a", b"7", b"tester", b"x", b"y", b"a", b"7"]
STARTS = [0, 1, 2, 8, 9, 10, 11]


def test_neighbouring_constants_are_joined_and_variable_parts_stand_between() -> None:
    items = [
        TemplateUse(0, 2, 0),
        Spelled(2, 3, (1, b"er")),
        LiteralRun(3, 5),
        Copy(5, 6, 5),
        BareSlot(6, 7, REPEAT_ANY),
    ]
    templates = [Template((b"a", INTEGER)), Template((b"test",))]
    segments = segments_of(items, TEXTS, templates)
    assert segments == [
        b"\x00",
        SlotSegment(INTEGER, 1),
        b"\x01\xf8\x02er\xf8\x02xy\xf9",
        CopySegment(0, 5, 6),
        b"\xfa",
        SlotSegment(REPEAT_ANY, 6),
    ]
    assert write(segments, TEXTS, [*STARTS, 12], 0) == (b"\x00\x07\x01\xf8\x02er\xf8\x02xy\xf9\x0a\x01\xfa\x01", set())


def test_a_bare_slot_names_its_kind_and_parameter() -> None:
    assert segments_of([BareSlot(0, 1, slot_type(4, 200))], TEXTS, []) == [
        b"\xfb\x04\xc0\x08",
        SlotSegment(slot_type(4, 200), 0),
    ]


def test_a_slot_that_does_not_take_its_token_is_refused_with_its_kind() -> None:
    segments = [SlotSegment(REPEAT_ANY, 1), SlotSegment(INTEGER, 0), SlotSegment((b"x", b"y"), 2)]
    assert write(segments, TEXTS, STARTS, 0)[1] == {(1, REPEAT), (0, 1), (2, 0)}


def test_an_enum_writes_the_index_and_joins_the_trail() -> None:
    trail = Trail(0)
    assert payload_of((b"x", b"y"), b"y", trail) == b"\x01"
    assert payload_of((b"x", b"y"), b"z", trail) is None
    assert payload_of(REPEAT_ANY, b"y", trail) == b"\x01"
    assert trail.texts == [b"y", b"y"]
