"""Dead letters on real systems: listed without a trace, put back with all that came beside them, and never lost."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from aura_stream.app import InstalledConnectors, option_models, run_bridge
from aura_stream.app.dead_letters import Letter, read_letters
from aura_stream.app.replaying import Replayed, replay
from aura_stream.codec import Codebook, HybridCodec
from aura_stream.config import Config, parse_config
from tests.infra.kafka.tools import Record, create_topic, produce, read_all
from tests.infra.redis import StartRedis, raw_client
from tests.integration.bridge_systems import COMMAND, PATIENCE, KafkaSystem, RedisSystem, System, eventually, run_once
from tests.integration.redis_tools import command
from tests.integration.test_redis_connection import SECRET, documented_rules, with_user

pytestmark = pytest.mark.integration

CONNECTORS = InstalledConnectors()
SMALL = 20  # bytes: the limit while messages become dead letters
PAIRS = [
    ("kafka", "kafka", "at_least_once"),
    ("kafka", "kafka", "exactly_once"),
    ("redis_streams", "redis_streams", "at_least_once"),
    ("redis_streams", "redis_streams", "exactly_once"),
    ("kafka", "redis_streams", "at_least_once"),
    ("redis_streams", "kafka", "at_least_once"),
]
WITHIN_ONE = PAIRS[:4]
KEYS = {"kafka": "topic", "redis_streams": "stream"}


def message(row: int) -> bytes:
    """Every third message is too large."""
    return b"large message %d of many" % row if row % 3 == 0 else b"message %d" % row


class Bridge:
    """A bridge between two real systems, whose large messages become dead letters unless the limit is lifted."""

    def __init__(self, source: System, sink: System, delivery: str, count: int = 60) -> None:
        self.topic = f"letters-{uuid4().hex[:10]}"
        self.source, self.sink, self.delivery, self.count = source, sink, delivery, count
        self.messages: list[bytes] = [message(row) for row in range(count)]
        self.large = [each for each in self.messages if each.startswith(b"large")]

    def text(self, limit: int | None = None, **more: Any) -> str:
        """Return a configuration file; JSON is YAML."""
        mapping: dict[str, Any] = {
            "namespace": self.topic,
            "input": {self.source.name: self.source.input(self.topic)},
            "output": {self.sink.name: self.sink.output(f"{self.topic}.out")},
            "store": {"memory": {}},
            "delivery": self.delivery,
            "dead_letter": {KEYS[self.sink.name]: "{source}.dead"},
            "limits": {} if limit is None else {"message": limit},
        }
        return json.dumps(mapping | more)

    def config(self, limit: int | None = None, **more: Any) -> Config:
        return parse_config(self.text(limit, **more), "x", option_models(CONNECTORS), {})

    async def bury(self) -> None:
        """Send everything over that is small enough."""
        await self.source.write(self.topic, self.messages)
        await self.sink.prepare_output(f"{self.topic}.out")
        await run_once(self.text(SMALL))

    async def send(self, messages: Sequence[bytes]) -> None:
        """Send more."""
        if isinstance(self.source, KafkaSystem):
            await produce(self.source.servers, self.topic, [Record(each) for each in messages])
        else:
            await self.source.write(self.topic, messages)

    async def letters(self) -> list[Letter]:
        return [letter async for letter in read_letters(self.config(), CONNECTORS)]

    async def buried(self) -> list[bytes | None]:
        """Return the messages of all dead letters, in the order in which they were sent."""
        return sorted(
            (letter.value for letter in await self.letters()), key=lambda value: int((value or b"").split()[2])
        )

    async def replay(self, limit: int | None = None, only: Sequence[str] = ()) -> Replayed:
        return await asyncio.wait_for(replay(self.config(limit), CONNECTORS, only), PATIENCE)

    async def arrived(self) -> list[bytes]:
        codec = HybridCodec(Codebook())
        return [codec.decode(value or b"") for value in await self.sink.values(f"{self.topic}.out")]


@pytest_asyncio.fixture
async def systems(kafka: str, redis: Redis, redis_url: str) -> Mapping[str, System]:
    return {"kafka": KafkaSystem(kafka), "redis_streams": RedisSystem(redis, redis_url)}


@pytest_asyncio.fixture
async def bridge(systems: Mapping[str, System], request: pytest.FixtureRequest) -> Bridge:
    source, sink, delivery = request.param
    made = Bridge(systems[source], systems[sink], delivery)
    await made.bury()
    return made


@pytest.mark.parametrize("bridge", PAIRS, indirect=True)
async def test_dead_letters_of_every_pair_are_looked_at_tried_chosen_and_put_back(bridge: Bridge) -> None:
    assert await bridge.buried() == bridge.large
    assert await bridge.buried() == bridge.large, "looking changes nothing"

    assert await bridge.replay(SMALL) == Replayed(again=len(bridge.large))
    letters = await bridge.letters()
    assert {letter.note.attempts for letter in letters if letter.note} == {2}
    assert len(await bridge.arrived()) == bridge.count - len(bridge.large)

    chosen = letters[4]
    assert chosen.note is not None
    done = await bridge.replay(only=[chosen.note.message])
    assert (done.over, done.again) == (1, 0)
    assert [each for each in await bridge.arrived() if each.startswith(b"large")] == [chosen.value]
    left = Counter(letter.note for letter in letters) - Counter([chosen.note])
    assert Counter(letter.note for letter in await bridge.letters()) == left, "the others stay as they were"

    assert await bridge.replay() == Replayed(over=len(bridge.large) - 1)
    assert Counter(await bridge.arrived()) == Counter(bridge.messages)
    assert await bridge.letters() == []
    assert await bridge.replay() == Replayed()


class TestBeside:
    """What comes beside a message goes over with it."""

    async def test_a_record_keeps_key_headers_timestamp_and_partition(self, kafka: str) -> None:
        topic = f"letters-{uuid4().hex[:10]}"
        await create_topic(kafka, topic, 3)
        records = [
            Record(b"x" * 30, b"key", (("name", b"\xff"), ("name", None)), 1_700_000_000_001, 2),
            Record(b"y" * 30, None, (), 1_700_000_000_002, 1),
            Record(b"small", None, (), 1_700_000_000_003, 1),
        ]
        await produce(kafka, topic, records)
        bridge = Bridge(KafkaSystem(kafka), KafkaSystem(kafka), "at_least_once")
        bridge.topic = topic
        await run_once(bridge.text(SMALL))
        assert (await bridge.replay()).over == 2
        arrived = await read_all(kafka, f"{topic}.out")
        assert sorted(arrived, key=lambda record: record.timestamp) == records

    async def test_an_entry_keeps_its_fields_and_is_deleted_where_it_was_buried(
        self, redis: Redis, redis_url: str
    ) -> None:
        system = RedisSystem(redis, redis_url)
        bridge = Bridge(system, system, "exactly_once", count=12)
        await bridge.bury()
        entries = await system.read(bridge.topic)
        await bridge.replay()
        arrived = await system.read(f"{bridge.topic}.out")
        assert sorted(map(repr, arrived)) == sorted(map(repr, entries))
        assert await system.read(f"{bridge.topic}.dead") == []


class TestFaults:
    @pytest.mark.parametrize("bridge", WITHIN_ONE[::2], indirect=True)
    async def test_a_replay_that_is_killed_loses_nothing(self, bridge: Bridge, tmp_path: Path) -> None:
        path = tmp_path / "bridge.yaml"
        path.write_text(bridge.text(limits={"messages_per_second": 5}, batch={"max_messages": 3}))
        process = await asyncio.create_subprocess_exec(COMMAND, "dead-letters", "replay", str(path))
        try:

            async def some_went_over() -> bool:
                return any(each.startswith(b"large") for each in await bridge.arrived())

            await eventually("the first ones", some_went_over)
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        left = len(await bridge.letters())
        assert 0 < left <= len(bridge.large)
        await bridge.replay()
        arrived = Counter(await bridge.arrived())
        assert set(arrived) == set(bridge.messages)
        assert arrived.total() <= bridge.count + 2 * 3, "what two portions held is repeated"
        assert await bridge.letters() == []

    @pytest.mark.parametrize("bridge", WITHIN_ONE[::2], indirect=True)
    async def test_two_replays_at_a_time_come_to_an_end_and_lose_nothing(self, bridge: Bridge) -> None:
        await asyncio.gather(bridge.replay(), bridge.replay())
        assert set(await bridge.arrived()) == set(bridge.messages)
        assert await bridge.letters() == []

    @pytest.mark.parametrize("bridge", WITHIN_ONE, indirect=True)
    async def test_a_replay_ends_with_what_lay_there_when_it_began(self, bridge: Bridge) -> None:
        """Though a bridge buries more meanwhile, right behind it."""
        slow = bridge.config(limits={"messages_per_second": 10}, batch={"max_messages": 4})
        running = asyncio.create_task(replay(slow, CONNECTORS))

        async def some_went_over() -> bool:
            return any(each.startswith(b"large") for each in await bridge.arrived())

        await eventually("the first ones", some_went_over)
        more = [b"large message %d, sent later" % row for row in range(5)]
        await bridge.send(more)
        await run_once(bridge.text(SMALL))
        assert await asyncio.wait_for(running, PATIENCE) == Replayed(over=len(bridge.large))
        assert [letter.value for letter in await bridge.letters()] == more
        assert Counter(await bridge.arrived()) == Counter(bridge.messages)


async def test_the_documented_permissions_of_a_redis_bridge_are_enough(start_each: StartRedis) -> None:
    url = await with_user(start_each, "bridge", *documented_rules("bridge"))
    admin = raw_client(url.replace("bridge@", ""))
    for row in range(4):
        await command(admin, "XADD", "orders.raw", "*", "d", message(row))
    side = {"url": url, "password": "${PASSWORD}"}
    mapping = {
        "input": {"redis_streams": {**side, "streams": ["orders.raw"], "group": "g"}},
        "output": {"redis_streams": side},
        "store": {"memory": {}},
        "delivery": "exactly_once",
        "dead_letter": {"stream": "{source}.dead"},
    }

    def config(**limits: int) -> Config:
        text = json.dumps({**mapping, "limits": limits})
        return parse_config(text, "x", option_models(CONNECTORS), {"PASSWORD": SECRET})

    await run_bridge(config(message=SMALL), CONNECTORS, once=True)
    assert len([letter async for letter in read_letters(config(), CONNECTORS)]) == 2
    assert await replay(config(), CONNECTORS) == Replayed(over=2)
    assert await command(admin, "XLEN", "orders.raw.aura") == 4
    await admin.aclose()
