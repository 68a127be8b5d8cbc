"""Offsets that are gone from the log before anybody read them: named, counted, and passed over where that is asked."""

from __future__ import annotations

import logging

from aiokafka import AIOKafkaConsumer, TopicPartition, errors

from aura_connectors.kafka.client import guarded
from aura_connectors.kafka.options import SourceOptions
from aura_connectors.kafka.positions import Positions
from aura_stream.errors import MessageError
from aura_stream.model import Partition

log = logging.getLogger(__name__)


class Gaps:
    """What a source does about gaps; `lost` counts the offsets of all of them, and outlives connections."""

    def __init__(self, options: SourceOptions) -> None:
        self._options = options
        self.lost = 0
        self._counted: dict[TopicPartition, int] = {}  # offsets before this one are
        self._anew: set[TopicPartition] = set()

    def begins_anew(self, tp: TopicPartition) -> bool:
        """Tell, once, whether the partition is read from before its committed offset, which has to be set back."""
        anew = tp in self._anew
        self._anew.discard(tp)
        return anew

    async def meet(self, consumer: AIOKafkaConsumer, positions: Positions, exc: errors.OffsetOutOfRangeError) -> None:
        """Let the consumer go on at the first offset that is there; with `gap: stop` raise a MessageError instead."""
        (tp, offset), *_ = exc.args[0].items()
        async with guarded(self._options.servers, "looking for the ends of the log"):
            first = (await consumer.beginning_offsets([tp]))[tp]
            end = (await consumer.end_offsets([tp]))[tp]
        if tp not in positions:
            return  # a rebalance came in between
        if self._options.gap == "stop":
            raise self._refusal(tp, offset, first, end) from exc
        if offset < first:
            self._pass_over(tp, offset, first)
        elif tp in positions.idle():
            self._begin_anew(consumer, positions, tp, offset, first, end)
        else:
            return  # what was read before the topic went is kept until it is settled; then this is met again
        consumer.seek(tp, first)

    def _pass_over(self, tp: TopicPartition, offset: int, first: int) -> None:
        """Count a gap, but nothing of it a second time."""
        start = max(offset, self._counted.get(tp, offset))
        if start < first:
            self.lost += first - start
            self._counted[tp] = first
            log.warning(
                "offsets %d to %d of %s/%d are gone: %d messages lost; going on behind them",
                *(start, first - 1, tp.topic, tp.partition, first - start),
            )

    def _begin_anew(
        self, consumer: AIOKafkaConsumer, positions: Positions, tp: TopicPartition, offset: int, first: int, end: int
    ) -> None:
        """Read another log of the same name from its start."""
        seen = consumer.last_stable_offset(tp) or 0  # the end of the former log, as far as fetches told
        lost = max(0, seen - offset)
        self.lost += lost
        self._counted.pop(tp, None)
        self._anew.add(tp)
        positions.reset(tp, first)
        log.warning(
            "%s/%d ends at offset %d, before the group's offset %d (was the topic made anew?): reading it from offset "
            "%d; %d messages are known to be lost, and there may have been more",
            *(tp.topic, tp.partition, end, offset, first, lost),
        )

    def _refusal(self, tp: TopicPartition, offset: int, first: int, end: int) -> MessageError:
        if offset < first:
            text = f"offsets {offset} to {first - 1} are gone from the log, unread (retention?)"
        else:
            text = f"the log ends at {end}, before the group's offset {offset} (was the topic made anew?)"
        group = self._options.group
        remedy = f"to go on, set gap: go, or the offsets of group {group} with kafka-consumer-groups --reset-offsets"
        partition = str(Partition(tp.topic, tp.partition))
        return MessageError(f"{partition}: {text}; {remedy}", partition, offset)
