"""Numbering: one generation of a ledger while it grows."""

from __future__ import annotations

from aura_stream.codec import Generation, Template


class Numbering:
    """Templates by their numbers. `generation` makes the codebook's immutable form of it, once per length."""

    def __init__(self, opened: Generation) -> None:
        self._opened = opened
        self._templates = list(opened.templates)
        self._digests = set(opened.digests)
        self._made = opened

    def __len__(self) -> int:
        return len(self._templates)

    def __contains__(self, template: Template) -> bool:
        return template.digest in self._digests

    def append(self, template: Template) -> None:
        """Give the next number to a template."""
        self._templates.append(template)
        self._digests.add(template.digest)

    def generation(self, length: int | None = None) -> Generation:
        """Return it as it is now, or with its first templates only."""
        if length is None or length == len(self._templates):
            if len(self._made.templates) != len(self._templates):
                self._made = self._of(len(self._templates))
            return self._made
        return self._of(length)

    def _of(self, length: int) -> Generation:
        return Generation(tuple(self._templates[:length]), self._opened.dictionary, self._opened.birth)
