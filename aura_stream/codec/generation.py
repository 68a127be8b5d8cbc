"""Generation: one numbering of templates, and the dictionary and birth time that go with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from aura_stream.codec.general import is_dictionary
from aura_stream.codec.template import Template
from aura_stream.codec.wire import MAX_TEMPLATES
from aura_stream.errors import CodebookError

MAX_DICTIONARY: Final = 1 << 20


@dataclass(frozen=True)
class Generation:
    """One numbering: a template's number is its place. Templates are only ever appended.

    `birth` is the time (seconds since the epoch) that time slots are measured from. `dictionary` may be empty.
    """

    templates: tuple[Template, ...] = ()
    dictionary: bytes = b""
    birth: int = 0

    def __post_init__(self) -> None:
        if len(self.templates) > MAX_TEMPLATES:
            raise CodebookError(f"a generation holds at most {MAX_TEMPLATES} templates")
        if len(self.dictionary) > MAX_DICTIONARY:
            raise CodebookError(f"a dictionary has at most {MAX_DICTIONARY} bytes")
        if type(self.birth) is not int or not 0 <= self.birth < 1 << 40:
            raise CodebookError("a birth time is whole seconds within the calendar")
        if self.dictionary and not is_dictionary(self.dictionary):
            raise CodebookError("the dictionary is none that zstd can use")

    @cached_property
    def digests(self) -> frozenset[bytes]:
        """The digests of the templates."""
        return frozenset(template.digest for template in self.templates)


@dataclass(frozen=True)
class Proposal:
    """What a miner would add: `templates` to append, or with `opens`, all of the next generation in rank order."""

    templates: Sequence[Template] = ()
    opens: bool = False
    dictionary: bytes = b""
    birth: int = 0

    def __bool__(self) -> bool:
        return self.opens or bool(self.templates) or bool(self.dictionary)
