"""Explaining a frame: what each of its bytes is for."""

from __future__ import annotations

from dataclasses import dataclass

from aura_stream.codec.codebook import Codebook
from aura_stream.codec.frames import first_template, read_header
from aura_stream.codec.slots import (
    BASE36,
    BASE64,
    BASE64URL,
    DECIMAL,
    DIGITS,
    HEX_LOWER,
    HEX_UPPER,
    INT,
    IPV4,
    REPEAT,
    TEXT,
    TIME,
    UUID,
    SlotType,
    Trail,
    kind_of,
    parameter_of,
    reader,
    slot_type,
)
from aura_stream.codec.template import Enum, Template
from aura_stream.codec.wire import BARE, COPY, LITERAL, read_compact
from aura_stream.codec.wire import REPEAT as REPEAT_CODE

_NAMES = {
    INT: "int",
    DIGITS: "digits",
    DECIMAL: "decimal",
    HEX_LOWER: "hex",
    HEX_UPPER: "HEX",
    UUID: "uuid",
    IPV4: "ipv4",
    TIME: "time",
    TEXT: "text",
    BASE64: "base64",
    BASE64URL: "base64url",
    BASE36: "base36",
    REPEAT: "repeat",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a frame: what they are (marker, template, slot, literal, copy, payload, check), and of what."""

    kind: str
    size: int
    number: int | None = None
    detail: str = ""


def slot_name(slot: SlotType | Enum) -> str:
    """Return the name of a slot type as people read it."""
    if isinstance(slot, tuple):
        return f"enum of {len(slot)}"
    parameter = parameter_of(slot)
    return _NAMES[kind_of(slot)] + (f"/{parameter}" if parameter else "")


def pattern_of(template: Template) -> str:
    """Return a template as people read it: literals, and slots in braces."""
    return "".join(
        symbol.decode("utf-8", "backslashreplace") if isinstance(symbol, bytes) else "{" + slot_name(symbol) + "}"
        for symbol in template.symbols
    )


def explain(frame: bytes, book: Codebook) -> list[Part]:
    """Return the parts of a frame that this book decodes, in order; their sizes add up to the frame's."""
    if not frame:
        return [Part("raw", 0, detail="the empty message")]
    method, generation, at = read_header(frame)
    if method == "raw":
        return [Part("raw", len(frame), detail="the frame is the message")]
    if method == "escape":
        return [Part("escape", 1), Part("raw", len(frame) - 1, detail="the message")]
    end = len(frame) - book.check_bytes
    parts = [Part("marker", at, generation, method)]
    if method == "template":
        parts += _Items(frame[:end], at, book, generation or 0).parts()
    else:
        parts.append(Part("payload", end - at, detail="zstd" if method == "dictionary" else method))
    if book.check_bytes:
        parts.append(Part("check", book.check_bytes, detail="CRC-32 of the message, low bytes"))
    return parts


class _Items:
    """Walks the items of a template frame that was decoded before, so no damage is met here."""

    def __init__(self, frame: bytes, at: int, book: Codebook, generation: int) -> None:
        self.frame = frame
        self.at = at
        self.templates = book.generations[generation].templates
        self.trail = Trail(book.generations[generation].birth * 10**9)
        self.found: list[Part] = []

    def parts(self) -> list[Part]:
        while self.at < len(self.frame):
            number = first_template(self.frame, self.at)
            if number is None:
                self._control()
            else:
                self._template(number)
        return self.found

    def _template(self, number: int) -> None:
        template = self.templates[number]
        size = 1 if number < 192 else 2 if number < 12_480 else 3
        self.at += size
        self.found.append(Part("template", size, number, pattern_of(template)))
        for _, slot in template.slots:
            self._slot(slot, 0)

    def _slot(self, slot: SlotType | Enum, before: int) -> None:
        """Note a slot whose payload begins here; `before` bytes of it are behind us already."""
        start = self.at
        if isinstance(slot, tuple):
            text, self.at = slot[self.frame[start]], start + 1
        else:
            text, self.at = reader(slot)(self.frame, start, self.trail)
        self.trail.texts.append(text)
        shown = f"{slot_name(slot)} = {text.decode('utf-8', 'backslashreplace')}"
        self.found.append(Part("slot", before + self.at - start, detail=shown))

    def _control(self) -> None:
        start = self.at
        code = self.frame[start]
        self.at += 1
        if code == LITERAL:
            length, self.at = read_compact(self.frame, self.at)
            self.at += length
            shown = self.frame[self.at - length : self.at].decode("utf-8", "backslashreplace")
            self.found.append(Part("literal", self.at - start, detail=shown))
        elif code == COPY:
            distance, self.at = read_compact(self.frame, self.at)
            length, self.at = read_compact(self.frame, self.at)
            self.found.append(Part("copy", self.at - start, detail=f"{length} bytes from {distance} back"))
        elif code == REPEAT_CODE:
            self._slot(slot_type(REPEAT), 1)
        else:
            assert code == BARE
            kind = self.frame[self.at]
            parameter, self.at = read_compact(self.frame, self.at + 1)
            self._slot(slot_type(kind, parameter), self.at - start)
