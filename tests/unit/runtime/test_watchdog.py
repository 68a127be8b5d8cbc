"""The watchdog tells of a loop that stands still, ends a process that stays so, and is not fooled by a stopped one."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
import threading
import time

import pytest

from aura_stream.runtime.statistics import Statistics
from aura_stream.runtime.watchdog import Watchdog, watched

BLOCKED = """
import asyncio, logging, sys, time
from aura_stream.runtime.statistics import Statistics
from aura_stream.runtime.watchdog import watched

async def main():
    with watched(float(sys.argv[1]), Statistics()):
        print("ready", flush=True)
        await asyncio.sleep(float(sys.argv[2]))
        time.sleep(60)  # stands still

logging.basicConfig()
asyncio.run(main())
"""

DEAFENED = """
import asyncio, logging
from aura_stream.observe import configure_logging
from aura_stream.runtime.statistics import Statistics
from aura_stream.runtime.watchdog import watched

async def main():
    with watched(0.2, Statistics()):
        await asyncio.sleep(0)
        while True:
            logging.info("x" * 1000)  # until nobody reads it any more

configure_logging("console", "info")
asyncio.run(main())
"""


def run(stalled_after: float, waits: float) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", BLOCKED, str(stalled_after), str(waits)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_a_stall_is_told_with_its_place_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    statistics = Statistics()
    with caplog.at_level(logging.WARNING), watched(0.2, statistics):
        await asyncio.sleep(0.05)
        deadline = time.monotonic() + 10
        while not statistics.stalls:
            assert time.monotonic() < deadline
            time.sleep(0.01)  # noqa: ASYNC251  this is the stall
        while "moves again" not in caplog.text:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
    critical, *_ = caplog.records
    assert critical.levelno == logging.CRITICAL
    assert "test_a_stall_is_told_with_its_place" in critical.getMessage()


async def test_nothing_is_told_of_a_loop_that_moves_and_nothing_stays_behind(caplog: pytest.LogCaptureFixture) -> None:
    threads = threading.active_count()
    with watched(0.5, Statistics()):
        assert threading.active_count() == threads + 1
        await asyncio.sleep(0.6)
    assert threading.active_count() == threads
    assert len(asyncio.all_tasks()) == 1
    assert not caplog.records


@pytest.mark.parametrize("off", [0.0, None])
async def test_it_can_be_switched_off(off: float | None) -> None:
    threads = threading.active_count()
    with watched(off, Statistics()):
        assert threading.active_count() == threads


async def test_a_stall_that_lasts_ends_the_process() -> None:
    ended: list[int] = []
    with Watchdog(0.05, end=ended.append).watching():
        deadline = time.monotonic() + 10
        while not ended:
            assert time.monotonic() < deadline
            time.sleep(0.01)  # noqa: ASYNC251  this is the stall
    assert ended == [75]


def test_a_blocked_process_ends_with_75_and_says_where_it_stood() -> None:
    with run(0.2, 0.0) as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 75
    assert "time.sleep(60)" in errors or 'File "<string>"' in errors
    assert "ending the process" in errors


def test_a_process_that_stands_still_at_its_own_log_ends_all_the_same() -> None:
    """Nobody reads its standard error: whatever waits for the log would wait for ever."""
    with subprocess.Popen([sys.executable, "-c", DEAFENED], stderr=subprocess.PIPE) as process:
        try:
            assert process.wait(30) == 75
        finally:
            process.kill()


def test_a_stopped_process_is_no_stalled_one() -> None:
    with run(0.5, 30.0) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(2.0)  # four times as long as a stall may last
        process.send_signal(signal.SIGCONT)
        time.sleep(0.3)
        assert process.poll() is None
        process.terminate()
        _, errors = process.communicate(timeout=30)
    assert "stands still" not in errors
