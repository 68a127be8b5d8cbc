"""Encoding with the templates of one generation: the remembered way, else the full parse."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate, product
from typing import Final

from aura_stream.codec.generation import Generation
from aura_stream.codec.lexer import Candidate, lex
from aura_stream.codec.parser import Item, Parser
from aura_stream.codec.segments import Refusal, Segment, segments_of, write
from aura_stream.codec.shapes import MAX_SHAPE, RIVAL, ShapeMemory, recipe_for
from aura_stream.codec.slots import REPEAT, TIME
from aura_stream.codec.trie import Trie

Rival = Callable[[bytes], bytes]
SHAPE_MEMORY: Final = 16 << 20  # bytes
_CONTEXTUAL: Final = (REPEAT, TIME)  # kinds that may refuse what the parser gave them
_MAX_MENDS: Final = 32  # a hostile message can make each mend cause the next; usual ones take 0 to 3


class TemplateEncoder:
    """Spells messages with a generation's templates. One per codec; learns the shapes that pass through it."""

    def __init__(
        self,
        generation: Generation,
        rival: Rival | None = None,
        shape_memory: int = SHAPE_MEMORY,
        retired: frozenset[bytes] = frozenset(),
    ) -> None:
        self.generation = generation
        self.birth = generation.birth * 10**9
        self.retired = retired
        self.trie = Trie(generation.templates, retired)
        self.parser = Parser(self.trie, generation.birth)
        self.shapes = ShapeMemory(shape_memory)
        self.rival = rival

    def adopt(self, generation: Generation) -> None:
        """Take the same generation, grown: new templates are inserted.

        What is remembered stays valid, but was chosen without them: each shape is parsed once more.
        """
        if len(generation.templates) > self.trie.size:
            self.trie.extend(generation.templates[self.trie.size :], self.retired)
            self.shapes.forget_recipes()
        self.generation = generation

    def encode(self, message: bytes) -> tuple[bool, bytes]:
        """Return the items that spell a message and True, or what the rival made and False, if that is shorter.

        Where the shape is known, by memory: of the parse, or of who won.
        """
        if len(message) > MAX_SHAPE:
            return self._shorter(message, self._parse(message)[0])
        shapes = self.shapes
        parts = shapes.split(message)
        shape = shapes.shape(parts)
        for recipe in shapes.recipes(shape) or ():
            if recipe is RIVAL:
                assert self.rival is not None
                return False, self.rival(message)
            found = recipe.follow(message, parts, self.birth)
            if found is not None:
                return True, found
        items, segments, texts, starts = self._parse(message)
        is_template, body = self._shorter(message, items)
        if shapes.is_second_sight(shape):
            shapes.remember(shape, recipe_for(segments, parts, texts, starts) if is_template else RIVAL)
        return is_template, body

    def remembers(self, message: bytes) -> bool:
        """Tell whether a message's shape is remembered, and one of its recipes fits."""
        parts = self.shapes.split(message)
        recipes = self.shapes.recipes(self.shapes.shape(parts)) or ()
        return any(each is RIVAL or each.follow(message, parts, self.birth) is not None for each in recipes)

    def _shorter(self, message: bytes, items: bytes) -> tuple[bool, bytes]:
        if self.rival is not None:
            body = self.rival(message)
            if len(body) < len(items):
                return False, body
        return True, items

    def _parse(self, message: bytes) -> tuple[bytes, list[Segment], list[bytes], list[int]]:
        texts, candidates = lex(message)
        starts = [0, *accumulate(map(len, texts))]
        items = self.parser.parse(texts, candidates)
        barred: set[Refusal] = set()
        mends = 0
        while True:
            segments = segments_of(items, texts, self.generation.templates)
            written, refused = write(segments, texts, starts, self.birth)
            if not refused:
                return written, segments, texts, starts
            mends += 1
            if mends <= _MAX_MENDS:
                barred |= refused
                items = self._mend(items, texts, candidates, {place for place, _ in refused}, barred)
            else:  # nothing else is ever refused
                items = self.parser.parse(texts, candidates, set(product(range(len(texts)), _CONTEXTUAL)))

    def _mend(
        self,
        items: list[Item],
        texts: list[bytes],
        candidates: list[tuple[Candidate, ...]],
        places: set[int],
        barred: set[Refusal],
    ) -> list[Item]:
        """Parse anew what each item spelled that holds one of the places, now without what is barred."""
        mended: list[Item] = []
        for item in items:
            first, last = item.first, item.last
            if places.isdisjoint(range(first, last)):
                mended.append(item)
                continue
            barred.update((place, REPEAT) for place in range(first, last))
            here = product(range(first, last), _CONTEXTUAL)
            local = {(place - first, kind) for place, kind in here if (place, kind) in barred}
            mended += (
                each.moved(first) for each in self.parser.parse(texts[first:last], candidates[first:last], local)
            )
        return mended
