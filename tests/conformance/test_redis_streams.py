"""The connector for Redis Streams keeps the whole contract, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
import pytest_asyncio
from aura_connectors.redis_streams import connector
from aura_connectors.redis_streams.lease import lease_key

from aura_stream.app.embedded import free_port
from aura_stream.model import Batch
from aura_stream.ports import Source
from aura_stream.testing import ConnectorBinding, ConnectorConformance, DeadLettersConformance, ExactlyOnceConformance
from tests.infra.redis import raw_client


class _RedisStreams(ConnectorBinding):
    connector = connector
    can_pause = True
    needs_existing_input = False

    @pytest_asyncio.fixture(autouse=True)
    async def _server(self, redis_url: str) -> AsyncIterator[None]:
        self.url = redis_url
        self.redis = raw_client(redis_url)
        yield
        await self.redis.aclose()

    async def produce(self, topic: str, values: Sequence[bytes | None]) -> None:
        for row, value in enumerate(values):
            fields: list[bytes] = [b"row", b"%d" % row] if row % 3 or value is None else []
            if value is not None:
                at = row % 2 * len(fields)  # before or behind the other fields
                fields[at:at] = [b"d", value]
            await self.redis.execute_command("XADD", topic, "*", *fields, b"row", b"again")

    async def arrived(self, topic: str) -> Sequence[bytes | None]:
        entries = await self.redis.execute_command("XRANGE", topic, "-", "+")
        rows = [list(zip(flat[::2], flat[1::2], strict=True)) for _, flat in entries]
        return [next((value for name, value in row if name == b"d"), None) for row in rows]

    def source_options(self, topic: str) -> Mapping[str, Any]:
        return {"url": self.url, "streams": [topic], "group": "conformance"}

    def sink_options(self, topic: str) -> Mapping[str, Any]:
        return {"url": self.url, "stream": topic}

    def unreachable_source_options(self) -> Mapping[str, Any] | None:
        return {"url": f"redis://127.0.0.1:{free_port()}/0", "streams": ["any"], "group": "any"}

    def unreachable_sink_options(self) -> Mapping[str, Any] | None:
        return {"url": f"redis://127.0.0.1:{free_port()}/0", "stream": "any"}


@pytest.mark.integration
class TestRedisStreams(_RedisStreams, ConnectorConformance):
    pass


@pytest.mark.integration
class TestRedisDeadLetters(_RedisStreams, DeadLettersConformance):
    def lean_sink_options(self, topic: str) -> Mapping[str, Any]:
        return {**self.sink_options(topic), "metadata": False, "maxlen": 10}


@pytest.mark.integration
class TestRedisExactlyOnce(_RedisStreams, ExactlyOnceConformance):
    async def lose(self, topic: str, source: Source, batches: Sequence[Batch]) -> None:
        """Let the lease run out, as it would for a worker that stands still; another one takes it."""
        await self.redis.execute_command("DEL", lease_key(topic, "conformance"))
        await super().lose(topic, source, batches)

    def apart_options(self, topic: str) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        elsewhere = f"{self.url.rpartition('/')[0]}/7"
        return self.source_options(topic), {"url": elsewhere, "stream": topic}
