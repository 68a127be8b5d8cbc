"""The journal of a template store as a stream, beside the frames; `maker` is what the entry point names."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from aura_connectors.redis_streams.client import START_TIMEOUT, Client, certain, stream_exists, within
from aura_connectors.redis_streams.options import Connection, JournalOptions
from aura_stream.errors import ConfigError, ConnectorError, UnavailableError
from aura_stream.ports import Journal, JournalMaker

log = logging.getLogger(__name__)

FIELD: Final = b"e"
APPEND_TIMEOUT: Final = 30.0  # seconds; the port's bound
SYNC_TIMEOUT_MS: Final = 9000  # for fsync; below the client's own patience. `appendfsync everysec` takes up to 1 s
RUN_RECORDS: Final = 2000  # in one step of the server
RUN_BYTES: Final = 4 << 20
PAGE_RECORDS: Final = 1000
PAGE_TIMEOUT: Final = 10.0  # seconds
BEFORE_ALL: Final = b"0-0"  # no entry can have this id

_Command = Sequence[bytes | str | int]


class RedisJournal:
    """See `aura_stream.ports.Journal`. Nothing is ever trimmed.

    Where the server keeps an append-only file and knows WAITAOF (Redis 7.2, Valkey), an append waits until it is on
    the disk. Elsewhere it is as durable as the frames on the same server, which a warning says.
    """

    def __init__(self, options: JournalOptions, namespace: str) -> None:
        self._options = options
        self._name = options.stream or f"aura-journal-{namespace}"
        self._stream = self._name.encode()
        self._last = BEFORE_ALL
        self._client: Client | None = None
        self._synced = False  # whether an append can wait for the disk

    async def start(self, create: bool) -> None:
        """See the port; Redis makes the stream with its first record."""
        await self.stop()
        self._last = BEFORE_ALL
        self._client = client = Client(self._options)
        await certain(within(START_TIMEOUT, client, self._look(client, create)))

    async def stop(self) -> None:
        """See the port."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def read(self) -> Sequence[bytes]:
        """See the port. Raises ConfigError if what was read before is gone."""
        records: list[bytes] = []
        last = self._last
        more = True
        while more:
            entries = await certain(within(PAGE_TIMEOUT, self._connected, self._page(last)))
            more = len(entries) == PAGE_RECORDS
            records += (fields[1] if fields and fields[0] == FIELD else b"" for _, fields in entries)
            last = entries[-1][0] if entries else last
        self._last = last  # not before all is there: what an error cuts short is read again
        return records

    async def append(self, records: Sequence[bytes]) -> None:
        """See the port."""
        client = self._connected
        await within(APPEND_TIMEOUT, client, self._append(client, records))

    async def _look(self, client: Client, create: bool) -> None:
        await stream_exists(client, self._stream, f"journal {self._name!r}")
        if create:
            await self._refuse_eviction(client)
            self._synced = await _can_sync(client)
            if not self._synced:
                log.warning(
                    "Redis at %s: nothing can wait for its disk (that takes appendonly yes, and Redis 7.2 or Valkey): "
                    "the journal %s is only as durable as that server is set up to be", client.address, self._name
                )  # fmt: skip

    async def _refuse_eviction(self, client: Client) -> None:
        """Raise ConfigError if the server may throw the stream away when its memory is full."""
        reply: bytes = await client.command("INFO", "memory")
        found = dict(line.split(":", 1) for line in reply.decode(errors="replace").splitlines() if ":" in line)
        if found.get("maxmemory", "0") != "0" and found.get("maxmemory_policy", "").startswith("allkeys"):
            raise ConfigError(
                f"Redis at {client.address} has maxmemory-policy {found['maxmemory_policy']}, which may delete the "
                f"journal {self._name}: set noeviction (or a volatile one)"
            )

    async def _page(self, last: bytes) -> list[Any]:
        """Return the entries behind the last one that was read. Raises ConfigError if that is no longer there."""
        client = self._connected
        entries: list[Any]
        entries, kept = await client.pipeline(
            ("XRANGE", self._stream, _behind(last), "+", "COUNT", PAGE_RECORDS),
            ("XRANGE", self._stream, last, last),  # asked last: if it is there now, it was before
        )
        if not kept and last != BEFORE_ALL:
            raise ConfigError(
                f"Redis at {client.address}: the journal {self._name} no longer holds what was read from it: it was "
                "emptied, cut or replaced; bring it back, or start anew and run `templates rebuild`"
            )
        return entries

    async def _append(self, client: Client, records: Sequence[bytes]) -> None:
        """Write run by run, each durable before the next: what an error leaves behind is a prefix."""
        for run in _runs(records):
            commands: list[_Command] = [("MULTI",)]
            commands += (("XADD", self._stream, "*", FIELD, record) for record in run)
            commands.append(("EXEC",))
            if self._synced:
                commands.append(("WAITAOF", 1, 0, SYNC_TIMEOUT_MS))  # on the connection that wrote
            try:
                *_, last = await client.pipeline(*commands)
            except UnavailableError:
                raise
            except ConnectorError as error:
                raise ConfigError(f"the journal {self._name} is not durable any more: {error}") from error
            if self._synced and last[0] < 1:
                raise UnavailableError(f"Redis at {client.address} did not bring the journal {self._name} to its disk")

    @property
    def _connected(self) -> Client:
        assert self._client is not None, "used before start"
        return self._client


async def _can_sync(client: Client) -> bool:
    """Tell whether the server can wait for its append-only file."""
    try:
        await client.command("WAITAOF", 1, 0, 1)
    except UnavailableError:
        raise
    except ConnectorError:  # no such command, or no such file
        return False
    return True


def _behind(last: bytes) -> bytes:
    """Return the least id behind this one; `(`, for exclusive ranges, is younger than some servers."""
    milliseconds, _, sequence = last.partition(b"-")
    return b"%b-%d" % (milliseconds, int(sequence) + 1)


def _runs(records: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Cut into what the server takes in one step; a large record stands alone."""
    first, size = 0, 0
    for row, record in enumerate(records):
        if row > first and (row - first >= RUN_RECORDS or size + len(record) > RUN_BYTES):
            yield records[first:row]
            first, size = row, 0
        size += len(record)
    if first < len(records):
        yield records[first:]


class RedisJournalMaker:
    """See `aura_stream.ports.JournalMaker`."""

    options: ClassVar[type[BaseModel]] = JournalOptions
    beside: ClassVar[str] = "redis_streams"

    def options_beside(self, connection: Connection, namespace: str) -> JournalOptions:
        """Return the options of a journal on the server of this input or output."""
        stream = f"aura-journal-{namespace}"
        return JournalOptions(url=connection.url, password=connection.password, tls=connection.tls, stream=stream)

    def journal(self, options: JournalOptions, namespace: str) -> Journal:
        """Build a journal; it connects at `start`."""
        return RedisJournal(options, namespace)


maker: JournalMaker = RedisJournalMaker()
