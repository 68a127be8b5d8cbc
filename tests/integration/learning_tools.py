"""Traffic whose shape can change, and configurations in which bridges and discovery share one store."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aura_stream.app import InstalledConnectors
from aura_stream.ports import Tail
from tests.infra.kafka.tools import Record, produce
from tests.integration.bridge_systems import KafkaSystem, System, configuration

SHAPES: Final = (
    "INFO worker {a} finished job {b} for tenant {w} in {c} ms",
    "WARN request {b} from 10.0.{a}.7 to /api/v2/{w}/orders was retried {a} times, status=503",
    '{{"event":"payment","order":{b},"customer":"{w}","amount":{c}.50,"currency":"EUR"}}',
    "connection {b} closed by peer {w}.example.internal after {c} seconds of silence",
)
WORDS: Final = ("acme", "globex", "initech", "umbrella", "hooli", "stark")


class Traffic:
    """Seeded messages, no two alike. `written` is all that `next` ever gave, in order."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._number = 0
        self.written: list[bytes] = []

    def next(self, count: int, shapes: Sequence[str] = SHAPES) -> list[bytes]:
        """Return the next messages, of these shapes."""
        messages = [self._message(shapes) for _ in range(count)]
        self.written += messages
        return messages

    def _message(self, shapes: Sequence[str]) -> bytes:
        self._number += 1
        values = {"a": self._random.randrange(1, 99), "b": self._number, "c": self._random.randrange(1, 9999)}
        return self._random.choice(shapes).format(w=self._random.choice(WORDS), **values).encode()


@dataclass(frozen=True)
class Shared:
    """Bridges of one namespace over systems of one kind, and the Redis that their store is in."""

    system: System
    topic: str
    store_url: str
    folder: Path

    @property
    def frames(self) -> str:
        return f"{self.topic}.aura"

    def encode(self, **more: Any) -> str:
        """The configuration of the bridge and of discovery."""
        return self._configuration("encode", self.topic, self.frames, "mirror", **more)

    def decode(self, name: str, **more: Any) -> str:
        """That of a bridge that restores to the topic of this name, and has a mirror of its own."""
        return self._configuration("decode", self.frames, name, f"mirror-{name}", **more)

    def _configuration(self, direction: str, source: str, sink: str, mirror: str, **more: Any) -> str:
        store = {"redis": {"url": self.store_url}, "mirror": str(self.folder / mirror), **more.pop("store", {})}
        keys = {
            "namespace": self.topic,
            "store": store,
            "discovery": {"interval": "300ms", "cpu": 1.0},
            **more,
        }
        return configuration(direction, self.system, source, self.system, sink, Path("unused"), **keys)

    async def last_frames(self, count: int) -> list[bytes]:
        """Return the frames that were written last."""
        connector = InstalledConnectors()[self.system.name]
        assert isinstance(connector, Tail)
        options = connector.sink_options.model_validate(self.system.output(self.frames))
        tails = await connector.tail(options, [self.topic], count)
        return list(tails.get(self.frames, ()))

    async def write(self, messages: Sequence[bytes]) -> None:
        """Append to the raw topic."""
        await append(self.system, self.topic, messages)


async def append(system: System, topic: str, values: Sequence[bytes]) -> None:
    """Append to a topic, which must exist where it is one of Kafka."""
    if isinstance(system, KafkaSystem):
        await produce(system.servers, topic, [Record(value) for value in values])
    else:
        await system.write(topic, values)
