"""Reads streams as a member of a consumer group, each of them under a lease."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import time
from collections import deque
from collections.abc import Sequence

from aura_connectors.feedback import PLACE
from aura_connectors.redis_streams.client import START_TIMEOUT, Client, stream_exists, within
from aura_connectors.redis_streams.lease import LEASE_ROUNDS
from aura_connectors.redis_streams.options import SourceOptions
from aura_connectors.redis_streams.reader import StreamReader
from aura_connectors.redis_streams.sharing import Sharing
from aura_stream.errors import ConfigError, ConnectorError
from aura_stream.model import Batch, Partition, Topic
from aura_stream.ports import Context

MAX_BLOCK = 2.0  # seconds that one XREAD waits: a group repaired or reset meanwhile is noticed after that
REPLY_MARGIN = 5.0  # seconds that a blocking read may take beyond what it asked for
MIN_WAIT = 0.01  # seconds; XREAD BLOCK 0 would wait for ever
STOP_TIMEOUT = 5.0

log = logging.getLogger(__name__)


class RedisStreamsSource:
    """See `aura_stream.ports.Source`."""

    def __init__(self, options: SourceOptions, context: Context) -> None:
        self._options = options
        self._context = context
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._sharing = Sharing(options, self._holder)
        self._readers: deque[StreamReader] = deque()
        self._ends: dict[str, bytes] = {}  # with `once`: last entry at start, of the streams that exist
        self._clients: list[Client] = []
        self._renewal: asyncio.Task[None] | None = None
        self._settling = asyncio.Event()
        self._lost_before = 0
        self.rebalances = 0  # see `aura_stream.ports.Rebalancing`

    @property
    def lost(self) -> int:
        """See `aura_stream.ports.Losing`: entries that were deleted or trimmed between delivery and settling."""
        return self._lost_before + sum(reader.lost for reader in self._readers)

    async def start(self) -> Sequence[Topic]:
        """See the port; a missing stream is no error: it is waited for, or there is nothing to do (`once`)."""
        await self.stop()
        self._clients = [Client(self._options), Client(self._options, blocking=True)]
        await within(START_TIMEOUT, self._client, self._open())
        if not self._context.probe:
            self._renewal = asyncio.create_task(self._renew_in_time())
        settings = {PLACE: self._options.url.address.place}
        return [Topic(stream, settings=settings) for stream in self._options.streams]

    async def _open(self) -> None:
        await self._client.command("PING")
        readers = [StreamReader(stream, self._options, self._holder) for stream in self._options.streams]
        ends: dict[str, bytes] = {}
        for reader in readers:
            name = reader.partition.topic
            exists = await stream_exists(self._client, reader.stream, f"input {name!r}")
            if self._context.once and exists:
                ends[name] = await reader.group.last_id(self._client) or b"0-0"
            if not self._context.probe and (exists or not self._context.once):
                await reader.group.ensure(self._client)
        if not self._context.probe:
            await self._sharing.attend(self._client)
        if self._context.once:
            readers = [reader for reader in readers if reader.partition.topic in ends]
        self._readers, self._ends = deque(readers), ends

    async def fetch(self, max_messages: int, max_bytes: int, timeout: float) -> list[Batch]:
        """See the port."""
        deadline = time.monotonic() + timeout
        while True:
            batches = await self._fetch_ready(max_messages, max_bytes)
            left = deadline - time.monotonic()
            if batches or left <= 0:
                return batches
            await self._wait(min(left, MAX_BLOCK))

    async def _fetch_ready(self, max_messages: int, max_bytes: int) -> list[Batch]:
        for reader in self._readers:
            reader.most = max_messages
        await self._give_way()
        if self._held_back:
            return []
        busy = any(reader.busy for reader in self._held if not reader.paused)
        batches: dict[StreamReader, Batch] = {}
        try:
            for reader in sorted(self._readers, key=lambda reader: not reader.alone):
                if max_messages <= 0 or max_bytes <= 0:
                    break
                if not await self._take(reader) or reader.paused or reader.yielding:
                    continue
                batch = await reader.fetch(self._client, max_messages, max_bytes, not (busy or batches))
                if batch is not None:
                    batches[reader] = batch
                    max_messages -= len(batch)
                    max_bytes -= sum(len(value) for value in batch.values if value is not None)
                if reader.alone:
                    break
        except BaseException:  # cancelled too: what was read from other streams comes next time
            for reader in batches:
                reader.unread()
            raise
        self._readers.rotate(-1)  # each stream comes first in turn
        return list(batches.values())

    async def _take(self, reader: StreamReader) -> bool:
        """Hold the reader's lease, if that is within our share."""
        held = reader.lease.held
        if not held and len(self._held) >= self._sharing.most:
            return False
        taken = await reader.take(self._client)
        self.rebalances += taken and not held
        return taken

    async def _give_way(self) -> None:
        """Give back what we hold beyond our share: fetch no more of it, and leave it once all is settled."""
        held = sorted(self._held, key=lambda reader: reader.stream)
        for number, reader in enumerate(held):
            reader.yielding = number >= self._sharing.most
            if reader.yielding and not reader.busy:
                await reader.leave(self._client)
                reader.next_try = time.monotonic() + self._options.lease  # somebody else comes first
                log.info("left stream %s to another worker", reader.partition.topic)

    @property
    def _held(self) -> list[StreamReader]:
        return [reader for reader in self._readers if reader.lease.held]

    @property
    def _active(self) -> list[StreamReader]:
        """The streams that we hold and fetch; a paused one holds up no other."""
        return [reader for reader in self._held if not reader.paused and not reader.yielding]

    @property
    def _held_back(self) -> bool:
        """Whether what was handed out must be settled before anything else is; also of what we are about to leave."""
        held = [reader for reader in self._held if not reader.paused]
        return any(reader.busy for reader in held) and any(reader.alone for reader in held)

    async def _wait(self, seconds: float) -> None:
        """Wait until one of our streams may have more, or it is time to ask for a lease again."""
        held = self._active
        free = len(self._held) < self._sharing.most
        tries = [reader.next_try for reader in self._readers if free and not reader.lease.held]
        seconds = max(MIN_WAIT, min(seconds, *(at - time.monotonic() for at in tries)) if tries else seconds)
        if not held:
            await asyncio.sleep(seconds)
        elif self._held_back:
            self._settling.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._settling.wait()
        elif all(reader.waiting for reader in held):
            words = (*(reader.stream for reader in held), *(reader.delivered for reader in held))
            block = int(seconds * 1000)
            read = self._blocking.command("XREAD", "COUNT", 1, "BLOCK", block, "STREAMS", *words)
            await within(seconds + REPLY_MARGIN, self._blocking, read)

    def owns(self, batch: Batch) -> bool:
        """See the port."""
        return self.owner(batch) is not None

    def owner(self, batch: Batch) -> StreamReader | None:
        """Return the reader that the batch belongs to, None if it is not ours any more."""
        for reader in self._readers:
            if reader.partition == batch.partition and reader.lease.held and reader.lease.fence == batch.epoch:
                return reader
        return None

    async def settle(self, batches: Sequence[Batch]) -> None:
        """See the port; one script for each stream."""
        ids: dict[StreamReader, list[int | str]] = {}
        for batch in batches:
            reader = self.owner(batch)
            if reader is not None:
                ids.setdefault(reader, []).extend(batch.positions)
        for reader, positions in ids.items():
            if positions:
                await reader.settle(self._client, positions)
        self.settled()

    def settled(self) -> None:
        """Note that batches are settled: a fetch may wait for that."""
        self._settling.set()

    def pause(self, partition: Partition) -> None:
        """See the port."""
        for reader in self._readers:
            if reader.partition == partition:
                reader.pause()

    def resume(self, partition: Partition) -> None:
        """See the port."""
        for reader in self._readers:
            if reader.partition == partition:
                reader.resume()

    async def keep_alive(self) -> None:
        """See the port; the background does the same, here its failure is heard."""
        for reader in list(self._readers):  # `fetch` turns them round meanwhile
            if reader.lease.held:
                await reader.lease.renew(self._client)

    async def _renew_in_time(self) -> None:
        while True:
            await asyncio.sleep(self._options.lease / LEASE_ROUNDS)
            try:
                await self.keep_alive()
                await self._sharing.attend(self._client)
            except (ConnectorError, ConfigError) as error:
                log.warning("leases cannot be renewed: %s", error)  # `fetch` meets the same error and raises it

    async def finished(self) -> bool:
        """See the port."""
        if not self._context.once:
            return False
        for reader in self._readers:
            if not await reader.group.through(self._client, self._ends[reader.partition.topic]):
                return False
        return True

    async def lag(self) -> int | None:
        """See the port; None where deletions in the stream keep Redis from counting."""
        lags = [await reader.group.remaining(self._client) for reader in self._readers]
        known = [lag for lag in lags if lag is not None]
        return sum(known) if len(known) == len(lags) else None

    async def stop(self) -> None:
        """See the port."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])
            self._renewal = None
        with contextlib.suppress(TimeoutError, ConnectorError, ConfigError):  # what is not given back expires
            async with asyncio.timeout(STOP_TIMEOUT):
                for reader in self._readers:
                    await reader.leave(self._client)
                if self._readers and not self._context.probe:
                    await self._sharing.leave(self._client)
        self._lost_before = self.lost
        self._readers.clear()
        for client in self._clients:
            await client.close()
        self._clients = []

    @property
    def _client(self) -> Client:
        return self._clients[0]

    @property
    def _blocking(self) -> Client:
        return self._clients[1]
