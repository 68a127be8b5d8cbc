"""The shared log of a template store, on a Redis server; `maker` is what the entry point names.

Reading takes no script and no right to write; each writing call is one script that compares before it writes.
Layout: `log_layout.py`; rights: docs/template-store.md.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Collection, Sequence
from typing import Any, ClassVar, Final, TypeVar
from uuid import uuid4

import msgpack
from pydantic import BaseModel

from aura_connectors.redis_streams.client import START_TIMEOUT, Client, certain, within
from aura_connectors.redis_streams.log_layout import (
    FIELD,
    FORMAT,
    META,
    STRANGE,
    Keys,
    entry_id,
    last_id,
    next_id,
    spell,
    to_record,
    to_state,
)
from aura_connectors.redis_streams.options import SharedLogOptions
from aura_stream.errors import ConfigError, StoreLostError, UnavailableError
from aura_stream.model import LogReading, LogRecord, LogState, Position
from aura_stream.ports import SharedLog, SharedLogMaker

T = TypeVar("T")

log = logging.getLogger(__name__)

CALL_TIMEOUT: Final = 10.0  # seconds; the port's bound
STAGED_FOR: Final = 600  # seconds that what a dead promoter staged stays behind; one that lives needs under 10
_MEMBERS = 1000  # of a SADD


class RedisSharedLog:
    """See `aura_stream.ports.SharedLog`."""

    def __init__(self, options: SharedLogOptions, namespace: str) -> None:
        self._options = options
        self._keys = Keys.of(options.prefix, namespace)
        self._where = f"Redis at {options.url.address}: the template log {self._keys.log.decode()}"
        self._complained = False
        self._client: Client | None = None

    async def start(self) -> None:
        """See the port."""
        await self.stop()
        self._client = client = Client(self._options)
        await certain(within(START_TIMEOUT, client, client.command("HMGET", self._keys.meta, "format")))

    async def stop(self) -> None:
        """See the port."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def read(self, after: Position, limit: int, retired_known: int = 0) -> LogReading | None:
        """See the port. A hash that no process of ours has written reads as the log of another store."""
        return await self._bounded(self._read(after, limit, retired_known))

    async def _read(self, after: Position, limit: int, retired_known: int) -> LogReading | None:
        meta, entries, count, _ = await self._snapshot(after, limit, ("SCARD", self._keys.retired))
        retired: frozenset[bytes] | None = None
        if count != retired_known:
            meta, entries, count, retired = await self._snapshot(after, limit, ("SMEMBERS", self._keys.retired))
        state = to_state(meta, count, self._where)
        if state is None:
            return None
        if state == STRANGE:
            self._complain()
            return LogReading(state)
        return LogReading(state, [to_record(entry) for entry in entries], retired)

    def _complain(self) -> None:
        if not self._complained:
            self._complained = True
            log.error("%s is damaged: its hash was not written by us; it counts as another store's", self._where)

    async def _snapshot(
        self, after: Position, limit: int, about_retired: tuple[str, bytes]
    ) -> tuple[list[bytes | None], list[Any], int, frozenset[bytes] | None]:
        """Return the hash, entries, the number of retired digests, and themselves if asked for, all at one moment.

        No MULTI: a server whose memory is full refuses even to read in one.
        """
        meta: list[bytes | None] | None = None
        again: list[bytes | None] = []
        while meta != again:  # whatever is appended or replaced changes the hash
            meta, entries, retired, again = await self._connected.pipeline(
                ("HMGET", self._keys.meta, *META),
                ("XRANGE", self._keys.log, next_id(after), "+", "COUNT", limit),
                about_retired,
                ("HMGET", self._keys.meta, *META),
            )
        if isinstance(retired, int):
            return again, entries, retired, None
        return again, entries, len(retired), frozenset(retired)

    async def propose(self, expected: LogState, records: Sequence[LogRecord], end: Position) -> bool:
        """See the port. Raises StoreLostError too, for a log that does not end where its hash says."""
        packed = msgpack.packb([(entry_id(record), record.data) for record in records], use_bin_type=False)
        known = (*_identity(expected), spell(expected.end), expected.tail)
        ends = (last_id(expected.end), f"{expected.end.generation + 1}-0")
        verdict = await self._run("log_propose", *known, spell(end), records[-1].tail, *ends, packed)
        if verdict < 0:
            raise StoreLostError(f"{self._where} is damaged: it does not end where its hash says")
        return bool(verdict)

    async def activate(self, expected: LogState, active: Position, tail: bytes) -> bool:
        """See the port."""
        return bool(await self._run("log_activate", *_identity(expected), *active, last_id(active), tail))

    async def retire(self, expected: LogState, digests: Collection[bytes]) -> bool:
        """See the port."""
        packed = msgpack.packb(list(digests), use_bin_type=False)
        keys = [self._keys.meta, self._keys.retired]
        client = self._connected
        return bool(await self._bounded(client.run("log_retire", keys, *_identity(expected), packed)))

    async def replace(self, state: LogState, records: Sequence[LogRecord], retired: Collection[bytes]) -> bool:
        """See the port."""
        return await self._bounded(self._replace(state, records, list(retired)))

    async def _replace(self, state: LogState, records: Sequence[LogRecord], retired: list[bytes]) -> bool:
        """Write everything under names of this call, then put it in place with one script."""
        mark = uuid4().hex.encode()
        stream, digests = (b"%b:%b" % (key, mark) for key in (self._keys.log, self._keys.retired))
        commands: list[Sequence[bytes | str | int]] = [
            ("XADD", stream, entry_id(record), FIELD, record.data) for record in records
        ]
        chunks = (retired[first : first + _MEMBERS] for first in range(0, len(retired), _MEMBERS))
        commands += (("SADD", digests, *chunk) for chunk in chunks)
        commands += (("EXPIRE", key, STAGED_FOR) for key in (stream, digests))
        await self._connected.pipeline(*commands)
        verdict = await self._connected.run(
            "log_replace",
            [self._keys.meta, self._keys.log, self._keys.retired, stream, digests],
            *(*_identity(state), spell(state.end), spell(state.active), state.tail, FORMAT),
            *(len(records), len(set(retired))),
        )
        if verdict == -1:
            raise UnavailableError(f"{self._where}: what was to replace it was gone before it was whole")
        if verdict == -2:
            raise ConfigError(f"{self._where} has a later format than {FORMAT}: upgrade this process first")
        return bool(verdict)

    async def _run(self, name: str, *arguments: bytes | str | int) -> int:
        client = self._connected
        verdict: int = await self._bounded(client.run(name, [self._keys.meta, self._keys.log], *arguments))
        return verdict

    async def _bounded(self, work: Awaitable[T]) -> T:
        return await certain(within(CALL_TIMEOUT, self._connected, work))

    @property
    def _connected(self) -> Client:
        assert self._client is not None, "used before start"
        return self._client


def _identity(state: LogState) -> tuple[str, int]:
    return state.store_id, state.epoch


class RedisSharedLogMaker:
    """See `aura_stream.ports.SharedLogMaker`."""

    options: ClassVar[type[BaseModel]] = SharedLogOptions

    def shared_log(self, options: SharedLogOptions, namespace: str) -> SharedLog:
        """Build a log; it connects at `start`."""
        return RedisSharedLog(options, namespace)


maker: SharedLogMaker = RedisSharedLogMaker()
