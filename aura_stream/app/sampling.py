"""Proving that a book decodes: a frame for every template of every generation, written by hand, and read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from aura_stream.codec import Codebook, Generation, HybridCodec, Template, times
from aura_stream.codec.check import checker
from aura_stream.codec.segments import payload_of
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
    slot_type,
)
from aura_stream.codec.template import Enum
from aura_stream.codec.wire import (
    BARE,
    EXTENSION,
    EXTENSION_TEMPLATE,
    MAX_TEMPLATE_MESSAGE,
    SHORT_GENERATIONS,
    TEMPLATE_BASE,
    template_code,
)
from aura_stream.errors import DecodeError
from aura_stream.model.framing import leb128

_UUID: Final = b"01234567-89ab-cdef-0123-456789abcdef"
_WORD: Final = b"word"
_MOMENT: Final = 1_700_000_000 * 10**9  # within the years that every format can show
_DICTIONARY_TAIL: Final = 1000  # bytes of a dictionary's end that a message is made of


_Sample = tuple[bytes, bytes]  # frame, message


@dataclass(frozen=True, slots=True)
class Sampled:
    """What became of one generation's sample; `failed` names what did not come back as it was."""

    generation: int
    templates: int  # that a frame was written for by hand
    messages: int
    failed: Sequence[str]


def decode_samples(book: Codebook) -> Iterator[Sampled]:
    """Write messages with each generation, one for each of its templates at least, and read them with the book."""
    codec = HybridCodec(book)
    for number, generation in enumerate(book.generations):
        made = dict(_by_hand(book, generation, number))
        failed = [f"template {number}-{place}" for place, each in made.items() if not _decodes(codec, *each)]
        writer = HybridCodec(replace(book, generations=book.generations[: number + 1], retired=frozenset()))
        messages = [message for _, message in made.values() if len(message) <= MAX_TEMPLATE_MESSAGE]
        if generation.dictionary:
            messages.append(generation.dictionary[-_DICTIONARY_TAIL:])
        for message, frame in zip(messages, writer.encode_batch(messages), strict=True):
            if not _decodes(codec, frame, message):
                failed.append(f"a message that generation {number} wrote")
        yield Sampled(number, len(made), len(made) + len(messages), failed)


def _decodes(codec: HybridCodec, frame: bytes, message: bytes) -> bool:
    try:
        return codec.decode(frame) == message
    except DecodeError:
        return False


def _by_hand(book: Codebook, generation: Generation, number: int) -> Iterator[tuple[int, _Sample]]:
    """Yield, for each template, a frame that uses it and the message that it stands for."""
    check = checker(book.check_bytes)
    short = number < SHORT_GENERATIONS
    marker = bytes((TEMPLATE_BASE + number,) if short else (EXTENSION, EXTENSION_TEMPLATE))
    marker += b"" if short else leb128(number)
    for place, template in enumerate(generation.templates):
        made = _items(template, place, generation.birth)
        if made is not None:
            items, message = made
            yield place, (marker + items + check(message), message)


def _items(template: Template, number: int, birth: int) -> _Sample | None:
    """Return what a frame holds between marker and check, and its message: words that may be repeated, the template.

    None where a birth is so far off that no time of ours can be told from it.
    """
    trail = Trail(birth * 10**9)
    out = bytearray()
    message = bytearray()
    for _ in range(_reach(template)):
        payload = payload_of(slot_type(TEXT), _WORD, trail)
        assert payload is not None
        out += bytes((BARE, TEXT, 0)) + payload
        message += _WORD
    out += template_code(number)
    for symbol in template.symbols:
        if isinstance(symbol, bytes):
            message += symbol
            continue
        text = _value_for(symbol, trail)
        payload = payload_of(symbol, text, trail)
        if payload is None:
            return None
        out += payload
        message += text
    return bytes(out), bytes(message)


def _reach(template: Template) -> int:
    """Return how many slots must stand before the template, for its repeats to have something to repeat."""
    repeats = [
        max(parameter_of(slot), 1) - place
        for place, (_, slot) in enumerate(template.slots)
        if not isinstance(slot, tuple) and kind_of(slot) == REPEAT
    ]
    return max(0, *repeats) if repeats else 0


def _value_for(slot: SlotType | Enum, trail: Trail) -> bytes:
    """Return a text that the slot takes here."""
    if isinstance(slot, tuple):
        return slot[0]
    kind, parameter = kind_of(slot), parameter_of(slot)
    if kind == TIME:
        form, fraction = parameter >> 4, parameter & 15
        return times.show(form, fraction, times.base(form, fraction, _MOMENT))
    if kind == REPEAT:
        return trail.texts[-max(parameter, 1)]
    return _VALUES[kind](parameter)


_VALUES: Final[dict[int, Callable[[int], bytes]]] = {
    INT: lambda _: b"7",
    DIGITS: lambda digits: b"%0*d" % (digits, 7),
    DECIMAL: lambda scale: b"7.%0*d" % (scale or 2, 5),
    HEX_LOWER: lambda digits: b"a" * (digits or 6),
    HEX_UPPER: lambda digits: b"A" * (digits or 6),
    UUID: lambda upper: _UUID.upper() if upper else _UUID,
    IPV4: lambda _: b"10.0.0.1",
    TEXT: lambda _: _WORD,
    BASE64: lambda digits: b"A" * (digits or 6),
    BASE64URL: lambda digits: b"A" * (digits or 6),
    BASE36: lambda digits: b"A" * digits,
}
