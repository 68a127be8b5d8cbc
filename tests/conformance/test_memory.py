"""The in-process connector keeps the whole contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from aura_connectors.memory import MemoryBroker, connector

from aura_stream.model import Partition, Records
from aura_stream.testing import ConnectorBinding, ConnectorConformance, DeadLettersConformance, ExactlyOnceConformance

BROKER = "conformance"


class _Memory(ConnectorBinding):
    connector = connector
    can_pause = True

    @pytest.fixture(autouse=True)
    def _broker(self) -> Iterator[None]:
        self.broker = MemoryBroker.named(BROKER)
        down = MemoryBroker.named(f"{BROKER}-down")
        down.available = False
        yield
        MemoryBroker.forget(BROKER)
        MemoryBroker.forget(f"{BROKER}-down")

    async def create(self, topic: str) -> None:
        self.broker.create(topic)

    async def produce(self, topic: str, values: Sequence[bytes | None]) -> None:
        rows = range(len(values))
        metadata = Records(
            keys=[None if row % 3 == 0 else b"key %d" % row for row in rows],
            headers=[[("name", b"%d" % row), ("name", None)][: row % 3] for row in rows],
            timestamps=[1_700_000_000_000 + row for row in rows],
            timestamp_types=[row % 2 for row in rows],
        )
        self.broker.append(Partition(topic), values, metadata)

    async def arrived(self, topic: str) -> Sequence[bytes | None]:
        logs = self.broker.topic(topic) or []
        return [value for log in logs for batch in log.read_all() for value in batch.values]

    def source_options(self, topic: str) -> Mapping[str, Any]:
        return {"broker": BROKER, "topics": [topic], "group": "conformance"}

    def sink_options(self, topic: str) -> Mapping[str, Any]:
        return {"broker": BROKER, "topic": topic}

    def unreachable_source_options(self) -> Mapping[str, Any] | None:
        return {"broker": f"{BROKER}-down", "topics": ["any"]}

    def unreachable_sink_options(self) -> Mapping[str, Any] | None:
        return {"broker": f"{BROKER}-down", "topic": "any"}


class TestMemory(_Memory, ConnectorConformance):
    pass


class TestMemoryDeadLetters(_Memory, DeadLettersConformance):
    pass


class TestMemoryExactlyOnce(_Memory, ExactlyOnceConformance):
    def apart_options(self, topic: str) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        return self.source_options(topic), {"broker": f"{BROKER}-other", "topic": topic}
