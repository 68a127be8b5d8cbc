"""Journals on real servers: what may lose records is refused, what is acknowledged stays, what is gone is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.record._crc32c import crc as crc32c
from aiokafka.structs import TopicPartition
from aura_connectors.kafka import SinkOptions as KafkaSinkOptions
from aura_connectors.kafka.journal import KafkaJournal
from aura_connectors.kafka.journal import maker as kafka_maker
from aura_connectors.redis_streams.journal import RedisJournal
from aura_connectors.redis_streams.journal import maker as redis_maker
from redis.asyncio import Redis

from aura_stream.errors import ConfigError, UnavailableError
from aura_stream.ports import Journal
from tests.infra.kafka import Broker
from tests.infra.proxy import proxy_to
from tests.infra.redis import StartRedis, raw_client
from tests.integration.redis_tools import command, eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def namespace() -> str:
    return f"orders-{uuid4().hex[:12]}"


def redis_journal(url: str, namespace: str) -> RedisJournal:
    journal = redis_maker.journal(redis_maker.options.model_validate({"url": url}), namespace)
    assert isinstance(journal, RedisJournal)
    return journal


def kafka_journal(servers: str, namespace: str, **options: object) -> KafkaJournal:
    mapping = {"servers": servers, **options}
    journal = kafka_maker.journal(kafka_maker.options.model_validate(mapping), namespace)
    assert isinstance(journal, KafkaJournal)
    return journal


@asynccontextmanager
async def started(journal: Journal, create: bool = True) -> AsyncIterator[Journal]:
    try:
        await journal.start(create)
        yield journal
    finally:
        await journal.stop()


# Redis


async def test_a_redis_journal_is_a_stream_beside_the_frames(redis_url: str, redis: Redis, namespace: str) -> None:
    async with started(redis_journal(redis_url, namespace)) as journal:
        await journal.append([b"one"])
    ((_, fields),) = await command(redis, "XRANGE", f"aura-journal-{namespace}", "-", "+")
    assert fields == [b"e", b"one"]
    beside = redis_maker.options_beside(redis_maker.options.model_validate({"url": redis_url}), namespace)
    async with started(redis_maker.journal(beside, "whatever"), create=False) as journal:
        assert list(await journal.read()) == [b"one"]


async def test_what_a_redis_journal_acknowledged_is_on_the_disk(
    start_valkey: StartRedis, tmp_path: Path, namespace: str
) -> None:
    server = start_valkey("--appendonly", "yes", "--appendfsync", "everysec", directory=tmp_path)
    async with started(redis_journal(server.url, namespace)) as journal:
        await journal.append([b"record one"])
        assert b"record one" in _append_only_file(tmp_path)


def _append_only_file(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*.incr.aof"))


async def test_a_redis_journal_in_memory_says_so_once(
    start_redis: StartRedis, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with started(redis_journal(start_redis().url, namespace)) as journal:
        await journal.append([b"one"])
        await journal.append([b"two"])
    assert caplog.text.count("only as durable as that server") == 1


async def test_an_append_only_file_that_is_switched_off_is_noticed(start_valkey: StartRedis, namespace: str) -> None:
    server = start_valkey("--appendonly", "yes")
    owner = raw_client(server.url)
    async with started(redis_journal(server.url, namespace)) as journal:
        await command(owner, "CONFIG", "SET", "appendonly", "no")
        with pytest.raises(ConfigError, match="not durable any more"):
            await journal.append([b"one"])
    await owner.aclose()


async def test_a_server_that_may_evict_the_journal_is_refused(start_redis: StartRedis, namespace: str) -> None:
    server = start_redis("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    journal = redis_journal(server.url, namespace)
    with pytest.raises(ConfigError, match="allkeys-lru"):
        await journal.start(create=True)
    await journal.stop()
    async with started(redis_journal(server.url, namespace), create=False) as reader:
        assert list(await reader.read()) == []


@pytest.mark.parametrize("create", [True, False])
async def test_a_key_that_is_no_stream_is_refused(redis_url: str, redis: Redis, namespace: str, create: bool) -> None:
    await command(redis, "SET", f"aura-journal-{namespace}", "text")
    journal = redis_journal(redis_url, namespace)
    with pytest.raises(ConfigError, match="not a stream"):
        await journal.start(create)
    await journal.stop()


@pytest.mark.parametrize("loss", ["flushed", "cut", "made anew"])
async def test_a_redis_journal_that_lost_what_was_read_is_noticed(
    start_redis: StartRedis, namespace: str, loss: str
) -> None:
    server = start_redis()
    owner = raw_client(server.url)
    name = f"aura-journal-{namespace}"
    async with started(redis_journal(server.url, namespace)) as journal:
        await journal.append([b"one", b"two"])
        assert len(await journal.read()) == 2
        if loss == "cut":
            ((last, _),) = await command(owner, "XREVRANGE", name, "+", "-", "COUNT", 1)
            await command(owner, "XDEL", name, last)
        else:
            await command(owner, "FLUSHALL")
        if loss == "made anew":
            await command(owner, "XADD", name, "*", "e", "three")
        with pytest.raises(ConfigError, match="no longer holds"):
            await journal.read()
        await journal.start(create=True)
        assert list(await journal.read()) == {"flushed": [], "cut": [b"one"], "made anew": [b"three"]}[loss]
    await owner.aclose()


async def test_records_of_others_read_as_damaged_ones(redis_url: str, redis: Redis, namespace: str) -> None:
    async with started(redis_journal(redis_url, namespace)) as journal:
        await command(redis, "XADD", f"aura-journal-{namespace}", "*", "other", "x")
        await journal.append([b"one"])
        assert list(await journal.read()) == [b"", b"one"]


async def test_a_full_server_takes_no_record_and_is_back_by_itself(start_redis: StartRedis, namespace: str) -> None:
    server = start_redis()
    owner = raw_client(server.url)
    async with started(redis_journal(server.url, namespace)) as journal:
        await journal.append([b"one"])
        await command(owner, "CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(UnavailableError):
            await journal.append([b"two", b"three"])
        await command(owner, "CONFIG", "SET", "maxmemory", "0")
        await journal.append([b"two"])
        assert list(await journal.read()) == [b"one", b"two"]
    await owner.aclose()


async def test_a_slow_redis_journal_works(start_valkey: StartRedis, namespace: str) -> None:
    server = start_valkey("--appendonly", "yes")
    async with proxy_to(server.port) as proxy:
        proxy.delay = 2.0
        async with started(redis_journal(f"redis://127.0.0.1:{proxy.port}/0", namespace), create=False) as journal:
            await journal.append([b"one"])
            assert list(await journal.read()) == [b"one"]


# Kafka


@asynccontextmanager
async def admin(servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=servers)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def make_topic(servers: str, name: str, partitions: int = 1, **settings: str) -> None:
    configs = {key.replace("_", "."): value for key, value in settings.items()}
    async with admin(servers) as client:
        answer = await client.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        assert [error[1] for error in answer.topic_errors] in ([0], [36])  # 36: a consumer that asked has made it

        async def there() -> bool:
            return any(topic["topic"] == name and topic["partitions"] for topic in await client.describe_topics())

        await eventually(there, "the topic")


async def test_a_kafka_journal_is_made_so_that_it_keeps_everything(kafka: str, namespace: str) -> None:
    name = f"aura-journal-{namespace}"
    async with started(kafka_journal(kafka, namespace)), admin(kafka) as client:
        (answer,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        (topic,) = [each for each in await client.describe_topics() if each["topic"] == name]
    settings = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    assert settings["retention.ms"] == "-1"
    assert settings["retention.bytes"] == "-1"
    assert settings["cleanup.policy"] == "delete"
    assert settings["max.message.bytes"] == str(4 << 20)
    assert len(topic["partitions"]) == 1


@pytest.mark.parametrize(
    ("settings", "saying"),
    [
        ({"retention_bytes": "-1"}, "set retention.ms=-1"),
        ({"retention_ms": "-1", "retention_bytes": "1000000"}, "set retention.bytes=-1"),
        ({"retention_ms": "-1", "cleanup_policy": "compact"}, "set cleanup.policy=delete"),
        ({"retention_ms": "-1", "cleanup_policy": "compact,delete"}, "set cleanup.policy=delete"),
    ],
)
@pytest.mark.parametrize("create", [True, False])
async def test_a_topic_that_forgets_is_refused_with_what_to_set(
    kafka: str, namespace: str, settings: dict[str, str], saying: str, create: bool
) -> None:
    await make_topic(kafka, f"aura-journal-{namespace}", **settings)
    journal = kafka_journal(kafka, namespace)
    with pytest.raises(ConfigError, match=saying):
        await journal.start(create)
    await journal.stop()


async def test_a_topic_of_several_partitions_is_refused(kafka: str, namespace: str) -> None:
    await make_topic(kafka, f"aura-journal-{namespace}", 2, retention_ms="-1")
    journal = kafka_journal(kafka, namespace)
    with pytest.raises(ConfigError, match="2 partitions"):
        await journal.start(create=True)
    await journal.stop()


async def test_a_topic_that_keeps_everything_is_taken_whoever_made_it(kafka: str, namespace: str) -> None:
    await make_topic(kafka, "journal-of-" + namespace, retention_ms="-1")
    async with started(kafka_journal(kafka, namespace, topic="journal-of-" + namespace)) as journal:
        await journal.append([b"one"])
        assert list(await journal.read()) == [b"one"]


async def test_a_record_that_the_topic_refuses_is_named_and_a_prefix_stays(kafka: str, namespace: str) -> None:
    await make_topic(kafka, f"aura-journal-{namespace}", retention_ms="-1", max_message_bytes="20000")
    async with started(kafka_journal(kafka, namespace)) as journal:
        await journal.append([b"one"])
        with pytest.raises(ConfigError, match=r"max\.message\.bytes"):
            await journal.append([b"x" * 50_000, b"three"])
        assert list(await journal.read()) == [b"one"]
        await journal.append([b"two"])
        assert list(await journal.read()) == [b"two"]


async def test_transactions_that_were_aborted_are_not_read(kafka: str, namespace: str) -> None:
    topic = f"aura-journal-{namespace}"
    async with started(kafka_journal(kafka, namespace)) as journal:
        producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=f"other-{namespace}")
        await producer.start()
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"committed", partition=0)
        await producer.commit_transaction()
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"aborted", partition=0)
        await producer.abort_transaction()
        await producer.stop()
        assert list(await journal.read()) == [b"committed"]
        assert list(await journal.read()) == []
        await journal.append([b"ours"])
        assert list(await journal.read()) == [b"ours"]


async def test_a_record_that_cannot_be_read_is_damaged_and_holds_nothing_up(kafka: str, namespace: str) -> None:
    topic = f"aura-journal-{namespace}"
    async with started(kafka_journal(kafka, namespace)) as journal:
        await journal.append([b"one"])
        producer = AIOKafkaProducer(bootstrap_servers=kafka)
        await producer.start()
        builder = producer.create_batch()
        for value, headers in ((b"two", []), (b"three", [("NAME", b"")]), (None, [])):
            builder.append(timestamp=1_700_000_000_000, key=b"key", value=value, headers=headers)
        builder.close()
        damaged = bytearray(builder._build().replace(b"NAME", b"\xff\xfe\xfd\xfc"))
        damaged[17:21] = crc32c(bytes(damaged[21:])).to_bytes(4, "big")
        builder._buffer = damaged
        await (await producer.send_batch(builder, topic, partition=0))
        await producer.stop()
        await journal.append([b"four"])
        assert list(await journal.read()) == [b"one", b"two", b"", b"", b"four"]


async def test_a_kafka_journal_whose_beginning_was_deleted_says_so(
    kafka: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic = f"aura-journal-{namespace}"
    async with started(kafka_journal(kafka, namespace)) as journal:
        await journal.append([b"one", b"two", b"three"])
    async with admin(kafka) as client:
        await client.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=2)})
    async with started(kafka_journal(kafka, namespace), create=False) as journal:
        assert list(await journal.read()) == [b"three"]
    assert "first 2 records" in caplog.text


async def test_a_kafka_journal_that_lost_what_was_read_is_noticed(kafka: str, namespace: str) -> None:
    topic = f"aura-journal-{namespace}"
    async with started(kafka_journal(kafka, namespace)) as journal:
        await journal.append([b"one", b"two", b"three"])
        assert len(await journal.read()) == 3
        async with admin(kafka) as client:
            await client.delete_topics([topic])

            async def gone() -> bool:
                return not any(each["topic"] == topic for each in await client.describe_topics())

            await eventually(gone, "the end of the topic")
        await make_topic(kafka, topic, retention_ms="-1")

        async def noticed() -> bool:
            try:
                await journal.read()
            except UnavailableError:  # the client still looks for the old topic
                return False
            except ConfigError as error:
                return "no longer holds" in str(error)
            raise AssertionError("read as if nothing had happened")

        await eventually(noticed, "the loss")


async def test_a_journal_goes_on_by_itself_when_its_broker_was_killed(secure_kafka: Broker, namespace: str) -> None:
    async with started(kafka_journal(secure_kafka.servers, namespace)) as journal:
        await journal.append([b"one", b"two"])
        assert list(await journal.read()) == [b"one", b"two"]
        await asyncio.to_thread(secure_kafka.stop, hard=True)
        with pytest.raises(UnavailableError):
            await journal.read()
        await asyncio.to_thread(secure_kafka.start)

        async def appended() -> bool:
            try:
                await journal.append([b"three"])
            except UnavailableError:  # it may have been written all the same
                return False
            return True

        await eventually(appended, "an acknowledgement")
        assert set(await journal.read()) == {b"three"}
        assert list(await journal.read()) == []


def test_a_journal_stands_on_the_cluster_of_the_output() -> None:
    sink = KafkaSinkOptions.model_validate(
        {"servers": "one:9092", "tls": {}, "sasl": {"username": "u", "password": "geheim"}, "replication": 2}
    )
    options = kafka_maker.options_beside(sink, "orders")
    assert options == kafka_maker.options.model_validate(
        {
            "servers": "one:9092",
            "tls": {},
            "sasl": {"username": "u", "password": "geheim"},
            "replication": 2,
            "topic": "aura-journal-orders",
        }
    )
    assert "geheim" not in repr(options)
