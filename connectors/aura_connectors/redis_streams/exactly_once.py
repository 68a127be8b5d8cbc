"""Publishing and settling in one script: input, output and dead letters are streams of one server."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import msgpack

from aura_connectors.redis_streams.client import Client, NoGroupError
from aura_connectors.redis_streams.group import order
from aura_connectors.redis_streams.options import Connection, SinkOptions, SourceOptions
from aura_connectors.redis_streams.reader import StreamReader
from aura_connectors.redis_streams.sink import Entry, RedisStreamsSink, runs
from aura_connectors.redis_streams.source import RedisStreamsSource
from aura_stream.errors import ConfigError, UnavailableError, UnwritableMessageError
from aura_stream.model import Batch, Topic
from aura_stream.ports import Context

MAX_WORDS: Final = 7900  # fields and values of one entry: Lua passes at most 8,000 arguments, and some are ours

log = logging.getLogger(__name__)


def require_one_server(source: SourceOptions, sink: SinkOptions) -> None:
    """Raise ConfigError unless one script can write both: on one server, in one database, as one user."""
    here, there = source.url.address, sink.url.address
    if (here.place, here.tls) != (there.place, there.tls):
        raise ConfigError(
            "delivery: exactly_once: one script writes the output and settles the input, so both must be in one "
            f"database of one Redis, spelled alike; the input is {here}, the output {there}: bring them together, or "
            "set delivery: at_least_once"
        )
    if (_login(source), source.tls) != (_login(sink), sink.tls):
        raise ConfigError(
            "delivery: exactly_once: one script writes the output and settles the input, as one user: give input and "
            "output of redis_streams the same login and tls"
        )


def _login(options: Connection) -> tuple[str, str | None]:
    address = options.url.address
    password = options.password.get_secret_value() if options.password else address.password
    return address.username or "default", password


class _Piece(NamedTuple):
    """A batch as Redis takes it; `dead`: into the stream of dead letters."""

    positions: Sequence[int | str]
    entries: Sequence[Entry]
    sizes: Sequence[int]
    dead: bool


class _Rows(NamedTuple):
    """What one stream's script takes, in columns; `dead` are rows."""

    positions: list[int | str]
    entries: list[Entry]
    sizes: list[int]
    dead: list[int]


class RedisExactlyOnceSink:
    """See `aura_stream.ports.ExactlyOnceSink`. What fences is what is pending: an entry is published while it is."""

    def __init__(self, source: RedisStreamsSource, options: SinkOptions, dead: SinkOptions | None, context: Context):
        self._source = source
        self._options = options
        self._sink = RedisStreamsSink(options, context)
        self._dead = RedisStreamsSink(dead, context) if dead is not None else self._sink
        self._client: Client | None = None
        self._uncertain = False  # a script may have done its work without our hearing of it

    async def start(self, inputs: Sequence[Topic]) -> None:
        """See the port."""
        await self.stop()
        try:
            await self._sink.start(inputs)
            if self._dead is not self._sink:
                await self._dead.start(inputs)
        finally:
            await self._close_sinks()  # they have looked
        self._client = Client(self._options)

    async def publish_and_settle(self, batches: Sequence[Batch], dead: Sequence[Batch] = ()) -> None:
        """See the port; a script for each run of entries of a stream, in the order of their ids."""
        assert self._client is not None, "publish before start"
        pieces: dict[StreamReader, list[_Piece]] = {}
        for number, batch in enumerate((*batches, *dead)):
            piece = self._piece(batch, number, dead=number >= len(batches))
            reader = self._source.owner(batch)
            if reader is not None and len(batch):
                pieces.setdefault(reader, []).append(piece)
        for reader, found in pieces.items():
            await self._write_all(self._client, reader, _in_order(found))
        self._uncertain = False
        self._source.settled()

    def _piece(self, batch: Batch, number: int, *, dead: bool) -> _Piece:
        """Raises UnwritableMessageError."""
        entries, sizes = (self._dead if dead else self._sink).entries(batch, number)
        for row, entry in enumerate(entries):
            if len(entry) > MAX_WORDS:
                reason = (
                    f"with exactly_once an entry has at most {MAX_WORDS // 2} fields; this one has {len(entry) // 2}"
                )
                raise UnwritableMessageError(reason, row, number)
        return _Piece(batch.positions, entries, sizes, dead)

    async def _write_all(self, client: Client, reader: StreamReader, rows: _Rows) -> None:
        """Write what is still ours."""
        fence = reader.lease.fence
        for run in runs(rows.entries, rows.sizes):
            if reader.lease.fence != fence or not reader.lease.held:
                return
            positions = rows.positions[run]
            try:
                published = await self._write(client, reader, rows, run)
            except UnavailableError:
                self._uncertain = True
                raise
            except NoGroupError:  # nothing was written; the group begins again at our own position
                published = None
                reader.lease.lose()
            if published is None:
                return
            reader.note_settled(positions)
            if published < len(positions) and not self._uncertain:
                place = reader.partition.topic
                log.warning("%d entries of stream %s were settled by others", len(positions) - published, place)

    async def _write(self, client: Client, reader: StreamReader, rows: _Rows, run: slice) -> int | None:
        """Run the script over some rows; return how many were pending, None if they are not ours."""
        positions, entries = rows.positions[run], rows.entries[run]
        dead = [row - run.start + 1 for row in rows.dead if run.start <= row < run.stop]
        alone = len(entries) == 1  # may be too long or too wide for one argument
        topic = reader.partition.topic
        published: int | None = await reader.member.run(
            client,
            "publish_and_settle",
            "1" if reader.member.shares else "0",
            "1" if reader.delete_settled else "0",
            self._options.maxlen or b"",
            msgpack.packb(positions),
            msgpack.packb(dead),
            *((b"", *entries[0]) if alone else (msgpack.packb(entries, use_bin_type=False),)),
            keys=[self._sink.stream(topic), self._dead.stream(topic)],
        )
        return published

    async def stop(self) -> None:
        """See the port."""
        await self._close_sinks()
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _close_sinks(self) -> None:
        await self._sink.stop()
        await self._dead.stop()


def _in_order(pieces: list[_Piece]) -> _Rows:
    """Return the rows of one stream in the order of their ids, which is that of fetching."""
    rows = _Rows([], [], [], [])
    pieces = sorted(pieces, key=lambda piece: _order(piece.positions[0]))
    ends = [(_order(piece.positions[0]), _order(piece.positions[-1])) for piece in pieces]
    if any(last > first for (_, last), (first, _) in pairwise(ends)):
        pieces = sorted(_single(pieces), key=lambda piece: _order(piece.positions[0]))  # workers that share a stream
    for piece in pieces:
        if piece.dead:
            rows.dead.extend(range(len(rows.entries), len(rows.entries) + len(piece.entries)))
        rows.positions.extend(piece.positions)
        rows.entries.extend(piece.entries)
        rows.sizes.extend(piece.sizes)
    return rows


def _single(pieces: Iterable[_Piece]) -> Iterator[_Piece]:
    for piece in pieces:
        for position, entry, size in zip(piece.positions, piece.entries, piece.sizes, strict=True):
            yield _Piece([position], [entry], [size], piece.dead)


def _order(position: int | str) -> tuple[int, int]:
    return order(str(position).encode())
