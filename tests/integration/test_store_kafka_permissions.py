"""The rights that docs/template-store.md names for a journal topic are enough, and fewer are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aura_connectors.kafka.journal import KafkaJournal
from aura_connectors.kafka.options import JournalOptions

from aura_stream.errors import ConfigError
from tests.infra.kafka import BOUND_USER, PASSWORD, Broker
from tests.infra.kafka.tools import TOPIC, allow, create_topic, read_all, topics_of

pytestmark = pytest.mark.integration

LOGIN = {"mechanism": "SCRAM-SHA-512", "username": BOUND_USER, "password": PASSWORD}


@pytest.fixture
def namespace() -> str:
    return f"orders-{uuid4().hex[:12]}"


@asynccontextmanager
async def bound(broker: Broker, namespace: str) -> AsyncIterator[KafkaJournal]:
    """A journal of the user that may do what the test allows."""
    mapping = {"servers": broker.listeners["SASL_PLAINTEXT"], "sasl": LOGIN}
    journal = KafkaJournal(JournalOptions.model_validate(mapping), namespace)
    try:
        yield journal
    finally:
        await journal.stop()


async def test_a_promoter_makes_and_writes_the_journal(secure_kafka: Broker, namespace: str) -> None:
    topic = f"aura-journal-{namespace}"
    await allow(secure_kafka.servers, BOUND_USER, TOPIC, topic, "Read", "Write", "DescribeConfigs", "Create")
    async with bound(secure_kafka, namespace) as journal:
        await journal.start(create=True)
        await journal.append([b"one"])
        assert list(await journal.read()) == [b"one"]


async def test_a_reader_reads_the_journal_and_cannot_write_it(secure_kafka: Broker, namespace: str) -> None:
    topic = f"aura-journal-{namespace}"
    await create_topic(secure_kafka.servers, topic)
    await allow(secure_kafka.servers, BOUND_USER, TOPIC, topic, "Read", "DescribeConfigs")
    async with bound(secure_kafka, namespace) as journal:
        await journal.start(create=False)
        assert list(await journal.read()) == []
        with pytest.raises(ConfigError, match="the user may"):
            await journal.append([b"one"])
    assert await read_all(secure_kafka.servers, topic) == []


async def test_a_reader_makes_no_journal(secure_kafka: Broker, namespace: str) -> None:
    topic = f"aura-journal-{namespace}"
    await allow(secure_kafka.servers, BOUND_USER, TOPIC, topic, "Read", "DescribeConfigs")
    async with bound(secure_kafka, namespace) as journal:
        await journal.start(create=False)
        assert list(await journal.read()) == []
        with pytest.raises(ConfigError):
            await journal.start(create=True)
    assert topic not in await topics_of(secure_kafka.servers)


async def test_a_promoter_that_cannot_see_the_retention_is_told(secure_kafka: Broker, namespace: str) -> None:
    topic = f"aura-journal-{namespace}"
    await create_topic(secure_kafka.servers, topic)
    await allow(secure_kafka.servers, BOUND_USER, TOPIC, topic, "Read", "Write")
    async with bound(secure_kafka, namespace) as journal:
        with pytest.raises(ConfigError, match="allow DescribeConfigs"):
            await journal.start(create=True)
