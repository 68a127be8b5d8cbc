"""Several workers under a supervisor: they share the work, are started anew, and end together."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis.asyncio import Redis

from tests.infra.proxy import proxy_to
from tests.integration.redis_tools import add, command, eventually, numbered

pytestmark = pytest.mark.integration


class Running:
    """A supervisor process, and what it writes."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    async def logged(self, text: str, times: int = 1) -> None:
        async def there() -> bool:
            return self.log.count(text) >= times

        try:
            await eventually(there, repr(text))
        except AssertionError as error:
            raise AssertionError(f"{error} in {self.log}") from None  # as it is now

    async def ended(self) -> int:
        return await asyncio.wait_for(self.process.wait(), 30)


@asynccontextmanager
async def fleet(folder: Path, url: str, streams: list[str], *words: str, **more: Any) -> AsyncIterator[Running]:
    config = {
        "input": {"redis_streams": {"url": url, "streams": streams, "group": "fleet", "lease": "2s"}},
        "output": {"redis_streams": {"url": url}},
        "store": {"memory": {}},
        **more,
    }
    (folder / "fleet.yaml").write_text(json.dumps(config))
    log = folder / "fleet.log"
    line = [sys.executable, "-m", "aura_stream.cli", "run", *words, str(folder / "fleet.yaml")]
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(*line, stderr=errors)
    running = Running(process, log)
    known: list[psutil.Process] = []
    try:
        yield running
        if process.returncode is None:
            known = running.children()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        for child in known:
            child.wait(30)


def arrived(redis: Redis, streams: list[str]) -> Callable[[], Any]:
    async def count() -> int:
        return sum([await command(redis, "XLEN", f"{name}.aura") for name in streams])

    return count


async def test_workers_share_the_input_and_one_that_is_killed_is_started_anew(
    redis: Redis, redis_url: str, stream: str, tmp_path: Path
) -> None:
    streams = [f"{stream}-{number}" for number in range(4)]
    for name in streams:
        await add(redis, name, numbered(0, 100))
    count = arrived(redis, streams)
    heart = tmp_path / "alive"
    async with fleet(tmp_path, redis_url, streams, "--workers", "2", heartbeat=str(heart)) as running:
        await eventually(lambda: _is(count, 400), "all messages")
        await eventually(lambda: _exists(heart), "a heartbeat of both")
        victim, survivor = running.children()
        victim.send_signal(signal.SIGKILL)
        await running.logged("ended with SIGKILL; starting it anew")
        for name in streams:
            await add(redis, name, numbered(100, 200))
        await eventually(lambda: _is(count, 800), "the messages after it")
        await eventually(lambda: _children(running, 2), "two workers again")
        assert survivor in running.children()
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
    assert re.search(r"worker \d: reading stream", running.log)
    assert "draining 2 workers" in running.log


async def test_once_they_end_when_all_is_through(redis: Redis, redis_url: str, stream: str, tmp_path: Path) -> None:
    streams = [f"{stream}-{number}" for number in range(3)]
    for name in streams:
        await add(redis, name, numbered(0, 50))
    async with fleet(tmp_path, redis_url, streams, "--workers", "2", "--once") as running:
        assert await running.ended() == 0
    assert await arrived(redis, streams)() == 150


async def test_what_a_person_must_mend_ends_all_of_them(redis_url: str, stream: str, tmp_path: Path) -> None:
    output = {"redis_streams": {"url": redis_url, "stream": stream}}  # its own input
    async with fleet(tmp_path, redis_url, [stream], "--workers", "2", output=output) as running:
        assert await running.ended() == 78
    assert "which a person must look at: stopping all" in running.log


async def test_a_mistake_in_the_file_is_told_once(redis_url: str, stream: str, tmp_path: Path) -> None:
    async with fleet(tmp_path, redis_url, [stream], "--workers", "3", limit={}) as running:
        assert await running.ended() == 78
    assert running.log.count("unknown key limit") == 1


async def test_workers_end_with_their_supervisor(redis: Redis, redis_url: str, stream: str, tmp_path: Path) -> None:
    await add(redis, stream, numbered(0, 10))
    async with fleet(tmp_path, redis_url, [stream], "--workers", "2") as running:
        await eventually(lambda: _is(arrived(redis, [stream]), 10), "all messages")
        children = running.children()
        running.process.kill()
        await running.ended()
        gone, alive = await asyncio.to_thread(psutil.wait_procs, children, 30)
    assert (len(gone), alive) == (2, [])


