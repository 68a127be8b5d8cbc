"""Groups: members come, go and die, and no message is lost or settled by the wrong one."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import TopicAlreadyExistsError
from aiokafka.record._crc32c import crc as crc32c
from aura_connectors.kafka import KafkaSource

from aura_stream.errors import MessageError
from aura_stream.model import Batch
from tests.infra.kafka.tools import (
    Record,
    administering,
    committed_of,
    create_topic,
    delete_records,
    produce,
    produce_transaction,
    read_all,
    topics_of,
    wait_until_empty,
)
from tests.integration.kafka_support import (
    PATIENCE,
    copy_until_finished,
    eventually,
    fetch_some,
    inputs_of,
    sink_to,
    source_of,
    unique,
)

pytestmark = pytest.mark.integration


def numbered(count: int, partitions: int = 1) -> list[Record]:
    return [Record(b"%06d" % number, partition=number % partitions) for number in range(count)]


class Copy:
    """Collects what was published."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    async def publish(self, batches: Sequence[Batch]) -> None:
        self.batches += batches

    @property
    def values(self) -> list[bytes | None]:
        return [value for batch in self.batches for value in batch.values]


async def test_two_members_share_the_partitions_and_lose_nothing(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic, partitions=4)
    await produce(kafka, topic, numbered(4000, 4))
    copy = Copy()
    async with source_of(kafka, topic, once=True) as first:
        held = await fetch_some(first)
        async with source_of(kafka, topic, once=True) as second:
            settling = asyncio.create_task(settle_slowly(first, held, copy))
            await asyncio.gather(copy_until_finished(first, copy.publish), copy_until_finished(second, copy.publish))
            await settling
    assert set(copy.values) == {record.value for record in numbered(4000, 4)}
    assert set(Counter(copy.values).values()) <= {1, 2}
    assert await committed_of(kafka, f"group-{topic}", topic) == {0: 1000, 1: 1000, 2: 1000, 3: 1000}


async def settle_slowly(source: KafkaSource, batches: Sequence[Batch], copy: Copy) -> None:
    """Settle what was in flight when the other member joined."""
    await asyncio.sleep(0.5)
    assert all(source.owns(batch) for batch in batches), "the rebalance did not wait for messages in flight"
    await copy.publish(batches)
    await source.settle(batches)


