"""Input topics that are deleted while they are read: told, and looked for until they are there again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaConsumer

LOOK_EVERY = 5.0  # seconds; by itself the client asks every five minutes
CERTAIN = 1.0  # seconds; a broker that has just started may not know all topics yet

log = logging.getLogger(__name__)


class Absence:
    """Which topics are gone, as far as the client knows. `clock` in seconds."""

    def __init__(self, topics: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._topics = topics
        self._clock = clock
        self._since: dict[str, float] = {}
        self._told: set[str] = set()
        self._next = 0.0

    def look(self, consumer: AIOKafkaConsumer) -> None:
        """Tell what has changed, and let the client ask again for what is gone, now and then."""
        client, now = consumer._client, self._clock()
        absent = [topic for topic in self._topics if not client.cluster.partitions_for_topic(topic)]
        self._since = {topic: self._since.get(topic, now) for topic in absent}
        gone = {topic for topic, since in self._since.items() if now - since >= CERTAIN}
        for topic in sorted(gone - self._told):
            log.warning("topic %s is gone, with all that was not read of it; waiting for it to be made anew", topic)
        for topic in sorted(self._told - set(absent)):
            log.info("topic %s is there again", topic)
        self._told = gone
        if absent and now >= self._next:
            self._next = now + LOOK_EVERY
            client.force_metadata_update()
