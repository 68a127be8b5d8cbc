"""A transactional producer that tells when an answer is missing, and does not wait longer than it must."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer, errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import CoordinationType
from aiokafka.producer.sender import BACKOFF_OVERRIDE, AddPartitionsToTxnHandler
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    TxnOffsetCommitRequest,
)

from aura_connectors.kafka.client import REQUEST_TIMEOUT_MS, create_nothing, discard, guarded, security
from aura_connectors.kafka.options import SinkOptions
from aura_stream.errors import UnavailableError

START_TIMEOUT = 5.0
SOON = (0.002, 0.004, 0.008)  # seconds between questions; then aiokafka's own 20 ms
_POLL = 0.1
_WATCHED = (AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, ProduceRequest, TxnOffsetCommitRequest)


class TransactionalProducer:
    """aiokafka's producer, in `client`; `unanswered` is done as soon as one of its requests got no answer.

    aiokafka asks again by itself then, and tells nobody.
    """

    def __init__(self, transactional_id: str, options: SinkOptions) -> None:
        self._servers = options.servers
        self._id = transactional_id
        self.client = AIOKafkaProducer(
            bootstrap_servers=options.servers,
            transactional_id=transactional_id,
            transaction_timeout_ms=int(options.transaction_timeout * 1000),
            acks="all",
            # What it gives up is given up here too, and on a slow link all partitions wait for each other.
            request_timeout_ms=max(REQUEST_TIMEOUT_MS, int(options.delivery_timeout * 1000)),
            **security(options),
        )
        self.unanswered: asyncio.Future[errors.KafkaError] = asyncio.get_running_loop().create_future()
        create_nothing(self.client.client)
        self._watch(self.client.client)
        self._hurry(self.client._sender)

    async def start(self) -> None:
        """Connect, end what a producer of this id left open, and refuse what it still sends (InitProducerId).

        Raises UnavailableError within START_TIMEOUT, ConfigError if the user may not do this.
        """
        try:
            async with guarded(self._servers, f"starting the transactions of {self._id}", START_TIMEOUT):
                await self.client.start()
        except BaseException:
            await self.discard()
            raise

    async def discard(self) -> None:
        """Throw it away, whatever state it is in. Bounded in time."""
        await discard(self.client)

    def ended_by(self) -> Exception | None:
        """Return the error that ended its transaction, if one did.

        aiokafka's sender keeps it there, and the next call only asserts that there is a transaction.
        """
        ended = self.client._txn_manager._transaction_waiter
        error: Exception | None = ended.exception() if ended is not None and ended.done() else None
        return error

    def _watch(self, client: Any) -> None:
        send = client.send

        async def watched(node_id: int, request: Any, **more: Any) -> Any:
            try:
                return await send(node_id, request, **more)
            except errors.KafkaError as exc:
                if isinstance(request, _WATCHED) and not self.unanswered.done():
                    self.unanswered.set_result(exc)
                raise

        client.send = watched

    @staticmethod
    def _hurry(sender: Any) -> None:
        """Ask sooner than aiokafka whether the transaction before is closed: its 20 ms are most of what one costs."""
        questions = 0

        async def add(partitions: Any) -> bool:
            nonlocal questions
            node_id = await sender._find_coordinator(CoordinationType.TRANSACTION, sender._txn_manager.transactional_id)
            pause = SOON[questions] if questions < len(SOON) else BACKOFF_OVERRIDE
            added: bool = await _AddPartitions(sender, partitions, pause).do(node_id)
            questions = 0 if added else questions + 1
            return added

        sender._do_add_partitions_to_txn = add


async def find_coordinator(client: AIOKafkaAdminClient, transactional_id: str, servers: str) -> None:
    """Ask which broker coordinates transactions of this id; what refuses that, would refuse them.

    Raises ConfigError if the user may not use the id, UnavailableError if there is none.
    """
    try:
        async with guarded(servers, "looking for the coordinator of transactions"):
            while True:
                try:
                    await client._client.coordinator_lookup(CoordinationType.TRANSACTION, transactional_id)
                    break
                except errors.CoordinatorNotAvailableError:  # or the topic of their states is being made
                    await asyncio.sleep(_POLL)
    except UnavailableError as exc:
        hint = "there must be as many brokers as transaction.state.log.replication.factor says"
        raise UnavailableError(f"{exc}; {hint}") from exc


class _AddPartitions(AddPartitionsToTxnHandler):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, sender: Any, partitions: Any, pause: float) -> None:
        super().__init__(sender, partitions)
        self._pause = pause

    def handle_response(self, response: Any) -> float | None:
        backoff: float | None = super().handle_response(response)
        return self._pause if backoff == BACKOFF_OVERRIDE else backoff