async def test_a_lost_partition_is_never_settled_late(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aura_connectors.kafka.source.REVOKE_TIMEOUT", 0.1)
    topic = unique()
    await create_topic(kafka, topic, partitions=2)
    await produce(kafka, topic, numbered(100, 2))
    async with source_of(kafka, topic) as first:
        held = await fetch_some(first, 100)
        async with source_of(kafka, topic) as second:
            again = []
            while not again:
                await first.fetch(100, 2**20, 0.05)
                again = await second.fetch(100, 2**20, 0.05)
            assert not any(first.owns(batch) for batch in held)
            await first.settle(held)
            assert set((await committed_of(kafka, f"group-{topic}", topic)).values()) == {0}
            assert second.owns(again[0])


async def test_a_member_that_stood_still_too_long_settles_nothing_and_reads_again(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic)
    await produce(kafka, topic, numbered(10))
    async with source_of(kafka, topic, session_timeout="1s") as source:
        held = await fetch_some(source, 10)
        stalled = threading.Thread(target=lambda: asyncio.run(wait_until_empty(kafka, f"group-{topic}")))
        stalled.start()
        stalled.join()  # holds up the event loop, and with it the heartbeats
        await source.settle(held)
        assert not any(source.owns(batch) for batch in held)
        assert await committed_of(kafka, f"group-{topic}", topic) == {0: 0}
        again = await fetch_some(source, 10)
        assert [value for batch in again for value in batch.values] == [record.value for record in numbered(10)]
        await source.settle(again)
        assert await committed_of(kafka, f"group-{topic}", topic) == {0: 10}


async def test_once_after_kill_9_waits_for_the_dead_members_share(kafka: str) -> None:
    topic, output = unique(), unique("out")
    await create_topic(kafka, topic, partitions=3)
    await produce(kafka, topic, numbered(15_000, 3))
    await create_topic(kafka, output, partitions=3)
    command = ["-m", "tests.integration.kafka_member", kafka, topic, output]
    member = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    try:
        assert member.stdout is not None
        async with asyncio.timeout(PATIENCE):
            ready, _, unsettled = (await member.stdout.readline()).split()
        assert ready == b"ready"
    finally:
        member.kill()
        await member.wait()
    async with (
        source_of(kafka, topic, once=True) as source,
        sink_to(kafka, output, await inputs_of(kafka, topic)) as sink,
    ):
        await copy_until_finished(source, sink.publish)
    arrived = Counter(record.value for record in await read_all(kafka, output))
    assert set(arrived) == {record.value for record in numbered(15_000)}
    assert sum(arrived.values()) == 15_000 + int(unsettled)  # duplicates: what was in flight, nothing else


async def test_aborted_records_are_not_seen_and_control_records_do_not_hang_once(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic)
    await produce_transaction(kafka, topic, [Record(b"committed")], commit=True)
    await produce_transaction(kafka, topic, [Record(b"aborted")], commit=False)
    copy = Copy()
    async with source_of(kafka, topic, once=True) as source:
        await copy_until_finished(source, copy.publish)
        assert await source.lag() == 0
    assert copy.values == [b"committed"]
    assert await committed_of(kafka, f"group-{topic}", topic) == {0: 4}


async def test_a_group_without_positions_begins_where_it_is_told(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic)
    await produce(kafka, topic, [Record(b"old")])
    async with source_of(kafka, topic, start="latest") as source:

        async def assigned() -> bool:
            assert await source.fetch(10, 2**20, 0.05) == []
            return await committed_of(kafka, f"group-{topic}", topic) == {0: 1}

        await eventually("a first position", assigned)
    await produce(kafka, topic, [Record(b"written while nobody read")])
    async with source_of(kafka, topic, start="latest") as source:
        (batch,) = await fetch_some(source)
        assert list(batch.values) == [b"written while nobody read"]
    async with source_of(kafka, topic, group=f"another-{topic}") as source:
        assert next(value for batch in await fetch_some(source, 2) for value in batch.values) == b"old"


async def test_offsets_gone_from_the_log_are_named(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic)
    await produce(kafka, topic, numbered(10))
    async with source_of(kafka, topic) as source:
        (batch,) = await fetch_some(source, 10)
        await source.settle([batch.part(0, 3)])
    await delete_records(kafka, topic, before=7)
    async with source_of(kafka, topic) as source:
        with pytest.raises(MessageError, match=f"{topic}/0: offsets 3 to 6 are gone") as caught:
            await fetch_some(source)
    assert (caught.value.partition, caught.value.position) == (f"{topic}/0", 3)


async def test_offsets_gone_from_the_log_are_passed_over_where_that_is_asked(
    kafka: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic = unique()
    await create_topic(kafka, topic)
    await produce(kafka, topic, numbered(10))
    async with source_of(kafka, topic, gap="go") as source:
        (batch,) = await fetch_some(source, 10)
        await source.settle([batch.part(0, 3)])
    await delete_records(kafka, topic, before=7)
    async with source_of(kafka, topic, gap="go") as source:
        assert [value for batch in await fetch_some(source, 3) for value in batch.values] == [
            b"000007",
            b"000008",
            b"000009",
        ]
        assert (source.lost, source.rebalances) == (4, 1)
    assert f"offsets 3 to 6 of {topic}/0 are gone: 4 messages lost; going on behind them" in caplog.messages


async def test_a_gap_at_the_end_of_the_log_is_not_met_again(kafka: str, caplog: pytest.LogCaptureFixture) -> None:
    topic = unique()
    await create_topic(kafka, topic)
    await produce(kafka, topic, numbered(10))
    async with source_of(kafka, topic) as source:
        await source.settle([batch.part(0, 3) for batch in await fetch_some(source, 10)])
    await delete_records(kafka, topic, before=10)
    async with source_of(kafka, topic, gap="go") as source:

        async def passed() -> bool:
            assert await source.fetch(10, 2**20, 0.05) == []
            return await committed_of(kafka, f"group-{topic}", topic) == {0: 10}

        await eventually("an offset behind the gap", passed)
        assert source.lost == 7


async def test_a_log_that_ends_before_the_groups_offset_is_read_from_its_start_where_that_is_asked(
    kafka: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic = unique()
    await create_topic(kafka, topic)
    await produce(kafka, topic, numbered(3))
    await commit(kafka, topic, 50)  # as of a topic of this name that was deleted
    async with source_of(kafka, topic) as source:
        with pytest.raises(MessageError, match=f"{topic}/0: the log ends at 3, before the group's offset 50"):
            await fetch_some(source)
    async with source_of(kafka, topic, gap="go") as source:
        batches = await fetch_some(source, 3)
        assert [position for batch in batches for position in batch.positions] == [0, 1, 2]
        await source.settle(batches)
    assert f"{topic}/0 ends at offset 3, before the group's offset 50" in caplog.text
    assert await committed_of(kafka, f"group-{topic}", topic) == {0: 3}


async def commit(servers: str, topic: str, offset: int) -> None:
    """Commit an offset of partition 0 for the source's group, which has no members."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id=f"group-{topic}", enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.commit({TopicPartition(topic, 0): offset})
    finally:
        await consumer.stop()


async def test_a_topic_that_is_gone_for_a_while_is_waited_for(kafka: str, caplog: pytest.LogCaptureFixture) -> None:
    topic = unique()
    await create_topic(kafka, topic)
    await produce(kafka, topic, numbered(10))
    async with source_of(kafka, topic) as source:
        await source.settle(await fetch_some(source, 10))
        async with administering(kafka) as client:
            await client.delete_topics([topic])

        async def told() -> bool:
            assert await source.fetch(10, 2**20, 0.05) == []
            return f"topic {topic} is gone" in caplog.text

        await eventually("it is told", told)
        assert topic not in await topics_of(kafka), "asking for a topic creates none"
        await create_anew(kafka, topic)
        await produce(kafka, topic, numbered(3))
        assert sum(map(len, await fetch_some(source, 3))) == 3


async def create_anew(servers: str, topic: str) -> None:
    """Create a topic of a name that is still being deleted."""

    async def created() -> bool:
        try:
            await create_topic(servers, topic)
        except (AssertionError, TopicAlreadyExistsError):
            return False
        return True

    await eventually("the topic is made anew", created)


async def test_records_before_an_unreadable_one_come_and_it_is_named(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic, partitions=2)
    await produce(kafka, topic, [Record(b"other partition", partition=1)])
    await produce_damaged(kafka, topic)
    async with source_of(kafka, topic) as source:
        batches = await fetch_some(source, 3)
        await source.settle(batches)
        with pytest.raises(MessageError, match=f"{topic}/0 offset 2: .*UTF-8") as caught:
            await fetch_some(source)
    assert sorted(value or b"" for batch in batches for value in batch.values) == [b"0", b"1", b"other partition"]
    assert (caught.value.partition, caught.value.position) == (f"{topic}/0", 2)
    assert await committed_of(kafka, f"group-{topic}", topic) == {0: 2, 1: 1}


async def produce_damaged(servers: str, topic: str) -> None:
    """Write three records in one batch, the last with a header name that is not UTF-8."""
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    try:
        batch = producer.create_batch()
        for number in range(3):
            headers = [("NAME", b"")] if number == 2 else []
            batch.append(timestamp=1_700_000_000_000, key=None, value=b"%d" % number, headers=headers)
        batch.close()
        damaged = bytearray(batch._build().replace(b"NAME", b"\xff\xfe\xfd\xfc"))
        damaged[17:21] = crc32c(bytes(damaged[21:])).to_bytes(4, "big")
        batch._buffer = damaged
        await (await producer.send_batch(batch, topic, partition=0))
    finally:
        await producer.stop()
