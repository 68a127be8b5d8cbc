"""One consumer group of one stream, as the server knows it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, NamedTuple

from aura_connectors.redis_streams.client import Client, NoGroupError, pairs
from aura_stream.errors import ConfigError, ConnectorError

ZERO = b"0-0"
MAX_SEQUENCE = 2**64 - 1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GroupState:
    """How far the group is."""

    delivered: bytes  # last-delivered-id
    pending: int
    lag: int | None  # entries not delivered yet, None if Redis cannot tell


class Consumer(NamedTuple):
    """A consumer: how many entries are pending for it, and for how many milliseconds it has asked for nothing."""

    name: bytes
    pending: int
    silent: int


@dataclass(frozen=True, slots=True)
class ConsumerGroup:
    """Asks about a group, and makes it. `start` is where it begins if nobody has read for it: "0" or "$"."""

    stream: bytes
    name: bytes
    start: bytes

    async def state(self, client: Client) -> GroupState | None:
        """Return how far the group is, None if there is none."""
        for group in map(pairs, await self._inspect(client, "GROUPS") or []):
            if "lag" not in group:
                raise ConfigError(f"Redis at {client.address} is older than 7.0, or a server that counts no lag")
            if group["name"] == self.name:
                return GroupState(group["last-delivered-id"], group["pending"], group["lag"])
        return None

    async def oldest_pending(self, client: Client) -> bytes | None:
        """Return the first entry that was delivered and not settled, None if there is none."""
        oldest: bytes | None = (await client.command("XPENDING", self.stream, self.name))[1]
        return oldest

    async def consumers(self, client: Client) -> list[Consumer]:
        """Return who has read in the group. Raises NoGroupError."""
        try:
            reply = await client.command("XINFO", "CONSUMERS", self.stream, self.name)
        except ConnectorError as error:
            if "no such key" in str(error):
                raise NoGroupError(str(error)) from error
            raise
        return [Consumer(each["name"], each["pending"], each["idle"]) for each in map(pairs, reply)]

    async def floor(self, client: Client, state: GroupState) -> bytes:
        """Return an id up to which everything is settled, by anyone; `state` was asked for before."""
        oldest = await self.oldest_pending(client) if state.pending else None
        return state.delivered if oldest is None else before(oldest)

    async def last_id(self, client: Client) -> bytes | None:
        """Return the id of the last entry ever added, None if there is no stream."""
        reply = await self._inspect(client, "STREAM")
        return pairs(reply)["last-generated-id"] if reply is not None else None

    async def ensure(self, client: Client, settled: bytes | None = None) -> GroupState:
        """Make the group where it is missing, and the stream with it: after what was settled, else at `start`."""
        state = await self.state(client)
        if state is None:
            await self._create(client, settled)
            state = await self.state(client)
        return state or GroupState(ZERO, 0, None)  # gone again: reading will tell

    async def _create(self, client: Client, settled: bytes | None) -> None:
        begin = self.start
        if settled is not None:
            # A stream that ends before our position is another one, of the same name: all of it is new.
            last = await self.last_id(client)
            begin = settled if last is not None and order(last) >= order(settled) else ZERO
            places = (self.name.decode(), self.stream.decode(), begin.decode())
            log.warning("group %s of stream %s is gone; it begins again after entry %s", *places)
        try:
            await client.command("XGROUP", "CREATE", self.stream, self.name, begin, "MKSTREAM")
        except ConnectorError as error:
            if "BUSYGROUP" not in str(error):  # another worker was faster
                raise

    async def through(self, client: Client, end: bytes) -> bool:
        """Tell whether everything up to `end` is settled, by anyone."""
        state = await self.state(client)
        if state is None:
            return await self.last_id(client) is None
        behind = order(state.delivered) < order(end)
        # What was deleted before anyone read it is never delivered: look for what is still there.
        if behind and await client.command("XRANGE", self.stream, b"(" + state.delivered, end, "COUNT", 1):
            return False
        try:
            return not await client.command("XPENDING", self.stream, self.name, "-", end, 1)
        except NoGroupError:  # gone while we asked
            return False

    async def remaining(self, client: Client) -> int | None:
        """Return how many entries are not settled yet, None if Redis cannot tell."""
        state = await self.state(client)
        if state is None:
            return 0 if await self.last_id(client) is None else None
        return None if state.lag is None else state.lag + state.pending

    async def _inspect(self, client: Client, what: str) -> Any:
        try:
            return await client.command("XINFO", what, self.stream)
        except ConnectorError as error:
            if "no such key" in str(error):
                return None
            raise


def order(entry_id: bytes) -> tuple[int, int]:
    """Return what entry ids are sorted by."""
    milliseconds, _, sequence = entry_id.partition(b"-")
    return int(milliseconds), int(sequence or 0)


def before(entry_id: bytes) -> bytes:
    """Return the greatest id that is smaller; there is none below 0-0."""
    milliseconds, sequence = order(entry_id)
    if sequence:
        return b"%d-%d" % (milliseconds, sequence - 1)
    return b"%d-%d" % (milliseconds - 1, MAX_SEQUENCE) if milliseconds else ZERO


def after(entry_id: bytes) -> bytes:
    """Return the smallest id that is greater."""
    milliseconds, sequence = order(entry_id)
    return b"%d-%d" % ((milliseconds, sequence + 1) if sequence < MAX_SEQUENCE else (milliseconds + 1, 0))
