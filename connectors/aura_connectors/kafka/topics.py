"""Topics of a cluster: what they are like, making one like another, and what would harm kept records."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from aura_connectors.feedback import PLACE
from aura_connectors.kafka.client import CALL_TIMEOUT, guarded, translate
from aura_stream.errors import ConfigError, UnavailableError
from aura_stream.model import Topic
from aura_stream.model.note import MAX_NOTE

REPLICATION = "replication.factor"  # not a setting to Kafka, but as much part of a topic
MAX_MESSAGE_BYTES = "max.message.bytes"
AFTER_MAX_MS = "message.timestamp.after.max.ms"
DEFAULT_MAX_MESSAGE_BYTES = 1_048_588  # Kafka's own default, where we may not read the topic's settings
FOREVER = str(2**63 - 1)
_COPIED = (
    "cleanup.policy",
    "delete.retention.ms",
    "max.compaction.lag.ms",
    MAX_MESSAGE_BYTES,
    AFTER_MAX_MS,
    "min.compaction.lag.ms",
    "retention.bytes",
    "retention.ms",
)
_TOPIC_EXISTS = 36
_POLL = 0.05  # seconds between two looks at a topic that is being created


async def describe(client: AIOKafkaAdminClient, names: Collection[str], servers: str) -> dict[str, Topic]:
    """Return those of the topics that exist, with partition count and settings. Never creates one.

    Settings that the user may not read are missing.
    """
    async with guarded(servers, "listing topics"):
        listed = await client.describe_topics()  # naming a topic here would create it where brokers do that
        found = {topic["topic"]: topic["partitions"] for topic in listed if topic["topic"] in names}
        settings = await _settings(client, found)
        cluster = await cluster_of(client)
    topics = {}
    for name, partitions in found.items():
        ours = {REPLICATION: str(min(len(partition["replicas"]) for partition in partitions))}
        if cluster:
            ours[PLACE] = cluster
        topics[name] = Topic(name, len(partitions), settings.get(name, {}) | ours)
    return topics


async def cluster_of(client: AIOKafkaAdminClient) -> str | None:
    """Return the id of the cluster, None if the broker does not tell."""
    cluster = (await client.describe_cluster()).get("cluster_id")
    return str(cluster) if cluster else None


async def _settings(client: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    answers = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        name: {entry[0]: entry[1] for entry in entries if entry[1] is not None}
        for answer in answers
        for error, _, _, name, entries in answer.resources
        if not error
    }


def output_like(name: str, sources: Sequence[Topic], partitions: int | None, replication: int | None) -> Topic:
    """Return an output that takes all records of these inputs and keeps them as long: with the widest settings."""
    settings = {setting: _widest(sources, setting) for setting in _COPIED}
    if not all("compact" in source.settings.get("cleanup.policy", "") for source in sources):
        settings["cleanup.policy"] = None if settings["cleanup.policy"] is None else "delete"
    factor = str(replication) if replication is not None else _widest(sources, REPLICATION)
    kept = {setting: value for setting, value in (*settings.items(), (REPLICATION, factor)) if value is not None}
    fixed = {
        "message.timestamp.type": "CreateTime",
        "message.timestamp.before.max.ms": FOREVER,  # an old record was young when its own topic took it
    }
    return Topic(
        name, partitions or max(source.partitions for source in sources), {AFTER_MAX_MS: FOREVER} | kept | fixed
    )


def keeping(topic: Topic) -> Topic:
    """Return the same topic as one for dead letters: no letter makes another one go, and there is room for the note.

    Where nothing tells how long the inputs keep a record, as with compacted ones, letters stay for ever.
    """
    settings = dict(topic.settings)
    if "compact" in settings.get("cleanup.policy", "") or "retention.ms" not in settings:
        settings |= {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
    settings[MAX_MESSAGE_BYTES] = str(max_message_bytes(topic) + MAX_NOTE)
    return Topic(topic.name, topic.partitions, settings)


def _widest(sources: Sequence[Topic], setting: str) -> str | None:
    """Return the largest value among the inputs that have one; -1 means without limit."""
    values = [source.settings[setting] for source in sources if setting in source.settings]
    if not values or not values[0].lstrip("-").isdecimal():
        return values[0] if values else None
    return "-1" if "-1" in values else max(values, key=int)


async def create(client: AIOKafkaAdminClient, topic: Topic, servers: str) -> None:
    """Create a topic with these partitions and settings, and wait until it has leaders.

    One that exists meanwhile is left as it is. Replication is at most the number of brokers.
    """
    settings = dict(topic.settings)
    replication = settings.pop(REPLICATION, None)
    async with guarded(servers, f"creating topic {topic.name}"):
        brokers = len((await client.describe_cluster())["brokers"])
        factor = min(int(replication), brokers) if replication is not None else min(3, brokers)
        wanted = NewTopic(topic.name, topic.partitions, factor, topic_configs=settings)
        answer = await client.create_topics([wanted], timeout_ms=int(CALL_TIMEOUT * 1000))
    for name, code, *message in answer.topic_errors:
        if code not in (0, _TOPIC_EXISTS):
            text = message[0] if message and message[0] else ""
            raise translate(for_code(code)(text), servers, f"creating topic {name}")
    await _wait_for_leaders(client, topic.name, servers)


async def _wait_for_leaders(client: AIOKafkaAdminClient, name: str, servers: str) -> None:
    async with guarded(servers, f"waiting for topic {name}"):
        while True:
            if _has_leaders([topic for topic in await client.describe_topics() if topic["topic"] == name]):
                return
            await asyncio.sleep(_POLL)


def _has_leaders(topics: Sequence[Mapping[str, Any]]) -> bool:
    return any(topic["partitions"] and all(p["leader"] >= 0 for p in topic["partitions"]) for topic in topics)


def missing(names: Sequence[str], servers: str) -> ConfigError:
    """Return the error for topics that are not there, or not shown to this user."""
    what = f"topic {names[0]} does" if len(names) == 1 else f"topics {', '.join(names)} do"
    return ConfigError(f"{what} not exist at Kafka {servers} (or the user may not see them)")


def harm(output: Topic, source: Topic) -> list[str]:
    """Return what an existing output would do to records that keep their timestamps; [] if nothing."""
    warnings = []
    policy = output.settings.get("cleanup.policy", "delete")
    kept, wanted = _retention(output), _retention(source)
    known = source.settings.keys() - {PLACE}
    if "delete" in policy and kept is not None and (wanted is None or kept < wanted) and known:
        warnings.append(f"keeps records for {_days(kept)}, {source.name} for {_days(wanted)}: older ones are deleted")
    if "compact" in policy and "compact" not in source.settings.get("cleanup.policy", "delete"):
        warnings.append(f"is compacted, {source.name} is not: of each key only the last record stays")
    if output.settings.get("message.timestamp.type") == "LogAppendTime":
        warnings.append("has message.timestamp.type=LogAppendTime: records lose their timestamps")
    if max_message_bytes(output) < max_message_bytes(source):
        warnings.append(f"has a smaller max.message.bytes than {source.name}: large messages will be refused")
    return [f"output topic {output.name} {warning}" for warning in warnings]


def max_message_bytes(topic: Topic) -> int:
    """Return how large a batch the topic takes, in bytes as it is stored."""
    return int(topic.settings.get(MAX_MESSAGE_BYTES, DEFAULT_MAX_MESSAGE_BYTES))


def _retention(topic: Topic) -> int | None:
    """Return milliseconds, None for ever."""
    retention = int(topic.settings.get("retention.ms", "-1"))
    return None if retention < 0 else retention


def _days(milliseconds: int | None) -> str:
    return "ever" if milliseconds is None else f"{milliseconds / 86_400_000:g} days"


def check_partitions(output: Topic, source: Topic) -> None:
    """Raise ConfigError if the output has fewer partitions than the input: order per partition would be lost."""
    if output.partitions < source.partitions:
        raise ConfigError(
            f"output topic {output.name} has {output.partitions} partitions, input {source.name} has "
            f"{source.partitions}: give the output as many, or set partition: by_key"
        )


async def describe_inputs(client: AIOKafkaAdminClient, names: Sequence[str], servers: str) -> list[Topic]:
    """Return the topics in the order named. Raises ConfigError for those that do not exist."""
    found = await describe(client, names, servers)
    absent = [name for name in names if name not in found]
    if absent:
        raise missing(absent, servers)
    empty = [name for name in names if not found[name].partitions]
    if empty:
        raise UnavailableError(f"Kafka at {servers}: topic {empty[0]} has no partitions yet")
    return [found[name] for name in names]
