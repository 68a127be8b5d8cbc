"""Refining: what the slots of templates hold, and the narrower slots that would have held it in fewer bytes.

For each template that was used often, the values of each of its slots stand in a column. A column whose every value
is that of an earlier slot becomes a repeat, which takes nothing; one of a few widespread values becomes a table of
them; one whose values all fit a smaller type takes that. The refined template stands beside the first, which still
takes the rest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from aura_stream.codec import Template
from aura_stream.codec.lexer import Candidate
from aura_stream.codec.parser import Item, TemplateUse
from aura_stream.codec.slots import REPEAT, TIME, SlotType, kind_of, slot_type
from aura_stream.codec.template import MAX_LITERAL, Enum, Symbol
from aura_stream.mining.lexed import Lexed
from aura_stream.mining.phrases import Phrase
from aura_stream.mining.screen import Screen

_LEAST_USES: Final = 8  # of a template, before its columns say anything
_MOST_USES: Final = 256  # that are looked at: more say no more
_FURTHEST: Final = 16  # slots back that a repeat looks
_MOST_VALUES: Final = 64  # of a table
_WORTH: Final = 0.5  # bytes a use that a narrower slot must save


@dataclass(slots=True)
class _Column:
    """What one slot held: its texts, the types that took every one with their bytes in all, the repeats that held."""

    texts: Counter[bytes] = field(default_factory=Counter)
    sizes: dict[SlotType, int] = field(default_factory=dict)
    repeats: set[int] = field(default_factory=lambda: set(range(1, _FURTHEST + 1)))
    uses: int = 0
    tabled: bool = True  # every text may stand in a table

    def add(self, text: bytes, candidates: Sequence[Candidate], before: Sequence[bytes], allowed: bool) -> None:
        """See one more value; `before` are the texts of the slots before it in the template."""
        found = {slot: size for slot, size in candidates if kind_of(slot) not in (REPEAT, TIME)}
        if self.uses:
            self.sizes = {slot: size + found[slot] for slot, size in self.sizes.items() if slot in found}
        else:
            self.sizes = found
        self.repeats = {back for back in self.repeats if back <= len(before) and before[-back] == text}
        self.texts[text] += 1
        self.tabled = self.tabled and allowed
        self.uses += 1

    def narrower(self, symbol: SlotType | Enum, least: int) -> Symbol:
        """Return what holds the column in the fewest bytes, the present symbol if nothing is much better."""
        now = self._size_of(symbol)
        if self.repeats and now:
            return slot_type(REPEAT, min(self.repeats))
        best: Symbol = symbol
        size = now - _WORTH * self.uses
        for slot, total in self.sizes.items():
            if total < size:
                best, size = slot, total
        return self._table() if self.uses < size and self._is_table(least) else best

    def _size_of(self, symbol: SlotType | Enum) -> int:
        if isinstance(symbol, tuple) or (kind_of(symbol) == REPEAT and symbol == slot_type(REPEAT)):
            return self.uses
        if kind_of(symbol) == TIME:
            return 0  # takes few bytes, and they depend on what stands before: left alone
        return self.sizes.get(symbol, 0)

    def _is_table(self, least: int) -> bool:
        few = 2 <= len(self.texts) <= _MOST_VALUES and min(self.texts.values()) >= least
        return self.tabled and few and sum(map(len, self.texts)) <= MAX_LITERAL

    def _table(self) -> Enum:
        return tuple(text for text, _ in self.texts.most_common())


def refined(
    templates: Sequence[Template], messages: Sequence[Lexed], items: Sequence[Sequence[Item]], screen: Screen
) -> list[Phrase]:
    """Return the narrower templates that these messages, spelled so, ask for."""
    columns: dict[int, list[_Column]] = defaultdict(list)
    for message, spelling in zip(messages, items, strict=True):
        for item in spelling:
            if isinstance(item, TemplateUse) and templates[item.number].slots:
                _add(columns[item.number], templates[item.number], message, item, screen)
    found = []
    for number, held in columns.items():
        template = templates[number]
        if held[0].uses >= _LEAST_USES:
            symbols = list(template.symbols)
            for (offset, symbol), column in zip(template.slots, held, strict=True):
                symbols[offset] = column.narrower(symbol, screen.distinct_messages)
            if tuple(symbols) != template.symbols:
                found.append(tuple(symbols))
    return found


def _add(columns: list[_Column], template: Template, message: Lexed, item: TemplateUse, screen: Screen) -> None:
    """Put the values of one use of a template into its columns."""
    if not columns:
        columns += [_Column() for _ in template.slots]
    if columns[0].uses >= _MOST_USES:
        return
    before: list[bytes] = []
    for (offset, _), column in zip(template.slots, columns, strict=True):
        place = item.first + offset
        text, found = message.texts[place], message.candidates[place]
        column.add(text, found, before, place not in message.private and screen.allows(text, found))
        before.append(text)
