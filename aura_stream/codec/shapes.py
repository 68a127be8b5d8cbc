"""The memory of shapes: messages that differ only in their runs of digits take a remembered parse.

A shape is a message with its runs (digits, long hex, uuids) taken out, by one constant regular expression. A
remembered parse (Recipe) carries its conditions: the runs that it spelled as literals must be the same bytes,
the slots must take what stands there now, what it copied must still be equal. If none holds, the message is
parsed in full. Bounded in bytes; a shape is remembered at its second sight.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final

from aura_stream.codec.segments import CopySegment, Segment, SlotSegment
from aura_stream.codec.slots import REPEAT, SlotType, Trail, kind_of, writer
from aura_stream.codec.template import Enum
from aura_stream.codec.wire import compact

_RUN: Final = re.compile(
    rb"([0-9]+(?![0-9a-f])|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9A-Za-z])[0-9a-f]{16,}(?![0-9A-Za-z])|[0-9]+)"
)
MAX_SHAPE: Final = 4 << 10  # bytes: longer messages hardly ever come twice in one shape
MAX_RECIPES: Final = 4  # of one shape
_SEEN_ONCE: Final = 1 << 15
_SEPARATOR: Final = b"0"  # no text between runs holds a digit, so no two shapes share a name
_OVERHEAD: Final = 600  # bytes of a recipe beside its constants, roughly

Take = Callable[[bytes, Trail], bytes | None]


class Misaligned(Exception):  # noqa: N818  # not an error: this parse cannot be remembered
    """A slot or a copy begins or ends inside a run."""


class _Context(Trail):
    """A trail that copies can look the message up in."""

    __slots__ = ("message", "starts")

    def __init__(self, moment: int, message: bytes, parts: Sequence[bytes]) -> None:
        super().__init__(moment)
        self.message = message
        self.starts = [0, *accumulate(map(len, parts))]


class Recipe:
    """A parse that fits other messages of its shape, and how to tell.

    `conditions`: runs that must be these bytes. `head`: what the frame begins with. `steps`: for each variable
    part of the frame, who makes it, from which parts of the message, and the constant bytes behind it.
    """

    __slots__ = ("conditions", "copies", "head", "keeps_texts", "size", "steps")

    def __init__(
        self,
        conditions: list[tuple[int, bytes]],
        head: bytes,
        steps: list[tuple[Take, int, int, bytes]],
        keeps_texts: bool,
        copies: bool,
    ) -> None:
        self.conditions = conditions
        self.head = head
        self.steps = steps
        self.keeps_texts = keeps_texts
        self.copies = copies
        self.size = len(head) + 100 * (len(steps) + len(conditions)) + _OVERHEAD

    def follow(self, message: bytes, parts: list[bytes], birth: int) -> bytes | None:
        """Return the frame's items for a message of this shape, None if a condition fails."""
        for index, literal in self.conditions:
            if parts[index] != literal:
                return None
        trail = _Context(birth, message, parts) if self.copies else Trail(birth)
        out = [self.head]
        keeps_texts = self.keeps_texts
        for take, first, last, constant in self.steps:
            text = parts[first] if last == first + 1 else b"".join(parts[first:last])
            payload = take(text, trail)
            if payload is None:
                return None
            if keeps_texts:
                trail.texts.append(text)
            out.append(payload)
            if constant:
                out.append(constant)
        return b"".join(out)


RIVAL: Final = Recipe([], b"", [], keeps_texts=False, copies=False)  # for this shape, the general compressor won


class ShapeMemory:
    """Recipes by shape, the oldest forgotten first."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._size = 0
        self._recipes: dict[bytes, list[Recipe]] = {}
        self._seen: set[int] = set()

    @staticmethod
    def split(message: bytes) -> list[bytes]:
        """Cut a message into texts and runs, in turn."""
        return _RUN.split(message)

    @staticmethod
    def shape(parts: list[bytes]) -> bytes:
        """Return what names the shape of a message that was split."""
        return _SEPARATOR.join(parts[::2])

    def recipes(self, shape: bytes) -> list[Recipe] | None:
        """Return what is remembered of a shape."""
        return self._recipes.get(shape)

    def forget_recipes(self) -> None:
        """Keep only that shapes were seen: the next parse of each is remembered at once."""
        self._recipes.clear()
        self._size = 0

    def is_second_sight(self, shape: bytes) -> bool:
        """Tell whether a shape was seen before; note that it was seen now."""
        name = hash(shape)
        if name in self._seen:
            return True
        if len(self._seen) >= _SEEN_ONCE:
            self._seen.clear()
        self._seen.add(name)
        return False

    def remember(self, shape: bytes, recipe: Recipe | None) -> None:
        """Keep a recipe, if there is one; the newest of a shape is tried first."""
        if recipe is None or not self.limit:
            return
        known = self._recipes.setdefault(shape, [])
        if not known:
            self._size += len(shape)
        known.insert(0, recipe)
        self._size += recipe.size
        if len(known) > MAX_RECIPES:
            self._size -= known.pop().size
        while self._size > self.limit and len(self._recipes) > 1:
            oldest = next(iter(self._recipes))
            self._size -= len(oldest) + sum(each.size for each in self._recipes.pop(oldest))


def recipe_for(
    segments: Sequence[Segment], parts: list[bytes], texts: Sequence[bytes], starts: Sequence[int]
) -> Recipe | None:
    """Return the recipe of a parse, None if its slots and the message's runs do not lie on each other."""
    try:
        return _Builder(parts, texts, starts).build(segments)
    except Misaligned:
        return None


