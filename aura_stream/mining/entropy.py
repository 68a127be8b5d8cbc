"""Entropy: telling keys and tokens, which look random, from words, names and paths."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final

from aura_stream.codec.lexer import looks_random

_MIN_RUN: Final = 8  # bytes
_MIN_WORD: Final = 12  # letters: in fewer, names and abbreviations look random too
_MIN_NUMBERED: Final = 10  # letters and digits
_MIN_GROUPED: Final = 16  # bytes of a key in groups: 6D7N-11KY-X3J1-8YTE
_CHANGES: Final = 3  # from letter to digit or back: names have a number at the end, or one inside
_MAX_REMEMBERED: Final = 128  # bytes of a run

_RUN: Final = re.compile(rb"[A-Za-z0-9+/_-]{%d,4096}" % _MIN_RUN)
_PART: Final = re.compile(rb"[A-Za-z0-9]+")
_SEGMENT: Final = re.compile(rb"[^/]+")
_LETTERS: Final = re.compile(rb"[A-Za-z]+")
_CHANGE: Final = re.compile(rb"(?<=\d)[A-Za-z]|(?<=[A-Za-z])\d")
_NAME: Final = re.compile(rb"[A-Z]*[a-z]+|[A-Z]+")  # between the humps of a camel's name
_NUMBERED: Final = re.compile(rb"[A-Za-z]?[a-z]+\d+")  # page2, Node12

# What follows a letter in English text and program names: 98 % of the pairs there, 44 % of those in random letters.
_FOLLOWERS: Final = {
    first: frozenset(followers)
    for first, followers in zip(
        b"abcdefghijklmnopqrstuvwxyz",
        (
            b"bcdfgiklmnprstuvwxy aceijlorsuy acehiklmorstu adeilorstu abcdefgiklmnopqrstvwxy aefilorstuy aehilnoprsu "
            b"aeiortu abcdefglmnoprstvxz eo aeils adefilopstuy abeimopstu acdefgiklnopstuvy abcdefgiklmnoprstuvw "
            b"adehiloprstuy u acdefgiklmnoprstuvwy acdeghiklmoprstuy acdefhilmnoprstuwy abcdefgilmnprst aei aehinorw "
            b"aceipt eoprst ei"
        ).split(),
        strict=True,
    )
}


def random_spans(message: bytes) -> list[tuple[int, int]]:
    """Return the places of a message that look random, as (start, end). Linear in the message."""
    spans = []
    for match in _RUN.finditer(message):
        run, at = match[0], match.start()
        found = _random_parts(run) if len(run) <= _MAX_REMEMBERED else _find_random_parts(run)
        spans += [(at + start, at + end) for start, end in found]
    return spans


def is_random(part: bytes) -> bool:
    """Tell a run of letters and digits that looks random."""
    if part.isdigit() or len(part) < _MIN_RUN:
        return False
    if part.isalpha():
        return len(part) >= _MIN_WORD and (looks_random(part, one_in=2) or _is_no_word(part))
    return _changes(part) >= _CHANGES or (len(part) >= _MIN_NUMBERED and (looks_random(part) or _is_no_word(part)))


def _is_no_word(text: bytes) -> bool:
    unusual, pairs = _unusual(text)
    return unusual > 3 and unusual * 10 >= pairs * 3


def _is_usual(text: bytes) -> bool:
    unusual, pairs = _unusual(text)
    return unusual * 10 < pairs * 3


def _unusual(text: bytes) -> tuple[int, int]:
    """Return how many pairs of letters are unusual, and how many there are; none spans a hump."""
    pairs = [pair for name in _NAME.findall(text) for pair in pairwise(name.lower())]
    return sum(after not in _FOLLOWERS[before] for before, after in pairs), len(pairs)


def _changes(part: bytes) -> int:
    return len(_CHANGE.findall(part))


def _find_random_parts(run: bytes) -> tuple[tuple[int, int], ...]:
    """Return the random parts of a run: keys between words, segments of a path, or runs of letters and digits."""
    found: list[tuple[int, int]] = []
    for start, end in _between_words(run):
        piece = run[start:end]
        if _is_grouped(piece) and not (b"/" in piece and _holds_word(piece)):
            found.append((start, end))
            continue
        for match in _SEGMENT.finditer(piece):
            at, text = start + match.start(), match[0]
            if _is_grouped(text):
                found.append((at, at + len(text)))
            else:
                found += [(at + p.start(), at + p.end()) for p in _PART.finditer(text) if is_random(p[0])]
    return tuple(found)


def _between_words(run: bytes) -> list[tuple[int, int]]:
    """Return what stands before, between and behind the words of a run: frontend-579b9bff58-t2dbm has one."""
    pieces = []
    start = 0
    for match in _PART.finditer(run):
        part = match[0]
        if len(part) > 5 and part.isalpha() and _is_usual(part) and not is_random(part):
            pieces.append((start, match.start()))
            start = match.end()
    return [*pieces, (start, len(run))]


_random_parts = lru_cache(maxsize=1 << 14)(_find_random_parts)


def _is_grouped(run: bytes) -> bool:
    """Tell a key in groups from a path, and from AES128-GCM-SHA256: a letter stands behind a digit somewhere."""
    parts = _PART.findall(run)
    if len(run) < _MIN_GROUPED or len(parts) < 2:
        return False
    mixed = [part for part in parts if _is_mixed(part) or is_random(part)]
    if len(mixed) > 1 and 5 * sum(map(len, mixed)) >= 2 * sum(map(len, parts)):
        return not all(part[:1].isalpha() and _changes(part) == 1 for part in mixed)
    unusual, pairs = _unusual(run)
    return unusual > 5 and unusual * 5 >= pairs * 2


def _holds_word(run: bytes) -> bool:
    """Tell a path from base64: it holds a word of five letters or more."""
    return any(len(letters) > 4 and _is_usual(letters) for letters in _LETTERS.findall(run))


def _is_mixed(part: bytes) -> bool:
    return len(part) > 2 and _changes(part) > 0 and not _NUMBERED.fullmatch(part)