async def test_a_second_signal_forces_all_and_tells_that_something_is_left(
    redis: Redis, redis_url: str, stream: str, tmp_path: Path
) -> None:
    """Their output is a server that takes connections and never answers once they have started."""

    await add(redis, stream, numbered(0, 10))
    async with proxy_to(int(redis_url.rsplit(":", 1)[1].split("/", maxsplit=1)[0])) as proxy:
        output = {"redis_streams": {"url": f"redis://127.0.0.1:{proxy.port}/0"}}
        async with fleet(tmp_path, redis_url, [stream], "--workers", "2", output=output) as running:
            await eventually(lambda: _is(arrived(redis, [stream]), 10), "the first messages")
            proxy.blackhole = True
            await add(redis, stream, numbered(10, 20))
            await eventually(lambda: _pending(redis, stream, 10), "messages in flight")
            running.process.send_signal(signal.SIGTERM)
            await running.logged("draining 10 messages")
            running.process.send_signal(signal.SIGTERM)
            assert await running.ended() == os.EX_TEMPFAIL
    assert "not drained: worker" in running.log
    assert "stopped with 10 messages not settled" in running.log


async def test_workers_that_the_init_system_tells_too_are_drained_and_not_forced(
    redis: Redis, redis_url: str, stream: str, tmp_path: Path
) -> None:
    """As systemd does: SIGTERM to every process of the service, in any order, while messages are in flight."""
    streams = [f"{stream}-{number}" for number in range(2)]
    for name in streams:
        await add(redis, name, numbered(0, 10))
    async with proxy_to(int(redis_url.rsplit(":", 1)[1].split("/", maxsplit=1)[0])) as proxy:
        output = {"redis_streams": {"url": f"redis://127.0.0.1:{proxy.port}/0"}}
        async with fleet(tmp_path, redis_url, streams, "--workers", "2", output=output) as running:
            await running.logged(f": reading {streams[0]}", 2)  # both listen
            await eventually(lambda: _is(arrived(redis, streams), 20), "the first messages")
            proxy.blackhole = True
            for name in streams:
                await add(redis, name, numbered(10, 20))
            await eventually(lambda: _any_pending(redis, streams), "messages in flight")
            first, second = running.children()
            first.send_signal(signal.SIGTERM)
            running.process.send_signal(signal.SIGTERM)
            await running.logged("draining 2 workers")
            second.send_signal(signal.SIGTERM)
            await running.logged(" for 25 s at most: no more is fetched", 2)
            proxy.blackhole = False
            assert await running.ended() == 0
    assert "not settled" not in running.log
    assert not await _any_pending(redis, streams)
    assert await arrived(redis, streams)() > 20


async def test_one_that_is_told_to_stop_by_hand_is_replaced(
    redis: Redis, redis_url: str, stream: str, tmp_path: Path
) -> None:
    await add(redis, stream, numbered(0, 10))
    async with fleet(tmp_path, redis_url, [stream], "--workers", "2") as running:
        await running.logged(f": reading {stream}", 2)  # both listen
        victim, _ = running.children()
        victim.send_signal(signal.SIGTERM)
        await running.logged("ended with exit code 0; starting it anew")
        await eventually(lambda: _children(running, 2), "two workers again")
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0


async def test_log_lines_for_machines_tell_which_worker(
    redis: Redis, redis_url: str, stream: str, tmp_path: Path
) -> None:
    await add(redis, stream, numbered(0, 10))
    async with fleet(tmp_path, redis_url, [stream], "--workers", "2", "--once", logging={"format": "json"}) as running:
        assert await running.ended() == 0
    lines = list(map(json.loads, running.log.splitlines()))
    done = [line for line in lines if line["message"].startswith("done: ")]
    assert sorted(line["worker"] for line in done) == [0, 1]
    assert sum(line["messages"] for line in done) == 10


async def _is(count: Callable[[], Any], wanted: int) -> bool:
    return bool(await count() == wanted)


async def _exists(path: Path) -> bool:
    return path.exists()  # noqa: ASYNC240  a look, in a test


async def _children(running: Running, wanted: int) -> bool:
    return len(running.children()) == wanted


async def _pending(redis: Redis, stream: str, wanted: int) -> bool:
    return bool((await command(redis, "XPENDING", stream, "fleet"))[0] == wanted)


async def _any_pending(redis: Redis, streams: list[str]) -> bool:
    return any([(await command(redis, "XPENDING", name, "fleet"))[0] for name in streams])
