"""Offsets that are gone: told and counted once, never twice, and nothing that was read before is dropped for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition, errors
from aura_connectors.kafka.gaps import Gaps
from aura_connectors.kafka.options import SourceOptions
from aura_connectors.kafka.positions import Positions
from aura_connectors.kafka.reader import Reader

from aura_stream.errors import MessageError
from tests.unit.connectors.test_kafka_reader import TP, FakeConsumer, record

OPTIONS = SourceOptions(servers="localhost:9092", topics=["orders"], group="g", gap="go")


class FakeLog(FakeConsumer):
    """A log that holds offsets from `first` to `end`; `seen` is its end as the last fetch told."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.end, self.seen = 40, 50, 0

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.first)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.end)

    def last_stable_offset(self, tp: TopicPartition) -> int | None:
        return self.seen or None


class Setting:
    def __init__(self, options: SourceOptions = OPTIONS) -> None:
        self.consumer = FakeLog()
        self.positions = Positions()
        self.positions.assign({TP: 30})
        self.gaps = Gaps(options)
        self.reader = Reader(self.consumer, self.positions, options, self.gaps)

    async def read(self, answer: Any) -> list[Any]:
        self.consumer.answers = [answer]
        return await self.reader.read(100, 0.0)

    async def out_of_range(self, offset: int) -> None:
        assert await self.read(errors.OffsetOutOfRangeError({TP: offset})) == []


@pytest.fixture
async def at() -> Setting:
    return Setting()


async def test_a_gap_is_named_counted_and_passed_over(at: Setting, caplog: pytest.LogCaptureFixture) -> None:
    await at.out_of_range(30)
    assert caplog.messages == ["offsets 30 to 39 of orders/0 are gone: 10 messages lost; going on behind them"]
    assert (at.gaps.lost, at.consumer.seeks) == (10, [(TP, 40)])
    at.consumer.positions[TP] = 40
    assert await at.reader.passed() == {TP: 40}
    (batch,) = await at.read({TP: [record(40)]})
    assert (batch.positions, at.positions.owns(batch)) == ([40], True)


async def test_what_was_read_before_a_gap_is_still_settled(at: Setting) -> None:
    (batch,) = await at.read({TP: [record(30)]})
    at.positions.hand_out(batch)
    await at.out_of_range(31)
    assert at.positions.awaits(batch)
    assert await at.reader.passed() == {}
    at.positions.committed({TP: 31})
    at.consumer.positions[TP] = 40
    assert await at.reader.passed() == {TP: 40}


async def test_a_gap_that_is_met_again_counts_once_and_one_that_grew_by_what_is_new(
    at: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    await at.out_of_range(30)
    at.positions.assign({TP: 30})  # a rebalance, before the group's offset has passed the gap
    await at.out_of_range(30)
    assert (at.gaps.lost, len(caplog.messages)) == (10, 1)
    at.consumer.first = 45
    await at.out_of_range(40)
    assert (at.gaps.lost, at.consumer.seeks[-1]) == (15, (TP, 45))
    assert "offsets 40 to 44 of orders/0 are gone: 5 messages lost" in caplog.messages[-1]


async def test_another_log_of_the_same_name_is_read_from_its_start(
    at: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    at.consumer.first, at.consumer.end, at.consumer.seen = 0, 5, 37
    await at.out_of_range(30)
    assert "orders/0 ends at offset 5, before the group's offset 30" in caplog.messages[0]
    assert (at.gaps.lost, at.consumer.seeks) == (7, [(TP, 0)])
    at.consumer.positions[TP] = 0
    assert await at.reader.passed() == {TP: 0}, "else the former offset would be passed unseen one day"
    assert await at.reader.passed() == {}
    (batch,) = await at.read({TP: [record(0)]})
    assert at.positions.owns(batch)


async def test_what_was_read_of_a_former_log_is_settled_before_the_next_one_is_begun(
    at: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    (batch,) = await at.read({TP: [record(60)]})
    at.consumer.first, at.consumer.end = 0, 5
    await at.out_of_range(61)
    assert (at.positions.owns(batch), at.consumer.seeks, caplog.messages) == (True, [], [])
    at.positions.committed({TP: 61})
    await at.out_of_range(61)
    assert (at.positions.owns(batch), at.consumer.seeks) == (False, [(TP, 0)])


async def test_a_partition_that_went_to_another_member_meanwhile_is_left_alone(at: Setting) -> None:
    at.positions.clear()
    await at.out_of_range(30)
    assert (at.gaps.lost, at.consumer.seeks) == (0, [])


@pytest.mark.parametrize(
    ("offset", "text"), [(30, "offsets 30 to 39 are gone"), (60, "ends at 50, before the group's offset 60")]
)
async def test_unless_told_to_go_on_it_stops_and_names_the_remedy(offset: int, text: str) -> None:
    at = Setting(OPTIONS.model_copy(update={"gap": "stop"}))
    with pytest.raises(MessageError, match=f"orders/0: .*{text}.*set gap: go"):
        await at.out_of_range(offset)
    assert at.gaps.lost == 0
