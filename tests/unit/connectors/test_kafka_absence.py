"""A topic that is deleted while it is read is told of once, and asked for until it is there again."""

from __future__ import annotations

from typing import Any

import pytest
from aura_connectors.kafka.absence import CERTAIN, LOOK_EVERY, Absence


class FakeClient:
    """A client that knows these topics; counts how often it was told to ask anew."""

    def __init__(self, *topics: str) -> None:
        self.topics, self.asked = set(topics), 0
        self.cluster = self._client = self

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return {0} if topic in self.topics else None

    def force_metadata_update(self) -> None:
        self.asked += 1


async def test_what_is_there_is_neither_told_nor_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    client: Any = FakeClient("orders", "payments")
    Absence(["orders", "payments"]).look(client)
    assert (client.asked, caplog.messages) == (0, [])


async def test_a_topic_that_is_gone_is_told_once_and_asked_for_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    client: Any = FakeClient("orders")
    now = 100.0
    absence = Absence(["orders", "payments"], lambda: now)
    for _ in range(3):
        absence.look(client)
    assert (client.asked, caplog.messages) == (1, []), "asked at once, and told when that is certain"
    now += CERTAIN
    for _ in range(3):
        absence.look(client)
    assert (client.asked, len(caplog.messages)) == (1, 1)
    assert "topic payments is gone" in caplog.messages[0]
    now += LOOK_EVERY
    absence.look(client)
    assert client.asked == 2
    client.topics.add("payments")
    absence.look(client)
    assert (client.asked, caplog.messages[1:]) == (2, ["topic payments is there again"])


async def test_a_topic_that_is_missing_for_a_moment_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    client: Any = FakeClient()
    now = 100.0
    absence = Absence(["orders"], lambda: now)
    absence.look(client)
    now += CERTAIN / 2
    client.topics.add("orders")
    absence.look(client)
    client.topics.clear()
    now += CERTAIN
    absence.look(client)
    assert caplog.messages == []
