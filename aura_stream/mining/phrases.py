"""Phrases: merging over the symbols of messages, from single tokens up to whole messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from aura_stream.codec.template import MAX_LITERAL, MAX_SYMBOLS, Symbol
from aura_stream.mining.merging import BREAK, Merging, flatten

LEAST_PAIR: Final = 3  # sightings of a pair; each of its words passed the screen by itself
_MAX_MERGES: Final = 20_000

Phrase = tuple[Symbol, ...]
Stream = Sequence[Phrase | None]  # a message as phrases, one behind the other; None where nothing merges across


class _Phrases:
    """Numbers phrases, those of the streams first."""

    def __init__(self) -> None:
        self.phrases: list[Phrase] = []
        self._numbers: dict[Phrase, int] = {}

    def number(self, phrase: Phrase) -> int:
        number = self._numbers.get(phrase)
        if number is None:
            number = self._numbers[phrase] = len(self.phrases)
            self.phrases.append(phrase)
        return number

    def join(self, left: int, right: int) -> int | None:
        phrase = self.phrases[left] + self.phrases[right]
        if len(phrase) > MAX_SYMBOLS or sum(len(s) for s in phrase if isinstance(s, bytes)) > MAX_LITERAL:
            return None
        return self.number(phrase)


def mine_phrases(streams: Sequence[Stream]) -> dict[Phrase, int]:
    """Return the phrases seen often enough, and how often: those of the streams and what merging makes of them.

    The most seen come first. An enum by itself is left out: it says less than a literal or a slot of its own.
    """
    phrases = _Phrases()
    flat = flatten([[BREAK if each is None else phrases.number(each) for each in stream] for stream in streams])
    counts = Counter(number for number in flat if number != BREAK)
    merging = Merging(flat, phrases.join, LEAST_PAIR)
    merging.run(_MAX_MERGES)
    counts.update(merging.merged)
    order = sorted(counts, key=lambda number: (-counts[number], number))
    found = {phrases.phrases[number]: counts[number] for number in order if counts[number] >= LEAST_PAIR}
    return {phrase: count for phrase, count in found.items() if len(phrase) > 1 or not isinstance(phrase[0], tuple)}
