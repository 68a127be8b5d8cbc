"""Parsing: the cheapest way to spell a message with a generation's templates, in bytes, by shortest path.

Nodes of the graph are the places between tokens. Edges: a template that matches from here (walked in the trie,
at most MAX_STEPS steps), a slot outside of any template, a word spelled by sub-words, a run of literal bytes, a
copy of earlier bytes. Edges only lead forward, so one pass over the tokens is enough; nothing backtracks.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from aura_stream.codec.copies import Copies
from aura_stream.codec.lexer import Candidate
from aura_stream.codec.slots import REPEAT, TEXT, TIME, Trail, kind_of, parameter_of, slot_type, writer
from aura_stream.codec.spelling import MAX_WORDS, Speller
from aura_stream.codec.trie import END, ENUM_EDGES, REPEAT_EDGES, Node, Trie, enum_children
from aura_stream.codec.wire import MIN_COPY, compact_size

MAX_STEPS: Final = 64
_FAR: Final = 1 << 60
_REPEAT_ANY: Final = slot_type(REPEAT, 0)
_TEXT_SLOT: Final = slot_type(TEXT)
_LITERAL_COST: Final = 2  # control byte and length; a run beyond 191 bytes pays one more, which is left out here
_MIN_REPEATED: Final = 3  # bytes: a repeat costs 1 in a template, 2 bare


@dataclass(frozen=True, slots=True)
class _Span:
    """The tokens `first` to `last` (exclusive)."""

    first: int
    last: int

    def moved(self, by: int) -> Self:
        """Return the same for tokens further on."""
        return replace(self, first=self.first + by, last=self.last + by)


@dataclass(frozen=True, slots=True)
class TemplateUse(_Span):
    """A template."""

    number: int


@dataclass(frozen=True, slots=True)
class BareSlot(_Span):
    """A slot outside of any template, for one token."""

    slot: int


@dataclass(frozen=True, slots=True)
class Spelled(_Span):
    """A word in sub-words: numbers are templates of one literal each, bytes are spelled out."""

    pieces: tuple[int | bytes, ...]


@dataclass(frozen=True, slots=True)
class LiteralRun(_Span):
    """Tokens as they are."""


@dataclass(frozen=True, slots=True)
class Copy(_Span):
    """Tokens that repeat earlier ones: `distance` tokens lie between here and there."""

    distance: int


Item = TemplateUse | BareSlot | Spelled | LiteralRun | Copy


class Parser:
    """Parses tokens with one trie; keeps what it learned of the spelling of words, in bounded memory."""

    def __init__(self, trie: Trie, birth: int, words: int = MAX_WORDS) -> None:
        self.trie = trie
        self.birth = birth * 10**9
        self.speller = Speller(trie, words)

    def parse(
        self,
        texts: Sequence[bytes],
        candidates: Sequence[tuple[Candidate, ...]],
        barred: Container[tuple[int, int]] = (),
    ) -> list[Item]:
        """Return the items that spell the tokens in the fewest bytes. `barred`: (token, slot kind) that may not be."""
        return self.parse_sized(texts, sized(texts, candidates, self.birth, barred))

    def parse_sized(self, texts: Sequence[bytes], candidates: Sequence[tuple[Candidate, ...]]) -> list[Item]:
        """Do the same for candidates that know their sizes already."""
        return _Path(self, texts, candidates).items()

    def spell(
        self, texts: Sequence[bytes], candidates: Sequence[tuple[Candidate, ...]]
    ) -> tuple[list[Item], list[int]]:
        """Do the same, and return also for each place the bytes of the cheapest way to it: a frame's, without marker
        and check.
        """
        path = _Path(self, texts, candidates)
        return path.items(), path.cost


def sized(
    texts: Sequence[bytes],
    candidates: Sequence[tuple[Candidate, ...]],
    birth: int,
    barred: Container[tuple[int, int]] = (),
) -> list[tuple[Candidate, ...]]:
    """Give times the size that they have here, and values seen before in the message the choice to repeat.

    `birth` in nanoseconds since the epoch. `barred`: (token, slot kind) that may not be.
    """
    trail = Trail(birth)
    seen: set[bytes] = set()
    result = list(candidates)
    for place, text in enumerate(texts):
        found = candidates[place]
        if not found:
            continue
        if kind_of(found[0][0]) == TIME or len(text) in _EPOCH_LENGTHS:
            found = result[place] = tuple(_timed(text, trail, found, (place, TIME) in barred))
        if len(text) >= _MIN_REPEATED:
            if text in seen and (place, REPEAT) not in barred:
                result[place] = (*found, (_REPEAT_ANY, 1))
            seen.add(text)
    return result


_EPOCH_LENGTHS: Final = frozenset({10, 13, 16, 19})


def _timed(text: bytes, trail: Trail, found: tuple[Candidate, ...], barred: bool) -> list[Candidate]:
    timed = []
    for slot, size in found:
        if kind_of(slot) != TIME:
            timed.append((slot, size))
        elif not barred:
            payload = writer(slot)(text, trail)
            if payload is not None:
                timed.append((slot, len(payload)))
    return timed or [(_TEXT_SLOT, compact_size(len(text)) + len(text))]


class _Path:
    """One pass of dynamic programming over one message."""

    def __init__(self, parser: Parser, texts: Sequence[bytes], candidates: Sequence[tuple[Candidate, ...]]) -> None:
        self.texts = texts
        self.candidates = candidates
        self.root = parser.trie.root
        self.speller = parser.speller
        end = len(texts)
        self.cost = [0] + [_FAR] * end
        self.edge: list[Any] = [None] * (end + 1)
        self._run_cost = [_FAR] * (end + 1)
        self._run_start = [0] * (end + 1)
        self._copies = Copies(texts)
        for place in range(end):
            self._spell_out(place)
            self._single(place)
            self._copy(place)
            self._walk(place)

    def items(self) -> list[Item]:
        """Read the cheapest way back from the end."""
        items: list[Item] = []
        place = len(self.texts)
        while place:
            item = self._item(place)
            items.append(item)
            place = item.first
        items.reverse()
        return items

    def _item(self, place: int) -> Item:
        edge = self.edge[place]
        if isinstance(edge, tuple):
            first, number = edge
            return TemplateUse(first, place, number)
        if edge is None:
            return LiteralRun(self._run_start[place], place)
        return edge  # type: ignore[no-any-return]

    def _spell_out(self, place: int) -> None:
        """A literal run that ends behind this token: the one that goes on, or a new one."""
        size = len(self.texts[place])
        here = self.cost[place]
        going_on = self._run_cost[place]
        run_cost = here + _LITERAL_COST
        start = place
        if going_on <= run_cost:
            run_cost, start = going_on, self._run_start[place]
        run_cost += size
        self._run_cost[place + 1] = run_cost
        self._run_start[place + 1] = start
        if run_cost < self.cost[place + 1]:
            self.cost[place + 1] = run_cost
            self.edge[place + 1] = None

    def _single(self, place: int) -> None:
        """A token by itself: a word in sub-words, a value in a slot of its own."""
        found = self.candidates[place]
        if not found:
            return
        text = self.texts[place]
        here = self.cost[place]
        best = self.cost[place + 1] - here
        if text not in self.root and text[0] >= _FIRST_LETTER:
            size, pieces = self.speller.spell(text)
            if pieces is not None and size < best:
                best = size
                self.edge[place + 1] = Spelled(place, place + 1, pieces)
        for slot, size in found:
            bare = size + (1 if slot == _REPEAT_ANY else 2 + compact_size(parameter_of(slot)))
            if bare < best:
                best = bare
                self.edge[place + 1] = BareSlot(place, place + 1, slot)
        self.cost[place + 1] = here + best

    def _copy(self, place: int) -> None:
        found = self._copies.longest(place)
        if found is None:
            return
        source, count, is_new = found
        starts = self._copies.starts
        start = starts[place]
        distance_cost = self.cost[place] + 1 + compact_size(start - starts[source])
        # A run that was found before is only followed to its end: what else it offers was offered there.
        for last in range(place + count, max(place, place + count - (_COPY_ENDS if is_new else 1)), -1):
            length = starts[last] - start
            if length < MIN_COPY:
                break
            cost = distance_cost + compact_size(length)
            if cost < self.cost[last]:
                self.cost[last] = cost
                self.edge[last] = Copy(place, last, place - source)

    def _walk(self, place: int) -> None:
        """All templates that match from here."""
        texts, candidates, cost, edge = self.texts, self.candidates, self.cost, self.edge
        end = len(texts)
        last_step = MAX_STEPS
        states = [(self.root, place, cost[place])]
        while states:
            node, at, here = states.pop()
            while at < end and last_step:
                last_step -= 1
                found = candidates[at]
                if found:
                    states += self._slots(node, at, here, found, place)
                if ENUM_EDGES in node:
                    states += self._enums(node, at, here, place)
                below = node.get(texts[at])
                if below is None:
                    break
                node = below
                at += 1
                ending = node.get(END)
                if ending is not None and here + ending[1] < cost[at]:
                    cost[at] = here + ending[1]
                    edge[at] = (place, ending[0])

    def _slots(
        self, node: Node, at: int, here: int, found: Sequence[Candidate], place: int
    ) -> list[tuple[Node, int, int]]:
        """Step over a value by the slots that the node has for it; return where the walk may go on."""
        states = []
        for slot, size in found:
            child = node.get(slot)
            if child is not None:
                self._reach(child, at + 1, here + size, place)
                states.append((child, at + 1, here + size))
        if REPEAT_EDGES in node and found[-1][0] == _REPEAT_ANY:  # the text came before; where, writing finds out
            for slot in node[REPEAT_EDGES]:
                self._reach(node[slot], at + 1, here, place)
                states.append((node[slot], at + 1, here))
        return states

    def _enums(self, node: Node, at: int, here: int, place: int) -> list[tuple[Node, int, int]]:
        """Step over a token that stands in one of the node's enums."""
        states = []
        for child in enum_children(node, self.texts[at]):
            self._reach(child, at + 1, here + 1, place)
            states.append((child, at + 1, here + 1))
        return states

    def _reach(self, node: Node, at: int, here: int, place: int) -> None:
        ending = node.get(END)
        if ending is not None and here + ending[1] < self.cost[at]:
            self.cost[at] = here + ending[1]
            self.edge[at] = (place, ending[0])


_FIRST_LETTER: Final = 65
_COPY_ENDS: Final = 4  # tokens before the end of a copied run at which a copy may also end
