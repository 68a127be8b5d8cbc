"""Brokers that go away, come back, or were never there."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator, Sequence

import pytest
from aura_connectors.kafka import KafkaSink

from aura_stream.errors import ConfigError, UnavailableError
from aura_stream.model import Batch, Partition, Records, Topic
from tests.infra.kafka import Broker
from tests.infra.kafka.broker import free_ports
from tests.infra.kafka.tools import Record, create_topic, produce, read_all
from tests.integration.kafka_once import nothing_unseen
from tests.integration.kafka_support import PATIENCE, eventually, fetch_some, inputs_of, sink_to, source_of, unique

pytestmark = pytest.mark.integration

BOUND = 10.0  # seconds; what the ports promise


@pytest.fixture(autouse=True)
def _everything_seen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with nothing_unseen(caplog):
        yield


async def test_an_address_that_refuses_is_named() -> None:
    servers = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(UnavailableError, match=f"Kafka at {servers} refuses connections: check the address"):
        async with source_of(servers, "any"):
            pass


async def test_an_address_that_never_answers_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        servers = f"127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(UnavailableError, match=f"Kafka at {servers} does not answer"):
            async with sink_to(servers, "any", [Topic("input")]):
                pass
        assert time.monotonic() - started < BOUND


async def test_one_of_several_addresses_is_enough(kafka: str) -> None:
    dead = f"127.0.0.1:{free_ports(1)[0]}"
    async with sink_to(f"{dead},{kafka}", unique("out"), [Topic("input")]) as sink:
        await sink.publish([Batch(Partition("input"), [b"a"], [0])])


async def test_source_and_sink_go_on_after_a_broker_was_killed(secure_kafka: Broker) -> None:
    servers, topic = secure_kafka.servers, unique()
    await create_topic(servers, topic)
    await produce(servers, topic, [Record(b"before")])
    async with (
        source_of(servers, topic, session_timeout="3s") as source,
        sink_to(servers, "{source}.aura", await inputs_of(servers, topic), delivery_timeout="1s") as sink,
    ):
        batches = await fetch_some(source)
        await asyncio.to_thread(secure_kafka.stop, hard=True)
        try:
            for _ in range(2):  # the second time there is no producer left
                with pytest.raises(UnavailableError):
                    await sink.publish(batches)
            await source.keep_alive()
            with pytest.raises(UnavailableError):
                await source.settle(batches)

            async def noticed() -> bool:
                try:
                    return bool(await source.fetch(100, 2**20, 0.2))
                except UnavailableError:
                    return True

            await eventually("an error that says so", noticed)
        finally:
            await asyncio.to_thread(secure_kafka.start)

        await eventually("a successful publish", lambda: published(sink, batches))
        await source.settle(batches)
        await produce(servers, topic, [Record(b"after")])
        arrived = set()

        async def resumed() -> bool:
            try:
                for batch in await source.fetch(100, 2**20, 0.2):
                    arrived.update(batch.values)
                    await source.settle([batch])
            except UnavailableError:
                return False
            return b"after" in arrived

        await eventually("what was written after the restart", resumed)
    values = [record.value for record in await read_all(servers, f"{topic}.aura")]
    assert set(values) == {b"before"}


async def published(sink: KafkaSink, batches: Sequence[Batch]) -> bool:
    try:
        await sink.publish(batches)
    except UnavailableError:
        return False
    return True


async def test_a_broker_that_takes_connections_and_never_answers_holds_nothing_up(secure_kafka: Broker) -> None:
    servers, topic = secure_kafka.servers, unique()
    await create_topic(servers, topic)
    await produce(servers, topic, [Record(b"a")])
    async with (
        source_of(servers, topic) as source,
        sink_to(servers, "{source}.aura", await inputs_of(servers, topic), delivery_timeout="1s") as sink,
    ):
        batches = await fetch_some(source)
        with secure_kafka.frozen():
            async with asyncio.timeout(PATIENCE):  # hangs for ever where one call is not bounded
                for _ in range(2):
                    with pytest.raises(UnavailableError):
                        await sink.publish(batches)
                with pytest.raises(UnavailableError):
                    await source.settle(batches)
                await source.stop()
        # It may have been taken for dead: then it has to sign on again first.
        await eventually("a successful publish", lambda: published(sink, batches))
    assert {record.value for record in await read_all(servers, f"{topic}.aura")} == {b"a"}


async def test_a_producer_is_replaced_before_its_sequence_numbers_run_out(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aura_connectors.kafka.sink.MAX_SEQUENCE", 25)
    output = unique("out")
    async with sink_to(kafka, output, [Topic("input")]) as sink:
        producers = set()
        for first in range(0, 100, 10):
            values = [b"%d" % number for number in range(first, first + 10)]
            await sink.publish([Batch(Partition("input"), values, range(first, first + 10))])
            producers.add(sink._producer)
    assert len(producers) == 5
    assert [record.value for record in await read_all(kafka, output)] == [b"%d" % number for number in range(100)]


async def test_an_output_that_takes_no_such_timestamp_is_named(kafka: str) -> None:
    output = unique("out")
    await create_topic(kafka, output, message_timestamp_before_max_ms="1000")
    old = Records([None], [()], [1_700_000_000_000], [0])
    async with sink_to(kafka, output, [Topic("input")]) as sink:
        with pytest.raises(ConfigError, match=r"message\.timestamp"):
            await sink.publish([Batch(Partition("input"), [b"a"], [0], old)])
        await sink.publish([Batch(Partition("input"), [b"b"], [0])])
    assert [record.value for record in await read_all(kafka, output)] == [b"b"]
