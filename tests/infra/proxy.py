"""A TCP proxy of our own that is slow, silent, cuts connections or is gone when a test says so."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

HOST = "127.0.0.1"
_CHUNK = 1 << 16
_AHEAD = 16  # chunks held for a receiver; a sender that goes on is held up, as by a full socket
_PIECES = 20  # a second, in which throttled bytes are passed on
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


class Proxy:
    """Stands between clients and a server on a loopback port, which it keeps (0: any free one).

    All of these may be set and taken back at any time:
    `delay`: seconds after which each answer arrives (later ones are not held up further);
    `blackhole` True: connections are taken, and nothing passes in either direction until it is False again;
    `rate`: bytes a second in each direction, of all connections together; None: no limit;
    `cut`: each connection is reset (RST) once so many bytes have passed in one direction, in mid-frame; None: never.

    `touched` counts what any of these, `down` and `reset` did to somebody: a fault that touched nothing did not fire.
    """

    def __init__(self, port: int, host: str = HOST, listen: int = 0) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._free = {True: 0.0, False: 0.0}  # by direction: when the next throttled bytes may pass
        self.delay = 0.0
        self.rate: float | None = None
        self.cut: int | None = None
        self.port = listen
        self.touched = 0

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
        links = tuple(self._links)
        self.touched += len(links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    def reset(self) -> None:
        """Reset all connections at once, and take new ones."""
        for writer in tuple(self._writers):
            _reset(writer)
        self.touched += len(self._links)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        self._writers.add(writer)
        try:
            await self._link(reader, writer)
        except asyncio.CancelledError:
            pass  # `down`; a cancelled handler would be told of as an error
        finally:
            self._links.discard(link)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            return
        self._writers.add(back)
        tasks = {asyncio.create_task(self._pass(reader, back, late=False)),
                 asyncio.create_task(self._pass(there, writer, late=True))}  # fmt: skip
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if any(task.result() for task in done):
                _reset(writer)
                _reset(back)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._writers.discard(back)
            back.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool) -> bool:
        """Pass on what is read until the end; True if the connection is to be reset."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_AHEAD)

        async def read() -> None:
            with contextlib.suppress(OSError):
                while chunk := await reader.read(_CHUNK):
                    await waiting.put((loop.time() + (self.delay if late else 0.0), chunk))
            await waiting.put((0.0, b""))

        reading = asyncio.create_task(read())
        try:
            with contextlib.suppress(OSError):
                return await self._deliver(waiting, writer, late)
            return False
        finally:
            reading.cancel()

    async def _deliver(
        self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, late: bool
    ) -> bool:
        loop = asyncio.get_running_loop()
        passed = 0  # bytes since connections are cut
        while True:
            due, chunk = await waiting.get()
            held = due - loop.time()
            self.touched += held > 0 or self.blackhole
            await asyncio.sleep(max(0.0, held))
            await self._open.wait()
            if not chunk:
                return False
            passed = passed + len(chunk) if self.cut is not None else 0
            over = passed - self.cut if self.cut is not None else 0
            await self._write(writer, chunk[: len(chunk) - over] if over > 0 else chunk, late)
            if over > 0:
                self.touched += 1
                return True

    async def _write(self, writer: asyncio.StreamWriter, chunk: bytes, late: bool) -> None:
        loop = asyncio.get_running_loop()
        while chunk:
            size = max(1, int(self.rate / _PIECES)) if self.rate else len(chunk)
            piece, chunk = chunk[:size], chunk[size:]
            if self.rate:
                self.touched += 1
                self._free[late] = max(self._free[late], loop.time()) + len(piece) / self.rate
                await asyncio.sleep(self._free[late] - loop.time())
            writer.write(piece)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # closed already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    writer.transport.abort()


@asynccontextmanager
async def proxy_to(port: int, listen: int = 0) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a port."""
    proxy = await Proxy(port, listen=listen).up()
    try:
        yield proxy
    finally:
        await proxy.down()
