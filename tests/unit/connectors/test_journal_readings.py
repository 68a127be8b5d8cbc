"""A reading of a journal that an error cuts short returns nothing, so the next one begins where that one began."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aura_connectors.kafka import journal as kafka
from aura_connectors.redis_streams import journal as redis

from aura_stream.errors import UnavailableError


class Server:
    """A Redis that holds one stream, and goes away once after the first page."""

    def __init__(self, records: Sequence[bytes]) -> None:
        self._entries = [(b"1-%d" % number, [b"e", record]) for number, record in enumerate(records, 1)]
        self._questions = 0

    async def pipeline(self, page: Sequence[Any], kept: Sequence[Any]) -> list[Any]:
        self._questions += 1
        if self._questions == 2:
            raise UnavailableError("gone")
        first = int(page[2].partition(b"-")[2])
        entries = self._entries[first - 1 :][: page[-1]]
        return [entries, [each for each in self._entries if each[0] == kept[2]]]


async def test_a_redis_that_goes_away_between_two_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "PAGE_RECORDS", 2)
    records = [b"%d" % number for number in range(5)]
    options = redis.JournalOptions.model_validate({"url": "redis://localhost:1/0"})
    journal = redis.RedisJournal(options, "orders")
    journal._client = Server(records)  # type: ignore[assignment]
    with pytest.raises(UnavailableError, match="gone"):
        await journal.read()
    assert await journal.read() == records
    assert await journal.read() == []


class Consumer:
    """What a journal needs of a consumer while nothing is wrong."""

    def __init__(self) -> None:
        self.place = 0

    def seek(self, _: Any, place: int) -> None:
        self.place = place


async def test_a_kafka_that_goes_away_between_two_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [b"%d" % number for number in range(5)]
    journal = kafka.KafkaJournal(kafka.JournalOptions.model_validate({"servers": "localhost:1"}), "orders")
    consumer = Consumer()
    polls = 0

    async def end() -> int:
        return len(records)

    async def poll() -> list[bytes]:
        nonlocal polls
        polls += 1
        if polls == 2:
            raise UnavailableError("gone")
        found = records[consumer.place : consumer.place + 2]
        consumer.place = journal._next = journal._next + len(found)
        return found

    journal._consumer = consumer
    monkeypatch.setattr(journal, "_end", end)
    monkeypatch.setattr(journal, "_poll", poll)
    with pytest.raises(UnavailableError, match="gone"):
        await journal.read()
    assert await journal.read() == records
    assert await journal.read() == []
