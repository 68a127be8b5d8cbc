"""One input partition's transactions: what comes of its messages, and how far they are settled, in one step.

The producer's id belongs to the partition, so there is one at a time in the whole cluster: starting it ends what an
earlier one left open, and refuses whatever that one still sends. A producer that misses an answer is thrown away, even
if the next attempt succeeded: a late EndTxn or TxnOffsetCommit would count for the transaction after it
(docs/adr/one-producer-per-partition.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from aiokafka import TopicPartition, errors

from aura_connectors.kafka.client import guarded, translate
from aura_connectors.kafka.commits import Progress
from aura_connectors.kafka.options import SinkOptions
from aura_connectors.kafka.sending import Rows, count_rows, send_all
from aura_connectors.kafka.transactional import TransactionalProducer
from aura_stream.errors import AuraError, UnavailableError

log = logging.getLogger(__name__)

MAX_SEQUENCE = 2**31 - 1  # records to a partition in one producer session: aiokafka's counter does not wrap
ABORT_TIMEOUT = 2.0  # seconds; the broker aborts by itself when the next owner comes


class FencedError(UnavailableError):
    """A producer of the same id was started elsewhere."""


class Transactor:
    """One partition's producer, from assignment to revocation. `rest` in seconds: before it takes back what was taken.

    One call of `settle` at a time; others wait.
    """

    def __init__(
        self, partition: TopicPartition, group: str, name: str, options: SinkOptions, progress: Progress, rest: float
    ) -> None:
        self._partition = partition
        self._group = group
        self._name = name
        self._options = options
        self._progress = progress
        self._rest = rest
        self._producer: TransactionalProducer | None = None
        self._sent: Counter[tuple[str, int]] = Counter()
        self._attempted = 0  # the offset whose transaction may have been committed, without a producer
        self._not_before = 0.0
        self._open = False  # a transaction is, and can be aborted
        self._turn = asyncio.Lock()
        self._work: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self) -> None:
        """Start the producer. Raises UnavailableError and ConfigError."""
        producer = TransactionalProducer(self._name, self._options)
        await producer.start()
        self._sent.clear()
        self._producer = producer

    async def settle(self, rows: Rows, offset: int, awaited: Callable[[], bool]) -> None:
        """Write the rows and commit the offset, at once or not at all, if that is still `awaited`.

        After a return it is done, once, or not ours any more. Raises UnavailableError if that is not certain: the
        next call finds out first. Raises ConfigError.
        """
        async with self._turn:
            if self._closed:
                return
            work = self._work = asyncio.create_task(self._settle(rows, offset, awaited))
            try:
                await asyncio.wait({work})
            finally:
                await _cancel(work)
            if not work.cancelled():
                work.result()
            elif not self._closed:  # by something that the client met: this says nothing of what was settled
                raise UnavailableError(f"Kafka at {self._options.servers}: a transaction of {self._name} was cut short")

    async def close(self) -> None:
        """Give up what is under way, and the producer. Bounded in time."""
        self._closed = True
        if self._work is not None:
            await _cancel(self._work)
        await self._discard()

    async def _settle(self, rows: Rows, offset: int, awaited: Callable[[], bool]) -> None:
        await self._be_certain()
        if not awaited():
            return
        await self._renew(rows)
        try:
            await self._transact(rows, offset)
        except UnavailableError as error:
            if isinstance(error.__cause__, errors.ProducerFenced):
                self._not_before = time.monotonic() + self._rest  # by then the group has told whether it is ours
                raise self._fenced() from error
            with contextlib.suppress(UnavailableError):  # the first one tells more, and the next call tries again
                await self._be_certain()
            if self._producer is None or awaited():
                raise
            log.info("%s: settled all the same: %s", self._name, error)
        else:
            self._progress.settled({self._partition: offset})

    async def _be_certain(self) -> None:
        """Without a producer, start one, and find out what became of the last transaction."""
        if self._producer is not None:
            return
        if time.monotonic() < self._not_before:
            raise self._fenced()
        await self.start()
        try:
            await self._progress.find_out(self._partition, self._attempted)
        except BaseException:
            await self._discard()
            raise

    async def _renew(self, rows: Rows) -> None:
        """Take a new producer before its sequence numbers run out; everything sent before is committed."""
        counts = count_rows(rows)
        if any(self._sent[where] + count > MAX_SEQUENCE for where, count in counts.items()):
            await self._discard()
            await self.start()
        self._sent.update(counts)

    async def _transact(self, rows: Rows, offset: int) -> None:
        """One transaction. After any error the producer is gone, and nobody knows whether it was committed."""
        producer = self._producer
        assert producer is not None, "there is one where we are certain"
        self._attempted = offset
        options = self._options
        try:
            async with guarded(options.servers, f"a transaction of {self._name}", options.transaction_timeout):
                await self._answered(producer, self._steps(producer, rows, offset))
        except asyncio.CancelledError:
            await self._abort(producer)
            await self._discard()
            raise
        except BaseException:
            await self._discard()
            raise

    async def _steps(self, producer: TransactionalProducer, rows: Rows, offset: int) -> None:
        client, options = producer.client, self._options
        await client.begin_transaction()
        self._open = True
        await send_all(client, rows, options, transactional=True)
        async with guarded(options.servers, f"committing for {self._name}", options.delivery_timeout):
            # Not beside the sending: a broker refuses records, for a while, of a transaction that is being changed.
            await client.send_offsets_to_transaction({self._partition: offset}, self._group)
            self._open = False
            await client.commit_transaction()

    async def _answered(self, producer: TransactionalProducer, steps: Coroutine[Any, Any, None]) -> None:
        """Take the steps, as long as each of the producer's requests is answered."""
        work = asyncio.create_task(steps)
        try:
            await asyncio.wait({work, producer.unanswered}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
            if producer.unanswered.done():
                raise self._because(producer.unanswered.result())
        except (AssertionError, UnavailableError):
            if (reason := producer.ended_by()) is None:
                raise
            raise self._because(reason) from reason
        finally:
            await _cancel(work)

    def _because(self, reason: Exception) -> AuraError:
        return translate(reason, self._options.servers, f"a transaction of {self._name}")

    async def _abort(self, producer: TransactionalProducer) -> None:
        """Let readers go on at once, and not only when the next owner comes."""
        if self._open:
            with contextlib.suppress(Exception):  # whatever it meets: it is being thrown away
                async with asyncio.timeout(ABORT_TIMEOUT):
                    await producer.client.abort_transaction()

    def _fenced(self) -> FencedError:
        return FencedError(f"Kafka at {self._options.servers}: another producer took {self._name}")

    async def _discard(self) -> None:
        producer, self._producer = self._producer, None
        self._open = False
        if producer is not None:
            await producer.discard()


async def _cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task that is not over, and wait for its end, whatever that is."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
