"""Explaining: every byte of a frame belongs to a part, and each part says what it is."""

from __future__ import annotations

import pytest

from aura_stream import Codebook, CorruptFrameError, HybridCodec
from aura_stream.codec.explain import Part, pattern_of, slot_name
from aura_stream.codec.slots import HEX_LOWER, INT, slot_type
from tests.unit.codec.books import (
    ANY_TEXT,
    DICTIONARY,
    INTEGER,
    by_hand,
    many_generations,
    mined,
    sample_messages,
    template,
)


@pytest.mark.parametrize(
    ("frame", "parts"),
    [
        (b"", [Part("raw", 0, detail="the empty message")]),
        (b"hello", [Part("raw", 5, detail="the frame is the message")]),
        (b"\xc1\x82x", [Part("escape", 1), Part("raw", 2, detail="the message")]),
    ],
)
def test_raw_frames_are_explained(frame: bytes, parts: list[Part]) -> None:
    assert HybridCodec(Codebook()).explain(frame) == parts


def test_each_item_of_a_template_frame_is_a_part() -> None:
    codec = HybridCodec(by_hand(0))
    frame = b"\x82\x14\x05\x01\x17\x01\x02\xf8\x03abc\xf9\x03\x03\xfa\x01\xfb\x04\x00\x03\xab\xc0"
    assert codec.decode(frame) == b"a=5 b=5 POST /api/v2/abcabc2abc"
    assert codec.explain(frame) == [
        Part("marker", 1, 0, "template"),
        Part("template", 1, 20, "a={int} b={repeat} "),
        Part("slot", 1, detail="int = 5"),
        Part("slot", 1, detail="repeat = 5"),
        Part("template", 1, 23, "{enum of 3} /api/v{int}/"),
        Part("slot", 1, detail="enum of 3 = POST"),
        Part("slot", 1, detail="int = 2"),
        Part("literal", 5, detail="abc"),
        Part("copy", 3, detail="3 bytes from 3 back"),
        Part("slot", 2, detail="repeat = 2"),
        Part("slot", 6, detail="hex = abc"),
    ]


def test_frames_of_the_general_compressors_are_a_payload_and_a_check() -> None:
    codec = HybridCodec(by_hand(2, "plain", DICTIONARY))
    frame = codec.encode(DICTIONARY)
    assert [(part.kind, part.detail) for part in codec.explain(frame)] == [
        ("marker", "dictionary"),
        ("payload", "zstd"),
        ("check", "CRC-32 of the message, low bytes"),
    ]
    plain = HybridCodec(Codebook(0))
    assert [part.detail for part in plain.explain(plain.encode(b"ab" * 500))] == ["zstd", "zstd"]


@pytest.mark.parametrize("check_bytes", [0, 1, 4])
def test_the_sizes_of_the_parts_add_up_to_the_frame(check_bytes: int) -> None:
    for destination in ("batched", "standalone"):
        codec = HybridCodec(mined(check_bytes), destination)  # type: ignore[arg-type]
        for message in sample_messages()[::20]:
            frame = codec.encode(message)
            assert sum(part.size for part in codec.explain(frame)) == len(frame)


def test_late_generations_are_explained_with_their_own_templates() -> None:
    codec = HybridCodec(many_generations(24), "batched")
    marker, first, *_ = codec.explain(codec.encode(b"generation23 hello"))
    assert (marker.size, marker.number) == (3, 23)
    assert first.detail == "generation23"


def test_a_damaged_frame_is_an_error_and_no_explanation() -> None:
    codec = HybridCodec(by_hand())
    with pytest.raises(CorruptFrameError):
        codec.explain(b"\x82\xff\x00")


def test_slots_and_templates_are_named_as_people_read_them() -> None:
    assert slot_name(slot_type(INT)) == "int"
    assert slot_name(slot_type(HEX_LOWER, 16)) == "hex/16"
    assert slot_name((b"a", b"b")) == "enum of 2"
    assert pattern_of(template(b"n=", INTEGER, b"\xff", ANY_TEXT)) == "n={int}\\xff{text}"
