"""Miner: observes messages and proposes what would save most bytes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Final

from aura_stream.codec import Codebook, Proposal, Template
from aura_stream.codec.lexer import Candidate, lex
from aura_stream.codec.parser import sized
from aura_stream.codec.slots import kind_of
from aura_stream.codec.template import MAX_LITERAL, MAX_SYMBOLS, Symbol
from aura_stream.codec.wire import MAX_TEMPLATE_MESSAGE
from aura_stream.mining.birth import birth_of
from aura_stream.mining.dictionary import train_dictionary
from aura_stream.mining.merging import BREAK, Merging, flatten
from aura_stream.mining.ranking import rank
from aura_stream.mining.screen import DISTINCT_MESSAGES, Screen
from aura_stream.mining.subwords import subwords
from aura_stream.mining.symbols import Contexts, Lexed, private_places

SAMPLE: Final = 2 << 20  # bytes of messages that are kept to mine from
_LEAST_PAIR: Final = 3  # sightings of a pair whose words passed the screen
_MAX_MERGES: Final = 20_000


class Miner:
    """Keeps a fair sample of what it observed, in bounded memory, and mines it when asked to propose.

    `distinct_messages`: in how many messages a word must have stood to become a literal. `sample`: bytes of
    messages kept. The same observations in the same order give the same proposal.
    """

    def __init__(self, distinct_messages: int = DISTINCT_MESSAGES, sample: int = SAMPLE) -> None:
        self.distinct_messages = distinct_messages
        self.sample = sample
        self._kept: list[bytes] = []
        self._size = 0
        self._observed = 0
        self._random = random.Random(0)  # noqa: S311  # fairness, not secrecy; seeded: proposals can be repeated

    def observe(self, messages: Sequence[bytes]) -> None:
        """Look at messages; any number of times."""
        for message in messages:
            self._observed += 1
            if not message or len(message) > MAX_TEMPLATE_MESSAGE:
                continue
            self._kept.append(message)
            self._size += len(message)
            while self._size > self.sample:
                self._drop()

    def _drop(self) -> None:
        """Forget one at random, in constant time."""
        place = self._random.randrange(len(self._kept))
        self._kept[place], self._kept[-1] = self._kept[-1], self._kept[place]
        self._size -= len(self._kept.pop())

    def propose(self, codebook: Codebook) -> Proposal:
        """Return what would have saved most bytes on the observed messages."""
        return Proposal(*_mine(self._kept, self.distinct_messages))


def _mine(messages: Sequence[bytes], distinct_messages: int) -> tuple[list[Template], bool, bytes, int]:
    screen = Screen(distinct_messages)
    lexed = [lex(message) for message in messages]
    birth = birth_of(lexed)
    observed = []
    for message, (texts, candidates) in zip(messages, lexed, strict=True):
        private = private_places(message, texts)
        screen.observe(texts, private)
        observed.append(Lexed(texts, sized(texts, candidates, birth * 10**9), private))
    contexts = Contexts(screen)
    for each in observed:
        contexts.observe(each)
    streams = [contexts.symbols(each) for each in observed]
    words: dict[bytes, Sequence[int]] = {}
    for each in observed:
        for place, (text, found) in enumerate(zip(each.texts, each.candidates, strict=True)):
            if place not in each.private and Screen.is_word(found) and text[0] > 57:
                words[text] = screen.seen_in(text)
    candidates = _merge(streams)
    known = {template.digest for template in candidates}
    candidates += [t for t in (Template((piece,)) for piece in subwords(words, distinct_messages)) if t.digest not in known]
    templates = rank(candidates, observed, birth)
    dictionary = train_dictionary(messages, observed, screen)
    return templates, True, dictionary, birth


def _merge(streams: Sequence[Sequence[Symbol | None]]) -> list[Template]:
    numbers: dict[Symbol, int] = {}
    phrases: list[tuple[Symbol, ...]] = []
    flat: list[list[int]] = []
    counts: Counter[int] = Counter()
    for stream in streams:
        line = []
        for symbol in stream:
            if symbol is None:
                line.append(BREAK)
                continue
            number = numbers.get(symbol)
            if number is None:
                number = numbers[symbol] = len(phrases)
                phrases.append((symbol,))
            counts[number] += 1
            line.append(number)
        flat.append(line)
    known = {phrase: number for number, phrase in enumerate(phrases)}

    def join(left: int, right: int) -> int | None:
        phrase = phrases[left] + phrases[right]
        if len(phrase) > MAX_SYMBOLS or sum(len(s) for s in phrase if isinstance(s, bytes)) > MAX_LITERAL:
            return None
        if phrase not in known:
            known[phrase] = len(phrases)
            phrases.append(phrase)
        return known[phrase]

    merging = Merging(flatten(flat), join, _LEAST_PAIR)
    merging.run(_MAX_MERGES)
    counts.update(merging.merged)
    order = sorted(range(len(phrases)), key=lambda n: (-counts[n], n))
    return [Template(phrases[n]) for n in order if counts[n] >= _LEAST_PAIR]
