"""What a connector must do that publishes and settles in one step, as tests."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from aura_stream.errors import ConfigError, UnavailableError, UnwritableMessageError
from aura_stream.ports import ExactlyOnce, KeepsDeadLetters
from aura_stream.testing.binding import numbered, rows, values_of
from aura_stream.testing.exactly_once_binding import CONTEXT, ExactlyOnceBinding, count


@pytest.mark.asyncio
class ExactlyOnceConformance(ExactlyOnceBinding):
    """The contract of `aura_stream.ports.ExactlyOnce`, for a connector that keeps dead letters too.

    Subclass it, and fill in the hooks of `ConnectorBinding` and `ExactlyOnceBinding`. `arrived` must leave out what was
    not committed.
    """

    # Both, or neither

    async def test_the_connector_says_that_it_can(self) -> None:
        assert isinstance(self.connector, ExactlyOnce)
        assert isinstance(self.connector, KeepsDeadLetters)

    async def test_what_was_published_is_settled_too(self, topic: str) -> None:
        await self._filled(topic, 20)
        async with self.started_pair(topic) as pair:
            batches = await self.fetched(pair.source, 20)
            await pair.sink.publish_and_settle(batches)
            await self._has_arrived(topic, numbered(20))
        await self._goes_on_with(topic, [])

    async def test_what_was_not_published_comes_again(self, topic: str) -> None:
        await self._filled(topic, 20)
        async with self.started_pair(topic) as pair:
            await self.fetched(pair.source, 20)
        assert await self.arrived(f"{topic}-out") == []
        await self._goes_on_with(topic, numbered(20))

    async def test_a_new_pair_goes_on_right_behind_the_last_step(self, topic: str) -> None:
        await self._filled(topic, 1000)
        done = 0
        while done < 1000:
            async with self.started_pair(topic) as pair:
                batches = await self.fetched(pair.source, 1, max_messages=170)
                await pair.sink.publish_and_settle(batches)
                done += count(batches)
                if done < 1000:
                    await self.fetched(pair.source, 1, max_messages=50)  # in flight when the pair is stopped
            await self._has_arrived(topic, numbered(done))

    async def test_many_steps_bring_each_message_once_and_in_order(self, topic: str) -> None:
        await self._filled(topic, 3000)
        async with self.started_pair(topic) as pair:
            done = 0
            while done < 3000:
                batches = await self.fetched(pair.source, 1, max_messages=400)
                await pair.sink.publish_and_settle(batches)
                done += count(batches)
        await self._has_arrived(topic, numbered(3000))
        await self._goes_on_with(topic, [])

    async def test_a_part_of_a_batch_can_be_brought_and_then_the_rest(self, topic: str) -> None:
        await self._filled(topic, 10)
        async with self.started_pair(topic) as pair:
            batch = await self._one_batch(pair, 10)
            await pair.sink.publish_and_settle([batch.part(0, 4)])
            await pair.sink.publish_and_settle([batch.part(4, 10)])
        await self._has_arrived(topic, numbered(10))
        await self._goes_on_with(topic, [])

    async def test_what_is_settled_already_is_passed_over(self, topic: str) -> None:
        await self._filled(topic, 10)
        async with self.started_pair(topic) as pair:
            batch = await self._one_batch(pair, 10)
            head, rest = batch.part(0, 4), batch.part(4, 10)
            for _ in range(2):
                await pair.sink.publish_and_settle([head])
            await pair.sink.publish_and_settle([head, rest])
            await pair.sink.publish_and_settle([head, rest])
        await self._has_arrived(topic, numbered(10))
        await self._goes_on_with(topic, [])

    async def test_what_is_not_ours_any_more_is_neither_written_nor_settled(self, topic: str) -> None:
        await self._filled(topic, 10)
        async with self.started_pair(topic) as pair:
            batches = await self.fetched(pair.source, 10)
            await self.lose(topic, pair.source, batches)
            with suppress(UnavailableError):  # if it cannot be certain
                await pair.sink.publish_and_settle(batches)
        assert await self.arrived(f"{topic}-out") == []
        await self._goes_on_with(topic, numbered(10))

    async def test_nothing_to_bring_is_no_error(self, topic: str) -> None:
        await self._filled(topic, 3)
        async with self.started_pair(topic) as pair:
            await pair.sink.publish_and_settle([])
            await pair.sink.publish_and_settle([], [])
            batch = await self._one_batch(pair, 3)
            await pair.sink.publish_and_settle([batch])
        await self._has_arrived(topic, numbered(3))

    async def test_values_may_change_and_what_is_beside_them_stays(self, topic: str) -> None:
        await self._filled(topic, 50)
        async with self.started_pair(topic) as pair:
            batches = await self.fetched(pair.source, 50)
            frames = [batch.with_values([b"frame"] * len(batch)) for batch in batches]
            await pair.sink.publish_and_settle(frames)
        async with self.started_source(f"{topic}-out") as source:
            copies = await self.fetched(source, 50)
        assert values_of(copies) == [b"frame"] * 50
        assert rows(copies) == rows(batches)

    async def test_every_kind_of_message_goes_over(self, topic: str) -> None:
        messages = self.awkward_values()
        await self.create(topic)
        await self.produce(topic, messages)
        async with self.started_pair(topic) as pair:
            await pair.sink.publish_and_settle(await self.fetched(pair.source, len(messages)))
        await self._has_arrived(topic, messages)

    # Dead letters

    async def test_dead_letters_go_in_the_same_step(self, topic: str) -> None:
        await self._filled(topic, 10)
        async with self.started_pair(topic) as pair:
            batch = await self._one_batch(pair, 10)
            dead = [self._marked(batch.part(row, row + 1)) for row in (3, 4, 9)]
            await pair.sink.publish_and_settle([batch.part(0, 3), batch.part(5, 9)], dead)
        everything = numbered(10)
        await self._has_arrived(topic, [*everything[:3], *everything[5:9]])
        await self._has_letters(topic, [everything[row] for row in (3, 4, 9)])
        await self._goes_on_with(topic, [])

    async def test_nothing_but_dead_letters_can_go(self, topic: str) -> None:
        await self._filled(topic, 4)
        async with self.started_pair(topic) as pair:
            batch = await self._one_batch(pair, 4)
            dead = [self._marked(batch.part(row, row + 1)) for row in range(4)]
            await pair.sink.publish_and_settle([], dead[:2])
            await pair.sink.publish_and_settle([], dead)
        await self._has_letters(topic, numbered(4))
        assert await self.arrived(f"{topic}-out") == []
        await self._goes_on_with(topic, [])

    async def test_dead_letters_that_are_not_ours_any_more_are_not_written(self, topic: str) -> None:
        await self._filled(topic, 4)
        async with self.started_pair(topic) as pair:
            batch = await self._one_batch(pair, 4)
            await self.lose(topic, pair.source, [batch])
            with suppress(UnavailableError):
                await pair.sink.publish_and_settle([batch.part(0, 3)], [self._marked(batch.part(3, 4))])
            assert await self._letters(topic) == []
        await self._goes_on_with(topic, numbered(4))

    # What cannot be written

    async def test_what_can_never_be_written_is_named_before_anything_is_written(self, topic: str) -> None:
        await self._filled(topic, 6)
        async with self.started_pair(topic, unwritable=True) as pair:
            batch = await self._one_batch(pair, 6)
            bad = batch.part(2, 6).with_values([b"good", self.unwritable, b"good", b"good"])
            with pytest.raises(UnwritableMessageError) as caught:
                await pair.sink.publish_and_settle([batch.part(0, 2), bad])
            assert (caught.value.batch, caught.value.index) == (1, 1)
            assert await self.arrived(f"{topic}-out") == []
            dead = [self._marked(batch.part(3, 4))]
            await pair.sink.publish_and_settle([batch.part(0, 2), bad.part(0, 1), bad.part(2, 4)], dead)
        await self._has_letters(topic, numbered(6)[3:4])
        await self._has_arrived(topic, [*numbered(2), *[b"good"] * 3])
        await self._goes_on_with(topic, [])

    async def test_a_dead_letter_that_can_never_be_written_counts_behind_the_batches(self, topic: str) -> None:
        await self._filled(topic, 3)
        async with self.started_pair(topic, unwritable=True) as pair:
            batch = await self._one_batch(pair, 3)
            dead = [batch.part(1, 2), batch.part(2, 3).with_values([self.unburiable])]
            with pytest.raises(UnwritableMessageError) as caught:
                await pair.sink.publish_and_settle([batch.part(0, 1)], [self._marked(letter) for letter in dead])
            assert (caught.value.batch, caught.value.index) == (2, 0)
            assert await self._letters(topic) == []
        assert await self.arrived(f"{topic}-out") == []

    # Beginning and end

    async def test_a_probe_writes_nothing(self, topic: str) -> None:
        await self._filled(topic, 3)
        source, sink = self.new_pair(topic, replace(CONTEXT, probe=True))
        try:
            await sink.start(await source.start())
        finally:
            await sink.stop()
            await source.stop()
        assert list(await self.arrived(f"{topic}-out")) == []
        await self._goes_on_with(topic, numbered(3))

    async def test_a_pair_may_be_stopped_twice_and_before_any_start(self, topic: str) -> None:
        await self.create(topic)
        source, sink = self.new_pair(topic)
        await sink.stop()
        await source.stop()
        async with self.started_pair(topic) as pair:
            await pair.sink.stop()
            await pair.source.stop()

    async def test_an_unreachable_input_is_unavailable_at_each_start(self) -> None:
        from_nowhere, into_nowhere = self.unreachable_source_options(), self.unreachable_sink_options()
        assert from_nowhere is not None, "otherwise this test is left out"
        assert into_nowhere is not None, "either side is unreachable, or none"
        source, sink = self._built(from_nowhere, into_nowhere, None, CONTEXT)
        for _ in range(2):
            with pytest.raises(UnavailableError):
                await source.start()
        await sink.stop()
        await source.stop()

    async def test_sides_that_cannot_be_one_step_are_refused_with_the_reason(self, topic: str) -> None:
        options = self.apart_options(topic)
        assert options is not None, "otherwise this test is left out"
        await self.create(topic)
        with pytest.raises(ConfigError, match=r"^delivery: exactly_once"):
            await self._start_apart(*options)
