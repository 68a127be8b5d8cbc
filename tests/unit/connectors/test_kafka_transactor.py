"""A partition's transactions: done once, not done, or found out; never guessed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition, errors
from aura_connectors.kafka import transactor as module
from aura_connectors.kafka.options import SinkOptions
from aura_connectors.kafka.records import Target
from aura_connectors.kafka.transactional import TransactionalProducer
from aura_connectors.kafka.transactor import FencedError, Transactor

from aura_stream.errors import ConfigError, UnavailableError

TP = TopicPartition("orders", 0)
OUT = Target("out", 1, 1000, False, 0)
ROWS: Any = {(OUT, 0): [[(1, None, b"a", []), (1, None, b"b", [])]]}


class FakeClient:
    """aiokafka's producer: `fault` is raised by the step of that name."""

    def __init__(self, broker: FakeBroker) -> None:
        self.broker = broker
        self.offset = 0

    async def begin_transaction(self) -> None:
        await self._step("begin")

    async def send_offsets_to_transaction(self, offsets: Mapping[TopicPartition, int], group: str) -> None:
        await self._step("offsets")
        self.offset = offsets[TP]

    async def commit_transaction(self) -> None:
        await self._step("commit")
        self.broker.committed = self.offset
        await self._step("answer")

    async def abort_transaction(self) -> None:
        self.broker.steps.append("abort")

    async def _step(self, name: str) -> None:
        self.broker.steps.append(name)
        fault = self.broker.faults.pop(name, None)
        if isinstance(fault, asyncio.Event):
            self.broker.reached.set()
            await fault.wait()
        elif fault is not None:
            raise fault


