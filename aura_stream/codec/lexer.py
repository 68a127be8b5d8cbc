"""Lexing: a message becomes tokens, and each token that is a value knows the slot types that could hold it.

One constant regular expression, no look-behind, every alternative bounded or a plain run: time is linear in
the message. What the lexer makes of a message never decides whether it can be restored, only how small it gets.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from aura_stream.codec import times
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
    MAX_BASE36,
    MAX_DIGITS,
    MAX_FIXED_PACKED,
    TEXT,
    TIME,
    UUID,
    SlotType,
    base36_size,
    digits_size,
    packed_size,
    slot_type,
)
from aura_stream.codec.wire import MAX_COMPACT, compact_size

_CLOCK: Final = rb"\d\d:\d\d:\d\d"
_MONTH: Final = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_WEEKDAY: Final = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_FRACTION: Final = rb"(?:\.\d{1,9}(?!\d))?"

_HEX: Final = rb"[0-9a-fA-F]"

# Order matters: the longest reading of a place first. What a group may hold is decided by _READ[its name].
_ALTERNATIVES: Final = (
    rb"(?P<iso>\d{4}(?P<dash>[-/])\d\d(?P=dash)\d\d(?:[T ]" + _CLOCK + rb"(?:[.,]\d{1,9}(?!\d))?)?(?!\d))",
    rb"(?P<clf>\d\d/" + _MONTH + rb"/\d{4}:" + _CLOCK + rb")",
    rb"(?P<named>" + _WEEKDAY + rb" " + _MONTH + rb" [ \d]\d " + _CLOCK + rb" (?:\+0000 )?\d{4}"
    rb"|" + _WEEKDAY + rb", \d\d " + _MONTH + rb" \d{4} " + _CLOCK + rb" GMT)",
    rb"(?P<syslog>" + _MONTH + rb" [ \d]\d " + _CLOCK + rb")",
    rb"(?P<android>\d\d-\d\d " + _CLOCK + _FRACTION + rb")",
    rb"(?P<slash>\d\d/\d\d/\d\d " + _CLOCK + rb")",
    rb"(?P<clock>" + _CLOCK + _FRACTION + rb"(?![\d:]))",
    rb"(?P<compact>\d{6} \d{6}(?!\d))",
    rb"(?P<uuid>" + _HEX + rb"{8}-(?:" + _HEX + rb"{4}-){3}" + _HEX + rb"{12}(?![0-9A-Za-z]))",
    rb"(?P<ipv4>\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d))",
    rb"(?P<decimal>(?:0|[1-9]\d{0,19})\.\d{1,18}(?!\d|\.\d))",
)
_BASE64_RUN: Final = (rb"(?P<base64>[A-Za-z0-9+/_-]{24,})",)
_REST: Final = (
    rb"(?P<alnum>[0-9A-Za-z]+)",
    rb"(?P<wide>[\x80-\xff]+)",
    rb"(?P<mark>\\[nrt\"\\/]|[\x00-\x7f])",
)
_TOKEN: Final = re.compile(b"|".join(_ALTERNATIVES + _BASE64_RUN + _REST), re.DOTALL)
_TOKEN_INSIDE_RUN: Final = re.compile(b"|".join(_ALTERNATIVES + _REST), re.DOTALL)
_PARTS: Final = re.compile(b"|".join(_REST), re.DOTALL)
_PIECE: Final = re.compile(rb"\d+|[A-Za-z]+")

Candidate = tuple[SlotType, int]  # a slot type that takes the token's text, and the size of its payload
Token = tuple[bytes, tuple[Candidate, ...]]

_MAX_REMEMBERED: Final = 64  # bytes of a run of letters and digits: longer ones hardly ever come again
_MIN_HEX: Final = 5
_HEX_WORDS: Final = frozenset({8, 12, 16, 32, 40, 64})  # the lengths at which letters alone may be hex
_MIN_RANDOM: Final = 10
_PLAUSIBLE_SECONDS: Final = (9 * 10**8, 41 * 10**8)  # 1998 .. 2099: else ten digits are no time


def lex(message: bytes) -> tuple[list[bytes], list[tuple[Candidate, ...]]]:
    """Return the texts of a message's tokens, and for each the slot types that could hold it.

    The texts put together are the message. The sizes of TIME are the parser's to find: here they are 0.
    """
    texts: list[bytes] = []
    candidates: list[tuple[Candidate, ...]] = []
    _lex_into(message, _TOKEN, texts, candidates)
    return texts, candidates


def _lex_into(
    text: bytes, pattern: re.Pattern[bytes], texts: list[bytes], candidates: list[tuple[Candidate, ...]]
) -> None:
    for match in pattern.finditer(text):
        group = match.lastgroup
        piece = match[0]
        if group == "mark":
            texts.append(piece)
            candidates.append(())
        elif group == "alnum":
            for token, found in _alnum(piece) if len(piece) <= _MAX_REMEMBERED else _read_alnum(piece):
                texts.append(token)
                candidates.append(found)
        else:
            found = _READ[group](piece)  # type: ignore[index]  # every alternative is named
            if found:
                texts.append(piece)
                candidates.append(found)
            else:  # it only looked like one: read its parts
                _lex_into(piece, _INSIDE[group], texts, candidates)  # type: ignore[index]


# --- what a token may be ---------------------------------------------------------------------------------------


def _time(form: int, fraction: int) -> Candidate:
    return slot_type(TIME, form << 4 | fraction), 0


def _fraction_of(text: bytes, point: bytes = b".") -> int:
    return len(text) - text.find(point) - 1 if point in text else 0


def _fitting(text: bytes, forms: tuple[tuple[int, int], ...]) -> tuple[Candidate, ...]:
    return tuple(_time(form, fraction) for form, fraction in forms if times.read(form, fraction, text) is not None)


def _iso(text: bytes) -> tuple[Candidate, ...]:
    if len(text) == 10:
        return _fitting(text, ((times.DATE, 0),))
    if text[4] == 47:
        form = times.ISO_SLASH
    elif text[10] == 84:
        form = times.ISO_T
    else:
        form = times.ISO_COMMA if b"," in text else times.ISO_SPACE
    return _fitting(text, ((form, len(text) - 20 if len(text) > 19 else 0),))


def _named(text: bytes) -> tuple[Candidate, ...]:
    if text[3] == 44:
        return _fitting(text, ((times.HTTP_DATE, 0),))
    if b"+0000" in text:
        return _fitting(text, ((times.TWITTER, 0),))
    return _fitting(text, ((times.CTIME, 0), (times.CTIME_PADDED, 0)))


def _uuid(text: bytes) -> tuple[Candidate, ...]:
    if text == text.lower():
        return ((slot_type(UUID, 0), 16),)
    return ((slot_type(UUID, 1), 16),) if text == text.upper() else ()


def _ipv4(text: bytes) -> tuple[Candidate, ...]:
    canonical = all(part == b"%d" % int(part) and int(part) < 256 for part in text.split(b"."))
    return ((slot_type(IPV4), 4),) if canonical else ()


def _decimal(text: bytes) -> tuple[Candidate, ...]:
    whole, _, part = text.partition(b".")
    value = int(whole + part)
    if value > MAX_COMPACT:
        return ()
    scale, size = len(part), compact_size(value)
    found: tuple[Candidate, ...] = ((slot_type(DECIMAL, scale), size), (slot_type(DECIMAL, 0), size + 1))
    if len(whole) == 10 and scale <= times.MAX_FRACTION and _is_plausible(int(whole)):
        found = (_time(times.EPOCH_POINT, scale), *found)
    return found


def _is_plausible(second: int) -> bool:
    return _PLAUSIBLE_SECONDS[0] <= second < _PLAUSIBLE_SECONDS[1]


def _text(text: bytes) -> Candidate:
    return slot_type(TEXT), compact_size(len(text)) + len(text)


def looks_random(text: bytes, one_in: int = 3) -> bool:
    """Tell identifiers from names: letters and digits, or their cases, change place at one in so many bytes."""
    changes = 0
    previous = 0
    for byte in text:
        cls = 1 if byte < 58 else 2 if byte < 91 else 3
        changes += cls != previous
        previous = cls
    return changes * one_in >= len(text)


def _packed(kind: int, text: bytes, bits: int) -> tuple[Candidate, ...]:
    length = len(text)
    size = packed_size(length, bits)
    fixed = ((slot_type(kind, length), size),) if length <= MAX_FIXED_PACKED else ()
    return (*fixed, (slot_type(kind, 0), size + compact_size(length)))


def _base64(text: bytes) -> tuple[Candidate, ...]:
    lower, upper = text.lower() != text, text.upper() != text
    if not (lower and upper and any(48 <= byte < 58 for byte in text) and looks_random(text)):
        return ()
    if b"-" in text or b"_" in text:
        return () if b"+" in text or b"/" in text else _packed(BASE64URL, text, 6)
    return _packed(BASE64, text, 6)


def _digits(text: bytes) -> tuple[Candidate, ...]:
    length = len(text)
    if length > MAX_DIGITS:
        return (_text(text),)
    value = int(text)
    found: list[Candidate] = []
    if (length == 1 or text[0] != 48) and value <= MAX_COMPACT:
        found.append((slot_type(INT), compact_size(value)))
        power = times.EPOCH_DIGITS.get(length)
        if power is not None and _is_plausible(value // 10**power):
            found.append(_time(times.EPOCH, power))
    found.append((slot_type(DIGITS, length), digits_size(length)))
    if length >= _MIN_HEX:
        found += [*_packed(HEX_LOWER, text, 4), *_packed(HEX_UPPER, text, 4)]
    return tuple(found)


def _hex(text: bytes) -> tuple[Candidate, ...]:
    for kind, alphabet in ((HEX_LOWER, b"0123456789abcdef"), (HEX_UPPER, b"0123456789ABCDEF")):
        if not text.translate(None, alphabet):
            return _packed(kind, text, 4)
    return ()


def _read_alnum(text: bytes) -> tuple[Token, ...]:
    """Return the tokens of a run of letters and digits: one, or its pieces."""
    if text.isdigit():
        return ((text, _digits(text)),)
    if text.isalpha():
        return ((text, _word(text)),)
    if len(text) >= _MIN_HEX:
        found = _hex(text)
        if found:
            return ((text, found),)
        if text.startswith(b"0x") and _hex(text[2:]):
            return (b"0x", ()), (text[2:], _hex(text[2:]))
    if len(text) >= _MIN_RANDOM and looks_random(text):
        shape = _packed(BASE64, text, 6)
        if len(text) <= MAX_BASE36 and text.isupper():
            shape = ((slot_type(BASE36, len(text)), base36_size(len(text))), *shape)
        return ((text, shape),)
    return tuple(token for piece in _PIECE.findall(text) for token in _read_alnum(piece))


_alnum = lru_cache(maxsize=1 << 15)(_read_alnum)


def _word(text: bytes) -> tuple[Candidate, ...]:
    return (_text(text), *_hex(text)) if len(text) in _HEX_WORDS else (_text(text),)


_READ: Final[dict[str, Callable[[bytes], tuple[Candidate, ...]]]] = {
    "iso": _iso,
    "clf": lambda text: _fitting(text, ((times.CLF, 0),)),
    "named": _named,
    "syslog": lambda text: _fitting(text, ((times.SYSLOG, 0), (times.SYSLOG_PADDED, 0))),
    "android": lambda text: _fitting(text, ((times.MONTH_DAY, _fraction_of(text)),)),
    "slash": lambda text: _fitting(text, ((times.SHORT_SLASH, 0),)),
    "clock": lambda text: _fitting(text, ((times.CLOCK, _fraction_of(text)),)),
    "compact": lambda text: _fitting(text, ((times.SHORT, 0),)),
    "uuid": _uuid,
    "ipv4": _ipv4,
    "decimal": _decimal,
    "base64": _base64,
    "wide": lambda text: (_text(text),),
}
_INSIDE: Final = {**dict.fromkeys(_READ, _PARTS), "base64": _TOKEN_INSIDE_RUN}
