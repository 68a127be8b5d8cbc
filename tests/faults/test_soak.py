"""Hours of faults in random order, `make soak HOURS=8`: what one fault leaves behind, the next one meets."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from signal import SIGKILL, SIGTERM

import pytest

from tests.faults.chaos import Chaos
from tests.faults.scenario import Scenario
from tests.faults.toolbox import (
    Fault,
    blackholes,
    broker_stops,
    delays,
    paused,
    redis_stops,
    refuses,
    resets,
    throttles,
)

HOURS = float(os.environ.get("AURA_FAULT_SOAK", "0"))  # conftest.py leaves this module out where it is not set
RATE = 200  # messages a second: hours of them have to stay in the servers' memory until they are judged
SLOW = 50_000  # bytes a second
FASTER = 4000  # messages a second: more than pass at SLOW
FAR_BEHIND = 20_000  # messages
GROWTH = 16 * 2**20  # bytes between the second quarter of a run and its last one
KINDS = ("refuses", "blackholes", "resets", "delays", "throttles", "paused", "server", "SIGKILL", "SIGTERM")


@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
@pytest.mark.parametrize("route", ["kafka-kafka", "redis-redis"])
async def test_hours_of_faults_lose_nothing(chaos: Chaos, route: str, delivery: str) -> None:
    chance = random.Random(f"{chaos.seed} {route} {delivery}")
    until = time.monotonic() + HOURS * 3600
    async with chaos.scenario(route, delivery=delivery, longest=HOURS * 3600 + 3600, codes=(0, 75)) as run:
        await run.start()
        await run.load(RATE)
        while time.monotonic() < until:
            await run.hold(chance.uniform(2, 30))
            await _something(run, chance)


async def _something(run: Scenario, chance: random.Random) -> None:
    """Let one fault happen, and wait until messages pass again."""
    kind = chance.choice(KINDS)
    assert run.running, f"the worker has ended: {run.workers[-1].log[-1500:]}"
    worker = run.running[0]
    if kind in ("SIGKILL", "SIGTERM"):
        run.plan(kind)
        worker.send(SIGKILL if kind == "SIGKILL" else SIGTERM)
        run.happened(kind, await worker.ended() in (0, -SIGKILL))
        await run.start()
        await run.recovered(kind)
        return
    side = chance.choice(("input", "output"))
    async with run.fault(f"{side} {kind}", _fault(run, kind, side)):
        await run.hold(chance.uniform(1, 40))


def _fault(run: Scenario, kind: str, side: str) -> Fault:
    system = run.source if side == "input" else run.output
    match kind:
        case "refuses":
            return refuses(system.proxy)
        case "blackholes":
            return blackholes(system.proxy)
        case "resets":
            return resets(system.proxy, 5000)
        case "delays":
            return delays(system.proxy, 2.0)
        case "throttles":
            return throttles(system.proxy, SLOW)
        case "paused":
            return paused(run.running[0])
    return broker_stops(system.kafka, hard=True) if system.kind == "kafka" else redis_stops(system.server)


@pytest.mark.parametrize("route", ["kafka-kafka", "redis-redis"])
async def test_memory_is_flat_while_the_sink_takes_50_kilobytes_a_second(chaos: Chaos, route: str) -> None:
    seconds = HOURS * 3600
    async with chaos.scenario(route, longest=seconds + 3600, large=0) as run:
        worker = await run.start()
        await run.load(FASTER)
        await run.moved(2000)
        samples: list[int] = []
        async with run.fault("output at 50 KB/s", throttles(run.output.proxy, SLOW)):
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                await asyncio.sleep(1)
                samples.append(worker.process.memory_info().rss)
                await _stay_ahead(run)
            await run.pause()
        quarter = len(samples) // 4
        early, late = statistics.median(samples[quarter : 2 * quarter]), statistics.median(samples[-quarter:])
        run.result.notes.update(
            {"early MiB": early / 2**20, "late MiB": late / 2**20, "most MiB": max(samples) / 2**20}
        )
        assert late - early < GROWTH


async def _stay_ahead(run: Scenario) -> None:
    """Keep the worker behind, but not by more than it makes good soon after."""
    sent, arrived = await run.counts()
    behind = sent - arrived
    await (run.pause() if behind > FAR_BEHIND else run.load(FASTER))
