"""What every source must do, as tests."""

from __future__ import annotations

import asyncio

import pytest

from aura_stream.errors import ConfigError, UnavailableError
from aura_stream.ports import Context, PausableSource, Source
from aura_stream.testing.binding import (
    MAX_BYTES,
    POLL_SECONDS,
    ConnectorBinding,
    numbered,
    size_of,
    values_of,
)


@pytest.mark.asyncio
class SourceConformance(ConnectorBinding):
    """The contract of `aura_stream.ports.Source`. Subclass it, and fill in the hooks of `ConnectorBinding`."""

    # Reading

    async def test_start_names_the_topic_that_its_batches_come_from(self, topic: str) -> None:
        await self.create(topic)
        await self.produce(topic, [b"one"])
        source = self.new_source(topic)
        try:
            topics = await source.start()
            (batch,) = await self.fetched(source, 1)
        finally:
            await source.stop()
        assert [named.name for named in topics] == [batch.partition.topic]
        assert batch.partition.index < topics[0].partitions

    async def test_messages_come_in_order_and_each_once(self, topic: str) -> None:
        messages = numbered(3000)
        await self.create(topic)
        await self.produce(topic, messages)
        async with self.started_source(topic) as source:
            batches = await self.fetched(source, len(messages))
            assert await source.fetch(1000, MAX_BYTES, POLL_SECONDS) == []
        assert values_of(batches) == messages

    async def test_messages_written_while_it_reads_come_too(self, topic: str) -> None:
        await self.create(topic)
        async with self.started_source(topic) as source:
            assert await source.fetch(10, MAX_BYTES, POLL_SECONDS) == []
            await self.produce(topic, [b"late", b"later"])
            assert values_of(await self.fetched(source, 2)) == [b"late", b"later"]

    async def test_every_kind_of_message_comes_as_it_is(self, topic: str) -> None:
        messages = self.awkward_values()
        await self.create(topic)
        await self.produce(topic, messages)
        async with self.started_source(topic) as source:
            assert values_of(await self.fetched(source, len(messages))) == messages

    async def test_columns_of_a_batch_are_of_equal_length_and_positions_distinct(self, topic: str) -> None:
        await self.create(topic)
        await self.produce(topic, numbered(100))
        async with self.started_source(topic) as source:
            batches = await self.fetched(source, 100)
        positions = [position for batch in batches for position in batch.positions]
        assert len(set(positions)) == len(positions) == 100
        assert all(
            len(batch.part(0, 1)) == 1 and batch.part(0, 0).positions == batch.positions[:0] for batch in batches
        )

    async def test_no_fetch_exceeds_max_messages(self, topic: str) -> None:
        messages = numbered(100)
        await self.create(topic)
        await self.produce(topic, messages)
        read: list[bytes | None] = []
        async with self.started_source(topic) as source:
            while len(read) < len(messages):
                batches = await self.fetched(source, 1, max_messages=7)
                assert len(values_of(batches)) <= 7
                read += values_of(batches)
        assert read == messages

    async def test_no_fetch_exceeds_max_bytes_by_far(self, topic: str) -> None:
        messages = numbered(200, size=1000)
        await self.create(topic)
        await self.produce(topic, messages)
        read: list[bytes | None] = []
        async with self.started_source(topic) as source:
            while len(read) < len(messages):
                batches = await source.fetch(1000, 8000, POLL_SECONDS)
                assert size_of(batches) <= 2 * 8000
                read += values_of(batches)
        assert read == messages

    async def test_one_message_always_fits(self, topic: str) -> None:
        messages = numbered(3, size=5000)
        await self.create(topic)
        await self.produce(topic, messages)
        read: list[bytes | None] = []
        async with self.started_source(topic) as source:
            while len(read) < len(messages):
                read += values_of(await source.fetch(1000, 1, POLL_SECONDS))
        assert read == messages

    async def test_an_empty_input_gives_no_batch_when_the_time_is_up(self, topic: str) -> None:
        await self.create(topic)
        async with self.started_source(topic) as source:
            assert await source.fetch(10, MAX_BYTES, 0.05) == []
            assert await source.fetch(10, MAX_BYTES, 0.0) == []

    # Settling

    async def test_unsettled_messages_come_again_before_later_ones(self, topic: str) -> None:
        messages = numbered(20)
        await self.create(topic)
        await self.produce(topic, messages[:10])
        async with self.started_source(topic) as source:
            await self.fetched(source, 10)
        await self.produce(topic, messages[10:])
        async with self.started_source(topic) as source:
            assert values_of(await self.fetched(source, 20)) == messages

    async def test_settled_messages_never_come_again(self, topic: str) -> None:
        messages = numbered(20)
        await self.create(topic)
        await self.produce(topic, messages[:10])
        async with self.started_source(topic) as source:
            await source.settle(await self.fetched(source, 10))
        await self.produce(topic, messages[10:])
        async with self.started_source(topic) as source:
            assert values_of(await self.fetched(source, 10)) == messages[10:]

    async def test_settling_is_durable_without_a_stop(self, topic: str) -> None:
        await self.create(topic)
        await self.produce(topic, numbered(10))
        async with self.started_source(topic) as source:
            batches = await self.fetched(source, 6, max_messages=6)
            await source.settle(batches)
            unsettled = values_of(await self.fetched(source, 4))
        async with self.started_source(topic) as source:
            assert values_of(await self.fetched(source, 4)) == unsettled

    async def test_a_part_of_a_batch_can_be_settled(self, topic: str) -> None:
        messages = numbered(10)
        await self.create(topic)
        await self.produce(topic, messages)
        async with self.started_source(topic) as source:
            first, *_ = await self.fetched(source, 10)
            settled = max(len(first) // 2, 1)
            await source.settle([first.part(0, settled)])
        async with self.started_source(topic) as source:
            assert values_of(await self.fetched(source, 10 - settled)) == messages[settled:]

    async def test_nothing_to_settle_is_no_error(self, topic: str) -> None:
        await self.create(topic)
        async with self.started_source(topic) as source:
            await source.settle([])

    async def test_settling_and_keeping_alive_go_on_while_a_fetch_waits(self, topic: str) -> None:
        await self.create(topic)
        await self.produce(topic, numbered(10))
        async with self.started_source(topic) as source:
            batches = await self.fetched(source, 10)
            waiting = asyncio.create_task(source.fetch(10, MAX_BYTES, 1.0))
            await asyncio.sleep(0)  # the fetch begins to wait
            await source.settle(batches)
            await source.keep_alive()
            assert await waiting == []
        await self.produce(topic, [b"next"])
        async with self.started_source(topic) as source:
            assert values_of(await self.fetched(source, 1)) == [b"next"]

    # Ownership

    async def test_a_fetched_batch_is_owned_and_keeping_alive_keeps_it(self, topic: str) -> None:
        await self.create(topic)
        await self.produce(topic, numbered(10))
        async with self.started_source(topic) as source:
            batches = await self.fetched(source, 10)
            for _ in range(3):
                await source.keep_alive()
            assert all(source.owns(batch.with_values([b"frame"] * len(batch))) for batch in batches)
            await source.settle(batches)

    async def test_a_probe_takes_nothing_from_a_running_reader(self, topic: str) -> None:
        await self.create(topic)
        await self.produce(topic, numbered(10))
        async with self.started_source(topic) as source:
            batches = await self.fetched(source, 10)
            probe = self.new_source(topic, probe=True)
            try:
                assert len(await probe.start()) == 1
            finally:
                await probe.stop()
            await source.keep_alive()
            assert all(source.owns(batch) for batch in batches)
            await source.settle(batches)
        await self.produce(topic, [b"next"])
        async with self.started_source(topic) as source:
            assert values_of(await self.fetched(source, 1)) == [b"next"]

    # Pausing

    async def test_it_can_pause_if_the_binding_says_so(self, topic: str) -> None:
        assert isinstance(self.new_source(topic), PausableSource) is self.can_pause

    async def test_of_a_paused_partition_nothing_comes_until_it_is_resumed(self, topic: str) -> None:
        messages = numbered(1000)
        await self.create(topic)
        await self.produce(topic, messages)
        async with self.started_source(topic) as source:
            assert isinstance(source, PausableSource)
            batches = await self.fetched(source, 1, max_messages=10)
            partition = batches[0].partition
            source.pause(partition)
            source.pause(partition)
            await self.produce(topic, [b"while paused"])
            for _ in range(3):
                assert await source.fetch(1000, MAX_BYTES, POLL_SECONDS) == []
                await source.keep_alive()
            source.resume(partition)
            source.resume(partition)
            first = values_of(batches)
            rest = values_of(await self.fetched(source, len(messages) + 1 - len(first)))
            assert first + rest == [*messages, b"while paused"]

    async def test_what_was_fetched_of_a_paused_partition_stays_ours_and_settles(self, topic: str) -> None:
        await self.create(topic)
        await self.produce(topic, numbered(20))
        async with self.started_source(topic) as source:
            assert isinstance(source, PausableSource)
            batches = await self.fetched(source, 10, max_messages=10)
            source.pause(batches[0].partition)
            assert await source.fetch(1000, MAX_BYTES, POLL_SECONDS) == []
            assert all(source.owns(batch) for batch in batches)
            await source.settle(batches)
        async with self.started_source(topic) as source:
            assert values_of(await self.fetched(source, 10)) == numbered(20)[10:]

    async def test_a_partition_assigned_anew_is_not_paused(self, topic: str) -> None:
        await self.create(topic)
        await self.produce(topic, numbered(10))
        source = self.new_source(topic)
        try:
            await source.start()
            assert isinstance(source, PausableSource)
            (batch, *_) = await self.fetched(source, 10)
            source.pause(batch.partition)
            await source.stop()
            await source.start()
            assert values_of(await self.fetched(source, 10)) == numbered(10)
        finally:
            await source.stop()

    # Progress

    async def test_once_is_finished_when_everything_is_settled_and_not_before(self, topic: str) -> None:
        await self.create(topic)
        await self.produce(topic, numbered(10))
        async with self.started_source(topic, once=True) as source:
            batches = await self.fetched(source, 10)
            assert not await source.finished()
            await source.settle(batches)
            await self._fetch_until_finished(source)

    async def test_once_does_not_wait_for_what_came_after_the_start(self, topic: str) -> None:
        await self.create(topic)
        await self.produce(topic, numbered(10))
        async with self.started_source(topic, once=True) as source:
            await self.produce(topic, [b"after the start"])
            while not await source.finished():
                batches = await self.fetched(source, 1, max_messages=5)
                assert batches[0].values[0] != b"after the start"
                await source.settle(batches)

    async def test_once_is_finished_at_once_over_an_input_that_is_settled(self, topic: str) -> None:
        await self.create(topic)
        await self.produce(topic, numbered(10))
        async with self.started_source(topic) as source:
            await source.settle(await self.fetched(source, 10))
        async with self.started_source(topic, once=True) as source:
            await self._fetch_until_finished(source)

    async def test_once_is_finished_at_once_over_an_empty_input(self, topic: str) -> None:
        await self.create(topic)
        async with self.started_source(topic, once=True) as source:
            await self._fetch_until_finished(source)

    async def test_without_once_it_is_never_finished(self, topic: str) -> None:
        await self.create(topic)
        await self.produce(topic, numbered(10))
        async with self.started_source(topic) as source:
            await source.settle(await self.fetched(source, 10))
            assert not await source.finished()

    async def test_lag_counts_down_to_nothing_if_it_is_known(self, topic: str) -> None:
        await self.create(topic)
        await self.produce(topic, numbered(10))
        async with self.started_source(topic) as source:
            batches = await self.fetched(source, 10)
            assert await source.lag() in (None, 10)
            await source.settle(batches)

            async def nothing_left() -> bool:
                return await source.lag() in (None, 0)

            await self.eventually("a lag of 0", nothing_left)

    # Beginning and end

    async def test_a_source_may_be_stopped_twice_and_before_any_start(self, topic: str) -> None:
        await self.create(topic)
        source = self.new_source(topic)
        await source.stop()
        async with self.started_source(topic) as source:
            await source.stop()

    async def test_what_is_not_there_is_a_mistake_in_the_configuration_or_empty(self, topic: str) -> None:
        source = self.new_source(topic)
        try:
            if self.needs_existing_input:
                with pytest.raises(ConfigError):
                    await source.start()
            else:
                assert [each.name for each in await source.start()] == [topic]
                assert await source.fetch(10, MAX_BYTES, POLL_SECONDS) == []
        finally:
            await source.stop()

    async def test_an_unreachable_input_is_unavailable_at_each_start(self) -> None:
        options = self.unreachable_source_options()
        source: Source = self.connector.source(self.connector.source_options.model_validate(options), Context())
        for _ in range(2):
            with pytest.raises(UnavailableError):
                await source.start()
        await source.stop()
        await source.stop()

    async def _fetch_until_finished(self, source: Source) -> None:
        async def finished() -> bool:
            assert await source.fetch(10, MAX_BYTES, POLL_SECONDS) == []
            return await source.finished()

        await self.eventually("the end of the input", finished)
