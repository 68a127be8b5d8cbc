"""Polls that end late, span a rebalance or fail: nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition, errors
from aiokafka.structs import ConsumerRecord
from aura_connectors.kafka.gaps import Gaps
from aura_connectors.kafka.options import SourceOptions
from aura_connectors.kafka.positions import Positions
from aura_connectors.kafka.reader import Reader

from aura_stream.errors import ConfigError, MessageError, UnavailableError
from aura_stream.model import Batch

TP, OTHER = TopicPartition("orders", 0), TopicPartition("orders", 1)
OPTIONS = SourceOptions(servers="localhost:9092", topics=["orders"], group="g")


def record(offset: int) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord("orders", 0, offset, 1_700_000_000_000, 0, None, b"%d" % offset, None, -1, 1, ())


class FakeConsumer:
    """Answers polls with what the test prepared, and remembers seeks."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.seeks: list[tuple[TopicPartition, int]] = []
        self.positions = {TP: 0, OTHER: 0}
        self.gate = asyncio.Event()
        self.gate.set()

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int, max_records: int) -> Any:
        await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.seeks.append((tp, offset))

    async def position(self, tp: TopicPartition) -> int:
        return self.positions[tp]

    def last_poll_timestamp(self, tp: TopicPartition) -> int | None:
        return 5000 if tp == TP else None

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 40)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 50)


class Setting:
    def __init__(self) -> None:
        self.consumer = FakeConsumer()
        self.positions = Positions()
        self.positions.assign({TP: 0, OTHER: 0})
        self.reader = Reader(self.consumer, self.positions, OPTIONS, Gaps(OPTIONS))

    async def read(self) -> list[Batch]:
        return await self.reader.read(100, 0.0)


@pytest.fixture
async def at() -> Setting:
    return Setting()


async def test_a_poll_that_ends_late_is_not_lost(at: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aura_connectors.kafka.reader.POLL_GRACE", 0.01)
    at.consumer.gate.clear()
    at.consumer.answers = [{TP: [record(0)]}]
    assert await at.read() == []
    assert await at.reader.read_nothing() == []
    assert await at.reader.passed() == {}
    at.consumer.gate.set()
    (batch,) = await at.read()
    assert (batch.values, batch.positions) == ([b"0"], [0])


async def test_a_poll_that_spans_a_rebalance_is_read_again(at: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aura_connectors.kafka.reader.POLL_GRACE", 0.01)
    at.consumer.gate.clear()
    at.consumer.answers = [{TP: [record(7)], TopicPartition("orders", 9): [record(0)]}]
    assert await at.read() == []
    at.positions.assign({TP: 3})
    at.consumer.gate.set()
    assert await at.read() == []
    assert at.consumer.seeks == [(TP, 3)]


async def test_what_was_read_beside_an_unreadable_record_is_read_again(at: Setting) -> None:
    damaged = errors.CorruptRecordException("Invalid CRC")
    at.consumer.answers = [damaged, {TP: [record(0)]}, damaged]
    assert await at.read() == []
    assert sorted(at.consumer.seeks) == [(TP, 0), (OTHER, 0)]
    (batch,) = await at.read()
    assert batch.values == [b"0"]
    at.consumer.answers = [damaged]
    with pytest.raises(MessageError, match=r"orders/0 offset 1: .*CorruptRecordException") as caught:
        await at.read()
    assert (caught.value.partition, caught.value.position) == ("orders/0", 1)


async def test_an_unreadable_record_met_while_keeping_alive_is_met_again(at: Setting) -> None:
    at.consumer.answers = [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")]
    assert await at.reader.read_nothing() == []
    at.consumer.answers = [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")]
    with pytest.raises(MessageError, match=r"orders/0 offset 0: .*header name"):
        await at.read()


async def test_messages_of_other_partitions_do_not_hide_an_unreadable_record_for_ever(at: Setting) -> None:
    damaged = errors.CorruptRecordException("Invalid CRC")
    at.consumer.answers = [damaged]
    assert await at.read() == []
    at.consumer.answers = [damaged, {OTHER: [record(0)]}]
    assert len(await at.read()) == 1
    at.consumer.answers = [damaged, {OTHER: [record(1)]}]
    with pytest.raises(MessageError, match="orders/0 offset 0"):
        await at.read()
    at.positions.assign({OTHER: 1})  # the partition is another member's now
    assert len(await at.read()) == 0


@pytest.mark.parametrize(
    ("offset", "text"), [(30, "offsets 30 to 39 are gone"), (60, "ends at 50, before the group's offset 60")]
)
async def test_a_position_outside_the_log_names_the_gap(at: Setting, offset: int, text: str) -> None:
    at.consumer.answers = [errors.OffsetOutOfRangeError({TP: offset})]
    with pytest.raises(MessageError, match=text):
        await at.read()


async def test_a_position_that_the_client_does_not_know_yet_is_no_error(at: Setting) -> None:
    at.consumer.answers = [errors.NoOffsetForPartitionError(TP)]
    assert await at.read() == []


async def test_errors_of_the_client_are_translated(at: Setting) -> None:
    at.consumer.answers = [errors.KafkaError("gone"), errors.TopicAuthorizationFailedError("orders")]
    with pytest.raises(UnavailableError, match=r"localhost:9092, reading: .*gone"):
        await at.read()
    with pytest.raises(ConfigError, match="may not use this topic"):
        await at.read()


async def test_positions_pass_what_no_reader_sees_once_all_before_is_settled(at: Setting) -> None:
    at.consumer.positions = {TP: 4, OTHER: 2}
    at.consumer.answers = [{TP: [record(1)]}]
    await at.read()
    assert await at.reader.passed() == {OTHER: 2}
    at.positions.committed({TP: 2})
    assert await at.reader.passed() == {TP: 4, OTHER: 2}


async def test_it_tells_when_a_broker_was_heard(at: Setting) -> None:
    assert at.reader.heard == 5.0
    at.positions.clear()
    assert at.reader.heard == 0.0


async def test_close_ends_the_poll_under_way(at: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aura_connectors.kafka.reader.POLL_GRACE", 0.01)
    at.consumer.gate.clear()
    await at.read()
    await at.reader.close()
    await at.reader.close()
