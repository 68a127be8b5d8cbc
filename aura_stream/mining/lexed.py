"""A message's tokens as the miner looks at them: what each could be, and which are private."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from aura_stream.codec.lexer import Candidate, lex
from aura_stream.codec.parser import sized
from aura_stream.mining.screen import Screen, private_spans


@dataclass(frozen=True, slots=True)
class Lexed:
    """A message's tokens: texts, the slot types that hold them with their sizes here, and which are private."""

    texts: Sequence[bytes]
    candidates: Sequence[tuple[Candidate, ...]]
    private: frozenset[int]


Tokens = tuple[Sequence[bytes], Sequence[tuple[Candidate, ...]]]  # texts, and what each could be


def lexed(message: bytes, birth: int, tokens: Tokens | None = None) -> Lexed:
    """Return the tokens of a message; times are sized as in a generation with this birth (seconds).

    `tokens`: what the lexer made of it, if that is known.
    """
    texts, candidates = tokens or lex(message)
    return Lexed(texts, sized(texts, candidates, birth * 10**9), private_places(message, texts, candidates))


def private_places(
    message: bytes, texts: Sequence[bytes], candidates: Sequence[tuple[Candidate, ...]]
) -> frozenset[int]:
    """Return the places of the words and values that a private span touches; marks between them tell nothing."""
    spans = private_spans(message)
    if not spans:
        return frozenset()
    starts = [0, *accumulate(map(len, texts))]
    places: set[int] = set()
    for start, end in spans:
        first = bisect_right(starts, start) - 1
        last = bisect_right(starts, end - 1)
        places.update(place for place in range(first, last) if candidates[place])
    return frozenset(places)


def unknown_words(observed: Sequence[Lexed], screen: Screen) -> dict[bytes, Sequence[int]]:
    """Return the words, each with some of the messages it stood in; none from a private place."""
    return {
        text: screen.seen_in(text)
        for message in observed
        for place, (text, found) in enumerate(zip(message.texts, message.candidates, strict=True))
        if screen.is_word(found) and not text.isdigit() and place not in message.private
    }
