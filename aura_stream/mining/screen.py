"""Screening: what may become a literal in a codebook, and what must stay a slot for ever.

A codebook is shared, saved and cannot forget, so nothing private may get into it. A word is a literal only if it
stood in at least `k` distinct messages; e-mail addresses, tokens, keys, card numbers, long digit runs and other
strings of high entropy never are. The text that a dictionary is trained on passes the same screen.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import Final

from aura_stream.codec.lexer import Candidate
from aura_stream.codec.slots import (
    BASE36,
    BASE64,
    BASE64URL,
    HEX_LOWER,
    HEX_UPPER,
    TEXT,
    TIME,
    UUID,
    kind_of,
)

DISTINCT_MESSAGES: Final = 5
_MAX_DIGITS: Final = 5  # a longer run of digits is never a literal
_MAX_WORD: Final = 40
_NEVER: Final = frozenset({UUID, TIME, BASE64, BASE64URL, BASE36, HEX_LOWER, HEX_UPPER})

# Spans whose every token stays out of the book, whatever its count. Each alternative is a plain run: linear time.
_PRIVATE: Final = re.compile(
    rb"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"  # e-mail addresses
    rb"|\b(?:\d[ -]?){12,18}\d\b"  # card numbers; Luhn is checked below
    rb"|\beyJ[A-Za-z0-9_.-]{10,}"  # JSON web tokens
    rb"|\b(?:AKIA|ASIA|AIza|ghp_|gho_|ghs_|github_pat_|glpat-|xox[abposr]-|sk-|pk-|sk_|pk_|rk_|hf_)[A-Za-z0-9_-]{8,}"
    rb"|(?i:\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"
    rb"|(?i:(?:password|passwd|secret|token|api_?key|access_?key|authorization|credential)s?)"
    rb"[\"'\\]{0,3}\s?[:=]\s?[\"'\\]{0,3}[^\s\"'\\,;&}\]]{4,}"
)
_CARD: Final = re.compile(rb"[\d -]+\Z")


def luhn(digits: bytes) -> bool:
    """Tell whether a digit string has a valid Luhn checksum (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, byte in enumerate(reversed(digits)):
        value = byte - 48
        if place & 1:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def private_spans(message: bytes) -> list[tuple[int, int]]:
    """Return the places of a message that look private, as (start, end)."""
    spans = []
    for match in _PRIVATE.finditer(message):
        text = match[0]
        if _CARD.match(text) and not luhn(re.sub(rb"[ -]", b"", text)):
            continue
        spans.append(match.span())
    return spans


class Screen:
    """Knows in how many distinct messages each token stood, and so which may be literals.

    Tokens inside of private spans are not counted: what only ever stands there is never a literal.
    """

    def __init__(self, distinct_messages: int = DISTINCT_MESSAGES) -> None:
        self.distinct_messages = distinct_messages
        self._seen_in: dict[bytes, list[int]] = {}
        self._messages = 0

    def observe(self, texts: Sequence[bytes], private: Container[int]) -> None:
        """Count the tokens of one message, each once, but for the places in `private`."""
        number = self._messages
        self._messages += 1
        enough = self.distinct_messages
        for place, text in enumerate(texts):
            if place in private:
                continue
            seen = self._seen_in.setdefault(text, [])
            if len(seen) < enough and (not seen or seen[-1] != number):
                seen.append(number)

    def seen_in(self, text: bytes) -> Sequence[int]:
        """Return messages that a token stood in, as many as the screen asks for."""
        return self._seen_in.get(text, ())

    def is_widespread(self, text: bytes) -> bool:
        """Tell whether a token stood in enough distinct messages."""
        return len(self._seen_in.get(text, ())) >= self.distinct_messages

    def allows(self, text: bytes, candidates: Sequence[Candidate]) -> bool:
        """Tell whether a token may be a literal."""
        if not self.is_widespread(text) or len(text) > _MAX_WORD:
            return False
        if not candidates:
            return True
        kinds = {kind_of(slot) for slot, _ in candidates}
        if text.isdigit():
            return len(text) <= _MAX_DIGITS
        if text.isalpha():
            return True
        return not kinds & _NEVER

    @staticmethod
    def is_word(candidates: Sequence[Candidate]) -> bool:
        """Tell whether a token is a word: text before all, and no number."""
        return bool(candidates) and kind_of(candidates[0][0]) == TEXT
