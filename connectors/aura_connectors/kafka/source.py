"""Reading topics as a member of a consumer group, with positions that only we move."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition, errors

from aura_connectors.kafka.absence import Absence
from aura_connectors.kafka.client import REQUEST_TIMEOUT_MS, admin, create_nothing, guarded, leave, probe, security
from aura_connectors.kafka.commits import Commits, GroupCommits
from aura_connectors.kafka.gaps import Gaps
from aura_connectors.kafka.offsets import committed_offsets
from aura_connectors.kafka.options import SourceOptions
from aura_connectors.kafka.positions import Positions
from aura_connectors.kafka.reader import Reader
from aura_connectors.kafka.topics import describe_inputs
from aura_stream.errors import AuraError, UnavailableError
from aura_stream.model import Batch, Partition, Topic
from aura_stream.ports import Context

log = logging.getLogger(__name__)

REVOKE_TIMEOUT = 5.0  # seconds that a rebalance waits for messages in flight; they come again after that
REBALANCE_TIMEOUT_MS = 30_000  # how late a member may come to a rebalance: REVOKE_TIMEOUT and a commit, with room
MAX_POLL_INTERVAL_MS = 300_000
SILENCE = 5.0  # seconds; brokers answer twice a second, even if there is nothing to read
PARTITION_FETCH_BYTES = 2 * 2**20  # fewer round trips than with 1 MiB; 4 MiB bring no more
FETCH_BYTES = 16 * 2**20  # bounds what is read ahead


class KafkaSource(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """A `Source`; see the port for the contract.

    aiokafka fetches in the background and tells of rebalances from a task of its own; `_lock` keeps a commit and
    the loss of its partition apart. `_assigned` is clear from a revocation until the next assignment is taken over.
    """

    def __init__(self, options: SourceOptions, context: Context, commits: Commits | None = None) -> None:
        self._options = options
        self._context = context
        self._topics = list(dict.fromkeys(options.topics))
        self._positions = Positions()
        self._gaps = Gaps(options)
        self._absence = Absence(self._topics)
        self._commits = commits or GroupCommits()
        self._backlog: deque[Batch] = deque()
        self._paused: set[Partition] = set()
        self._consumer: AIOKafkaConsumer | None = None
        self._reader: Reader | None = None
        self._lock = asyncio.Lock()
        self._assigned = asyncio.Event()
        self._taking_over: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._failure: AuraError | None = None  # met in a callback, where nobody would see it
        self.rebalances = 0  # see `Rebalancing`
        self._probed = 0.0  # when a broker answered outside of the consumer, in seconds since the epoch
        self._ends: dict[TopicPartition, int] | None = None  # with once: where unsettled partitions ended at start

    @property
    def lost(self) -> int:
        """See `Losing`: offsets that were gone from the log, unread."""
        return self._gaps.lost

    async def start(self) -> Sequence[Topic]:
        """Connect, look the topics up, join the group; the assignment comes later."""
        await self._drop()
        await probe(self._options)
        async with admin(self._options) as client:
            topics = await describe_inputs(client, self._topics, self._options.servers)
        if not self._context.probe:
            await self._join()
            if self._context.once:
                self._ends = await self._find_ends(topics)
        return topics

    async def fetch(self, max_messages: int, max_bytes: int, timeout: float) -> list[Batch]:
        """Return what was read, reading on if nothing is left."""
        reader = await self._connected()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._assigned.wait()
        if self._failure is not None:
            return []
        if not self._ready() or not self._assigned.is_set():
            await self._read(reader, max_messages, timeout)
        return self._hand_out(max_messages, max_bytes) if self._assigned.is_set() else []

    def owns(self, batch: Batch) -> bool:
        """Tell whether the batch belongs to the present assignment."""
        return self._positions.owns(batch)

    def awaits(self, batch: Batch) -> bool:
        """Tell whether the batch is owned, and not settled yet."""
        return self._positions.awaits(batch)

    async def settle(self, batches: Sequence[Batch]) -> None:
        """Commit the offsets behind these batches."""
        async with self._lock:
            await self._commit(self._positions.to_commit(batches))

    def pause(self, partition: Partition) -> None:
        """Tell the client to fetch no more of it, and keep back what was read already."""
        tp = TopicPartition(partition.topic, partition.index)
        if self._consumer is not None and tp in self._positions:
            self._paused.add(partition)
            with contextlib.suppress(errors.IllegalStateError):  # a rebalance is under way
                self._consumer.pause(tp)

    def resume(self, partition: Partition) -> None:
        """Go on with it."""
        self._paused.discard(partition)
        if self._consumer is not None:
            with contextlib.suppress(errors.IllegalStateError):
                self._consumer.resume(TopicPartition(partition.topic, partition.index))

    async def keep_alive(self) -> None:
        """Poll without fetching."""
        if self._reader is not None and self._assigned.is_set():
            self._backlog.extend(await self._reader.read_nothing())

    async def finished(self) -> bool:
        """With `once`: tell whether the group has settled all that was there at start."""
        if self._ends is None:
            return False
        await self._commit_passed(await self._connected())
        if any(self._positions.settled(tp) < self._ends.get(tp, 0) for tp in self._positions):
            return False
        async with guarded(self._options.servers, "reading the group's offsets"):
            for tp, end in list(self._ends.items()):
                if not await self._is_through(tp, end):
                    return False
                del self._ends[tp]
        return True

    async def _is_through(self, tp: TopicPartition, end: int) -> bool:
        assert self._consumer is not None
        owned = tp in self._positions
        settled: int = self._positions.settled(tp) if owned else await self._consumer.committed(tp) or 0
        if settled <= end:
            return settled == end
        now: int = (await self._consumer.end_offsets([tp]))[tp]
        return settled <= now  # else the log was cut, or made anew: whoever reads it will tell

    async def lag(self) -> int | None:
        """Return the messages behind the committed offsets of our partitions, as far as the last fetches told."""
        if self._consumer is None or not self._assigned.is_set():
            return None
        total = 0
        for tp in self._positions:
            end = self._consumer.last_stable_offset(tp)
            if end is None:
                return None
            total += max(0, end - self._positions.settled(tp))
        return total

    async def stop(self) -> None:
        """Leave the group and close."""
        await self._drop()

    async def _connected(self) -> Reader:
        """Return the reader, a new one after a failure; raises what a callback met."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            await self._drop()
            raise failure
        if self._reader is None:
            await probe(self._options)
            await self._join()
        assert self._reader is not None
        return self._reader

    async def _read(self, reader: Reader, max_messages: int, timeout: float) -> None:
        try:
            if self._assigned.is_set():
                self._backlog.extend(await reader.read(max_messages, timeout))
            else:
                await reader.read_nothing()  # tells if the group refused us
        except UnavailableError:
            await self._drop()
            raise
        if not self._ready():
            self._absence.look(self._consumer)
            await self._check_silence(reader)
            await self._commit_passed(reader)

    async def _check_silence(self, reader: Reader) -> None:
        """Find out whether there is nothing to read or nobody answers; the client tells only its log of the latter."""
        if max(reader.heard, self._probed) + SILENCE < time.time():
            await probe(self._options)
            self._probed = time.time()

    async def _join(self) -> None:
        options = self._options
        session_ms = int(options.session_timeout * 1000)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=options.servers,
            group_id=options.group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 4,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            fetch_max_bytes=FETCH_BYTES,
            check_crcs=options.check_crcs,
            **security(options),
        )
        create_nothing(consumer._client)
        try:
            async with guarded(options.servers, "connecting"):
                await consumer.start()
        except BaseException:
            await leave(consumer)
            raise
        consumer.subscribe(self._topics, listener=self)
        self._probed = time.time()
        self._consumer = consumer
        self._reader = Reader(consumer, self._positions, options, self._gaps)

    async def _drop(self) -> None:
        """Leave the group and forget the assignment; messages handed out are not ours any more."""
        consumer, self._consumer = self._consumer, None
        reader, self._reader = self._reader, None
        await self._stop_taking_over()
        await self._release()
        if reader is not None:
            await reader.close()
        if consumer is not None:
            await leave(consumer)

    async def _release(self) -> None:
        self._assigned.clear()
        self._positions.clear()
        self._backlog.clear()
        self._paused.clear()
        self._settled.set()
        await self._commits.end()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Wait a while for what is in flight, then let go; called by aiokafka before each rebalance."""
        await self._stop_taking_over()
        self._failure = None  # of the assignment that ends here
        self._assigned.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REVOKE_TIMEOUT):
                while self._positions.unsettled():
                    self._settled.clear()
                    await self._settled.wait()
        async with self._lock:
            if unsettled := self._positions.unsettled():
                log.warning("rebalance: messages in flight of %d partitions will come again", len(unsettled))
            await self._release()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Take over; called by aiokafka after each rebalance, which sends no heartbeat before this returns."""
        self.rebalances += bool(assigned)
        if self._consumer is not None:
            self._consumer.pause(*assigned)  # it would fetch from a position of its own
            self._taking_over = asyncio.create_task(self._take_over(self._consumer, sorted(assigned)))

    async def _stop_taking_over(self) -> None:
        task, self._taking_over = self._taking_over, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _take_over(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        """Begin at our own positions, once no former owner can move them any more."""
        try:
            async with self._lock:
                await self._commits.begin(partitions, self)
                async with guarded(self._options.servers, "reading the group's offsets"):
                    await self._find_positions(consumer, partitions)
        except AuraError as exc:
            self._failure = exc
        self._assigned.set()

    async def _find_positions(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        starts = await committed_offsets(consumer, self._options.group, partitions)
        if new := [tp for tp in partitions if tp not in starts]:
            look_up = consumer.beginning_offsets if self._options.start == "earliest" else consumer.end_offsets
            first = await look_up(new)
            await self._commits.commit(consumer, first)  # so that `latest` means the first start, whatever happens next
            starts |= first
        for tp, offset in starts.items():
            consumer.seek(tp, offset)  # which throws away what was fetched from elsewhere
        self._positions.assign(starts)
        consumer.resume(*partitions)

    def place(self, tp: TopicPartition) -> tuple[int, int] | None:
        """See `Progress`."""
        return (self._positions.epoch_of(tp), self._positions.settled(tp)) if tp in self._positions else None

    async def find_out(self, tp: TopicPartition, attempted: int) -> None:
        """See `Progress`. Where the group has got elsewhere, what was read of the partition is not ours any more."""
        place, consumer = self.place(tp), self._consumer
        if place is None or consumer is None:
            raise UnavailableError(f"{tp.topic}/{tp.partition} is not read now")
        async with guarded(self._options.servers, "reading the group's offsets"):
            committed = (await committed_offsets(consumer, self._options.group, [tp])).get(tp)
        if self.place(tp) != place:
            return
        if committed is None:
            self._failure = UnavailableError(f"the offsets of group {self._options.group} are gone")
            raise self._failure
        if committed == attempted:
            self.settled({tp: committed})
        elif committed != self._positions.settled(tp):
            log.warning(
                "%s/%d: going on from offset %d, which was committed elsewhere", tp.topic, tp.partition, committed
            )
            self._positions.reset(tp, committed)
            if self._reader is not None:
                self._reader.rewind([tp])

    def settled(self, offsets: Mapping[TopicPartition, int]) -> None:
        """See `Progress`."""
        self._positions.committed(offsets)
        self._settled.set()

    def _ready(self) -> bool:
        return any(batch.partition not in self._paused for batch in self._backlog)

    def _hand_out(self, max_messages: int, max_bytes: int) -> list[Batch]:
        out: list[Batch] = []
        kept: deque[Batch] = deque()  # of paused partitions
        while self._backlog and max_messages > 0:
            if not self._positions.owns(self._backlog[0]):  # a commit was refused: another member has it
                self._backlog.popleft()
                continue
            if self._backlog[0].partition in self._paused:
                kept.append(self._backlog.popleft())
                continue
            count, size = _fitting(self._backlog[0], max_messages, max_bytes)
            if count == 0:
                if out:
                    break
                count = 1  # one message always fits
            batch = self._backlog.popleft()
            if count < len(batch):
                self._backlog.appendleft(batch.part(count, len(batch)))
                batch = batch.part(0, count)
            self._positions.hand_out(batch)
            out.append(batch)
            max_messages -= count
            max_bytes -= size
        self._backlog.extendleft(reversed(kept))
        return out

    async def _commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit under the lock; partitions that the group has given to another member already are let go."""
        if not offsets or self._consumer is None:
            return
        async with guarded(self._options.servers, "committing offsets"):
            try:
                await self._commits.commit(self._consumer, offsets)
            except (errors.CommitFailedError, errors.IllegalStateError):
                log.info("%d partitions left to another member of the group, which has them", len(offsets))
                self._positions.forget(offsets)
        self._settled.set()

    async def _commit_passed(self, reader: Reader) -> None:
        async with self._lock:
            if self._assigned.is_set():
                await self._commit(await reader.passed())

    async def _find_ends(self, topics: Sequence[Topic]) -> dict[TopicPartition, int]:
        assert self._consumer is not None
        partitions = [TopicPartition(topic.name, index) for topic in topics for index in range(topic.partitions)]
        async with guarded(self._options.servers, "looking for the end of the input"):
            ends: dict[TopicPartition, int] = await self._consumer.end_offsets(partitions)
        return ends


def _fitting(batch: Batch, max_messages: int, max_bytes: int) -> tuple[int, int]:
    """Return how many of the first messages fit, and their bytes."""
    values = batch.values[:max_messages]
    size = sum(map(len, filter(None, values)))
    if size <= max_bytes:
        return len(values), size
    count = size = 0
    for value in values:
        length = len(value) if value else 0
        if size + length > max_bytes:
            break
        size += length
        count += 1
    return count, size
