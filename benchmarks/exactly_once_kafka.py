"""Kafka to Kafka, exactly once and at least once: what `exactly_once.py` runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import uuid4

from _bridge import Run, Speed, encoding, identity, messages, through_worker
from aura_connectors.kafka import KafkaSink, KafkaSource, SinkOptions, SourceOptions, connector
from bridge_kafka import broker

from aura_stream.ports import Context
from aura_stream.runtime import Transform
from tests.infra.kafka.tools import Record, create_topic, produce

shapes = {"1 partition": 1, "4 partitions": 4}
server = broker

CONTEXT = Context("bench", once=True)


async def variants(servers: str, count: int, partitions: int) -> Mapping[str, Mapping[str, Run]]:
    """Fill an input of so many partitions, and return the ways to copy it."""
    topic = f"bench-{uuid4().hex[:8]}"
    await create_topic(servers, topic, partitions)
    await produce(servers, topic, [Record(row, partition=n % partitions) for n, row in enumerate(messages(count))])

    def bridge(make: Callable[[], Transform], exactly: bool) -> Run:
        async def run() -> Speed:
            group = output = f"{topic}-{uuid4().hex[:8]}"
            source = SourceOptions(servers=servers, topics=[topic], group=group)
            sink = SinkOptions(servers=servers, topic=output)
            if exactly:
                pair = connector.exactly_once(source, sink, None, CONTEXT)
                return await through_worker(*pair, make(), count)
            return await through_worker(KafkaSource(source, CONTEXT), KafkaSink(sink, CONTEXT), make(), count)

        return run

    def both(make: Callable[[], Transform]) -> Mapping[str, Run]:
        return {"at least once": bridge(make, exactly=False), "exactly once": bridge(make, exactly=True)}

    return {"codec": both(lambda: encoding("batched")), "identity": both(identity)}
