"""The stores, and the shared log and journal in memory, keep their contracts."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from aura_stream.ports import Journal, SharedLog, TemplateStore
from aura_stream.store import FileStore, FolderMirror, MemoryStore, Properties, SharedStore
from aura_stream.testing import (
    JournalConformance,
    MemoryJournal,
    MemoryJournalServer,
    MemoryLogServer,
    MemorySharedLog,
    SharedLogConformance,
    StoreConformance,
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


class TestMemoryStore(StoreConformance):
    shared = False

    def new_store(self, namespace: str, properties: Properties) -> TemplateStore:
        return MemoryStore(properties.check_bytes, properties.raw)


class TestFileStore(StoreConformance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def new_store(self, namespace: str, properties: Properties) -> TemplateStore:
        return FileStore(self.folder / f"{namespace}.book", properties, create=True)


class TestSharedStoreInMemory(StoreConformance):
    @pytest.fixture(autouse=True)
    def _servers(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.logs: dict[str, MemoryLogServer] = defaultdict(MemoryLogServer)
        self.journals: dict[str, MemoryJournalServer] = defaultdict(MemoryJournalServer)

    def new_store(self, namespace: str, properties: Properties) -> TemplateStore:
        return SharedStore(
            MemorySharedLog(self.logs[namespace]),
            MemoryJournal(self.journals[namespace]),
            namespace,
            properties,
            FolderMirror(self.folder, namespace, "run"),
        )
