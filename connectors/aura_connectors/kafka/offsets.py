"""Reading a group's offsets, none of which is about to change (KIP-447).

A broker may still be at putting a committed transaction's offset in place when the transaction counts as ended: the one
before is no answer then. aiokafka's own requests are of a version that cannot ask for this.

    request   OffsetFetch v7: group, [topic, [partition]], whether to refuse what is pending; compact and tagged
    response  throttle ms, [topic, [partition, offset, leader epoch, metadata, error]], error
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition, errors
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

_OFFSET_FETCH, _VERSION = 9, 7
_UNSTABLE = 88  # UNSTABLE_OFFSET_COMMIT
_AGAIN = (_UNSTABLE, errors.GroupLoadInProgressError.errno)
_MOVED = (errors.GroupCoordinatorNotAvailableError.errno, errors.NotCoordinatorForGroupError.errno)
_PAUSE = 0.02  # seconds
_NONE = -1


class _Answer(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = _OFFSET_FETCH
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", CompactString("utf-8")),
                        ("error_code", Int16),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("error_code", Int16),
        ("tags", TaggedFields),
    )


class _Question(RequestStruct):  # type: ignore[misc]
    API_KEY = _OFFSET_FETCH
    API_VERSION = _VERSION
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("group", CompactString("utf-8")),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
            ),
        ),
        ("require_stable", Boolean),
        ("tags", TaggedFields),
    )


class _StableOffsets(Request[_Question]):  # type: ignore[misc]
    API_KEY = _OFFSET_FETCH

    def __init__(self, group: str, partitions: Sequence[TopicPartition]) -> None:
        topics: dict[str, list[int]] = defaultdict(list)
        for tp in partitions:
            topics[tp.topic].append(tp.partition)
        self._fields: tuple[object, ...] = group, [(topic, indexes, {}) for topic, indexes in topics.items()], True, {}

    def build(self, struct: type[_Question]) -> _Question:
        return struct(*self._fields)


async def committed_offsets(
    consumer: AIOKafkaConsumer, group: str, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    """Return the committed offset of each of the partitions that has one. Not bounded in time; raises client errors.

    Brokers before 2.5 give what they have, as they do to everybody.
    """
    if not partitions:
        return {}
    coordinator = consumer._coordinator
    while True:
        await coordinator.ensure_coordinator_known()
        try:
            answer = await coordinator._send_req(_StableOffsets(group, partitions))
        except NotImplementedError:
            found = await coordinator.fetch_committed_offsets(partitions)
            return {tp: at.offset for tp, at in found.items() if at.offset != _NONE}
        rows = {TopicPartition(topic, row[0]): row for topic, some, _ in answer.topics for row in some}
        codes = {answer.error_code, *(row[4] for row in rows.values())} - {0}
        if not codes:
            return {tp: row[1] for tp, row in rows.items() if row[1] != _NONE}
        if codes.isdisjoint((*_AGAIN, *_MOVED)):
            raise errors.for_code(min(codes))()
        if not codes.isdisjoint(_MOVED):
            coordinator.coordinator_dead()
        await asyncio.sleep(_PAUSE)
