"""Looking at the mirrors that the processes of a namespace keep on this host, without taking hold of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from aura_stream.codec import Codebook
from aura_stream.errors import CodebookError
from aura_stream.model.framing import DamagedFileError, split_varint
from aura_stream.ports import Finding
from aura_stream.store.ledger import Ledger
from aura_stream.store.mirror import MAX_MIRROR


def check_mirrors(folder: Path, namespace: str, book: Codebook) -> Iterator[Finding]:
    """Yield how each mirror is: whole, and the beginning of the book or all of it. A damaged one mends itself at the
    next start of its process, so nothing is lost with it.
    """
    parent = folder / quote(namespace, safe="").replace(".", "%2E")
    for path in sorted(parent.glob("*/entries")):
        problem = _problem(path, book)
        yield Finding(f"mirror {path.parent.name}", problem, "repairable" if problem else "ok")


def _problem(path: Path, book: Codebook) -> str:
    try:
        if path.stat().st_size > MAX_MIRROR:
            return "it is larger than any mirror"
        data = path.read_bytes()
        items = split_varint(data, 0, len(data) + 1, len(data) + 1)
        ledger = Ledger()
        for number, record in enumerate(items.values):
            outcome = ledger.apply(record)
            if outcome.verdict != "applied":
                return f"entry {number} ({outcome.name}) is {outcome.verdict}"
    except OSError as error:
        return error.strerror or "it cannot be read"
    except (DamagedFileError, CodebookError) as error:
        return f"it is damaged: {error}"
    return "" if ledger.book.is_prefix_of(book) else "it holds other entries than the store"
