"""One stream, read by one worker: first what is pending, then what is new."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence

import msgpack

from aura_connectors.redis_streams.backlog import STEP, Backlog, Row, goes_alone
from aura_connectors.redis_streams.client import Client, NoGroupError
from aura_connectors.redis_streams.group import ZERO, ConsumerGroup, order
from aura_connectors.redis_streams.lease import LEASE_ROUNDS
from aura_connectors.redis_streams.membership import Member
from aura_connectors.redis_streams.options import SourceOptions
from aura_connectors.redis_streams.rows import to_batch
from aura_stream.errors import UnavailableError
from aura_stream.model import Batch, Partition

ENTRY_OVERHEAD = 32  # bytes that an entry counts for beside its fields
LOST_IDS_PER_LINE = 100
GIVEN_BACK = 2000  # ids in one script

log = logging.getLogger(__name__)


class StreamReader:
    """Reads a stream for a group while it holds the lease. `lost` counts entries that were gone before we got them."""

    def __init__(self, stream: str, options: SourceOptions, holder: str) -> None:
        self.stream = stream.encode()
        self.group = ConsumerGroup(self.stream, options.group.encode(), b"0" if options.start == "earliest" else b"$")
        self.partition = Partition(stream)
        self.member = Member(stream, options, holder)
        self.lease = self.member.lease
        self.delete_settled = options.delete_settled
        self.delivered = ZERO  # new entries come after this one
        self.next_try = 0.0  # when to ask again for a lease that another worker holds
        self.yielding = False  # whether it is to be left to another worker, once all is settled
        self.lost = 0
        self.most = 1  # messages that the engine fetches at once
        self._patience = options.lease / LEASE_ROUNDS
        self._field = options.field.encode()
        self._settled: bytes | None = None  # our own position: where a group that is gone begins again
        self._backlog = Backlog(self.member, self.group)
        self._read_ahead: deque[Row] = deque()
        self._handed_out: list[Row] = []  # by the last fetch
        self._unsettled: dict[str, int] = {}  # handed out under this lease: how often each was
        self._lone = False  # whether that goes alone
        self._paused_under = 0  # the number of the lease under which it was paused; 0: it is not

    @property
    def waiting(self) -> bool:
        """Whether only the server can tell when there is more."""
        return self._backlog.over and not self._read_ahead

    @property
    def paused(self) -> bool:
        """Whether nothing is to be fetched under the present lease."""
        return self._paused_under > 0 and self._paused_under == self.lease.fence

    @property
    def busy(self) -> bool:
        """Whether anything that was handed out is not settled."""
        return bool(self._unsettled)

    @property
    def alone(self) -> bool:
        """Whether what was handed out, or what comes next, suffers nothing beside it: it may kill the process."""
        return self._next_alone or (self.busy and self._lone)

    @property
    def _next_alone(self) -> bool:
        times = self._read_ahead[0].times if self._read_ahead else self._backlog.times
        return goes_alone(times, self.most)

    def pause(self) -> None:
        """Fetch no more under this lease."""
        self._paused_under = self.lease.fence

    def resume(self) -> None:
        """Fetch again."""
        self._paused_under = 0

    async def take(self, client: Client) -> bool:
        """Hold the lease: take it if it is free, and begin anew with all that is pending."""
        if self.lease.held:
            return True
        if time.monotonic() < self.next_try:
            return False
        if not await self.lease.take(client):
            self.next_try = time.monotonic() + self._patience
            return False
        self.next_try = 0.0  # if it gets lost, ask at once
        try:
            await self._begin(client)
        except NoGroupError:  # gone again while we asked
            self.lease.lose()
            return False
        except BaseException:  # cancelled too: what we hold must have been begun
            self.lease.lose()
            raise
        log.info("reading stream %s as group %s", self.partition.topic, self.group.name.decode())
        return True

    async def _begin(self, client: Client) -> None:
        self._backlog.remember(self._counted())
        self._read_ahead.clear()
        self._handed_out, self._unsettled = [], {}
        state = await self.group.ensure(client, self._settled)
        self.delivered = state.delivered
        self._settled = await self.group.floor(client, state)
        self._backlog.begin(state.pending > 0)

    def _counted(self) -> dict[bytes, int]:
        """Return what the server counts as handed out under this lease and not settled, and how often."""
        counted = {row.id: row.times for row in self._read_ahead}
        counted.update((position.encode(), times) for position, times in self._unsettled.items())
        return counted

    async def fetch(self, client: Client, max_messages: int, max_bytes: int, free: bool = True) -> Batch | None:
        """Return the next entries that are there, None if there are none or the lease is lost.

        `free`: nothing else is handed out and not settled, so that this may be what goes alone.
        """
        if not self._read_ahead:
            await self._read_safely(client, max_messages, max_bytes, free)
        if not self.lease.held or not self._read_ahead or (self._next_alone and not free):
            self._handed_out = []
            return None
        self._lone = self._next_alone
        self._handed_out = self._cut(max_messages, max_bytes)
        batch = to_batch(self._handed_out, self.partition, self._field, self.lease.fence)
        self._unsettled.update(zip(map(str, batch.positions), (row.times for row in self._handed_out), strict=True))
        return batch

    def unread(self) -> None:
        """Take back the batch of the last `fetch`: it did not reach the engine."""
        for row in self._handed_out:
            self._unsettled.pop(row.id.decode(), None)
        self._read_ahead.extendleft(reversed(self._handed_out))
        self._handed_out = []

    async def _read_safely(self, client: Client, max_messages: int, max_bytes: int, free: bool) -> None:
        """Read, and see to it that nothing is skipped if that is cut short."""
        try:
            await self._backlog.find(client, self.most)
            if self.waiting and await self._backlog.look(client):
                await self._note_floor(client)
                await self._backlog.find(client, self.most)
            if self._backlog.times and (free or not self._next_alone):
                self._keep(await self._backlog.claim(client, self.most, max_messages, max_bytes))
            elif self.waiting and self.lease.held:
                await self._read(client, max_messages, max_bytes)
        except NoGroupError:
            self.lease.lose()  # taking it again makes the group anew
        except asyncio.CancelledError:
            if self._backlog.over:  # entries may have been delivered to nobody: they are pending, after the last
                self._backlog.look_behind(self.delivered)
            elif self._backlog.torn:
                self.lease.lose()
            raise
        except UnavailableError:
            self.lease.lose()  # the same, and a server that lost its last writes may know less than we settled
            raise
        finally:
            self._count_lost(self._backlog.gone())

    async def _note_floor(self, client: Client) -> None:
        """Learn how far the group is, which others settle for too."""
        state = await self.group.state(client)
        self._settled = await self.group.floor(client, state) if state is not None else self._settled

    async def _read(self, client: Client, max_messages: int, max_bytes: int) -> None:
        """Read new entries ahead."""
        reply = await self.member.run(client, "read", max_messages, max_bytes, STEP)
        missed, rows = reply if reply is not None else (0, [])
        self._count_missed(missed)
        if rows:
            self._keep([Row(entry, fields, 1) for entry, fields in rows])
        elif self.lease.held:
            # Others may have read from the group, or moved it: wait for what comes after that.
            state = await self.group.state(client)
            self.delivered = state.delivered if state is not None else self.delivered

    def _keep(self, rows: Sequence[Row]) -> None:
        self._read_ahead.extend(rows)
        if rows and order(rows[-1].id) > order(self.delivered):
            self.delivered = rows[-1].id

    def _count_lost(self, ids: Sequence[bytes]) -> None:
        self.lost += len(ids)
        for first in range(0, len(ids), LOST_IDS_PER_LINE):
            some = ids[first : first + LOST_IDS_PER_LINE]
            log.warning(
                "lost %d entries of stream %s: deleted or trimmed before they were settled: %s",
                len(some),
                self.partition.topic,
                b" ".join(some).decode(),
            )

    def _count_missed(self, count: int) -> None:
        if count:
            self.lost += count
            log.warning("lost %d entries of stream %s: trimmed before they were read", count, self.partition.topic)

    def _cut(self, max_messages: int, max_bytes: int) -> list[Row]:
        """Take the next rows off what was read, as many as fit, at least one."""
        rows: list[Row] = []
        size = 0
        while self._read_ahead and len(rows) < max_messages:
            size += sum(map(len, self._read_ahead[0].fields)) + ENTRY_OVERHEAD
            if size > max_bytes and rows:
                break
            rows.append(self._read_ahead.popleft())
        return rows

    async def settle(self, client: Client, ids: Sequence[int | str]) -> None:
        """Acknowledge entries, unless the lease is lost."""
        delete = "1" if self.delete_settled else "0"
        if await self.member.run(client, "settle", delete, msgpack.packb(ids)) is not None:
            self.note_settled(ids)

    def note_settled(self, ids: Sequence[int | str]) -> None:
        """Note that entries are settled, and with them, where nobody else reads, all before them."""
        for entry_id in ids:
            self._unsettled.pop(str(entry_id), None)
        last = str(ids[-1]).encode()
        if not self.member.shares and (self._settled is None or order(last) > order(self._settled)):
            self._settled = last

    async def leave(self, client: Client) -> None:
        """Give back the lease, and what was counted as handed out and is not settled: the process did not die of it."""
        by_times: dict[int, list[bytes]] = {}
        for entry_id, times in self._counted().items() if self.lease.held else ():
            by_times.setdefault(times, []).append(entry_id)
        for times, ids in by_times.items():
            for first in range(0, len(ids), GIVEN_BACK):
                packed = msgpack.packb(ids[first : first + GIVEN_BACK], use_bin_type=False)
                gone = await self.member.run(client, "give_back", times - 1, self.member.silence, packed)
                self._count_lost(gone or ())
        await self.member.leave(client)
