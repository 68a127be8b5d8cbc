"""Byte-pair merging: the pair of neighbours seen most often becomes one symbol, again and again.

P. Gage, "A new algorithm for data compression", C Users Journal 12(2), 1994; here over typed tokens, so that a
merge may span slots and a whole message is simply the longest one. Linear in memory, near linear in time: each
merge touches only the places where its pair stands.
"""

from __future__ import annotations

import heapq
from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

BREAK: Final = -1  # between messages, and where nothing may be merged across
Pair = tuple[int, int]


class Merging:
    """Merges the pairs of a sequence of symbol numbers that ends with a break, as `flatten` makes it.

    `joins` makes a new symbol of two, or refuses with None. Pairs seen less than `least` times stay.
    """

    def __init__(self, symbols: list[int], joins: Callable[[int, int], int | None], least: int) -> None:
        self.symbols = array("l", symbols)
        self._joins = joins
        self._least = least
        size = len(symbols)
        self._next = array("l", range(1, size + 1))
        self._previous = array("l", range(-1, size - 1))
        self._counts: dict[Pair, int] = defaultdict(int)
        # Where a pair stood; a place that it left since then stays in the list, and is passed over as stale.
        self._places: dict[Pair, array[int]] = defaultdict(_new_places)
        for place in range(size - 1):
            left, right = symbols[place], symbols[place + 1]
            if left >= 0 and right >= 0:
                self._note(left, right, place)
        self._drop([pair for pair, count in self._counts.items() if count < least])
        self._heap = [(-count, pair) for pair, count in self._counts.items()]
        heapq.heapify(self._heap)
        self.merged: dict[int, int] = {}  # joined symbol: places it was made at

    def run(self, most: int) -> int:
        """Merge at most so many pairs; return how many were."""
        done = 0
        while self._heap and done < most:
            count, pair = heapq.heappop(self._heap)
            now = self._counts.get(pair, 0)
            if now < self._least:
                self._drop([pair])
                continue
            if now != -count:
                heapq.heappush(self._heap, (-now, pair))
                continue
            joined = self._joins(*pair)
            if joined is None:  # too long: this pair stays two, others go on
                self._drop([pair])
                continue
            self.merged[joined] = self.merged.get(joined, 0) + self._merge(pair, joined)
            done += 1
        return done

    def _merge(self, pair: Pair, joined: int) -> int:
        """Put one symbol where the pair stands; return how often."""
        made = 0
        symbols, following, previous = self.symbols, self._next, self._previous
        left, right = pair
        touched: set[Pair] = set()
        del self._counts[pair]
        for place in sorted(self._places.pop(pair)):
            second = following[place]
            if symbols[place] != left or symbols[second] != right:  # stale, or taken one place before: x,x,x
                continue
            before, after = previous[place], following[second]
            if before >= 0 and symbols[before] >= 0:
                self._forget(symbols[before], left)
                touched.add(self._note(symbols[before], joined, before))
            if symbols[after] >= 0:
                self._forget(right, symbols[after])
                touched.add(self._note(joined, symbols[after], place))
            made += 1
            symbols[place] = joined
            symbols[second] = BREAK - 1  # no longer a place
            following[place] = after
            previous[after] = place
        for each in touched:
            count = self._counts.get(each, 0)
            if count >= self._least:
                heapq.heappush(self._heap, (-count, each))
            else:
                self._drop([each])
        return made

    def _drop(self, pairs: Sequence[Pair]) -> None:
        """Count pairs no longer that are too rare, or too long: most are, where nothing comes twice."""
        for pair in pairs:
            self._counts.pop(pair, None)
            self._places.pop(pair, None)

    def _note(self, left: int, right: int, place: int) -> Pair:
        pair = left, right
        self._counts[pair] += 1
        self._places[pair].append(place)
        return pair

    def _forget(self, left: int, right: int) -> None:
        pair = left, right
        if pair in self._counts:
            self._counts[pair] -= 1


def _new_places() -> array[int]:
    return array("l")


def flatten(streams: Sequence[Sequence[int]]) -> list[int]:
    """Return sequences as one, with a break behind each."""
    flat: list[int] = []
    for stream in streams:
        flat += stream
        flat.append(BREAK)
    return flat
