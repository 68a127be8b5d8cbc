"""The journals keep the whole contract: a file, a Redis stream with and without an append-only file, a Kafka topic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aura_connectors.files.journal import maker as file_maker
from aura_connectors.kafka.journal import maker as kafka_maker
from aura_connectors.redis_streams.journal import maker as redis_maker

from aura_stream.app.embedded import free_port
from aura_stream.ports import Journal, JournalMaker
from aura_stream.testing import JournalConformance
from tests.infra.redis import StartRedis


def _journal(maker: JournalMaker, namespace: str, **options: Any) -> Journal:
    return maker.journal(maker.options.model_validate(options), namespace)


class TestFileJournal(JournalConformance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def new_journal(self, namespace: str) -> Journal:
        return _journal(file_maker, namespace, path=self.folder / namespace)

    def unreachable_journal(self) -> Journal | None:
        return None


@pytest.mark.integration
class TestRedisJournal(JournalConformance):
    @pytest.fixture(autouse=True)
    def _server(self, redis_url: str) -> None:
        self.url = redis_url

    def new_journal(self, namespace: str) -> Journal:
        return _journal(redis_maker, namespace, url=self.url)

    def unreachable_journal(self) -> Journal | None:
        return _journal(redis_maker, "any", url=f"redis://127.0.0.1:{free_port()}/0")


@pytest.mark.integration
class TestRedisJournalOnDisk(TestRedisJournal):
    @pytest.fixture(autouse=True)
    def _server(self, start_redis: StartRedis) -> None:  # type: ignore[override]
        self.url = start_redis("--appendonly", "yes", "--appendfsync", "always").url


@pytest.mark.integration
class TestKafkaJournal(JournalConformance):
    @pytest.fixture(autouse=True)
    def _broker(self, kafka: str) -> None:
        self.servers = kafka

    def new_journal(self, namespace: str) -> Journal:
        return _journal(kafka_maker, namespace, servers=self.servers)

    def unreachable_journal(self) -> Journal | None:
        return _journal(kafka_maker, "any", servers=f"127.0.0.1:{free_port()}")
