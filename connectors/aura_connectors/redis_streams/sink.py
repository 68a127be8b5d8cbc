"""Appends messages to streams, many with one script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import msgpack

from aura_connectors.feedback import refuse_feedback
from aura_connectors.mapping import to_entries
from aura_connectors.redis_streams.client import START_TIMEOUT, Client, stream_exists, within
from aura_connectors.redis_streams.options import SOURCE_PLACEHOLDER, SinkOptions
from aura_stream.errors import UnwritableMessageError
from aura_stream.model import Batch, Topic
from aura_stream.model.metadata import Field
from aura_stream.ports import Context

# The server does nothing else while a script runs: about 2 us a message.
SCRIPT_MESSAGES = 2000
SCRIPT_BYTES = 4 << 20
MAX_ELEMENT = 512 << 20  # proto-max-bulk-len, as Redis ships it
MAX_ENTRY = (1 << 30) - (1 << 16)  # STREAM_LISTPACK_MAX_SIZE in t_stream.c, less its own overhead
WIDE = 3000  # fields and values that a script passes on at once; Lua allows 8,000, less what it needs itself

Entry = list[bytes]  # [field, value, field, value, …]


class RedisStreamsSink:
    """See `aura_stream.ports.Sink`. Redis cannot tell a repeated write: at least once."""

    def __init__(self, options: SinkOptions, context: Context) -> None:
        self._options = options
        self._field = options.field.encode()
        self._maxlen = options.maxlen
        self._client: Client | None = None

    async def start(self, inputs: Sequence[Topic]) -> None:
        """See the port; Redis makes a stream with its first entry."""
        await self.stop()
        streams = {self.stream(topic.name).decode() for topic in inputs}
        for stream in sorted(streams):
            refuse_feedback(stream, self._options.url.address.place, inputs)
        self._client = client = Client(self._options)
        await within(START_TIMEOUT, client, self._look(client, streams))

    async def _look(self, client: Client, streams: set[str]) -> None:
        await client.command("PING")
        for stream in sorted(streams):
            await stream_exists(client, stream.encode(), f"output {stream!r}")

    async def publish(self, batches: Sequence[Batch]) -> None:
        """See the port."""
        assert self._client is not None, "publish before start"
        prepared = [self.entries(batch, number) for number, batch in enumerate(batches)]
        for batch, (entries, sizes) in zip(batches, prepared, strict=True):
            stream = self.stream(batch.partition.topic)
            for run in runs(entries, sizes):
                await self._append(self._client, stream, entries[run])

    async def _append(self, client: Client, stream: bytes, entries: Sequence[Entry]) -> None:
        if len(entries) == 1:  # may be too wide or too long for a script
            trim = ("MAXLEN", "~", self._maxlen) if self._maxlen else ()
            await client.command("XADD", stream, *trim, "*", *entries[0])
        else:
            packed = msgpack.packb(entries, use_bin_type=False)  # cmsgpack gives Lua strings for both
            await client.run("publish", [stream], packed, self._maxlen or b"")

    def stream(self, source: str) -> bytes:
        """Return the stream that an input of this name is written to."""
        return self._options.stream.replace(SOURCE_PLACEHOLDER, source).encode()

    def entries(self, batch: Batch, number: int) -> tuple[list[Entry], list[int]]:
        """Return the batch as Redis takes it, and the bytes of each entry. Raises UnwritableMessageError."""
        metadata = to_entries(batch, self._options.metadata)
        name = self._field
        entries: list[Entry] = []
        sizes: list[int] = []
        for row, (value, fields, place) in enumerate(zip(batch.values, metadata.fields, metadata.places, strict=True)):
            entry = [name, value] if value is not None and not fields else self._entry(value, fields, place)
            if entry is None:
                reason = f"another field of the entry is named {name.decode()!r} and stands before the message"
                raise UnwritableMessageError(reason, row, number)
            size = sum(map(len, entry))
            if size > MAX_ELEMENT and (size > MAX_ENTRY or max(map(len, entry)) > MAX_ELEMENT):
                raise UnwritableMessageError("the message is longer than Redis allows in an entry", row, number)
            entries.append(entry)
            sizes.append(size)
        return entries, sizes

    def _entry(self, value: bytes | None, fields: Sequence[Field], place: int) -> Entry | None:
        """Return an entry with the message at its place; None if a reader would take another field for the message."""
        if value is None:
            ambiguous = any(field == self._field for field, _ in fields)
            return None if ambiguous else list(chain.from_iterable(fields))
        before, after = fields[: max(place, 0)], fields[max(place, 0) :]
        if any(field == self._field for field, _ in before):
            return None
        return [*chain.from_iterable(before), self._field, value, *chain.from_iterable(after)]

    async def stop(self) -> None:
        """See the port."""
        if self._client is not None:
            await self._client.close()
            self._client = None


def runs(entries: Sequence[Entry], sizes: Sequence[int]) -> Iterator[slice]:
    """Cut into runs that one script takes; what is too large for any stands alone."""
    first, size = 0, 0
    for row, (entry, length) in enumerate(zip(entries, sizes, strict=True)):
        wide = len(entry) > WIDE
        if row > first and (wide or row - first >= SCRIPT_MESSAGES or size + length > SCRIPT_BYTES):
            yield slice(first, row)
            first, size = row, 0
        size += length
        if wide:
            yield slice(first, row + 1)
            first, size = row + 1, 0
    if first < len(entries):
        yield slice(first, len(entries))
