"""The stores, and the shared log and journal in memory, keep their contracts."""

from __future__ import annotations

from collections import defaultdict

import pytest

from aura_stream.ports import Journal, SharedLog
from aura_stream.testing import (
    JournalConformance,
    MemoryJournal,
    MemoryJournalServer,
    MemoryLogServer,
    MemorySharedLog,
    SharedLogConformance,
)


class TestMemorySharedLog(SharedLogConformance):
    @pytest.fixture(autouse=True)
    def _servers(self) -> None:
        self.servers: dict[str, MemoryLogServer] = defaultdict(MemoryLogServer)

    def new_log(self, namespace: str) -> SharedLog:
        return MemorySharedLog(self.servers[namespace])

    def unreachable_log(self) -> SharedLog:
        server = MemoryLogServer()
        server.available = False
        return MemorySharedLog(server)


class TestMemoryJournal(JournalConformance):
    @pytest.fixture(autouse=True)
    def _servers(self) -> None:
        self.servers: dict[str, MemoryJournalServer] = defaultdict(MemoryJournalServer)

    def new_journal(self, namespace: str) -> Journal:
        return MemoryJournal(self.servers[namespace])

    def unreachable_journal(self) -> Journal:
        server = MemoryJournalServer()
        server.available = False
        return MemoryJournal(server)
