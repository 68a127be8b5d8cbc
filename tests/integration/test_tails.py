"""Tails: the last values of an output are seen, and nobody can tell that we looked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aura_connectors.files import connector as files
from aura_connectors.kafka import connector as kafka_connector
from aura_connectors.memory import connector as memory
from aura_connectors.redis_streams import connector as redis_connector
from redis.asyncio import Redis

from aura_stream.errors import ConfigError, MessageError, UnavailableError
from aura_stream.model.framing import join_varint
from aura_stream.ports import Tail
from tests.infra.kafka.tools import create_topic
from tests.integration.kafka_support import unique
from tests.integration.redis_tools import add, command, numbered

pytestmark = pytest.mark.integration


def test_every_connector_shows_its_last_frames() -> None:
    assert all(isinstance(each, Tail) for each in (files, kafka_connector, redis_connector, memory))


@pytest.mark.parametrize("limit", [1, 999, 1000, 1001, 5000])
async def test_the_last_entries_of_a_stream_are_seen(redis_url: str, redis: Redis, stream: str, limit: int) -> None:
    values = numbered(0, 2500)
    await add(redis, f"{stream}.aura", values)
    assert isinstance(redis_connector, Tail)
    options = redis_connector.sink_options.model_validate({"url": redis_url})
    assert await redis_connector.tail(options, [stream, "no-such"], limit) == {f"{stream}.aura": values[-limit:]}
    assert await command(redis, "XINFO", "GROUPS", f"{stream}.aura") == []
    source = redis_connector.source_options.model_validate(
        {"url": redis_url, "streams": [f"{stream}.aura"], "group": "g"}
    )
    assert await redis_connector.tail(source, [], limit) == {f"{stream}.aura": values[-limit:]}


async def test_entries_without_the_field_are_left_out_and_the_first_of_a_name_counts(
    redis_url: str, redis: Redis, stream: str
) -> None:
    await command(redis, "XADD", stream, "*", "other", "x")
    await command(redis, "XADD", stream, "*", "d", "first", "d", "second")
    assert isinstance(redis_connector, Tail)
    options = redis_connector.sink_options.model_validate({"url": redis_url, "stream": stream})
    assert await redis_connector.tail(options, [stream], 10) == {stream: [b"first"]}


async def test_a_key_that_is_no_stream_is_said(redis_url: str, redis: Redis, stream: str) -> None:
    await command(redis, "SET", stream, "x")
    assert isinstance(redis_connector, Tail)
    options = redis_connector.sink_options.model_validate({"url": redis_url, "stream": stream})
    with pytest.raises(ConfigError, match="not a stream"):
        await redis_connector.tail(options, [stream], 10)


async def test_the_last_records_of_every_partition_are_seen(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic, 3)
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for number in range(30):
        value = None if number == 29 else b"%d" % number
        await producer.send_and_wait(topic, value, key=b"k", partition=number % 2)
    await producer.stop()
    assert isinstance(kafka_connector, Tail)
    options = kafka_connector.sink_options.model_validate({"servers": kafka, "topic": topic})
    found = await kafka_connector.tail(options, ["orders"], 9)
    assert sorted(map(int, found[topic])) == [24, 25, 26, 27, 28]
    everything = await kafka_connector.tail(options, ["orders"], 1000)
    assert sorted(map(int, everything[topic])) == list(range(29))
    missing = kafka_connector.sink_options.model_validate({"servers": kafka, "topic": unique()})
    assert await kafka_connector.tail(missing, ["orders"], 9) == {}


async def test_a_broker_that_does_not_answer_is_said() -> None:
    assert isinstance(kafka_connector, Tail)
    options = kafka_connector.sink_options.model_validate({"servers": "127.0.0.1:1"})
    with pytest.raises(UnavailableError):
        await kafka_connector.tail(options, ["orders"], 9)


async def test_the_last_frames_of_a_file_are_seen_up_to_what_is_being_written(tmp_path: Path) -> None:
    frames = [b"%d" % number * 1000 for number in range(2000)]  # more than one block
    path = tmp_path / "orders.log.frames"
    path.write_bytes(join_varint(frames) + b"\x7fcut off")
    assert isinstance(files, Tail)
    options = files.sink_options.model_validate({"path": f"{tmp_path}/{{source}}.frames"})
    assert await files.tail(options, ["orders.log", "no-such.log"], 5) == {str(path): frames[-5:]}
    source = files.source_options.model_validate({"paths": [path]})
    assert await files.tail(source, [], 5) == {str(path): frames[-5:]}
    assert os.listdir(tmp_path) == [path.name]


async def test_a_file_that_holds_no_frames_is_said(tmp_path: Path) -> None:
    path = tmp_path / "orders.frames"
    path.write_bytes(join_varint([b"x", b"y"]) + b"\xff" * 20)
    assert isinstance(files, Tail)
    options = files.sink_options.model_validate({"path": str(path)})
    with pytest.raises(MessageError, match="behind frame 0"):
        await files.tail(options, ["orders"], 5)
    with pytest.raises(ConfigError, match="Is a directory"):
        await files.tail(files.sink_options.model_validate({"path": str(tmp_path)}), ["orders"], 5)
