"""The Kafka connector keeps the whole contract, against a real broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest
from aura_connectors.kafka import connector

from aura_stream.testing import ConnectorBinding, ConnectorConformance, DeadLettersConformance, ExactlyOnceConformance
from tests.infra.kafka.broker import free_ports
from tests.infra.kafka.tools import Record, create_topic, produce, read_all

_SHRINKS_NOWHERE = Random(1).randbytes(1_200_000)  # no codec makes it fit into 1 MiB, which topics take by default


class _Kafka(ConnectorBinding):
    connector = connector
    can_pause = True

    @pytest.fixture(autouse=True)
    def _broker(self, kafka: str) -> None:
        self.servers = kafka

    async def create(self, topic: str) -> None:
        await create_topic(self.servers, topic)

    async def produce(self, topic: str, values: Sequence[bytes | None]) -> None:
        records = [
            Record(
                value,
                key=None if row % 3 == 0 else b"key %d" % row,
                headers=(("name", b"%d" % row), ("name", None))[: row % 3],
                timestamp=1_700_000_000_000 + row,
            )
            for row, value in enumerate(values)
        ]
        await produce(self.servers, topic, records)

    async def arrived(self, topic: str) -> Sequence[bytes | None]:
        return [record.value for record in await read_all(self.servers, topic)]

    def source_options(self, topic: str) -> Mapping[str, Any]:
        return {"servers": self.servers, "topics": [topic], "group": f"group-{topic}"}

    def sink_options(self, topic: str) -> Mapping[str, Any]:
        return {"servers": self.servers, "topic": topic}

    def unreachable_source_options(self) -> Mapping[str, Any] | None:
        return {"servers": f"127.0.0.1:{free_ports(1)[0]}", "topics": ["any"], "group": "any"}

    def unreachable_sink_options(self) -> Mapping[str, Any] | None:
        return {"servers": f"127.0.0.1:{free_ports(1)[0]}", "topic": "any"}


@pytest.mark.integration
class TestKafka(_Kafka, ConnectorConformance):
    pass


@pytest.mark.integration
class TestKafkaDeadLetters(_Kafka, DeadLettersConformance):
    def lean_sink_options(self, topic: str) -> Mapping[str, Any]:
        return self.sink_options(topic) | {"metadata": False}


@pytest.mark.integration
class TestKafkaExactlyOnce(_Kafka, ExactlyOnceConformance):
    unwritable = _SHRINKS_NOWHERE
    unburiable = _SHRINKS_NOWHERE  # letters have room for a note more, and not for that
