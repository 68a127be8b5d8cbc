"""Codebook: the templates and dictionaries of one namespace with their numbers, in generations. Immutable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from typing import Final, Literal

from aura_stream.codec import bookfile
from aura_stream.codec.generation import Generation, Proposal
from aura_stream.codec.template import Template, digest_of
from aura_stream.errors import CodebookError

RawMode = Literal["plain", "marked"]
CHECK_SIZES: Final = (0, 1, 2, 4)
MAX_GENERATIONS: Final = 1 << 16


class CollisionError(CodebookError):
    """Two templates have one digest. Whichever came second is refused: which is meant could not be told any more."""


@dataclass(frozen=True)
class Codebook:
    """All that a decoder needs. `Codebook()` is the empty one; `check_bytes` and `raw` never change after it.

    `check_bytes`: 0, 1, 2 or 4 bytes at the end of each non-raw frame. `raw`: "plain" leaves a message that does
    not compress as it is, "marked" puts an escape byte before it (docs/wire-format.md says what each promises).
    `retired`: digests of templates that are no longer written with; they decode for ever.
    """

    check_bytes: int = 1
    raw: RawMode = "plain"
    generations: tuple[Generation, ...] = ()
    retired: frozenset[bytes] = frozenset()

    def __post_init__(self) -> None:
        if type(self.check_bytes) is not int or self.check_bytes not in CHECK_SIZES:
            raise CodebookError(f"check_bytes is one of {CHECK_SIZES}, not {self.check_bytes!r}")
        if self.raw not in ("plain", "marked"):
            raise CodebookError(f"raw is 'plain' or 'marked', not {self.raw!r}")
        if len(self.generations) > MAX_GENERATIONS:
            raise CodebookError(f"a codebook holds at most {MAX_GENERATIONS} generations")

    @property
    def newest(self) -> Generation | None:
        """The generation that is written with, None in an empty book."""
        return self.generations[-1] if self.generations else None

    def extended(self, proposal: Proposal) -> Codebook:
        """Return a longer book that decodes every frame of this one.

        Templates are appended to the newest generation, those it has already are passed over; a proposal that
        opens a generation (a new ranking), or the first one, becomes the next generation; a dictionary alone
        opens one that goes on with the present templates. Raises CollisionError for two templates of one digest.
        """
        if not proposal:
            return self
        newest = self.newest
        if proposal.opens or newest is None:
            generation = Generation(_distinct(proposal.templates), proposal.dictionary, proposal.birth)
            return replace(self, generations=(*self.generations, generation))
        if proposal.dictionary:
            templates = _distinct((*newest.templates, *proposal.templates))
            generation = Generation(templates, proposal.dictionary, proposal.birth or newest.birth)
            return replace(self, generations=(*self.generations, generation))
        fresh = _distinct(proposal.templates, {template.digest: template for template in newest.templates})
        if not fresh:
            return self
        longer = replace(newest, templates=newest.templates + fresh)
        return replace(self, generations=(*self.generations[:-1], longer))

    def without(self, digests: Collection[bytes]) -> Codebook:
        """Return the same book, in which these templates are retired: not written with any more."""
        retired = self.retired | frozenset(digests)
        return self if retired == self.retired else replace(self, retired=retired)

    def is_prefix_of(self, other: Codebook) -> bool:
        """Tell whether every frame of this book decodes the same with the other."""
        if (self.check_bytes, self.raw) != (other.check_bytes, other.raw):
            return False
        if len(self.generations) > len(other.generations):
            return False
        return all(
            ours.templates == theirs.templates[: len(ours.templates)]
            and (ours.dictionary, ours.birth) == (theirs.dictionary, theirs.birth)
            for ours, theirs in zip(self.generations, other.generations, strict=False)
        )

    @cached_property
    def digest(self) -> bytes:
        """A name for exactly this content: 16 bytes."""
        return digest_of(self.to_bytes())

    def save(self, path: str | PathLike[str]) -> None:
        """Write the book to a file, atomically: the old one or the new one is there, never a part."""
        bookfile.replace_file(path, self.to_bytes())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Codebook:
        """Read a book from a file. Raises CodebookError naming the damaged entry; OSError if it cannot be read."""
        return cls.from_bytes(bookfile.read_file(path), str(path))

    def to_bytes(self) -> bytes:
        """Return the book as the bytes of a codebook file."""
        return bookfile.dump(self.check_bytes, self.raw, self.generations, self.retired)

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "codebook") -> Codebook:
        """Read a book from the bytes of its file; `name` stands in error messages. Raises CodebookError."""
        return bookfile.parse(data, name, cls)


def _distinct(templates: Sequence[Template], known: Mapping[bytes, Template] | None = None) -> tuple[Template, ...]:
    """Return the templates that are not known, each once."""
    seen = dict(known or {})
    fresh = []
    for template in templates:
        first = seen.get(template.digest)
        if first is None:
            seen[template.digest] = template
            fresh.append(template)
        elif first.symbols != template.symbols:
            raise CollisionError(f"two templates have the digest {template.digest.hex()}")
    return tuple(fresh)
