"""Row 32: permissions that are taken away in mid-run end the worker with the reason; nothing is dropped."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from tests.faults.chaos import Chaos
from tests.faults.plan import Plan
from tests.faults.scenario import Scenario
from tests.infra.kafka import BOUND_USER, PASSWORD
from tests.infra.kafka.tools import TOPIC, allow, disallow

Change = Callable[[], Awaitable[None]]


async def revoked_and_granted(run: Scenario, revoke: Change, grant: Change, reason: str) -> None:
    """Revoke while messages flow; the worker ends with exit 78. Grant; the next one goes on."""
    run.plan("credentials revoked")
    worker = await run.start()
    await run.load(2500)
    await run.moved(3000)
    await revoke()
    assert await worker.ended() == os.EX_CONFIG
    assert reason in worker.log, worker.log[-1500:]
    assert PASSWORD not in worker.log
    run.happened("credentials revoked")
    await grant()
    await run.start()
    await run.recovered("credentials revoked")
    await run.moved(2000)


async def test_a_redis_user_that_may_not_write_any_more(chaos: Chaos) -> None:
    async with chaos.scenario("redis-redis") as run, _redis(run.output.address) as redis:
        await redis.execute_command("ACL", "SETUSER", "aura", "on", "nopass", "~*", "&*", "+@all")
        address = run.config["output"]["redis_streams"]["url"].removeprefix("redis://")
        run.config["output"]["redis_streams"]["url"] = f"redis://aura@{address}"

        async def revoke() -> None:
            await redis.execute_command("ACL", "SETUSER", "aura", "-xadd")

        async def grant() -> None:
            await redis.execute_command("ACL", "SETUSER", "aura", "+xadd")

        await revoked_and_granted(run, revoke, grant, "refuses")


async def test_a_kafka_user_that_may_not_write_any_more(chaos: Chaos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOUND_PASSWORD", PASSWORD)
    async with chaos.scenario("kafka-kafka") as run:
        everything, login = run.output.kafka.servers, run.output.kafka.listeners["SASL_PLAINTEXT"]
        sasl = {"mechanism": "SCRAM-SHA-512", "username": BOUND_USER, "password": "${BOUND_PASSWORD}"}
        (topic,) = Plan.load(str(run.plan_file)).output.names
        run.config["output"]["kafka"] |= {"servers": login, "sasl": sasl}
        await allow(everything, BOUND_USER, TOPIC, topic, "Write", "DescribeConfigs")

        async def revoke() -> None:
            await disallow(everything, BOUND_USER, TOPIC, topic, "Write")

        async def grant() -> None:
            await allow(everything, BOUND_USER, TOPIC, topic, "Write")

        await revoked_and_granted(run, revoke, grant, "the user may not use this topic")


@asynccontextmanager
async def _redis(url: str) -> AsyncIterator[Redis]:
    redis = Redis.from_url(url)
    try:
        yield redis
    finally:
        await redis.aclose()
