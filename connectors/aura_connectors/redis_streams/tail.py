"""The last values of streams, without a consumer group."""

from __future__ import annotations

from collections.abc import Sequence

from aura_connectors.redis_streams.client import START_TIMEOUT, Client, stream_exists, within
from aura_connectors.redis_streams.options import SOURCE_PLACEHOLDER, SinkOptions, SourceOptions

PAGE = 1000  # entries of one XREVRANGE: the server does nothing else meanwhile


async def read_tail(options: SourceOptions | SinkOptions, inputs: Sequence[str], limit: int) -> dict[str, list[bytes]]:
    """See `aura_stream.ports.Tail`."""
    if isinstance(options, SourceOptions):
        names = list(options.streams)
    else:
        names = [options.stream.replace(SOURCE_PLACEHOLDER, name) for name in inputs]
    client = Client(options)
    try:
        found = {}
        for name in dict.fromkeys(names):
            exists = stream_exists(client, name.encode(), f"stream {name!r}")
            if await within(START_TIMEOUT, client, exists):
                found[name] = await _last(client, name.encode(), options.field.encode(), limit)
        return found
    finally:
        await client.close()


async def _last(client: Client, stream: bytes, field: bytes, limit: int) -> list[bytes]:
    values: list[bytes] = []
    end = b"+"
    seen = 0
    while seen < limit:
        read = client.command("XREVRANGE", stream, end, "-", "COUNT", min(PAGE, limit - seen))
        entries = await within(START_TIMEOUT, client, read)
        if not entries:
            break
        for _, flat in entries:
            fields = dict(zip(reversed(flat[::2]), reversed(flat[1::2]), strict=True))  # the first of a name counts
            if field in fields:
                values.append(fields[field])
        seen += len(entries)
        end = b"(" + entries[-1][0]
    return values[::-1]
