"""Finds: templates that a pass proposes, each with what it would have saved, and why it is promoted or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from aura_stream.codec import Template, pattern_of
from aura_stream.codec.parser import Parser, Spelled, TemplateUse
from aura_stream.codec.trie import code_size
from aura_stream.mining.lexed import Lexed
from aura_stream.mining.phrases import LEAST_PAIR, Phrase

if TYPE_CHECKING:
    from aura_stream.mining.growing import Spelling

HORIZON: Final = 32  # times that a sighting is expected to come again, against which a template's own size is held
_LONGEST_PATTERN: Final = 160  # characters of a pattern in a line of explanation


@dataclass(frozen=True, slots=True)
class Find:
    """A template, how often it was seen, and the bytes that spelled those places before and would have with it.

    `refused` says why it is not promoted, empty if it is.
    """

    template: Template
    sightings: int
    before: int
    after: int
    refused: str = ""

    @property
    def saved(self) -> int:
        """Bytes that it would have saved."""
        return self.before - self.after

    def refuse(self, reason: str) -> Find:
        """Return the same, refused."""
        return replace(self, refused=reason)

    def __str__(self) -> str:
        """Return one line for people: values of slots are masked by their types."""
        verdict = f"refused ({self.refused})" if self.refused else "promoted"
        pattern = pattern_of(self.template)
        if len(pattern) > _LONGEST_PATTERN:
            pattern = pattern[: _LONGEST_PATTERN - 1] + "…"
        bits = f"{8 * self.before} bits before, {8 * self.after} after, {8 * len(self.template.body)} its own size"
        return f"{verdict}: {self.sightings} sightings, {bits}: {pattern!r}"


def judged(
    candidates: Sequence[Phrase],
    merges: Mapping[Phrase, int],
    spelling: Spelling,
    messages: Sequence[Lexed],
    costs: Sequence[Sequence[int]],
) -> list[Find]:
    """Return each candidate with what it saves: by a trial parse of the messages, whose `costs` so far are known.

    What the trial does not use is a part of longer candidates: it saves the code that its merge saved at each sighting.
    """
    templates = list(map(Template, candidates))
    first = len(spelling.generation.templates)
    parser = spelling.longer(templates)
    uses: dict[int, tuple[int, int, int]] = {}
    for message, cost in zip(messages, costs, strict=True):
        for number, before, after in _uses(parser, message, cost):
            if number >= first:
                sightings, so_far, then = uses.get(number, (0, 0, 0))
                uses[number] = sightings + 1, so_far + before, then + after
    finds = []
    for number, (phrase, template) in enumerate(zip(candidates, templates, strict=True), first):
        count = merges.get(phrase, 0)
        code = code_size(number)
        sightings, before, after = uses.get(number, (0, 0, 0))
        if count > sightings:  # the others stand in longer ones
            before, after = before + 2 * code * (count - sightings), after + code * (count - sightings)
        finds.append(_weighed(Find(template, max(sightings, count), before, after)))
    return sorted(finds, key=lambda find: -find.saved)


def _uses(parser: Parser, message: Lexed, before: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return for each use of a template its number, and the bytes before and after."""
    items, after = parser.spell(message.texts, message.candidates)
    found = []
    for item in items:
        span = before[item.last] - before[item.first], after[item.last] - after[item.first]
        if isinstance(item, TemplateUse):
            found.append((item.number, *span))
        elif isinstance(item, Spelled):
            numbers = [piece for piece in item.pieces if isinstance(piece, int)]
            found += [(number, span[0] // len(numbers), span[1] // len(numbers)) for number in numbers]
    return found


def _weighed(find: Find) -> Find:
    if find.sightings < LEAST_PAIR:
        return find.refuse("seen too seldom")
    if find.saved * HORIZON < len(find.template.body):
        return find.refuse("saves less than it takes")
    return find
