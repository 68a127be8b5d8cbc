"""Exactly once: whatever becomes of a transaction, its records and its offset are there together, once, or not at all."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aura_connectors.kafka.transactions import transactional_id

from aura_stream.runtime import Worker
from tests.infra.kafka import Broker
from tests.infra.kafka.tools import Record, committed_of, create_topic, produce, produce_transaction, read_all
from tests.integration.kafka_once import (
    NAMESPACE,
    at_the_end_of_the_first,
    bring,
    build,
    copy_rest,
    in_between,
    in_order,
    nothing_unseen,
    numbered,
    started,
    values_of,
    worker,
)
from tests.integration.kafka_support import PATIENCE, eventually, fetch_some, unique

pytestmark = pytest.mark.integration

Send = Callable[[], Awaitable[bool]]


@pytest.fixture(autouse=True)
def _everything_seen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with nothing_unseen(caplog):
        yield


async def filled(servers: str, count: int, partitions: int = 1) -> tuple[str, str]:
    """Make an input with records, and return its name and that of its output."""
    topic = unique()
    await create_topic(servers, topic, partitions)
    await produce(servers, topic, numbered(count, partitions))
    return topic, f"{topic}.aura"


async def test_everything_comes_once_and_in_order(kafka: str) -> None:
    topic, output = await filled(kafka, 12_000, 3)
    await worker(build(kafka, topic, output, once=True), portion=500).run()
    assert await values_of(kafka, output) == in_order(numbered(12_000, 3))
    assert await committed_of(kafka, f"group-{topic}", topic) == {0: 4000, 1: 4000, 2: 4000}


async def test_members_that_come_and_go_repeat_and_lose_nothing(kafka: str) -> None:
    topic, output = await filled(kafka, 4000, 4)
    written = 4000

    async def settled(member: Worker) -> bool:
        """Tell whether it got a share of what keeps coming."""
        nonlocal written
        await produce(kafka, topic, numbered(400, 4, written))
        written += 400
        return member.statistics.settled > 0

    def member(once: bool = False) -> Worker:
        return worker(build(kafka, topic, output, once=once), portion=100, once=once, seconds=0.01)

    steady = member()
    running = asyncio.create_task(steady.run())
    for _ in range(4):
        passing = member()
        run = asyncio.create_task(passing.run())
        await eventually("a share", lambda passing=passing: settled(passing))
        passing.stop()
        await run
    steady.stop()
    await running
    await member(once=True).run()
    assert await values_of(kafka, output) == in_order(numbered(written, 4))


async def test_a_connection_lost_before_the_end_arrives_repeats_nothing(secure_kafka: Broker) -> None:
    servers = secure_kafka.servers
    topic, output = await filled(servers, 1000)
    async with in_between(secure_kafka) as (via, proxy):

        async def lost(send: Send) -> bool:
            proxy.blackhole, touched = True, proxy.touched
            sending = asyncio.ensure_future(send())
            await eventually("the request", lambda: grown(touched))
            proxy.reset()
            proxy.blackhole = False
            return await sending

        async def grown(touched: int) -> bool:
            return proxy.touched > touched

        async with started(build(servers, topic, output, once=True, via=via)) as pair:
            with at_the_end_of_the_first(lost):
                assert await bring(pair, await fetch_some(pair[0], 1000)) == 1
            await copy_rest(pair)
    assert await values_of(servers, output) == in_order(numbered(1000))


async def test_a_connection_lost_before_the_answer_comes_counts_as_settled(secure_kafka: Broker) -> None:
    servers = secure_kafka.servers
    topic, output = await filled(servers, 1000)
    async with in_between(secure_kafka) as (via, proxy):

        async def unanswered(send: Send) -> bool:
            proxy.delay = PATIENCE
            sending = asyncio.ensure_future(send())
            await eventually("the commit", committed)
            proxy.delay = 0
            proxy.reset()
            return await sending

        async def committed() -> bool:
            return await committed_of(servers, f"group-{topic}", topic) == {0: 1000}

        async with started(build(servers, topic, output, once=True, via=via)) as pair:
            with at_the_end_of_the_first(unanswered):
                batches = await fetch_some(pair[0], 1000)
                assert await bring(pair, batches) == 0
            assert not any(pair[0].awaits(batch) for batch in batches)
            await pair[1].publish_and_settle(batches)  # the engine may call again
            await copy_rest(pair)
    assert await values_of(servers, output) == in_order(numbered(1000))


async def test_a_producer_in_doubt_is_not_used_again_even_if_asking_again_succeeded(secure_kafka: Broker) -> None:
    """A late EndTxn would end the transaction after it: Kafka cannot tell the two apart within one epoch."""
    servers = secure_kafka.servers
    topic, output = await filled(servers, 10)
    async with started(build(servers, topic, output)) as (source, sink):
        (batch,) = await fetch_some(source, 10)
        transactor = sink._transactions._transactors[TopicPartition(topic, 0)]
        first = transactor._producer
        with at_the_end_of_the_first(lambda send: failing_once(send, first)):
            assert await bring((source, sink), [batch.part(0, 5)]) == 0
        second = transactor._producer
        assert second is not None
        assert second is not first
        assert await bring((source, sink), [batch.part(5, 10)]) == 0
        assert transactor._producer is second
    assert await values_of(servers, output) == in_order(numbered(10))


async def failing_once(send: Send, producer: Any) -> bool:
    """Send twice; of the first, the answer counts as lost."""
    await send()
    producer.unanswered.set_result(TimeoutError("no answer"))
    return True


async def test_a_transaction_that_the_broker_gave_up_comes_again(secure_kafka: Broker) -> None:
    servers = secure_kafka.servers
    topic, output = await filled(servers, 100)
    async with in_between(secure_kafka) as (via, proxy):

        async def late(send: Send) -> bool:
            proxy.blackhole = True
            sending = asyncio.ensure_future(send())
            await eventually("the broker's own abort", lambda: readable_to_the_end(servers, output))
            proxy.blackhole = False
            return await sending

        pair = build(servers, topic, output, once=True, via=via, transaction_timeout="1s")
        async with started(pair):
            batches = await fetch_some(pair[0], 100)
            with at_the_end_of_the_first(late):
                assert await bring(pair, batches) >= 1
            assert await values_of(servers, output) == in_order(numbered(100))
            await copy_rest(pair)
    assert await values_of(servers, output) == in_order(numbered(100))


async def readable_to_the_end(servers: str, topic: str) -> bool:
    """Tell whether no transaction is open in a topic that holds something."""
    ends = [await end_of(servers, topic, level) for level in ("read_committed", "read_uncommitted")]
    return ends[0] == ends[1] > 0


async def end_of(servers: str, topic: str, isolation: str) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, isolation_level=isolation)
    await consumer.start()
    try:
        (end,) = (await consumer.end_offsets([TopicPartition(topic, 0)])).values()
        return int(end)
    finally:
        await consumer.stop()


async def test_a_producer_that_somebody_else_fenced_is_replaced(kafka: str) -> None:
    topic, output = await filled(kafka, 200)
    async with started(build(kafka, topic, output, once=True, session_timeout="1s")) as pair:
        (batch,) = await fetch_some(pair[0], 200)
        assert await bring(pair, [batch.part(0, 100)]) == 0
        await start_and_stop_a_producer(kafka, topic)
        assert await bring(pair, [batch.part(100, 200)]) >= 1
        await copy_rest(pair)
    assert await values_of(kafka, output) == in_order(numbered(200))


async def start_and_stop_a_producer(servers: str, topic: str) -> None:
    name = transactional_id(NAMESPACE, f"group-{topic}", topic, 0)
    producer = AIOKafkaProducer(bootstrap_servers=servers, transactional_id=name)
    await producer.start()
    await producer.stop()


async def test_a_producer_that_is_fenced_in_mid_transaction_commits_nothing_of_it(kafka: str) -> None:
    topic, output = await filled(kafka, 100)

    async def fenced(send: Send) -> bool:
        await start_and_stop_a_producer(kafka, topic)
        assert await values_of(kafka, output) == []
        return await send()

    async with started(build(kafka, topic, output, once=True, session_timeout="1s")) as pair:
        with at_the_end_of_the_first(fenced):
            assert await bring(pair, await fetch_some(pair[0], 100)) >= 1
    assert await values_of(kafka, output) == in_order(numbered(100))


async def test_what_was_settled_elsewhere_meanwhile_is_left_alone(kafka: str) -> None:
    """As after a pause, in which another member had the partition: its offset counts, not ours."""
    topic, output = await filled(kafka, 300)

    async def overtaken(send: Send) -> bool:
        name = transactional_id(NAMESPACE, f"group-{topic}", topic, 0)
        async with AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=name) as producer:
            await producer.begin_transaction()
            for record in numbered(150):
                await producer.send(output, record.value, partition=0)
            await producer.send_offsets_to_transaction({TopicPartition(topic, 0): 150}, f"group-{topic}")
            await producer.commit_transaction()
        return await send()

    async with started(build(kafka, topic, output, once=True, session_timeout="1s")) as pair:
        (batch,) = await fetch_some(pair[0], 300)
        with at_the_end_of_the_first(overtaken):
            await bring(pair, [batch.part(0, 100)])
        assert not pair[0].owns(batch)  # also what is fetched behind it
        await copy_rest(pair)
    assert await values_of(kafka, output) == in_order(numbered(300))
    assert await committed_of(kafka, f"group-{topic}", topic) == {0: 300}


async def test_a_paused_member_whose_partition_was_taken_over_adds_nothing(kafka: str) -> None:
    topic, output = await filled(kafka, 1000)
    await create_topic(kafka, output)
    command = ["-m", "tests.integration.kafka_zombie", kafka, topic, output]
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    zombie = await asyncio.create_subprocess_exec(sys.executable, *command, **pipes)
    try:
        assert zombie.stdout is not None
        assert zombie.stdin is not None
        async with asyncio.timeout(PATIENCE):
            assert await zombie.stdout.readline() == b"open\n"  # its records are with the broker, not committed
        zombie.send_signal(signal.SIGSTOP)
        async with started(build(kafka, topic, output, once=True, session_timeout="2s")) as pair:
            await copy_rest(pair, 300)
            zombie.send_signal(signal.SIGCONT)
            zombie.stdin.write(b"go\n")
            async with asyncio.timeout(PATIENCE):
                assert await zombie.stdout.readline() == b"not ours\n"
    finally:
        zombie.kill()
        await zombie.wait()
    assert await values_of(kafka, output) == in_order(numbered(1000))


async def test_what_is_under_way_when_the_source_lets_go_comes_again(secure_kafka: Broker) -> None:
    servers = secure_kafka.servers
    topic, output = await filled(servers, 100)
    reached = asyncio.Event()
    async with in_between(secure_kafka) as (via, proxy):

        async def unheard(send: Send) -> bool:
            proxy.blackhole = True
            reached.set()
            return await send()

        source, sink = build(servers, topic, output, via=via)
        async with started((source, sink)):
            batches = await fetch_some(source, 100)
            with at_the_end_of_the_first(unheard):
                publishing = asyncio.create_task(sink.publish_and_settle(batches))
                await reached.wait()
                await source.stop()
            await publishing  # no error: they are not ours any more
            assert not any(map(source.owns, batches))
    await worker(build(servers, topic, output, once=True)).run()
    assert await values_of(servers, output) == in_order(numbered(100))


async def test_a_publish_that_is_cancelled_leaves_no_transaction_open(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, output = await filled(kafka, 100)
    reached = asyncio.Event()

    async def never(self: AIOKafkaProducer, *_: object) -> None:
        reached.set()
        await asyncio.sleep(PATIENCE)

    async with started(build(kafka, topic, output)) as (source, sink):
        batches = await fetch_some(source, 100)
        with monkeypatch.context() as patch:
            patch.setattr(AIOKafkaProducer, "send_offsets_to_transaction", never)
            publishing = asyncio.create_task(sink.publish_and_settle(batches))
            await reached.wait()
            publishing.cancel()
            await asyncio.wait({publishing})
        assert publishing.cancelled()
        assert await readable_to_the_end(kafka, output)
        assert await values_of(kafka, output) == []
        assert await bring((source, sink), batches) == 0
    assert await values_of(kafka, output) == in_order(numbered(100))


async def test_positions_pass_control_records_in_transactions_too_and_once_ends(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic)
    await produce_transaction(kafka, topic, [Record(b"committed")], commit=True)
    await produce_transaction(kafka, topic, [Record(b"aborted")], commit=False)
    await worker(build(kafka, topic, f"{topic}.aura", once=True)).run()
    assert await values_of(kafka, f"{topic}.aura") == [b"committed"]
    assert await committed_of(kafka, f"group-{topic}", topic) == {0: 4}


async def test_an_output_can_be_the_input_of_the_next(kafka: str) -> None:
    topic, output = await filled(kafka, 2000, 2)
    await worker(build(kafka, topic, output, once=True), portion=300).run()
    await worker(build(kafka, output, f"{output}.aura", once=True)).run()
    assert await values_of(kafka, f"{output}.aura") == in_order(numbered(2000, 2))


async def test_records_keep_what_they_have_and_may_be_placed_by_key(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic, 2)
    records = [
        Record(
            b"%d" % number, b"key %d" % (number % 5), (("name", b"\xff"), ("name", None)), 1_700_000_000_000 + number
        )
        for number in range(50)
    ]
    await produce(kafka, topic, [*records, Record(None, b"key")])
    await worker(build(kafka, topic, f"{topic}.aura", once=True, partition="by_key", partitions=3)).run()
    arrived = await read_all(kafka, f"{topic}.aura")
    assert len({record.partition for record in arrived}) > 1
    kept = {(record.value, record.key, record.headers, record.timestamp) for record in arrived}
    assert kept == {(r.value, r.key, r.headers, r.timestamp) for r in [*records, Record(None, b"key")]}
