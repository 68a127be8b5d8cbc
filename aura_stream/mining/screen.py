"""Screening: what may become a literal in a codebook, and what must stay a slot for ever.

A codebook is shared, saved and cannot forget, so nothing private may get into it. A word is a literal only if it
stood in at least `k` distinct messages. E-mail addresses, passwords, tokens, keys, card and telephone numbers,
long digit runs and other strings of high entropy never are, however often they come. The text that a dictionary
is trained on passes the same screen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Mapping, Sequence
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
from aura_stream.mining.entropy import is_random, random_spans

DISTINCT_MESSAGES: Final = 5
MOST_TOKENS: Final = 1 << 16
_NAME_SIZE: Final = 8
_MAX_DIGITS: Final = 5  # a longer run of digits is never a literal
_MAX_WORD: Final = 40
_NEVER: Final = frozenset({UUID, TIME, BASE64, BASE64URL, BASE36, HEX_LOWER, HEX_UPPER})

_DIGITS: Final = re.compile(rb"\d{%d}" % (_MAX_DIGITS + 1))
_GAP: Final = rb"(?:%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[nrt]|[^0-9A-Za-z]){1,4}"  # between groups of digits
_AT: Final = rb"(?:@|%40|\\{1,8}u0040|&#64;)"  # as it is, and as URLs, JSON and HTML spell it
_EDGE: Final = rb"(?:(?<![0-9A-Za-z])|(?<=\\[nrt]))"  # of a word; JSON glues its escapes to it
_DOMAIN: Final = rb"[A-Za-z0-9\x80-\xff-]{1,63}"

# Spans whose tokens all stay out of the book, however often they stand there. Bounded repeats: linear time.
_PRIVATE: Final = re.compile(
    rb"[A-Za-z0-9._%+'\x80-\xff-]{1,64}" + _AT + _DOMAIN + rb"(?:\." + _DOMAIN + rb")+"  # e-mail addresses
    rb"|://[^\s/@:\"']{1,64}:[^\s/@\"']{1,64}@"  # user and password of a URL
    rb"|(?<!\d)\d{4}(?:" + _GAP + rb"\d{4}){3,}(?!\d)"  # card numbers, whatever stands between their groups
    rb"|(?<!\d)\d(?:[ -]?\d){8,}"  # card, account, telephone and social security numbers, grouped or not
    rb"|(?<!\d)\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?!\d)"  # telephone numbers
    rb"|" + _EDGE + rb"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5,}(?![0-9A-Za-z])"  # fingerprints, hardware addresses
    rb"|eyJ[A-Za-z0-9_.-]{10,}"  # JSON web tokens (RFC 7519)
    rb"|(?:AKIA|ASIA)[0-9A-Z]{12,}|(?:AIza|gh[opsu]_|github_pat_|glpat-|xox[abposr]-)[A-Za-z0-9_-]{8,}"
    rb"|" + _EDGE + rb"(?:[sprk]{2}[-_]|hf_|npm_|pypi-)[A-Za-z0-9_-]{8,}"
    rb"|-----BEGIN [A-Z ]{1,40}-----[A-Za-z0-9+/=\s\\]{1,8192}"  # PEM (RFC 7468)
    rb"|" + _EDGE + rb"(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"
    rb"|(?i:passwords?|passwd|pwd|passphrase|secrets?|tokens?|(?:api|access|private)[_-]?keys?|authorization|credentials?)"
    rb"[\w-]{0,20}[\"'\\]{0,8}\s?[:=]\s?\\{0,7}(?P<quote>[\"'])?(?:(?i:bearer|basic)\s+)?(?!null|true|false)"
    rb"(?P<value>(?(quote)(?:\\/|[^\"'\\]){3,1024}|[^\s\"'\\,;&}\]]{3,}))"
)


def private_spans(message: bytes) -> list[tuple[int, int]]:
    """Return the places of a message that look private, as (start, end)."""
    spans = [match.span("value" if match["value"] else 0) for match in _PRIVATE.finditer(message)]
    return spans + random_spans(message)


def _named(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=_NAME_SIZE).digest()


class Screen:
    """Knows in how many distinct messages each token stood, and so which may be literals.

    Tokens inside of private spans are not counted: what only ever stands there is never a literal. Remembers `most`
    tokens, the widespread ones longest.
    """

    def __init__(self, distinct_messages: int = DISTINCT_MESSAGES, most: int = MOST_TOKENS) -> None:
        self.distinct_messages = distinct_messages
        self.most = most  # tokens it remembers
        self._seen_in: dict[bytes, list[int]] = {}
        self._messages = 0
        self._earlier: dict[bytes, int] = {}  # digest of a token: in how many messages it stood before a restart

    def observe(self, texts: Sequence[bytes], private: Container[int]) -> None:
        """Count the tokens of one message, each once, but for the places in `private`."""
        number = self._messages
        self._messages += 1
        enough = self.distinct_messages
        for place, text in enumerate(texts):
            if place in private:
                continue
            seen = self._seen_in.get(text)
            if seen is None:
                seen = self._seen_in[text] = self._recalled(text)
            if len(seen) < enough and (not seen or seen[-1] != number):
                seen.append(number)
        if len(self._seen_in) > self.most:
            self._forget()

    def counts(self) -> dict[bytes, int]:
        """Return in how many messages each token stood, by a digest of it: only who guesses a token can confirm it."""
        now = {_named(text): len(seen) for text, seen in self._seen_in.items()}
        return {**self._earlier, **now}

    def recall(self, counts: Mapping[bytes, int]) -> None:
        """Go on from the counts of another screen; a token counts as soon as it is seen again."""
        self._earlier = dict(counts)

    def _recalled(self, text: bytes) -> list[int]:
        """Return messages that a token stood in before the restart: they are told apart by numbers below all others."""
        if not self._earlier:
            return []
        return list(range(-min(self._earlier.pop(_named(text), 0), self.distinct_messages), 0))

    def _forget(self) -> None:
        """Forget a quarter of the tokens: those seen in the fewest messages, the oldest first."""
        order = sorted(self._seen_in, key=lambda text: len(self._seen_in[text]))  # stable: in order of first sight
        for text in order[: len(order) // 4 + 1]:
            del self._seen_in[text]

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
        if _DIGITS.search(text):
            return False
        if text.isalnum():
            return text.isdigit() or (text.isalpha() and not is_random(text))
        return _NEVER.isdisjoint(kind_of(slot) for slot, _ in candidates)

    @staticmethod
    def is_word(candidates: Sequence[Candidate]) -> bool:
        """Tell whether a token is a word: text before all, and no number."""
        return bool(candidates) and kind_of(candidates[0][0]) == TEXT
