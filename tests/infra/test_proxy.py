"""The proxy does what it is told: a fault suite is as good as its faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.infra.proxy import Proxy, proxy_to

Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echo() -> AsyncIterator[Proxy]:
    """Put a proxy in front of a server that sends back what it gets."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(1 << 16):
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, proxy_to(server.sockets[0].getsockname()[1]) as proxy, asyncio.timeout(30):
        yield proxy


async def connected(proxy: Proxy) -> Link:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def echoed(link: Link, data: bytes) -> bytes:
    link[1].write(data)
    return await link[0].readexactly(len(data))


async def test_what_comes_passes_in_both_directions_and_nothing_is_touched() -> None:
    async with echo() as proxy:
        link = await connected(proxy)
        data = bytes(range(256)) * 10_000
        assert await echoed(link, data) == data
        assert proxy.touched == 0
        link[1].close()


async def test_down_cuts_what_there_is_and_refuses_and_up_listens_at_the_same_port() -> None:
    async with echo() as proxy:
        reader, writer = await connected(proxy)
        assert await echoed((reader, writer), b"a") == b"a"
        await proxy.down()
        with pytest.raises(OSError, match=r"[Rr]efused|[Cc]onnect"):
            await connected(proxy)
        assert proxy.touched == 1
        writer.close()
        await proxy.up()
        link = await connected(proxy)
        assert await echoed(link, b"b") == b"b"
        link[1].close()


async def test_a_black_hole_takes_connections_and_passes_what_it_held_when_it_is_over() -> None:
    async with echo() as proxy:
        proxy.blackhole = True
        reader, writer = await connected(proxy)
        writer.write(b"held")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        assert proxy.touched == 1
        proxy.blackhole = False
        assert await reader.readexactly(4) == b"held"
        writer.close()


async def test_a_reset_breaks_connections_and_new_ones_work() -> None:
    async with echo() as proxy:
        link = await connected(proxy)
        await echoed(link, b"a")
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await link[0].readexactly(1)
        assert proxy.touched == 1
        link[1].close()
        link = await connected(proxy)
        assert await echoed(link, b"b") == b"b"
        link[1].close()


async def test_a_cut_comes_after_so_many_bytes_of_each_connection_and_ends_with_a_reset() -> None:
    async with echo() as proxy:
        proxy.cut = 1000
        for _ in range(2):
            reader, writer = await connected(proxy)
            writer.write(b"x" * 1500)
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1001)
            writer.close()
        assert proxy.touched == 2
        proxy.cut = None
        link = await connected(proxy)
        assert await echoed(link, b"y" * 1500) == b"y" * 1500
        link[1].close()


async def test_a_delay_comes_before_each_answer() -> None:
    async with echo() as proxy:
        proxy.delay = 0.2
        link = await connected(proxy)
        began = time.monotonic()
        await echoed(link, b"a")
        assert time.monotonic() - began >= 0.2
        assert proxy.touched == 1
        link[1].close()


async def test_a_rate_holds_the_sender_up_for_all_connections_together() -> None:
    async with echo() as proxy:
        proxy.rate = 100_000.0
        links = [await connected(proxy) for _ in range(2)]
        began = time.monotonic()
        await asyncio.gather(*(echoed(link, b"x" * 20_000) for link in links))
        assert time.monotonic() - began >= 0.35  # 40,000 bytes there, and most of them back meanwhile
        proxy.rate = None
        for _, writer in links:
            writer.close()