class _Builder:
    def __init__(self, parts: list[bytes], texts: Sequence[bytes], starts: Sequence[int]) -> None:
        self.parts = parts
        self.offsets = [0, *accumulate(map(len, parts))]
        self.texts = texts
        self.starts = starts
        self.free = set(range(1, len(parts), 2))  # runs that no slot or copy covers yet

    def build(self, segments: Sequence[Segment]) -> Recipe:
        """Turn each variable segment into a step; runs left over become conditions."""
        constants = [b""]
        steps: list[tuple[Take, int, int]] = []
        keeps_texts = any(_repeats(segment) for segment in segments)
        copies = any(isinstance(segment, CopySegment) for segment in segments)
        if keeps_texts and copies:
            raise Misaligned  # the texts that a repeat counts would have to leave the copies out
        for segment in segments:
            if isinstance(segment, bytes):
                constants[-1] += segment
            else:
                steps.append(self._slot(segment) if isinstance(segment, SlotSegment) else self._copy(segment))
                constants.append(b"")
        if keeps_texts and any(step[0].__name__ == _TRIMMED for step in steps):
            raise Misaligned  # a slot's text is more than its parts there
        conditions = [(index, self.parts[index]) for index in sorted(self.free)]
        full = [(*step, constant) for step, constant in zip(steps, constants[1:], strict=True)]
        return Recipe(conditions, constants[0], full, keeps_texts, copies)

    def _slot(self, segment: SlotSegment) -> tuple[Take, int, int]:
        start = self.starts[segment.place]
        end = start + len(self.texts[segment.place])
        first, before = self._locate(start)
        last, behind = self._locate(end)
        take = _taker(segment.slot)
        if first == last:  # inside of one text: the same in every message of this shape
            return _trimmed(take, self.texts[segment.place], b"", hide=True), first, first + 1
        prefix = self.parts[first][before:] if before else b""
        suffix = self.parts[last][:behind] if behind else b""
        if before:
            first += 1
        self.free.difference_update(range(first, last))
        if prefix or suffix:
            take = _trimmed(take, prefix, suffix)
        return take, first, last

    def _copy(self, segment: CopySegment) -> tuple[Take, int, int]:
        first, last, source = (
            self._locate(self.starts[place]) for place in (segment.first, segment.last, segment.source)
        )
        self.free.difference_update(range(first[0], last[0] + (1 if last[1] else 0)))

        def take(_: bytes, trail: Trail) -> bytes | None:
            assert isinstance(trail, _Context)
            begin, end, origin = (trail.starts[part] + offset for part, offset in (first, last, source))
            length = end - begin
            if origin + length > begin or trail.message[origin : origin + length] != trail.message[begin:end]:
                return None
            return compact(begin - origin) + compact(length)

        return take, 0, 0

    def _locate(self, offset: int) -> tuple[int, int]:
        """Return the part that begins at or holds an offset, and how far inside it lies."""
        part = bisect_right(self.offsets, offset) - 1
        inside = offset - self.offsets[part]
        if inside and part & 1:
            raise Misaligned
        return part, inside


def _repeats(segment: Segment) -> bool:
    return isinstance(segment, SlotSegment) and not isinstance(segment.slot, tuple) and kind_of(segment.slot) == REPEAT


def _taker(slot: SlotType | Enum) -> Take:
    if not isinstance(slot, tuple):
        return writer(slot)
    index = {value: bytes((place,)) for place, value in enumerate(slot)}
    return lambda text, _: index.get(text)


_TRIMMED: Final = "trimmed"


def _trimmed(take: Take, prefix: bytes, suffix: bytes, hide: bool = False) -> Take:
    """Give a slot the constant bytes around its runs that belong to its text."""

    def trimmed(text: bytes, trail: Trail) -> bytes | None:
        return take(prefix if hide else prefix + text + suffix, trail)

    return trimmed
