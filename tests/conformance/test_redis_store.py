"""The template store over a real Redis keeps the whole contract, with each kind of journal."""

from __future__ import annotations

from pathlib import Path

import pytest
from aura_connectors.files.journal import maker as file_maker
from aura_connectors.kafka.journal import maker as kafka_maker
from aura_connectors.redis_streams.journal import maker as redis_maker
from aura_connectors.redis_streams.shared_log import maker as log_maker

from aura_stream.ports import Journal, TemplateStore
from aura_stream.store import FolderMirror, Properties, SharedStore
from aura_stream.testing import StoreConformance


class _RedisStore(StoreConformance):
    @pytest.fixture(autouse=True)
    def _places(self, redis_url: str, tmp_path: Path) -> None:
        self.url = redis_url
        self.folder = tmp_path

    def journal(self, namespace: str) -> Journal:
        raise NotImplementedError

    def new_store(self, namespace: str, properties: Properties) -> TemplateStore:
        log = log_maker.shared_log(log_maker.options.model_validate({"url": self.url}), namespace)
        mirror = FolderMirror(self.folder / "mirror", namespace, "discover")
        return SharedStore(log, self.journal(namespace), namespace, properties, mirror)


@pytest.mark.integration
class TestRedisStoreWithAFileJournal(_RedisStore):
    def journal(self, namespace: str) -> Journal:
        return file_maker.journal(file_maker.options.model_validate({"path": self.folder / namespace}), namespace)


@pytest.mark.integration
class TestRedisStoreWithARedisJournal(_RedisStore):
    def journal(self, namespace: str) -> Journal:
        return redis_maker.journal(redis_maker.options.model_validate({"url": self.url}), namespace)


@pytest.mark.integration
class TestRedisStoreWithAKafkaJournal(_RedisStore):
    @pytest.fixture(autouse=True)
    def _broker(self, kafka: str) -> None:
        self.servers = kafka

    def journal(self, namespace: str) -> Journal:
        return kafka_maker.journal(kafka_maker.options.model_validate({"servers": self.servers}), namespace)
