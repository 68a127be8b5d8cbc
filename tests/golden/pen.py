"""Writes template frames item by item, with the codec's own slot writers: for frames that no encoder chooses to make."""

from __future__ import annotations

from aura_stream import Codebook
from aura_stream.codec.check import checker
from aura_stream.codec.slots import Trail, slot_type, writer
from aura_stream.codec.wire import compact, template_code
from aura_stream.model.framing import leb128

LITERAL, COPY, REPEAT, BARE = 0xF8, 0xF9, 0xFA, 0xFB


class Pen:
    """One frame of one generation, and the message that it spells."""

    def __init__(self, book: Codebook, generation: int, *, extension: bool = False) -> None:
        self.book = book
        self.generation = book.generations[generation]
        short = generation < 23 and not extension
        self.items = bytes((0x82 + generation,)) if short else b"\xfe\x01" + leb128(generation)
        self.message = b""
        self.trail = Trail(self.generation.birth * 10**9)

    def _slot(self, slot: int, text: bytes) -> bytes:
        payload = writer(slot)(text, self.trail)
        assert payload is not None, (slot >> 16, slot & 0xFFFF, text)
        self.trail.texts.append(text)
        self.message += text
        return payload

    def literal(self, text: bytes) -> Pen:
        self.items += bytes((LITERAL,)) + compact(len(text)) + text
        self.message += text
        return self

    def copy(self, distance: int, length: int) -> Pen:
        start = len(self.message) - distance
        self.items += bytes((COPY,)) + compact(distance) + compact(length)
        self.message += self.message[start : start + length]
        return self

    def repeat(self, back: int) -> Pen:
        text = self.trail.texts[-back]
        self.items += bytes((REPEAT, back))
        self.trail.texts.append(text)
        self.message += text
        return self

    def bare(self, kind: int, parameter: int, text: bytes) -> Pen:
        self.items += bytes((BARE, kind)) + compact(parameter) + self._slot(slot_type(kind, parameter), text)
        return self

    def payload(self, kind: int, parameter: int, payload: bytes, text: bytes) -> Pen:
        """A bare slot with a payload that no writer makes."""
        self.items += bytes((BARE, kind)) + compact(parameter) + payload
        self.trail.texts.append(text)
        self.message += text
        return self

    def template(self, number: int, *texts: bytes) -> Pen:
        self.items += template_code(number)
        rest = iter(texts)
        for symbol in self.generation.templates[number].symbols:
            if isinstance(symbol, bytes):
                self.message += symbol
            elif isinstance(symbol, tuple):
                text = next(rest)
                self.items += bytes((symbol.index(text),))
                self.trail.texts.append(text)
                self.message += text
            else:
                self.items += self._slot(symbol, next(rest))
        return self

    def frame(self) -> bytes:
        return self.items + checker(self.book.check_bytes)(self.message)
