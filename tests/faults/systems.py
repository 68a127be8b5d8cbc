"""The servers of a run, each behind a proxy: what the configuration says of them, and where oracle and judge go."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError

from aura_stream.app.embedded import EmbeddedServer, free_port
from tests.faults.plan import Kind, Place
from tests.infra.kafka import Broker
from tests.infra.kafka.tools import administering, create_topic
from tests.infra.proxy import Proxy, proxy_to
from tests.infra.redis import find_redis

# As a server that survives kill -9 and loses nothing that it acknowledged.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


@dataclass(slots=True)
class System:
    """One server and the proxy that workers have to go through; several may stand in front of one server."""

    kind: Kind
    proxy: Proxy
    broker: Broker | None = None
    redis: EmbeddedServer | None = None

    @property
    def address(self) -> str:
        """Where it is reached directly: host:port, or a url."""
        if self.broker is not None:
            return self.broker.servers
        assert self.redis is not None
        return self.redis.url

    @property
    def connection(self) -> Mapping[str, Any]:
        """How workers reach it: through the proxy."""
        place = f"127.0.0.1:{self.proxy.port}"
        return {"servers": place} if self.kind == "kafka" else {"url": f"redis://{place}/0"}

    @property
    def server(self) -> EmbeddedServer:
        """The Redis."""
        assert self.redis is not None, "a run with Redis"
        return self.redis

    @property
    def kafka(self) -> Broker:
        """The Kafka."""
        assert self.broker is not None, "a run with Kafka"
        return self.broker


@dataclass(slots=True)
class Servers:
    """Starts what a run needs and stops it with `stack`; the broker is the session's, each Redis the run's own."""

    stack: AsyncExitStack
    broker: Any  # () -> Broker
    folder: Path
    _redis: list[EmbeddedServer] = field(default_factory=list)

    async def pair(self, kinds: Sequence[Kind], options: Sequence[str], *, together: bool) -> tuple[System, System]:
        """Start input and output. `together`: both behind one proxy, for what asks for one server."""
        source = await self.start(kinds[0], "VIA_INPUT", options)
        if together and kinds[0] == kinds[1]:
            return source, source
        if kinds[0] == kinds[1] == "redis_streams":
            return source, await self.before(source.server)
        return source, await self.start(kinds[1], "VIA_OUTPUT", options)

    async def start(self, kind: Kind, listener: str = "", options: Sequence[str] = ()) -> System:
        """Start a server, or take the session's, with a proxy in front."""
        if kind == "kafka":
            broker: Broker = self.broker()
            port, advertised = broker.proxied[listener]
            return System(kind, await self.stack.enter_async_context(proxy_to(port, advertised)), broker)
        folder = self.folder / f"redis-{len(self._redis)}"
        folder.mkdir()
        server = EmbeddedServer(find_redis(), options or DURABLE, free_port(), folder)
        self.stack.enter_context(server)
        self._redis.append(server)
        return await self.before(server)

    async def before(self, server: EmbeddedServer) -> System:
        """Put one more proxy in front of a Redis."""
        return System("redis_streams", await self.stack.enter_async_context(proxy_to(server.port)), redis=server)


async def make_places(
    base: str, lanes: int, source: System, output: System, settings: Mapping[str, str]
) -> tuple[Place, Place]:
    """Make the topics and name the streams of a run. `settings`: of the output's topics."""
    names = [base] if source.kind == "kafka" else [f"{base}.{lane}" for lane in range(lanes)]
    partitions = lanes if source.kind == "kafka" else 1
    if source.kind == "kafka":
        await create_topic(source.address, base, lanes)
    if output.kind == "kafka":
        for name in names:
            await create_topic(output.address, f"{name}.aura", partitions, **settings)
    outputs = [f"{name}.aura" for name in names]
    written = Place(output.kind, output.address, outputs, partitions if output.kind == "kafka" else 1)
    return Place(source.kind, source.address, names, partitions), written


async def delete_topics(places: Sequence[Place | None]) -> None:
    """Delete the topics of a run, which many runs would fill a disk with; streams go with their server."""
    for place in places:
        if place is not None and place.kind == "kafka":
            # A broker that a failed run left dead keeps them.
            with contextlib.suppress(KafkaError, OSError):
                async with administering(place.address) as client:
                    await client.delete_topics(list(place.names))


def dead_letters_of(output: Place) -> Place:
    """Return where the dead letters of a run go."""
    return Place(
        output.kind, output.address, [name.removesuffix("aura") + "dead" for name in output.names], output.partitions
    )


def configuration(
    base: str, source: System, output: System, names: Sequence[str], session: float, delivery: float | None
) -> dict[str, Any]:
    """Return what the configuration says of both sides; `delivery`: seconds that a Kafka may take for a batch."""
    if source.kind == "kafka":
        given = {"topics": list(names), "group": f"group-{base}", "session_timeout": f"{session:g}s"}
    else:
        given = {"streams": list(names), "group": "bridge", "lease": f"{session:g}s"}
    if output.kind == "kafka":
        taken = {"topic": "{source}.aura"} | ({"delivery_timeout": f"{delivery:g}s"} if delivery else {})
    else:
        taken = {"stream": "{source}.aura"}
    return {
        "input": {source.kind: {**source.connection, **given}},
        "output": {output.kind: {**output.connection, **taken}},
    }


def place_of_dead_letters(output: System) -> Mapping[str, str]:
    """Return what the configuration says of dead letters."""
    return {"topic" if output.kind == "kafka" else "stream": "{source}.dead"}