class FakeBroker:
    """What a broker keeps, how far it is settled as the source knows, and which step fails next time."""

    def __init__(self) -> None:
        self.committed = 0
        self.known = 0
        self.faults: dict[str, Any] = {}
        self.steps: list[str] = []
        self.sent: list[str] = []
        self.reached = asyncio.Event()
        self.producers: list[FakeProducer] = []
        self.elsewhere = False

    def place(self, tp: TopicPartition) -> tuple[int, int] | None:
        return 1, self.known

    async def find_out(self, tp: TopicPartition, attempted: int) -> None:
        self.steps.append("find out")
        if fault := self.faults.pop("find out", None):
            raise fault
        if self.committed == attempted:
            self.known = attempted
        elif self.committed != self.known:
            self.elsewhere = True

    def settled(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.known = offsets[TP]


class FakeProducer:
    def __init__(self, name: str, _: SinkOptions, broker: FakeBroker) -> None:
        self.name = name
        self.client = FakeClient(broker)
        self.unanswered: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self._broker = broker
        self.discarded = False
        self.reason: Exception | None = None
        broker.producers.append(self)

    async def start(self) -> None:
        self._broker.steps.append("start")
        if fault := self._broker.faults.pop("start", None):
            raise fault

    def ended_by(self) -> Exception | None:
        return self.reason

    async def discard(self) -> None:
        self.discarded = True


@pytest.fixture
async def broker(monkeypatch: pytest.MonkeyPatch) -> FakeBroker:
    fake = FakeBroker()

    async def send_all(client: FakeClient, rows: Any, options: SinkOptions, transactional: bool) -> None:
        assert transactional
        await client._step("send")

    monkeypatch.setattr(module, "TransactionalProducer", lambda name, options: FakeProducer(name, options, fake))
    monkeypatch.setattr(module, "send_all", send_all)
    return fake


async def ready(broker: FakeBroker, rest: float = 0.0) -> Transactor:
    options = SinkOptions(servers="localhost:9092")
    transactor = Transactor(TP, "readers", "aura/orders/readers/orders/0", options, broker, rest)
    await transactor.start()
    broker.steps.clear()
    return transactor


async def settle(transactor: Transactor, broker: FakeBroker, offset: int = 2) -> None:
    async with asyncio.timeout(5):
        await transactor.settle(ROWS, offset, lambda: broker.known < offset and not broker.elsewhere)


async def test_records_come_before_the_offset_and_the_end(broker: FakeBroker) -> None:
    transactor = await ready(broker)
    await settle(transactor, broker)
    assert broker.steps == ["begin", "send", "offsets", "commit", "answer"]
    assert broker.known == broker.committed == 2


@pytest.mark.parametrize(
    ("reason", "raised"),
    [
        (errors.TopicAuthorizationFailedError("out"), ConfigError),
        (errors.KafkaError("lost"), UnavailableError),
        (errors.ProducerFenced(), FencedError),
        (None, AssertionError),
    ],
)
@pytest.mark.parametrize("step", ["send", "offsets", "commit"])
async def test_what_ended_the_transaction_is_told_and_not_that_there_is_none(
    broker: FakeBroker, reason: Exception | None, raised: type[Exception], step: str
) -> None:
    transactor = await ready(broker)
    broker.producers[0].reason = reason
    broker.faults[step] = AssertionError()
    with pytest.raises(raised):
        await settle(transactor, broker)
    assert broker.producers[0].discarded


async def test_aiokafka_keeps_what_ended_a_transaction_and_asserts_that_there_is_one() -> None:
    producer = TransactionalProducer("orders", SinkOptions(servers="localhost:9092"))
    manager = producer.client._txn_manager
    assert producer.ended_by() is None
    manager.set_pid_and_epoch(1, 1)
    manager.begin_transaction()
    assert producer.ended_by() is None
    error = errors.TopicAuthorizationFailedError("out")
    manager.error_transaction(error)
    with pytest.raises(AssertionError):
        manager.maybe_add_partition_to_txn(TP)
    assert producer.ended_by() is error
    await producer.discard()


async def test_what_is_settled_already_is_passed_over(broker: FakeBroker) -> None:
    transactor = await ready(broker)
    broker.known = 2
    await settle(transactor, broker)
    assert broker.steps == []


@pytest.mark.parametrize("step", ["begin", "send", "offsets", "commit"])
async def test_an_error_before_the_end_is_told_once_it_is_certain_that_nothing_was_committed(
    broker: FakeBroker, step: str
) -> None:
    transactor = await ready(broker)
    broker.faults[step] = errors.KafkaError("lost")
    with pytest.raises(UnavailableError, match="lost"):
        await settle(transactor, broker)
    assert broker.producers[0].discarded
    assert broker.steps[-2:] == ["start", "find out"]
    await settle(transactor, broker)
    assert broker.known == broker.committed == 2


async def test_an_error_after_the_end_is_none_once_the_offset_tells_that_it_was_committed(broker: FakeBroker) -> None:
    transactor = await ready(broker)
    broker.faults["answer"] = errors.KafkaError("lost")
    await settle(transactor, broker)
    assert broker.known == 2
    assert broker.producers[0].discarded
    assert not broker.producers[1].discarded


async def test_a_missing_answer_ends_a_transaction_that_would_wait_for_ever(broker: FakeBroker) -> None:
    transactor = await ready(broker)
    broker.faults["commit"] = asyncio.Event()
    settling = asyncio.create_task(settle(transactor, broker))
    await broker.reached.wait()
    broker.producers[0].unanswered.set_result(errors.RequestTimedOutError())
    with pytest.raises(UnavailableError):
        await settling
    assert broker.steps[-2:] == ["start", "find out"]


async def test_a_missing_answer_costs_the_producer_even_if_asking_again_helped(broker: FakeBroker) -> None:
    """A late EndTxn would count for the next transaction, which the broker cannot tell from this one."""
    transactor = await ready(broker)
    broker.producers[0].unanswered.set_result(errors.RequestTimedOutError())
    await settle(transactor, broker)
    assert broker.known == broker.committed == 2
    assert broker.producers[0].discarded
    assert broker.steps[-2:] == ["start", "find out"]


async def test_what_another_worker_settled_is_left_alone(broker: FakeBroker) -> None:
    transactor = await ready(broker)
    broker.faults["send"] = errors.KafkaError("lost")
    broker.committed = 7
    await settle(transactor, broker)
    assert broker.elsewhere
    assert broker.steps.count("begin") == 1


async def test_without_an_answer_to_what_happened_nothing_is_written(broker: FakeBroker) -> None:
    transactor = await ready(broker)
    broker.faults |= {"answer": errors.KafkaError("lost"), "find out": UnavailableError("away")}
    with pytest.raises(UnavailableError, match="lost"):
        await settle(transactor, broker)
    assert all(producer.discarded for producer in broker.producers)
    broker.faults["start"] = UnavailableError("still away")
    with pytest.raises(UnavailableError, match="still away"):
        await settle(transactor, broker)
    await settle(transactor, broker)
    assert broker.steps.count("begin") == 1
    assert broker.known == broker.committed == 2


async def test_a_fenced_producer_lets_the_group_speak_first(broker: FakeBroker) -> None:
    transactor = await ready(broker, rest=60.0)
    broker.faults["commit"] = errors.ProducerFenced()
    for _ in range(2):
        with pytest.raises(FencedError, match="another producer took aura/orders/readers/orders/0"):
            await settle(transactor, broker)
    assert "start" not in broker.steps


async def test_a_fenced_producer_is_replaced_after_that(broker: FakeBroker) -> None:
    transactor = await ready(broker, rest=0.0)
    broker.faults["send"] = errors.ProducerFenced()
    with pytest.raises(FencedError):
        await settle(transactor, broker)
    await settle(transactor, broker)
    assert broker.known == broker.committed == 2


async def test_what_a_human_must_mend_is_told_as_that(broker: FakeBroker) -> None:
    transactor = await ready(broker)
    unexpected = errors.KafkaError("Unexpected error during batch delivery")
    unexpected.__cause__ = errors.TransactionalIdAuthorizationFailed()
    broker.faults["send"] = unexpected
    with pytest.raises(ConfigError, match="transactional ids that begin with aura/"):
        await settle(transactor, broker)
    assert broker.producers[0].discarded


async def test_a_transaction_that_takes_too_long_is_given_up(
    broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactor = await ready(broker)
    monkeypatch.setattr(transactor, "_options", transactor._options.model_copy(update={"transaction_timeout": 0.01}))
    broker.faults["send"] = asyncio.Event()
    with pytest.raises(UnavailableError, match="no answer within"):
        await settle(transactor, broker)


async def test_closing_ends_what_is_under_way_without_an_error(broker: FakeBroker) -> None:
    transactor = await ready(broker)
    broker.faults["send"] = asyncio.Event()
    settling = asyncio.create_task(settle(transactor, broker))
    await broker.reached.wait()
    await transactor.close()
    await settling
    assert broker.steps[-1] == "abort"
    assert broker.producers[0].discarded
    await settle(transactor, broker)
    await transactor.close()
    assert broker.known == 0


async def test_what_is_cancelled_is_aborted_and_may_come_again(broker: FakeBroker) -> None:
    transactor = await ready(broker)
    broker.faults["send"] = asyncio.Event()
    settling = asyncio.create_task(settle(transactor, broker))
    await broker.reached.wait()
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert broker.steps[-1] == "abort"
    await settle(transactor, broker)
    assert broker.known == broker.committed == 2


async def test_a_client_that_ends_as_cancelled_says_nothing_of_what_was_settled(broker: FakeBroker) -> None:
    transactor = await ready(broker)
    broker.faults["commit"] = asyncio.CancelledError()
    with pytest.raises(UnavailableError, match="cut short"):
        await settle(transactor, broker)
    await settle(transactor, broker)
    assert broker.known == broker.committed == 2


async def test_a_producer_is_replaced_before_its_sequence_numbers_run_out(
    broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SEQUENCE", 5)
    transactor = await ready(broker)
    for offset in (2, 4, 6, 8):
        await settle(transactor, broker, offset)
    assert [producer.discarded for producer in broker.producers] == [True, False]
    assert broker.known == broker.committed == 8


async def test_calls_for_one_partition_wait_for_each_other(broker: FakeBroker) -> None:
    transactor = await ready(broker)
    await asyncio.gather(settle(transactor, broker, 2), settle(transactor, broker, 4))
    assert broker.steps == ["begin", "send", "offsets", "commit", "answer"] * 2
    assert broker.committed == 4
