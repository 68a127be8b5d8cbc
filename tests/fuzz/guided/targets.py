"""Every target of the guided fuzzer: what is given bytes, and the seeds that it begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.fuzz.guided import codec_targets, config_targets, store_targets


@dataclass(frozen=True, slots=True)
class Target:
    """`run` raises for a finding, and for nothing else."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]


TARGETS = {
    "frame": Target(codec_targets.frame, codec_targets.frames),
    "book-file": Target(codec_targets.book_file, codec_targets.book_files),
    "book-entries": Target(codec_targets.book_entries, codec_targets.entries_of_books),
    "config": Target(config_targets.config, config_targets.configs),
    "entry": Target(store_targets.entry, store_targets.entries),
    "ledger": Target(store_targets.ledger, store_targets.ledgers),
    "mirror-file": Target(store_targets.mirror_file, store_targets.mirror_files),
    "journal-file": Target(store_targets.journal_file, store_targets.journal_files),
    "log-reply": Target(store_targets.log_reply, store_targets.log_replies),
    "store": Target(store_targets.store, store_targets.stores),
}
