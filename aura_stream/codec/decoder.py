"""Decoding of template frames: codes and slots back to the bytes of the message. Every input is hostile."""

from __future__ import annotations

from typing import Final

from aura_stream.codec.generation import Generation
from aura_stream.codec.slots import MAX_PARAMETER, MAX_REPEAT, Reader, SlotType, Trail, is_valid, reader, slot_type
from aura_stream.codec.slots import REPEAT as REPEAT_KIND
from aura_stream.codec.template import Enum, Template
from aura_stream.codec.wire import (
    BARE,
    COPY,
    LITERAL,
    ONE_BYTE_CODES,
    REPEAT,
    THREE_BYTE_LEAD,
    TWO_BYTE_CODES,
    TWO_BYTE_LEAD,
    read_compact,
)
from aura_stream.errors import CorruptFrameError, LimitExceededError, UnknownTemplateError

_READ_REPEAT: Final = reader(slot_type(REPEAT_KIND, 0))
_Slotted = tuple[tuple[tuple[bytes, Reader], ...], bytes]  # (literal, slot behind it)..., the literal behind the last
_Compiled = bytes | _Slotted


class TemplateDecoder:
    """Decodes the items of one generation's frames."""

    def __init__(self, generation: Generation, number: int) -> None:
        self.number = number
        self.birth = generation.birth * 10**9
        self._compiled: list[_Compiled] = []
        self.adopt(generation)

    def adopt(self, generation: Generation) -> None:
        """Take the same generation, grown."""
        self._compiled += [_compile(template) for template in generation.templates[len(self._compiled) :]]

    def decode(self, frame: bytes, at: int, limit: int) -> bytes:
        """Return the message that the items from `at` on spell, of `limit` bytes at most.

        Raises UnknownTemplateError, LimitExceededError or CorruptFrameError.
        """
        try:
            return self._decode(frame, at, limit)
        except (IndexError, ValueError, OverflowError) as exc:
            raise CorruptFrameError(f"damaged frame: {exc}") from exc

    def _decode(self, frame: bytes, at: int, limit: int) -> bytes:
        compiled = self._compiled
        trail = Trail(self.birth)
        output = _Output(limit)
        out = output.pieces
        texts = trail.texts
        end = len(frame)
        while at < end:
            code = frame[at]
            at += 1
            if code >= ONE_BYTE_CODES:
                if code >= LITERAL:
                    at = _control(code, frame, at, trail, output)
                    continue
                code, at = _long_code(code, frame, at)
            try:
                template = compiled[code]
            except IndexError:
                message = f"template {code} of generation {self.number} is not in this codebook"
                raise UnknownTemplateError(message, self.number, code) from None
            if isinstance(template, bytes):
                out.append(template)
            else:
                pairs, tail = template
                for literal, read in pairs:
                    text, at = read(frame, at, trail)
                    texts.append(text)
                    out.append(literal)
                    out.append(text)
                out.append(tail)
            if len(out) > output.look_at:
                output.look()
            if len(texts) > _CHECK_EVERY:
                del texts[:-MAX_REPEAT]
        return output.message()


_CHECK_EVERY: Final = 1024  # pieces (or texts) between two looks at how many bytes (or texts) there are
_JOIN_EVERY: Final = 1 << 17  # pieces, which take up to 50 bytes each beside their own


class _Output:
    """The message as far as it is spelled: settled bytes, and pieces behind them (a slice: a copy of what came before).

    Pieces are counted before they are put together, for templates, repeats and copies are cheap to ask for.
    """

    __slots__ = ("_counted", "_settled", "_size", "limit", "look_at", "pieces")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pieces: list[bytes | slice] = []
        self.look_at = _CHECK_EVERY  # pieces, at which `look` is due
        self._counted = 0  # pieces whose bytes are in `_size`
        self._size = 0
        self._settled = bytearray()

    def look(self) -> None:
        """Count what came since, and put it together if it is much. Raises LimitExceededError beyond the limit."""
        self._count()
        if self._counted >= _JOIN_EVERY:
            self._settle()
        self.look_at = self._counted + _CHECK_EVERY

    def copy(self, distance: int, length: int) -> None:
        """Repeat bytes that came before. Raises ValueError where there are none, LimitExceededError."""
        self._count()
        start = self._size - distance
        if start < 0 or not 0 < length <= distance:
            raise ValueError("a copy of what is not there")
        self._grow(length)
        self.pieces.append(slice(start, start + length))
        self._counted += 1

    def message(self) -> bytes:
        """Return all of it."""
        if not self._counted and not self._size:  # nearly always
            self._grow(sum(map(len, self.pieces)))  # type: ignore[arg-type]  # a copy would have been counted
            return b"".join(self.pieces)  # type: ignore[arg-type]
        self._count()
        self._settle()
        return bytes(self._settled)

    def _count(self) -> None:
        self._grow(sum(map(len, self.pieces[self._counted :])))  # type: ignore[arg-type]  # copies are counted already
        self._counted = len(self.pieces)

    def _grow(self, by: int) -> None:
        self._size += by
        if self._size > self.limit:
            raise LimitExceededError(f"the message would be larger than {self.limit} bytes")

    def _settle(self) -> None:
        settled = self._settled
        for piece in self.pieces:
            settled += settled[piece] if isinstance(piece, slice) else piece
        self.pieces.clear()
        self._counted = 0


def _compile(template: Template) -> _Compiled:
    if not template.slots:
        return template.literals[0]
    readers = [_reader(slot) for _, slot in template.slots]
    return tuple(zip(template.literals, readers, strict=False)), template.literals[-1]


def _reader(slot: SlotType | Enum) -> Reader:
    if not isinstance(slot, tuple):
        return reader(slot)
    values = slot

    def read_enum(frame: bytes, at: int, _: Trail) -> tuple[bytes, int]:
        return values[frame[at]], at + 1

    return read_enum


def _long_code(lead: int, frame: bytes, at: int) -> tuple[int, int]:
    if lead < THREE_BYTE_LEAD:
        return (lead - TWO_BYTE_LEAD << 8 | frame[at]) + ONE_BYTE_CODES, at + 1
    return (lead - THREE_BYTE_LEAD << 16 | frame[at] << 8 | frame[at + 1]) + TWO_BYTE_CODES, at + 2


def _control(code: int, frame: bytes, at: int, trail: Trail, output: _Output) -> int:
    """Carry out a control code; return the place behind it."""
    if code == LITERAL:
        length, at = read_compact(frame, at)
        if at + length > len(frame):
            raise IndexError("literal run past the end of the frame")
        output.pieces.append(frame[at : at + length])
        return at + length
    if code == COPY:
        return _copy(frame, at, output)
    if code == REPEAT:
        text, at = _READ_REPEAT(frame, at, trail)
    elif code == BARE:
        kind = frame[at]
        parameter, at = read_compact(frame, at + 1)
        slot = slot_type(kind, parameter) if parameter <= MAX_PARAMETER else 0
        if not is_valid(slot):
            raise ValueError("a slot type that does not exist")
        text, at = reader(slot)(frame, at, trail)
    else:
        raise ValueError("a control code that does not exist")
    trail.texts.append(text)
    output.pieces.append(text)
    return at


def _copy(frame: bytes, at: int, output: _Output) -> int:
    distance, at = read_compact(frame, at)
    length, at = read_compact(frame, at)
    output.copy(distance, length)
    return at
