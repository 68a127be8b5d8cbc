"""Drafts: the entries that would make a ledger's codebook longer, each chained to the one before."""

from __future__ import annotations

from collections.abc import Sequence

from aura_stream.codec import Generation, Proposal, Template
from aura_stream.model.log import Position
from aura_stream.store.bodies import Namespace, pack_opening
from aura_stream.store.entry import Entry, Kind
from aura_stream.store.ledger import Ledger


class Draft:
    """Entries behind the end of a ledger; `end` is the position behind the last of them."""

    def __init__(self, ledger: Ledger, epoch: int | None = None) -> None:
        self.entries: list[Entry] = []
        self.end = ledger.end
        self._epoch = ledger.epoch if epoch is None else epoch
        self._tail = ledger.tail

    def __bool__(self) -> bool:
        return bool(self.entries)

    def opening(self, generation: Generation) -> None:
        """Open the next generation; templates that do not fit into the opening follow it."""
        body, count = pack_opening(generation)
        number = self.end.generation + 1
        self._add("generation", number, -1, body, Position(number, count))
        self.templates(generation.templates[count:])

    def templates(self, templates: Sequence[Template]) -> None:
        """Give the next numbers to these templates."""
        for template in templates:
            generation, number = self.end
            self._add("template", generation, number, template.body, Position(generation, number + 1))

    def namespace(self, namespace: Namespace) -> None:
        """Begin a store."""
        self._add("namespace", -1, 0, namespace.to_body(), Position(-1, 1))

    def _add(self, kind: Kind, generation: int, number: int, body: bytes, end: Position) -> None:
        entry = Entry(kind, self._epoch, generation, number, self._tail, body)
        self.entries.append(entry)
        self._tail = entry.record.tail
        self.end = end


def additions(ledger: Ledger, proposal: Proposal) -> Draft:
    """Return what makes the ledger's book the one that `Codebook.extended` would make of it."""
    book = ledger.book
    longer = book.extended(proposal)
    draft = Draft(ledger)
    newest = longer.newest
    if longer is book or newest is None:
        return draft
    if len(longer.generations) > len(book.generations):
        draft.opening(newest)
    else:
        draft.templates(newest.templates[ledger.end.length :])
    return draft


def reopening(ledger: Ledger) -> Draft:
    """Return what opens the next generation, in the next epoch, with the templates there are."""
    draft = Draft(ledger, ledger.epoch + 1)
    draft.opening(ledger.book.newest or Generation())
    return draft


def founding(namespace: Namespace) -> Draft:
    """Return what begins a store."""
    draft = Draft(Ledger())
    draft.namespace(namespace)
    return draft
