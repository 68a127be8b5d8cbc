"""A second proxy, behind that of a run, which tells requests apart, and holds or cuts off single ones: the end of a
transaction, what is written to one topic or stream.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.faults.plan import Kind
from tests.faults.systems import System
from tests.faults.toolbox import Evidence, Fault
from tests.infra.proxy import HOST

# Keys of Kafka's requests
PRODUCE, INIT_PRODUCER_ID, END_TXN = 0, 22, 26
_CHUNK = 1 << 16

Which = Callable[[bytes], bool]


class Transit:
    """Passes everything on, but for requests that are to be stopped. `seen` counts Kafka's requests by key, `stopped`
    those that were. A request is Kafka's frame; of Redis it is what a client sent at once.
    """

    def __init__(self, kind: Kind, host: str, port: int) -> None:
        self._framed = kind == "kafka"
        self._target = host, port
        self._which: Which = lambda _: False
        self._cuts = False
        self._released = asyncio.Event()
        self._released.set()
        self._links: set[asyncio.Task[None]] = set()
        self.seen: Counter[int] = Counter()
        self.stopped = 0

    def holds(self, which: Which) -> Fault:
        """Hold such requests; when that ends they are passed on, however late that is."""
        return self._stops(which, cuts=False)

    def cuts(self, which: Which) -> Fault:
        """Close the connections that such requests come by, as of a server that has no room for them."""
        return self._stops(which, cuts=True)

    @asynccontextmanager
    async def _stops(self, which: Which, *, cuts: bool) -> AsyncIterator[Evidence]:
        before = self.stopped
        self._which, self._cuts = which, cuts
        self._released.clear()
        try:
            yield lambda: self.stopped > before
        finally:
            self._which = lambda _: False
            self._released.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stand between one client and the server."""
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        with contextlib.suppress(
            OSError, asyncio.CancelledError
        ):  # of either side; a cancelled handler would be told of
            there, back = await asyncio.open_connection(*self._target)
            answering = asyncio.create_task(_pass(there, writer))
            try:
                await self._requests(reader, back)
            finally:
                answering.cancel()
                await asyncio.wait([answering])
                back.transport.abort()
        writer.transport.abort()
        self._links.discard(link)

    async def _requests(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        while request := await self._next(reader):
            if self._framed:
                self.seen[key_of(request)] += 1
            if self._which(request):
                self.stopped += 1
                if self._cuts:
                    return
                await self._released.wait()
            back.write(request)
            await back.drain()

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        if not self._framed:
            return await reader.read(_CHUNK)
        try:
            size = await reader.readexactly(4)
            return size + await reader.readexactly(int.from_bytes(size))
        except asyncio.IncompleteReadError:
            return b""

    async def close(self) -> None:
        """Let go of all connections."""
        for link in tuple(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def transit_behind(system: System) -> AsyncIterator[Transit]:
    """Let connections that a system's proxy takes from now on pass through here; at the end they are cut."""
    host, port = system.proxy._target
    transit = Transit(system.kind, host, port)
    server = await asyncio.start_server(transit.serve, HOST, 0)
    system.proxy.lead_to(server.sockets[0].getsockname()[1])
    try:
        yield transit
    finally:
        system.proxy.lead_to(port)
        server.close()
        await transit.close()


def key_of(request: bytes) -> int:
    """Return which of Kafka's requests this is."""
    return int.from_bytes(request[4:6])


def ends_a_transaction(request: bytes) -> bool:
    """Tell whether this is Kafka's EndTxn."""
    return key_of(request) == END_TXN


def writes_to(name: str, kind: Kind) -> Which:
    """Return what tells whether a request writes to this topic or stream."""
    wanted = name.encode()
    return lambda request: wanted in request and (kind != "kafka" or key_of(request) == PRODUCE)
