"""What a connector must do whose two sides fit together, as tests."""

from __future__ import annotations

from aura_stream.model import Topic
from aura_stream.testing.binding import numbered, rows, values_of
from aura_stream.testing.sink_conformance import SinkConformance
from aura_stream.testing.source_conformance import SourceConformance


class ConnectorConformance(SourceConformance, SinkConformance):
    """The whole contract of a connector that can be read from and written to.

    Subclass it in a test module, under a name that begins with `Test`, and fill in the hooks of `ConnectorBinding`.
    """

    async def test_metadata_survives_under_other_values(self, topic: str) -> None:
        output = f"{topic}-out"
        await self.create(topic)
        await self.produce(topic, numbered(50))
        async with self.started_source(topic) as source:
            batches = await self.fetched(source, 50)
        frames = [batch.with_values([b"frame"] * len(batch)) for batch in batches]
        async with self.started_sink(output, [Topic(batches[0].partition.topic)]) as sink:
            await sink.publish(frames)
        async with self.started_source(output) as source:
            copies = await self.fetched(source, 50)
        assert values_of(copies) == [b"frame"] * 50
        assert rows(copies) == rows(batches)

    async def test_every_kind_of_message_survives_a_journey(self, topic: str) -> None:
        output, messages = f"{topic}-out", self.awkward_values()
        await self.create(topic)
        await self.produce(topic, messages)
        async with self.started_source(topic) as source:
            batches = await self.fetched(source, len(messages))
            async with self.started_sink(output, [Topic(batches[0].partition.topic)]) as sink:
                await sink.publish(batches)
            await source.settle(batches)
        assert await self.arrived(output) == messages
