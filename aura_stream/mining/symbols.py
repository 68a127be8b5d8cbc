"""From tokens to symbols: which literal or slot type each token is mined as.

A value token ("200", "10.0.0.1") could be a literal or one of several slot types. That is decided per context,
the token's neighbours: a text that takes a good share of its context is a literal there; for the rest the
context takes the slot type that holds nearly all of them in the fewest bytes.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from aura_stream.codec.lexer import Candidate
from aura_stream.codec.slots import SlotType, kind_of
from aura_stream.codec.template import MAX_LITERAL, Enum, Symbol
from aura_stream.mining.lexed import Lexed
from aura_stream.mining.screen import Screen

_CHOICE: Final = 0.6  # bytes per bit of a choice: tuned on shared files, between 0.4 and 0.9 it hardly matters
_ENUM_VALUES: Final = 128  # of a few bytes each: the limits of a template hold by far

Context = tuple[object, object, object]


@dataclass(slots=True)
class _Values:
    """What stood in one context: how often, the texts that may be literals, the slot types that held it."""

    total: int = 0
    texts: Counter[bytes] = field(default_factory=Counter)
    fits: Counter[SlotType] = field(default_factory=Counter)


class Contexts:
    """Chooses a symbol for each value token from what stood in its context.

    `with_enums`: a context's frequent values may become a table. That pays where values come back (addresses of
    a few hosts) and costs where they only stood in the sample; the miner tries both.
    """

    def __init__(self, screen: Screen, with_enums: bool) -> None:
        self._screen = screen
        self._with_enums = with_enums
        self._values: dict[Context, _Values] = defaultdict(_Values)
        self._enums: dict[Context, tuple[Enum, int]] = {}

    def observe(self, message: Lexed) -> None:
        """Count the value tokens of a message."""
        signatures = _signatures(message)
        for place, found in enumerate(message.candidates):
            if not found or Screen.is_word(found):
                continue
            values = self._values[_context(signatures, place)]
            values.total += 1
            text = message.texts[place]
            if place not in message.private and self._screen.allows(text, found):
                values.texts[text] += 1
            for slot, _ in found:
                values.fits[slot] += 1

    def symbols(self, message: Lexed) -> list[Symbol | None]:
        """Return a symbol for each token; None for what no template may hold by itself."""
        signatures = _signatures(message)
        symbols: list[Symbol | None] = []
        for place, (text, found) in enumerate(zip(message.texts, message.candidates, strict=True)):
            allowed = place not in message.private and self._screen.allows(text, found)
            if not found or Screen.is_word(found):
                symbols.append(text if allowed else None)
            else:
                symbols.append(self._value(text, found, _context(signatures, place), allowed))
        return symbols

    def _value(self, text: bytes, found: tuple[Candidate, ...], context: Context, allowed: bool) -> Symbol:
        """Choose by payload, plus what the choice itself tells: a rare one makes templates of its own."""
        values = self._values[context]
        best: Symbol = found[0][0]
        least = math.inf
        for slot, size in found:
            cost = size + _choice(values.total, values.fits[slot])
            if cost < least:
                best, least = slot, cost
        if not allowed:
            return best
        if self._with_enums:
            enum, covered = self._enum(context)
            if text in enum and 1 + _choice(values.total, covered) < least:
                best, least = enum, 1 + _choice(values.total, covered)
        count = values.texts[text]
        if count >= self._screen.distinct_messages and _choice(values.total, count) < least:
            return text
        return best

    def _enum(self, context: Context) -> tuple[Enum, int]:
        """Return a context's frequent values as a table, and how many sightings it covers; empty if it is none."""
        known = self._enums.get(context)
        if known is None:
            values = self._values[context]
            least = self._screen.distinct_messages
            frequent = [each for each in values.texts.most_common(_ENUM_VALUES) if each[1] >= least]
            known = tuple(text for text, _ in frequent), sum(count for _, count in frequent)
            if len(frequent) < 2 or sum(map(len, known[0])) > MAX_LITERAL:
                known = (), 0
            self._enums[context] = known
        return known


def _choice(total: int, count: int) -> float:
    """Return what it costs, in bytes, to tell a choice taken `count` times out of `total`."""
    return _CHOICE * math.log2(total / count) if count else math.inf


def _signatures(message: Lexed) -> list[object]:
    """Return for each token what it is to its neighbours: its text, or the kind of value it is."""
    return [
        text if not found or Screen.is_word(found) else kind_of(found[0][0])
        for text, found in zip(message.texts, message.candidates, strict=True)
    ]


def _context(signatures: Sequence[object], place: int) -> Context:
    before = signatures[place - 1] if place else None
    further = signatures[place - 2] if place > 1 else None
    behind = signatures[place + 1] if place + 1 < len(signatures) else None
    return further, before, behind
