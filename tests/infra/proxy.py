"""A TCP proxy that is slow, silent or gone when a test says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

HOST = "127.0.0.1"
_CHUNK = 1 << 16


class Proxy:
    """Stands between clients and a server on a free loopback port, which it keeps.

    `delay`: seconds after which each answer arrives (later ones are not held up further); `blackhole` True:
    connections are taken, and nothing passes in either direction until it is False again.
    """

    def __init__(self, port: int, host: str = HOST) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()
        self.delay = 0.0
        self.port = 0

    @property
    def blackhole(self) -> bool:
        """Whether nothing passes."""
        return not self._open.is_set()

    @blackhole.setter
    def blackhole(self, silent: bool) -> None:
        if silent:
            self._open.clear()
        else:
            self._open.set()

    def lead_to(self, port: int) -> None:
        """Lead new connections to another server, as an address does that moves in a failover."""
        self._target = (self._target[0], port)

    async def up(self) -> Self:
        """Listen (again)."""
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def down(self) -> None:
        """Refuse connections, and cut those there are."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for link in tuple(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        try:
            await self._link(reader, writer)
        except asyncio.CancelledError:
            pass  # `down`; a cancelled handler would be told of as an error
        finally:
            self._links.discard(link)
            writer.transport.abort()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            return
        tasks = {asyncio.create_task(self._pass(reader, back, late=False)),
                 asyncio.create_task(self._pass(there, writer, late=True))}  # fmt: skip
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            back.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool) -> None:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, chunk = await waiting.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                await self._open.wait()
                writer.write(chunk)
                await writer.drain()
                if not chunk:
                    return

        delivery = asyncio.create_task(deliver())
        try:
            with contextlib.suppress(OSError):
                while chunk := await reader.read(_CHUNK):
                    waiting.put_nowait((loop.time() + (self.delay if late else 0.0), chunk))
            waiting.put_nowait((0.0, b""))
            with contextlib.suppress(OSError):
                await delivery
        finally:
            delivery.cancel()


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a port."""
    proxy = await Proxy(port).up()
    try:
        yield proxy
    finally:
        await proxy.down()
