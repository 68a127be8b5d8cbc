"""Screening a template that comes from outside, as the miner screens what it finds (docs/adr/screening.md).

The miner knows how many messages a word stood in; a template that is imported brings no messages along, so that rule
cannot be asked of it. The others can: nothing that looks private may stand in the text of a literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from aura_stream.codec import Template
from aura_stream.mining.entropy import random_spans
from aura_stream.mining.screen import private_spans

_SLOT: Final = b"} "  # no word, no digit, and the end of whatever stands behind `password=` or before `@`
_TELLING: Final = re.compile(rb"[0-9A-Za-z\x80-\xff]")
_SCHEMES: Final = (b"bearer", b"basic")  # of `Authorization: Bearer ` and a slot: the value alone is private
_DIGIT_RUN: Final = re.compile(rb"\d{6,}")
_CARD: Final = re.compile(rb"(?<!\d)\d{3,19}(?:[^0-9A-Za-z]{1,4}\d{3,19}){0,5}(?!\d)")  # no group has fewer digits
_CARD_DIGITS: Final = range(13, 20)


def screen_template(template: Template) -> str | None:
    """Return why a template may not come into a codebook, None if it may. The reason quotes none of its text."""
    for text in _variants(template):
        reason = screen_text(text)
        if reason is not None:
            return reason
    return None


def screen_text(text: bytes) -> str | None:
    """Return what in a text looks private, None if nothing does. The reason quotes none of it."""
    for match in _CARD.finditer(text):
        if _is_card([byte - 48 for byte in match[0] if 48 <= byte < 58]):
            return "holds what looks like a card number"
    for start, end in private_spans(text):
        piece = text[start:end]
        if _TELLING.search(piece) and piece.lower() not in _SCHEMES:
            return f"holds {_kind(piece)}"
    if _DIGIT_RUN.search(text):
        return "holds a run of six digits or more"
    return None


def _variants(template: Template) -> Iterator[bytes]:
    """Yield the template's text with every value of its enums, each at least once; other slots are blanks."""
    enums = [len(symbol) for symbol in template.symbols if isinstance(symbol, tuple)]
    for number in range(max(enums, default=1)):
        pieces = []
        for symbol in template.symbols:
            if isinstance(symbol, tuple):
                pieces.append(symbol[min(number, len(symbol) - 1)])
            else:
                pieces.append(symbol if isinstance(symbol, bytes) else _SLOT)
        yield b"".join(pieces)


def _kind(piece: bytes) -> str:
    if piece.startswith(b"://"):
        return "the login of a URL"
    if b"@" in piece or b"%40" in piece or b"u0040" in piece or b"&#64;" in piece:
        return "what looks like an e-mail address"
    if not re.search(rb"[A-Za-z]", piece):
        return "a long number"
    if random_spans(piece):
        return "what looks like a key or a token"
    return "what looks like a password, a key or an address"


def _is_card(digits: Sequence[int]) -> bool:
    """Tell whether digits add up as those of card numbers do (ISO/IEC 7812-1, annex B)."""
    doubled = [digit * 2 if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return len(digits) in _CARD_DIGITS and sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0
