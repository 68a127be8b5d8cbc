"""Spelling: an unknown word as the fewest bytes of sub-words (templates of one literal) and literal runs."""

from __future__ import annotations

from typing import Final

from aura_stream.codec.trie import Trie

_MAX_WORD: Final = 64  # bytes: longer ones are no words
MAX_WORDS: Final = 1 << 16
_FAR: Final = 1 << 60

Pieces = tuple[int | bytes, ...]


class Speller:
    """Spells words with the sub-words of a trie, and remembers how: `words` of them, about 250 bytes each."""

    def __init__(self, trie: Trie, words: int = MAX_WORDS) -> None:
        self._trie = trie
        self._words = words
        self._known: dict[bytes, tuple[int, Pieces | None]] = {}
        self._known_at = trie.size

    def spell(self, word: bytes) -> tuple[int, Pieces | None]:
        """Return the size of the spelling and its pieces; None where a literal run does as well."""
        if len(word) > _MAX_WORD:
            return _FAR, None
        if self._known_at != self._trie.size or len(self._known) >= self._words:
            self._known.clear()
            self._known_at = self._trie.size
        found = self._known.get(word)
        if found is None:
            found = self._known[word] = self._spell(word)
        return found

    def _spell(self, word: bytes) -> tuple[int, Pieces | None]:
        end = len(word)
        subwords, longest = self._trie.subwords, self._trie.longest_subword
        cost = [0] + [_FAR] * end
        edge: list[tuple[int, int | None]] = [(0, None)] * (end + 1)
        run_cost, run_start = _FAR, 0
        for place in range(end):
            here = cost[place]
            if here + 2 < run_cost:
                run_cost, run_start = here + 2, place
            run_cost += 1
            if run_cost < cost[place + 1]:
                cost[place + 1], edge[place + 1] = run_cost, (run_start, None)
            for last in range(place + 1, min(end, place + longest) + 1):
                found = subwords.get(word[place:last])
                if found is not None and here + found[1] < cost[last]:
                    cost[last], edge[last] = here + found[1], (place, found[0])
        if cost[end] >= end + 2:
            return _FAR, None
        return cost[end], _pieces(word, edge)


def _pieces(word: bytes, edge: list[tuple[int, int | None]]) -> Pieces:
    pieces: list[int | bytes] = []
    place = len(word)
    while place:
        first, number = edge[place]
        pieces.append(word[first:place] if number is None else number)
        place = first
    return tuple(reversed(pieces))
