"""One stream, read by one worker at a time under a lease: first what is pending, then what is new."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgpack

from aura_connectors.redis_streams.client import Client, NoGroupError
from aura_connectors.redis_streams.group import ZERO, ConsumerGroup, after, before, order
from aura_connectors.redis_streams.lease import LEASE_ROUNDS, Lease, lease_key
from aura_connectors.redis_streams.options import SourceOptions
from aura_stream.errors import UnavailableError
from aura_stream.model import Batch, Entries, Partition
from aura_stream.model.metadata import Field

CONSUMER = "aura"  # one name for all workers: the lease tells them apart, and dead ones leave no consumers behind
STEP = 100  # entries read between two looks at their size: so many large ones may come beyond `max_bytes`
ENTRY_OVERHEAD = 32  # bytes that an entry counts for beside its fields
LOST_IDS_PER_LINE = 100

_Row = tuple[bytes, list[bytes]]  # id, [field, value, field, value, …]

log = logging.getLogger(__name__)


class StreamReader:
    """Reads a stream for a group while it holds the lease. `lost` counts entries that were gone before we got them."""

    def __init__(self, stream: str, options: SourceOptions, holder: str) -> None:
        self.stream = stream.encode()
        self.group = ConsumerGroup(self.stream, options.group.encode(), b"0" if options.start == "earliest" else b"$")
        self.partition = Partition(stream)
        self.lease = Lease(lease_key(stream, options.group), holder, options.lease)
        self.delivered = ZERO  # new entries come after this one
        self.next_try = 0.0  # when to ask again for a lease that another worker holds
        self.lost = 0
        self._patience = options.lease / LEASE_ROUNDS
        self._field = options.field.encode()
        self._delete = "1" if options.delete_settled else "0"
        self._settled: bytes | None = None  # our own position: where a group that is gone begins again
        self._cursor: bytes | None = None  # of the next page of pending entries; None: all are taken over
        self._read_ahead: deque[_Row] = deque()
        self._handed_out: list[_Row] = []
        self._paused_under = 0  # the number of the lease under which it was paused; 0: it is not

    @property
    def waiting(self) -> bool:
        """Whether only the server can tell when there is more."""
        return self._cursor is None and not self._read_ahead

    @property
    def paused(self) -> bool:
        """Whether nothing is to be fetched under the present lease."""
        return self._paused_under > 0 and self._paused_under == self.lease.fence

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
        self._read_ahead.clear()
        self._handed_out = []
        state = await self.group.ensure(client, self._settled)
        self.delivered = self._settled = state.delivered
        self._cursor = None
        if state.pending:
            self._settled = before(await self.group.oldest_pending(client) or ZERO)
            self._cursor = ZERO

    async def fetch(self, client: Client, max_messages: int, max_bytes: int) -> Batch | None:
        """Return the next entries that are there, None if there are none or the lease is lost."""
        if not self._read_ahead:
            await self._read_safely(client, max_messages, max_bytes)
        self._handed_out = self._cut(max_messages, max_bytes) if self.lease.held else []
        return self._batch(self._handed_out) if self._handed_out else None

    def unread(self) -> None:
        """Take back the batch of the last `fetch`: it did not reach the engine."""
        self._read_ahead.extendleft(reversed(self._handed_out))
        self._handed_out = []

    async def _read_safely(self, client: Client, max_messages: int, max_bytes: int) -> None:
        """Read, and see to it that nothing is skipped if that is cut short."""
        try:
            await self._take_over(client, max_messages, max_bytes)
            if self.waiting and self.lease.held:
                await self._read(client, max_messages, max_bytes)
        except NoGroupError:
            self.lease.lose()  # taking it again makes the group anew
        except asyncio.CancelledError:
            if self._cursor is None:  # entries may have been delivered to nobody: they are pending, after the last
                self._cursor = after(self.delivered)
            raise
        except UnavailableError:
            self.lease.lose()  # the same, and a server that lost its last writes may know less than we settled
            raise

    async def _take_over(self, client: Client, max_messages: int, max_bytes: int) -> None:
        """Read pages of pending entries ahead, until there are enough or no more."""
        size = 0
        while self._cursor is not None and len(self._read_ahead) < max_messages and size < max_bytes:
            reply = await self._run(client, "take_over", CONSUMER, self._cursor, min(max_messages, STEP))
            if reply is None:
                return
            cursor, rows, gone = reply
            self._cursor = None if cursor == ZERO else cursor
            self._count_lost(gone)
            self._keep(rows)
            size += sum(len(part) for _, flat in rows for part in flat)

    async def _read(self, client: Client, max_messages: int, max_bytes: int) -> None:
        """Read new entries ahead."""
        rows = await self._run(client, "read", CONSUMER, max_messages, max_bytes, STEP)
        if rows:
            self._keep(rows)
        elif self.lease.held:
            # Others may have read from the group without a lease, or moved it: wait for what comes after that.
            state = await self.group.state(client)
            self.delivered = state.delivered if state is not None else self.delivered

    def _keep(self, rows: Sequence[Sequence[Any]]) -> None:
        self._read_ahead.extend((row[0], row[1]) for row in rows)
        if rows and order(rows[-1][0]) > order(self.delivered):
            self.delivered = rows[-1][0]

    async def _run(self, client: Client, name: str, *arguments: bytes | str | int) -> Any:
        """Run a script that needs the lease; None, and the lease noted as lost, if it is not ours any more."""
        token = self.lease.token
        reply = await client.run(name, [self.stream, self.lease.key], token, self.group.name, *arguments)
        if reply != -1:
            return reply
        if token == self.lease.token:  # not taken anew while we asked
            log.warning("the lease of stream %s is lost", self.partition.topic)
            self.lease.lose()
        return None

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

    def _cut(self, max_messages: int, max_bytes: int) -> list[_Row]:
        """Take the next rows off what was read, as many as fit, at least one."""
        rows: list[_Row] = []
        size = 0
        while self._read_ahead and len(rows) < max_messages:
            size += sum(map(len, self._read_ahead[0][1])) + ENTRY_OVERHEAD
            if size > max_bytes and rows:
                break
            rows.append(self._read_ahead.popleft())
        return rows

    def _batch(self, rows: list[_Row]) -> Batch:
        values: list[bytes | None] = []
        others: list[Sequence[Field]] = []
        places: list[int] = []
        for _, flat in rows:
            if len(flat) == 2 and flat[0] == self._field:
                values.append(flat[1])
                others.append(())
                places.append(0)
                continue
            value, other, place = split_message(flat, self._field)
            values.append(value)
            others.append(other)
            places.append(place)
        ids = [row[0] for row in rows]
        metadata = Entries(ids, others, places)
        return Batch(self.partition, values, [entry_id.decode() for entry_id in ids], metadata, self.lease.fence)

    async def settle(self, client: Client, ids: Sequence[int | str]) -> None:
        """Acknowledge entries, unless the lease is lost."""
        if await self._run(client, "settle", self._delete, msgpack.packb(ids)) is not None:
            last = str(ids[-1]).encode()
            if self._settled is None or order(last) > order(self._settled):
                self._settled = last


def split_message(flat: Sequence[bytes], name: bytes) -> tuple[bytes | None, list[Field], int]:
    """Return an entry's message, its other fields, and the place of the first field `name` (-1: none)."""
    fields = list(zip(flat[::2], flat[1::2], strict=True))
    for place, (field, value) in enumerate(fields):
        if field == name:
            return value, fields[:place] + fields[place + 1 :], place
    return None, fields, -1
