"""What is added to aiokafka's transactional producer: it tells of missing answers, and asks sooner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import TopicPartition, errors
from aiokafka.producer.sender import BACKOFF_OVERRIDE
from aiokafka.producer.transaction_manager import TransactionState
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.transaction import AddPartitionsToTxnRequest, EndTxnRequest
from aura_connectors.kafka import client as client_module
from aura_connectors.kafka import transactional as module
from aura_connectors.kafka.options import SinkOptions
from aura_connectors.kafka.transactional import SOON, TransactionalProducer, find_coordinator

from aura_stream.errors import UnavailableError

OPTIONS = SinkOptions(servers="localhost:9092", transaction_timeout="7s")  # type: ignore[arg-type]
OUT = TopicPartition("out", 0)
CONCURRENT, LOADING = 51, 14


@pytest.fixture
async def producer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TransactionalProducer]:
    """A producer whose client is not connected: the test answers."""
    sent: list[Any] = []

    async def send(self: Any, node_id: int, request: Any, **_: Any) -> Any:
        sent.append(request)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    answers: list[Any] = []
    monkeypatch.setattr("aiokafka.client.AIOKafkaClient.send", send)
    made = TransactionalProducer("aura/ns/readers/orders/0", OPTIONS)
    made.answers = answers  # type: ignore[attr-defined]
    yield made
    await made.discard()


async def ask(producer: Any, request: Any) -> None:
    with pytest.raises(errors.KafkaError):
        await producer.client.client.send(0, request)


async def test_it_tells_of_the_first_request_of_a_transaction_that_got_no_answer(producer: Any) -> None:
    producer.answers += [errors.RequestTimedOutError(), errors.KafkaConnectionError(), errors.NodeNotReadyError()]
    await ask(producer, MetadataRequest([]))
    assert not producer.unanswered.done()
    await ask(producer, EndTxnRequest("id", 1, 0, True))
    assert isinstance(producer.unanswered.result(), errors.KafkaConnectionError)
    await ask(producer, EndTxnRequest("id", 1, 0, True))


async def test_it_asks_sooner_whether_the_transaction_before_is_closed_and_not_for_ever(
    producer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def pausing(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("aiokafka.producer.sender.asyncio.sleep", pausing)
    sender = producer.client._sender
    sender._coordinators = dict.fromkeys(module.CoordinationType, 0)
    sender._txn_manager.state = TransactionState.IN_TRANSACTION
    sender._txn_manager._pending_txn_partitions.add(OUT)
    producer.answers += [_answer(code) for code in (*[CONCURRENT] * 5, LOADING, 0, CONCURRENT)]
    for expected in (*[False] * 6, True):
        assert await sender._do_add_partitions_to_txn({OUT}) is expected
    sender._txn_manager._txn_partitions.clear()
    sender._txn_manager._pending_txn_partitions.add(OUT)
    assert not await sender._do_add_partitions_to_txn({OUT})
    assert pauses == [*SOON, BACKOFF_OVERRIDE, BACKOFF_OVERRIDE, sender._retry_backoff, SOON[0]]


def _answer(code: int) -> Any:
    struct = AddPartitionsToTxnRequest("id", 1, 0, []).prepare({24: (0, 0)})
    return struct.RESPONSE_TYPE(0, [("out", [(0, code)])])


async def test_the_timeout_is_the_brokers_own(producer: Any) -> None:
    assert producer.client._txn_manager.transaction_timeout_ms == 7000


async def test_a_producer_whose_end_is_cancelled_by_its_own_tasks_is_discarded_all_the_same(
    producer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(client_module, "CLOSE_TIMEOUT", 0.1)
    monkeypatch.setattr(producer.client, "stop", cancelled)
    producer.client._closed = True
    await producer.discard()


async def test_a_producer_whose_discarding_is_cancelled_is_stopped_all_the_same(
    producer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = asyncio.Event()

    async def hang() -> None:
        closing.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(producer.client.client, "close", hang)
    monkeypatch.setattr(client_module, "CLOSE_TIMEOUT", 0.1)
    discarding = asyncio.create_task(producer.discard())
    await closing.wait()
    discarding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await discarding
    assert producer.client._closed


class FakeAdmin:
    def __init__(self, *answers: Exception | int) -> None:
        self._client = self
        self.answers = list(answers)

    async def coordinator_lookup(self, kind: object, name: str) -> int:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_coordinator_that_is_not_there_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLL", 0)
    admin: Any = FakeAdmin(errors.CoordinatorNotAvailableError(), 1)
    await find_coordinator(admin, "id", "localhost:9092")


async def test_a_cluster_without_coordinators_is_told_what_it_takes() -> None:
    admin: Any = FakeAdmin(errors.RequestTimedOutError())
    with pytest.raises(UnavailableError, match=r"transaction\.state\.log\.replication\.factor"):
        await find_coordinator(admin, "id", "localhost:9092")
