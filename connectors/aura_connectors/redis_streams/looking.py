"""What lies in streams whose settled entries are deleted, for somebody who only looks: no member of any group."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from aura_connectors.redis_streams.backlog import Row
from aura_connectors.redis_streams.client import START_TIMEOUT, Client, pairs, stream_exists, within
from aura_connectors.redis_streams.options import SourceOptions
from aura_connectors.redis_streams.rows import to_batch
from aura_stream.model import Batch, Partition

PAGE: Final = 100  # entries of one XRANGE, of any size: the server does nothing else meanwhile


async def remaining(options: SourceOptions) -> AsyncIterator[Batch]:
    """Yield all entries of these streams, up to where each ends now. Raises UnavailableError, ConfigError."""
    client = Client(options)
    try:
        for name in options.streams:
            exists = stream_exists(client, name.encode(), f"stream {name!r}")
            if await within(START_TIMEOUT, client, exists):
                async for batch in _read(client, name, options.field.encode()):
                    yield batch
    finally:
        await client.close()


async def _read(client: Client, stream: str, field: bytes) -> AsyncIterator[Batch]:
    about = await within(START_TIMEOUT, client, client.command("XINFO", "STREAM", stream))
    start, end = b"-", pairs(about)["last-generated-id"]
    while entries := await within(START_TIMEOUT, client, client.command("XRANGE", stream, start, end, "COUNT", PAGE)):
        yield to_batch([Row(entry, fields, 1) for entry, fields in entries], Partition(stream), field, fence=0)
        start = b"(" + entries[-1][0]
