"""Output topics are made like their inputs, refused where they would break order, warned about where they delete."""

from __future__ import annotations

import logging

import pytest
from aura_connectors.kafka import KafkaSink, SinkOptions

from aura_stream.errors import ConfigError
from aura_stream.model import Batch, Partition, Topic
from aura_stream.ports import Context
from tests.infra.kafka.tools import create_topic, read_all, settings_of, topics_of
from tests.integration.kafka_support import inputs_of, sink_to, source_of, unique

pytestmark = pytest.mark.integration


async def test_a_missing_output_is_made_like_its_input(kafka: str) -> None:
    topic = unique()
    kept = {"retention_bytes": "123456789", "retention_ms": "-1", "max_message_bytes": "2000000"}
    await create_topic(kafka, topic, partitions=3, cleanup_policy="compact", **kept)
    async with sink_to(kafka, "{source}.aura", await inputs_of(kafka, topic)):
        assert (await topics_of(kafka))[f"{topic}.aura"] == 3
    made = await settings_of(kafka, f"{topic}.aura")
    assert {name.replace(".", "_"): made[name] for name in ("retention.bytes", "retention.ms")} == {
        name: kept[name] for name in ("retention_bytes", "retention_ms")
    }
    assert (made["cleanup.policy"], made["max.message.bytes"]) == ("compact", "2000000")
    assert made["message.timestamp.type"] == "CreateTime"


async def test_an_output_of_append_times_keeps_create_times(kafka: str) -> None:
    topic = unique()
    await create_topic(kafka, topic, message_timestamp_type="LogAppendTime", message_timestamp_before_max_ms="1000")
    async with sink_to(kafka, "{source}.aura", await inputs_of(kafka, topic)) as sink:
        await sink.publish([Batch(Partition(topic), [b"a"], [0])])
    made = await settings_of(kafka, f"{topic}.aura")
    assert made["message.timestamp.type"] == "CreateTime"
    assert made["message.timestamp.before.max.ms"] == str(2**63 - 1)


async def test_an_output_of_something_else_than_kafka_takes_any_timestamp(kafka: str) -> None:
    output = unique("out")
    async with sink_to(kafka, output, [Topic("stream")], partitions=4):
        assert (await topics_of(kafka))[output] == 4
    assert (await settings_of(kafka, output))["message.timestamp.after.max.ms"] == str(2**63 - 1)


async def test_an_output_with_fewer_partitions_is_refused(kafka: str) -> None:
    topic, output = unique(), unique("out")
    await create_topic(kafka, topic, partitions=3)
    await create_topic(kafka, output, partitions=2)
    inputs = await inputs_of(kafka, topic)
    with pytest.raises(ConfigError, match=f"{output} has 2 partitions, input {topic} has 3"):
        async with sink_to(kafka, output, inputs):
            pass
    async with sink_to(kafka, output, inputs, partition="by_key"):
        pass


async def test_an_output_with_fewer_partitions_is_not_even_made(kafka: str) -> None:
    topic, output = unique(), unique("out")
    await create_topic(kafka, topic, partitions=3)
    inputs = await inputs_of(kafka, topic)
    for probe in (True, False):
        sink = KafkaSink(SinkOptions(servers=kafka, topic=output, partitions=2), Context(probe=probe))
        with pytest.raises(ConfigError, match=f"{output} has 2 partitions, input {topic} has 3"):
            await sink.start(inputs)
        await sink.stop()
    assert output not in await topics_of(kafka)


@pytest.mark.parametrize("probe", [True, False])
async def test_an_output_that_is_the_input_is_refused(kafka: str, probe: bool) -> None:
    topic = unique()
    await create_topic(kafka, topic)
    sink = KafkaSink(SinkOptions(servers=kafka, topic="{source}"), Context(probe=probe))
    with pytest.raises(ConfigError, match=f"output {topic} is one of the inputs"):
        await sink.start(await inputs_of(kafka, topic))
    await sink.stop()


async def test_a_message_of_a_partition_that_the_output_lacks_is_refused(kafka: str) -> None:
    topic, output = unique(), unique("out")
    await create_topic(kafka, output)
    async with sink_to(kafka, output, [Topic(topic)]) as sink:
        with pytest.raises(ConfigError, match=f"partition 7, and output topic {output} has 1"):
            await sink.publish([Batch(Partition(topic, 7), [b"a"], [0])])


async def test_a_missing_output_is_an_error_where_none_shall_be_made(kafka: str) -> None:
    output = unique("out")
    with pytest.raises(ConfigError, match=f"topic {output} does not exist"):
        async with sink_to(kafka, output, [Topic("stream")], create=False):
            pass
    assert output not in await topics_of(kafka)


async def test_a_probe_makes_nothing(kafka: str) -> None:
    output = unique("out")
    sink = KafkaSink(SinkOptions(servers=kafka, topic=output), Context(probe=True))
    await sink.start([Topic("stream")])
    await sink.stop()
    assert output not in await topics_of(kafka)


async def test_missing_inputs_are_named_and_not_made(kafka: str) -> None:
    topics = [unique(), unique()]
    with pytest.raises(ConfigError, match=f"topics {topics[0]}, {topics[1]} do not exist"):
        async with source_of(kafka, *topics):
            pass
    assert not set(topics) & set(await topics_of(kafka))


async def test_an_existing_output_that_would_delete_records_is_warned_about(
    kafka: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic, output = unique(), unique("out")
    await create_topic(kafka, topic)
    await create_topic(kafka, output, retention_ms="604800000")
    with caplog.at_level(logging.WARNING, "aura_connectors"):
        async with sink_to(kafka, output, await inputs_of(kafka, topic)):
            pass
    assert f"output topic {output} keeps records for 7 days, {topic} for ever" in caplog.text


async def test_an_illegal_output_name_is_a_mistake_in_the_configuration(kafka: str) -> None:
    with pytest.raises(ConfigError, match="Topic name is invalid"):
        async with sink_to(kafka, "{source}.aura", [Topic("stream:with:colons")]):
            pass


async def test_several_inputs_share_an_output_with_the_widest_settings(kafka: str) -> None:
    topics, output = [unique(), unique()], unique("out")
    await create_topic(kafka, topics[0], partitions=2, retention_ms="1000000", max_message_bytes="3000000")
    await create_topic(kafka, topics[1], partitions=5, retention_ms="2000000", cleanup_policy="compact")
    async with sink_to(kafka, output, await inputs_of(kafka, *topics), partition="by_key"):
        assert (await topics_of(kafka))[output] == 5
    made = await settings_of(kafka, output)
    assert (made["retention.ms"], made["max.message.bytes"], made["cleanup.policy"]) == ("2000000", "3000000", "delete")
    assert await read_all(kafka, output) == []
