"""The templates of a book as people ask for them: a list, and one by its number or its digest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aura_stream.codec import Codebook, Template

SHORT_DIGEST: Final = 12  # hex digits that a list shows
MIN_DIGEST: Final = 8  # hex digits that name a template; fewer decimal ones are a number, of which 7 are enough
_NUMBER: Final = re.compile(r"\d{1,7}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{8,32}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A template at its place: the generation, and its number there. `retired`: not written with any more."""

    generation: int
    number: int
    template: Template
    retired: bool

    @property
    def digest(self) -> str:
        """The digest in hex digits."""
        return self.template.digest.hex()

    @property
    def literal_bytes(self) -> int:
        """How many bytes of the message the template itself spells."""
        return sum(map(len, self.template.literals))


def entries_of(book: Codebook, generation: int | None = None) -> Iterator[Entry]:
    """Yield a book's templates by generation and number. Raises LookupError for a generation that it does not have."""
    for number in range(len(book.generations)) if generation is None else (_existing(book, generation),):
        for place, template in enumerate(book.generations[number].templates):
            yield Entry(number, place, template, template.digest in book.retired)


def find_entry(book: Codebook, name: str, generation: int | None = None) -> Entry:
    """Return the template of this number, or whose digest begins so; of the newest generation, unless one is named.

    A digest is looked for in older generations too. Raises LookupError where there is none, or more than one.
    """
    if _NUMBER.fullmatch(name):
        return _numbered(book, int(name), generation)
    if not _DIGEST.fullmatch(name):
        raise LookupError(f"{name[:40]!r} is neither a number nor {MIN_DIGEST} to 32 hex digits of a digest")
    latest = {
        entry.template.digest: entry for entry in entries_of(book, generation) if entry.digest.startswith(name.lower())
    }
    if len(latest) != 1:
        there = f"{len(latest)} templates, name more digits of one" if latest else "no template"
        raise LookupError(f"digest {name}: there is {there}")
    return next(iter(latest.values()))


def since_generation(book: Codebook, template: Template) -> int:
    """Return the first generation that holds a template of the book."""
    return next(number for number, each in enumerate(book.generations) if template.digest in each.digests)


def _numbered(book: Codebook, number: int, generation: int | None) -> Entry:
    if not book.generations:
        raise LookupError("the store holds no template yet")
    place = _existing(book, len(book.generations) - 1 if generation is None else generation)
    templates = book.generations[place].templates
    if number >= len(templates):
        raise LookupError(f"generation {place} has no template {number}: its numbers end at {len(templates) - 1}")
    template = templates[number]
    return Entry(place, number, template, template.digest in book.retired)


def _existing(book: Codebook, generation: int) -> int:
    if generation >= len(book.generations):
        count = len(book.generations)
        there = f"the newest is {count - 1}" if count else "the store holds none yet"
        raise LookupError(f"there is no generation {generation}: {there}")
    return generation
