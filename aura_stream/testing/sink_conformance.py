"""What every sink must do, as tests."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from aura_stream.errors import UnavailableError, UnwritableMessageError
from aura_stream.model import Batch, Partition, Topic
from aura_stream.ports import Context, Sink
from aura_stream.testing.binding import ConnectorBinding, numbered


def a_batch(values: Sequence[bytes | None], first: int = 0) -> Batch:
    """Return a batch as it comes from a topic `input` whose messages carry nothing beside their values."""
    return Batch(Partition("input"), values, range(first, first + len(values)))


@pytest.mark.asyncio
class SinkConformance(ConnectorBinding):
    """The contract of `aura_stream.ports.Sink`. Subclass it, and fill in the hooks of `ConnectorBinding`."""

    # Writing

    async def test_what_publish_acknowledged_is_there_before_any_stop(self, topic: str) -> None:
        messages = numbered(3000)
        async with self.started_sink(topic) as sink:
            await sink.publish([a_batch(messages)])
            assert await self.arrived(topic) == messages

    async def test_several_batches_arrive_in_order(self, topic: str) -> None:
        messages = numbered(90)
        async with self.started_sink(topic) as sink:
            await sink.publish([a_batch(messages[:10]), a_batch(messages[10:30], 10), a_batch(messages[30:60], 30)])
            await sink.publish([a_batch(messages[60:], 60)])
        assert await self.arrived(topic) == messages

    async def test_every_kind_of_message_arrives_as_it_is(self, topic: str) -> None:
        messages = self.awkward_values()
        async with self.started_sink(topic) as sink:
            await sink.publish([a_batch(messages)])
        assert await self.arrived(topic) == messages

    async def test_nothing_to_publish_is_no_error(self, topic: str) -> None:
        async with self.started_sink(topic) as sink:
            await sink.publish([])
            await sink.publish([a_batch([])])
            await sink.publish([a_batch([b"one"])])
        assert await self.arrived(topic) == [b"one"]

    async def test_a_restarted_sink_goes_on_where_the_last_one_ended(self, topic: str) -> None:
        for message in (b"before", b"after"):
            async with self.started_sink(topic) as sink:
                await sink.publish([a_batch([message])])
        assert await self.arrived(topic) == [b"before", b"after"]

    async def test_a_null_arrives_as_null_or_is_refused_with_its_place(self, topic: str) -> None:
        if self.takes_null:
            await self._arrives(topic, [b"one", None, b"two"])
        else:
            await self._is_refused(topic, None)

    async def test_a_line_feed_arrives_as_it_is_or_is_refused_with_its_place(self, topic: str) -> None:
        if self.takes_line_feeds:
            await self._arrives(topic, [b"one", b"a\nb", b"\n", b"two"])
        else:
            await self._is_refused(topic, b"a\nb")

    # Beginning and end

    async def test_a_probe_writes_nothing(self, topic: str) -> None:
        sink = self.new_sink(topic, probe=True)
        try:
            await sink.start([Topic("input")])
        finally:
            await sink.stop()
        assert list(await self.arrived(topic)) == []

    async def test_a_sink_may_be_stopped_twice_and_before_any_start(self, topic: str) -> None:
        sink = self.new_sink(topic)
        await sink.stop()
        async with self.started_sink(topic) as sink:
            await sink.stop()

    async def test_an_unreachable_output_is_unavailable_at_each_start(self) -> None:
        options = self.unreachable_sink_options()
        sink: Sink = self.connector.sink(
            self.connector.sink_options.model_validate(options), Context(direction="decode")
        )
        for _ in range(2):
            with pytest.raises(UnavailableError):
                await sink.start([Topic("input")])
        await sink.stop()
        await sink.stop()

    async def _arrives(self, topic: str, messages: Sequence[bytes | None]) -> None:
        async with self.started_sink(topic) as sink:
            await sink.publish([a_batch(messages)])
        assert await self.arrived(topic) == messages

    async def _is_refused(self, topic: str, message: bytes | None) -> None:
        good, bad = a_batch([b"good"]), a_batch([b"not written", message, b"not written either"], first=1)
        async with self.started_sink(topic) as sink:
            with pytest.raises(UnwritableMessageError) as caught:
                await sink.publish([good, bad])
            assert (caught.value.batch, caught.value.index) == (1, 1)
            assert await self.arrived(topic) == []
