"""Importing templates into a namespace: from a codebook file, or from a JSON store of AURA.

Each entry is screened like one that a miner found. Those that pass become ordinary entries of the namespace,
appended to its newest generation under numbers of its own: the file's numbers mean nothing here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Final

from aura_stream.app.candidates import Candidate
from aura_stream.app.jsonstore import read_json_store
from aura_stream.app.screening import screen_template, screen_text
from aura_stream.codec import Codebook, Generation, Proposal, Template
from aura_stream.codec.bookfile import read_file
from aura_stream.codec.wire import MAX_TEMPLATES
from aura_stream.errors import CodebookError

_JSON_STARTS: Final = (b"", b"{", b"[", b'"')  # no codebook begins like that
_SPACE: Final = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Content:
    """What a file offers: templates in rank order; from a codebook, its newest dictionary and birth as well."""

    candidates: Sequence[Candidate]
    dictionary: bytes = b""
    birth: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """An entry that is not taken; the reason quotes none of its text."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What would be promoted, what the namespace has already, and what is refused."""

    proposal: Proposal
    known: Sequence[str] = ()
    refused: Sequence[Refusal] = ()
    notes: Sequence[str] = field(default_factory=tuple)


def read_import(path: str | PathLike[str], with_phrases: bool = False) -> Content:
    """Read a file of either kind. Raises CodebookError if it is neither, or damaged; OSError if it cannot be read."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise CodebookError(f"{path}: not a regular file")
    data = read_file(path)
    if data.lstrip(_SPACE)[:1] in _JSON_STARTS:
        try:
            return Content(list(read_json_store(data, with_phrases)))
        except CodebookError as error:
            raise CodebookError(f"{path}: {error}") from error
    book = Codebook.from_bytes(data, str(path))
    newest = book.newest or Generation()
    number = len(book.generations) - 1
    kept = [(place, each) for place, each in enumerate(newest.templates) if each.digest not in book.retired]
    candidates = [Candidate(f"template {number}-{place}", template) for place, template in kept]
    return Content(candidates, newest.dictionary, newest.birth)


def plan_import(book: Codebook, content: Content) -> ImportPlan:
    """Decide what becomes of each entry. A dictionary is taken where the namespace's newest generation has none."""
    newest = book.newest or Generation()
    fresh: dict[bytes, Template] = {}
    known: list[str] = []
    refused: list[Refusal] = []
    for candidate in content.candidates:
        template = candidate.template
        reason = candidate.problem if template is None else screen_template(template)
        if reason:
            refused.append(Refusal(candidate.name, reason))
        elif template is None or template.digest in newest.digests or template.digest in fresh:
            known.append(candidate.name)
        elif len(newest.templates) + len(fresh) >= MAX_TEMPLATES:
            refused.append(Refusal(candidate.name, f"the generation is full: it holds {MAX_TEMPLATES} templates"))
        else:
            fresh[template.digest] = template
    dictionary, notes = _dictionary(newest, content)
    birth = content.birth if dictionary or book.newest is None else 0
    return ImportPlan(Proposal(tuple(fresh.values()), False, dictionary, birth), known, refused, notes)


def _dictionary(newest: Generation, content: Content) -> tuple[bytes, Sequence[str]]:
    """Return the dictionary to promote, and what is to be said about one that is left out."""
    if not content.dictionary or content.dictionary == newest.dictionary:
        return b"", ()
    if newest.dictionary:
        return b"", ("the dictionary is left out: the namespace has one of its own",)
    reason = screen_text(content.dictionary)
    if reason:
        return b"", (f"the dictionary is left out: it {reason}",)
    return content.dictionary, ()
