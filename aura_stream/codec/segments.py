"""Segments: a parse as what stands in the frame, constant bytes and the slots and copies between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aura_stream.codec.parser import BareSlot, Copy, Item, LiteralRun, Spelled, TemplateUse
from aura_stream.codec.slots import REPEAT as REPEAT_KIND
from aura_stream.codec.slots import SlotType, Trail, kind_of, parameter_of, slot_type, writer
from aura_stream.codec.template import Enum, Template
from aura_stream.codec.wire import BARE, COPY, LITERAL, REPEAT, compact, template_code

_REPEAT_ANY: Final = slot_type(REPEAT_KIND, 0)


@dataclass(frozen=True, slots=True)
class SlotSegment:
    """The payload of a slot that holds the token at `place`."""

    slot: SlotType | Enum
    place: int


@dataclass(frozen=True, slots=True)
class CopySegment:
    """A copy of the tokens from `source` on, for those from `first` to `last`."""

    source: int
    first: int
    last: int


Refusal = tuple[int, int]  # place of a token, kind of the slot that did not take it
Segment = bytes | SlotSegment | CopySegment


def segments_of(items: Sequence[Item], texts: Sequence[bytes], templates: Sequence[Template]) -> list[Segment]:
    """Return what the items write into a frame, neighbouring constants joined."""
    out: list[Segment] = []
    constant = bytearray()

    def variable(segment: SlotSegment | CopySegment) -> None:
        if constant:
            out.append(bytes(constant))
            constant.clear()
        out.append(segment)

    for item in items:
        if isinstance(item, TemplateUse):
            constant += template_code(item.number)
            for offset, slot in templates[item.number].slots:
                variable(SlotSegment(slot, item.first + offset))
        elif isinstance(item, Spelled):
            for piece in item.pieces:
                constant += _literal(piece) if isinstance(piece, bytes) else template_code(piece)
        elif isinstance(item, LiteralRun):
            constant += _literal(b"".join(texts[item.first : item.last]))
        elif isinstance(item, BareSlot):
            constant += _bare(item.slot)
            variable(SlotSegment(item.slot, item.first))
        else:
            constant.append(COPY)
            variable(CopySegment(item.first - item.distance, item.first, item.last))
    if constant:
        out.append(bytes(constant))
    return out


def _literal(text: bytes) -> bytes:
    return bytes((LITERAL,)) + compact(len(text)) + text


def _bare(slot: SlotType) -> bytes:
    if slot == _REPEAT_ANY:
        return bytes((REPEAT,))
    return bytes((BARE, kind_of(slot))) + compact(parameter_of(slot))


def payload_of(slot: SlotType | Enum, text: bytes, trail: Trail) -> bytes | None:
    """Return a slot's payload, None where the text does not fit; the trail goes on behind it."""
    if isinstance(slot, tuple):
        payload = bytes((slot.index(text),)) if text in slot else None
    else:
        payload = writer(slot)(text, trail)
    if payload is not None:
        trail.texts.append(text)
    return payload


def write(
    segments: Sequence[Segment], texts: Sequence[bytes], starts: Sequence[int], birth: int
) -> tuple[bytes, set[Refusal]]:
    """Return the segments as bytes, and the slots that did not take their tokens: with any, the bytes are void.

    That happens where a slot depends on what stands before it in the frame: a repeat of a text that the parse
    put elsewhere than into a slot.
    """
    trail = Trail(birth)
    out: list[bytes] = []
    refused: set[Refusal] = set()
    for segment in segments:
        if isinstance(segment, bytes):
            out.append(segment)
        elif isinstance(segment, SlotSegment):
            payload = payload_of(segment.slot, texts[segment.place], trail)
            if payload is None:
                refused.add((segment.place, kind_of(segment.slot) if isinstance(segment.slot, int) else 0))
                trail.texts.append(texts[segment.place])
            else:
                out.append(payload)
        else:
            first = starts[segment.first]
            out.append(compact(first - starts[segment.source]) + compact(starts[segment.last] - first))
    return b"".join(out), refused


__all__ = ["Copy", "CopySegment", "Segment", "SlotSegment", "payload_of", "segments_of", "write"]
