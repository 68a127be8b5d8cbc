"""Screening: what may become a literal in a codebook, and what must stay a slot for ever.

A codebook is shared, saved and cannot forget, so nothing private may get into it. A word is a literal only if it
stood in at least `k` distinct messages. E-mail addresses, passwords, tokens, keys, card and telephone numbers,
long digit runs and other strings of high entropy never are, however often they come. The text that a dictionary
is trained on passes the same screen.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import Final

from aura_stream.codec.lexer import Candidate, looks_random
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
_MIN_RANDOM: Final = 12  # bytes: shorter words in mixed case are names
_NEVER: Final = frozenset({UUID, TIME, BASE64, BASE64URL, BASE36, HEX_LOWER, HEX_UPPER})

# Spans whose tokens all stay out of the book, however often they stand there. Bounded repeats: linear time.
_PRIVATE: Final = re.compile(
    rb"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"  # e-mail addresses
    rb"|://[^\s/@:\"']{1,64}:[^\s/@\"']{1,64}@"  # user and password of a URL
    rb"|\b\d(?:[ -]?\d){8,}\b"  # card, account, telephone and social security numbers, grouped or not
    rb"|\beyJ[A-Za-z0-9_.-]{10,}"  # JSON web tokens (RFC 7519)
    rb"|\b(?:AKIA|ASIA|AIza|gh[opsu]_|github_pat_|glpat-|xox[abposr]-|[sprk]{2}[-_]|hf_|npm_|pypi-)[A-Za-z0-9_-]{8,}"
    rb"|-----BEGIN [A-Z ]{1,40}-----[A-Za-z0-9+/=\s\\]{1,8192}"  # PEM (RFC 7468)
    rb"|(?i:\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"
    rb"|(?i:passwords?|passwd|passphrase|secrets?|tokens?|api[_-]?keys?|access[_-]?keys?|authorization|credentials?)"
    rb"[\w-]{0,20}[\"'\\]{0,3}\s?[:=]\s?[\"'\\]{0,3}(?:(?i:bearer|basic)\s+)?(?!null|true|false)"
    rb"(?P<value>[^\s\"'\\,;&}\]]{3,})"
)


def private_spans(message: bytes) -> list[tuple[int, int]]:
    """Return the places of a message that look private, as (start, end)."""
    return [match.span("value" if match["value"] else 0) for match in _PRIVATE.finditer(message)]


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
        if text.isdigit():
            return len(text) <= _MAX_DIGITS
        if text.isalpha():
            return len(text) < _MIN_RANDOM or not looks_random(text, one_in=2)
        return _NEVER.isdisjoint(kind_of(slot) for slot, _ in candidates)

    @staticmethod
    def is_word(candidates: Sequence[Candidate]) -> bool:
        """Tell whether a token is a word: text before all, and no number."""
        return bool(candidates) and kind_of(candidates[0][0]) == TEXT
