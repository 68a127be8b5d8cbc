"""Committed offsets: asked for until none is about to change."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition, errors
from aiokafka.structs import OffsetAndMetadata
from aura_connectors.kafka.offsets import committed_offsets

ONE, TWO = TopicPartition("orders", 0), TopicPartition("orders", 1)
VERSIONS = {9: (1, 10)}
UNSTABLE, LOADING, MOVED, FORBIDDEN = 88, 14, 16, 30


class FakeCoordinator:
    """Answers with what the test prepared, as from the wire, and remembers what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []
        self.looked_up = 0
        self.lost = 0

    async def ensure_coordinator_known(self) -> None:
        self.looked_up += 1

    def coordinator_dead(self) -> None:
        self.lost += 1

    async def _send_req(self, request: Any) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        struct = request.prepare(VERSIONS)
        self.asked.append(struct.to_object())
        rows, error = answer
        topics = [("orders", [(index, offset, -1, "", code, {}) for index, offset, code in rows], {})] if rows else []
        return struct.RESPONSE_TYPE.decode(struct.RESPONSE_TYPE(0, topics, error, {}).encode())

    async def fetch_committed_offsets(self, partitions: Any) -> dict[TopicPartition, OffsetAndMetadata]:
        return {ONE: OffsetAndMetadata(3, "")}


async def ask(*answers: Any) -> tuple[dict[TopicPartition, int], FakeCoordinator]:
    coordinator = FakeCoordinator(*answers)
    consumer: Any = SimpleNamespace(_coordinator=coordinator)
    return await committed_offsets(consumer, "readers", [ONE, TWO]), coordinator


async def test_only_offsets_that_nothing_is_about_to_change_are_asked_for() -> None:
    found, coordinator = await ask(([(0, 7, 0), (1, -1, 0)], 0))
    assert found == {ONE: 7}
    (asked,) = coordinator.asked
    assert (asked["group"], asked["require_stable"]) == ("readers", True)
    assert [(topic["topic"], topic["partitions"]) for topic in asked["topics"]] == [("orders", [0, 1])]


async def test_nothing_is_asked_about_no_partitions() -> None:
    consumer: Any = SimpleNamespace()
    assert await committed_offsets(consumer, "readers", []) == {}


@pytest.mark.parametrize("code", [UNSTABLE, LOADING])
async def test_it_asks_again_while_an_offset_is_about_to_change(code: int) -> None:
    found, coordinator = await ask(([(0, 7, code), (1, 1, 0)], 0), ([(0, 9, 0), (1, 1, 0)], 0))
    assert found == {ONE: 9, TWO: 1}
    assert coordinator.lost == 0


async def test_it_looks_for_the_coordinator_again_where_that_has_moved() -> None:
    found, coordinator = await ask(([], MOVED), ([(0, 9, 0)], 0))
    assert found == {ONE: 9}
    assert (coordinator.lost, coordinator.looked_up) == (1, 2)


async def test_what_is_refused_is_told() -> None:
    with pytest.raises(errors.GroupAuthorizationFailedError):
        await ask(([], FORBIDDEN))
    with pytest.raises(errors.RequestTimedOutError):
        await ask(errors.RequestTimedOutError())


async def test_of_a_broker_that_does_not_know_the_question_the_old_one_is_asked() -> None:
    found, _ = await ask(NotImplementedError())
    assert found == {ONE: 3}
