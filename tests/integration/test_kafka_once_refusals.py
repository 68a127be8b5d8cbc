"""What cannot be one transaction is refused, with the reason and before anything is written."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from aura_connectors.kafka import SinkOptions, SourceOptions, connector
from aura_connectors.kafka.transactions import transactional_id

from aura_stream.errors import ConfigError, UnavailableError, UnwritableMessageError
from aura_stream.model import Batch, Topic
from aura_stream.ports import Context
from tests.infra.kafka import BOUND_USER, PASSWORD, Broker
from tests.infra.kafka.broker import free_ports
from tests.infra.kafka.tools import GROUP, TOPIC, allow, create_topic, produce, read_all, topics_of
from tests.integration.kafka_once import NAMESPACE, Pair, bring, build, nothing_unseen, numbered, started, worker
from tests.integration.kafka_support import fetch_some, inputs_of, unique

pytestmark = pytest.mark.integration

TRANSACTIONAL_ID = 5  # resource type of the protocol


@pytest.fixture(autouse=True)
def _everything_seen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with nothing_unseen(caplog):
        yield


async def filled(servers: str, records: int = 10) -> str:
    topic = unique()
    await create_topic(servers, topic)
    await produce(servers, topic, numbered(records))
    return topic


@pytest.mark.parametrize("probe", [True, False])
async def test_inputs_of_another_cluster_are_refused(kafka: str, probe: bool) -> None:
    topic = await filled(kafka)
    elsewhere = [
        Topic(topic.name, 1, dict(topic.settings) | {"aura.place": "another"})
        for topic in await inputs_of(kafka, topic)
    ]
    options = SourceOptions(servers=kafka, topics=[topic], group="any"), SinkOptions(servers=kafka)
    _, sink = connector.exactly_once(*options, None, Context(NAMESPACE, probe=probe))
    with pytest.raises(ConfigError, match="in different Kafka clusters"):
        await sink.start(elsewhere)
    assert f"{topic}.aura" not in await topics_of(kafka)


async def test_a_look_at_an_allowed_pair_changes_nothing(kafka: str) -> None:
    topic = await filled(kafka)
    options = SourceOptions(servers=kafka, topics=[topic], group=f"group-{topic}"), SinkOptions(servers=kafka)
    source, sink = connector.exactly_once(*options, None, Context(NAMESPACE, probe=True))
    await sink.start(await source.start())
    await sink.stop()
    await source.stop()
    assert f"{topic}.aura" not in await topics_of(kafka)


async def test_an_output_that_does_not_answer_is_unavailable(kafka: str) -> None:
    topic = await filled(kafka)
    nowhere = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(UnavailableError, match=f"Kafka at {nowhere}"):
        async with started(build(kafka, topic, "any", via=nowhere)):
            pass


async def test_a_user_who_may_not_use_transactions_is_told_the_remedy(secure_kafka: Broker) -> None:
    with pytest.raises(ConfigError, match=r"transactional ids that begin with aura/.*at_least_once"):
        async with started(await as_bob(secure_kafka)):
            pass


async def test_a_user_who_may_only_look_at_transactions_is_told_the_remedy(secure_kafka: Broker) -> None:
    with pytest.raises(ConfigError, match=r"transactional ids that begin with aura/"):
        async with started(await as_bob(secure_kafka, "Describe")) as (source, _):
            await fetch_some(source)


async def test_a_user_who_may_use_transactions_but_not_the_group_is_told_so(secure_kafka: Broker) -> None:
    with pytest.raises(ConfigError, match="may not use this group"):
        async with started(await as_bob(secure_kafka, "Write")) as (source, _):
            await fetch_some(source)


async def test_a_user_who_may_not_read_the_input_is_told_so(secure_kafka: Broker) -> None:
    pair = await as_bob(secure_kafka, "Write")
    await allow(secure_kafka.servers, BOUND_USER, GROUP, pair[0]._options.group, "Read")
    with pytest.raises(ConfigError, match="may not use this topic"):
        async with started(pair) as (source, _):
            await fetch_some(source)


async def test_a_user_with_no_more_than_the_rights_that_it_takes_can_copy(secure_kafka: Broker) -> None:
    pair = await as_bob(secure_kafka, "Write", all_of_it=True)
    async with started(pair):
        assert await bring(pair, await fetch_some(pair[0], 10)) == 0


async def as_bob(broker: Broker, *transactions: str, all_of_it: bool = False) -> Pair:
    """Build a pair whose output is written by a user with few rights."""
    servers, topic = broker.servers, await filled(broker.servers)
    output = f"{topic}.aura"
    await create_topic(servers, output)
    await allow(servers, BOUND_USER, TOPIC, output, "Write")
    name = transactional_id(NAMESPACE, f"group-{topic}", topic, 0)
    await allow(servers, BOUND_USER, TRANSACTIONAL_ID, name, *transactions)
    if all_of_it:
        await allow(servers, BOUND_USER, GROUP, f"group-{topic}", "Read")
        await allow(servers, BOUND_USER, TOPIC, topic, "Read")
    sasl = {"mechanism": "SCRAM-SHA-256", "username": BOUND_USER, "password": PASSWORD}
    source = SourceOptions(servers=servers, topics=[topic], group=f"group-{topic}")
    sink = SinkOptions.model_validate(
        {"servers": broker.listeners["SASL_PLAINTEXT"], "topic": output, "create": False, "sasl": sasl}
    )
    return connector.exactly_once(source, sink, None, Context(NAMESPACE))


async def test_a_transaction_timeout_beyond_the_brokers_is_a_mistake_in_the_configuration(kafka: str) -> None:
    topic = await filled(kafka)
    with pytest.raises(ConfigError, match=r"transaction_timeout is longer .*transaction\.max\.timeout\.ms"):
        await worker(build(kafka, topic, f"{topic}.aura", transaction_timeout="1h")).run()


async def test_a_message_that_cannot_be_written_is_named_before_anything_is(kafka: str) -> None:
    topic = await filled(kafka, 3)
    await create_topic(kafka, f"{topic}.aura", max_message_bytes="1000")
    async with started(build(kafka, topic, f"{topic}.aura", dead=f"{topic}.dead")) as (source, sink):
        (batch,) = await fetch_some(source, 3)
        huge = batch.part(1, 2).with_values([random.randbytes(5000)])
        with pytest.raises(UnwritableMessageError, match=r"max\.message\.bytes=1000") as caught:
            await sink.publish_and_settle([batch.part(0, 1), huge, batch.part(2, 3)])
        assert (caught.value.batch, caught.value.index) == (1, 0)
        await sink.publish_and_settle([batch.part(0, 1), batch.part(2, 3)], [noted(batch.part(1, 2))])
        assert not source.awaits(batch)
    assert [record.value for record in await read_all(kafka, f"{topic}.aura")] == [b"000000", b"000002"]
    (letter,) = await read_all(kafka, f"{topic}.dead")
    assert (letter.value, letter.headers) == (b"000001", (("aura.dead", b"a note"),))


async def test_a_dead_letter_that_cannot_be_written_is_counted_behind_the_batches(kafka: str) -> None:
    topic = await filled(kafka, 2)
    await create_topic(kafka, f"{topic}.dead", cleanup_policy="compact")
    async with started(build(kafka, topic, f"{topic}.aura", dead=f"{topic}.dead")) as (source, sink):
        (batch,) = await fetch_some(source, 2)
        with pytest.raises(UnwritableMessageError, match="without a key") as caught:
            await sink.publish_and_settle([batch.part(0, 1)], [noted(batch.part(1, 2))])
        assert (caught.value.batch, caught.value.index) == (1, 0)
    assert await read_all(kafka, f"{topic}.aura") == []


async def test_records_and_dead_letters_are_there_together_or_not_at_all(kafka: str) -> None:
    topic = await filled(kafka, 2)
    async with started(build(kafka, topic, f"{topic}.aura", dead="{source}.dead")) as (source, sink):
        (batch,) = await fetch_some(source, 2)
        transactor = next(iter(sink._transactions._transactors.values()))
        producer = transactor._producer
        assert producer is not None
        producer.unanswered.set_result(TimeoutError("no answer"))  # type: ignore[arg-type]
        with pytest.raises(UnavailableError):
            await sink.publish_and_settle([batch.part(0, 1)], [noted(batch.part(1, 2))])
        assert await read_all(kafka, f"{topic}.aura") == await read_all(kafka, f"{topic}.dead") == []
        await sink.publish_and_settle([batch.part(0, 1)], [noted(batch.part(1, 2))])
    assert [record.value for record in await read_all(kafka, f"{topic}.aura")] == [b"000000"]
    assert [record.value for record in await read_all(kafka, f"{topic}.dead")] == [b"000001"]


def noted(batch: Batch) -> Batch:
    return connector.marked(batch, [b"a note"] * len(batch))
