"""Finds bytes of a message that stood in it before, at token boundaries, in linear time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

_GRAM: Final = 3  # tokens that must agree before a copy is looked at
_LONG_TOKEN: Final = 6  # bytes: a token that is worth a copy by itself


class Copies:
    """For each place, the longest earlier run of tokens that is repeated there. Ask for places in order."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self.texts = texts
        self.starts = [0, *accumulate(map(len, texts))]
        self._last: dict[bytes | tuple[bytes, ...], int] = {}
        self._source = 0
        self._count = 0

    def longest(self, place: int) -> tuple[int, int, bool] | None:
        """Return (earlier place, tokens, is new) of the run that is repeated from `place` on, None without one.

        A run goes on being returned, shorter each time, until it is used up: then it is not new.
        """
        texts = self.texts
        source, count = self._source + 1, self._count - 1
        gram = tuple(texts[place : place + _GRAM])
        is_new = count < _GRAM
        if is_new:
            source, count = self._find(place, gram)
        self._source, self._count = source, count
        self._last[gram] = place
        if len(texts[place]) >= _LONG_TOKEN:
            self._last[texts[place]] = place
        return (source, count, is_new) if count > 0 else None

    def _find(self, place: int, gram: tuple[bytes, ...]) -> tuple[int, int]:
        texts = self.texts
        source = self._last.get(gram)
        if source is None:
            source = self._last.get(texts[place]) if len(texts[place]) >= _LONG_TOKEN else None
            return (0, 0) if source is None else (source, 1)
        count = 0
        limit = min(place - source, len(texts) - place)  # a copy never runs into itself
        while count < limit and texts[source + count] == texts[place + count]:
            count += 1
        return source, count
