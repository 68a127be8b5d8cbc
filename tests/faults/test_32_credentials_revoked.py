"""Row 32: permissions that are taken away in mid-run end the worker with the reason; nothing is dropped."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping

import pytest
from aura_connectors.kafka.transactions import transactional_id

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.plan import Plan
from tests.faults.scenario import Scenario
from tests.infra.kafka import BOUND_USER, PASSWORD
from tests.infra.kafka.tools import GROUP, TOPIC, allow, disallow
from tests.infra.redis import raw_client

Change = Callable[[], Awaitable[None]]

EVERYTHING = ("on", f">{PASSWORD}", "~*", "&*", "+@all")
TRANSACTIONAL_ID = 5  # resource type of Kafka's protocol


@pytest.mark.parametrize(
    ("delivery", "taken"),
    cases(
        ("exactly_once", "-xadd"),
        full=[
            ("exactly_once", "-xack"),
            ("exactly_once", "-xreadgroup"),
            ("at_least_once", "-xadd"),
            ("at_least_once", "-xack"),
            ("at_least_once", "resetkeys"),
            ("at_least_once", "off"),
        ],
    ),
)
async def test_a_redis_user_that_may_not_any_more(
    chaos: Chaos, monkeypatch: pytest.MonkeyPatch, delivery: str, taken: str
) -> None:
    monkeypatch.setenv("AURA_TEST_PASSWORD", PASSWORD)
    async with (
        chaos.scenario("redis-redis", delivery=delivery) as run,
        raw_client(run.output.address) as redis,
    ):
        for side in ("input", "output"):
            options = run.config[side]["redis_streams"]
            options["url"] = options["url"].replace("redis://", "redis://bob@")
            options["password"] = "${AURA_TEST_PASSWORD}"

        async def grant() -> None:
            await redis.execute_command("ACL", "SETUSER", "bob", "reset", *EVERYTHING)

        async def revoke() -> None:
            await redis.execute_command("ACL", "SETUSER", "bob", taken)
            if taken == "off":  # which takes effect at the next login
                await redis.execute_command("CLIENT", "KILL", "USER", "bob")

        await grant()
        await revoked_and_granted(run, revoke, grant, "refuses: ")


@pytest.mark.parametrize(
    ("delivery", "taken"),
    cases(
        ("exactly_once", "output"),
        full=[
            ("exactly_once", "transactions"),
            ("exactly_once", "input"),
            ("at_least_once", "output"),
            ("at_least_once", "input"),
            ("at_least_once", "group"),
        ],
    ),
)
async def test_a_kafka_user_that_may_not_any_more(
    chaos: Chaos, monkeypatch: pytest.MonkeyPatch, delivery: str, taken: str
) -> None:
    monkeypatch.setenv("AURA_TEST_PASSWORD", PASSWORD)
    async with chaos.scenario("kafka-kafka", delivery=delivery) as run:
        everything, login = run.output.kafka.servers, run.output.kafka.listeners["SASL_PLAINTEXT"]
        sasl = {"mechanism": "SCRAM-SHA-512", "username": BOUND_USER, "password": "${AURA_TEST_PASSWORD}"}
        for side in ("input", "output"):
            run.config[side]["kafka"] |= {"servers": login, "sasl": sasl}
        rights = _rights(run)
        for kind, name, operation in (right for each in rights.values() for right in each):
            await allow(everything, BOUND_USER, kind, name, operation)

        async def revoke() -> None:
            for kind, name, operation in rights[taken]:
                await disallow(everything, BOUND_USER, kind, name, operation)

        async def grant() -> None:
            for kind, name, operation in rights[taken]:
                await allow(everything, BOUND_USER, kind, name, operation)

        await revoked_and_granted(run, revoke, grant, "the user may not")


def _rights(run: Scenario) -> Mapping[str, list[tuple[int, str, str]]]:
    """Return what a bridge needs, as the documentation says: kind, name and operation."""
    plan = Plan.load(str(run.plan_file))
    (source,), (output,) = plan.source.names, plan.output.names
    group = run.config["input"]["kafka"]["group"]
    names = [transactional_id(source, group, source, index) for index in range(plan.source.partitions)]
    return {
        "input": [(TOPIC, source, "Read")],
        "group": [(GROUP, group, "Read")],
        "output": [(TOPIC, output, "Write")],
        "transactions": [(TRANSACTIONAL_ID, name, "Write") for name in names],
    }


async def revoked_and_granted(run: Scenario, revoke: Change, grant: Change, reason: str) -> None:
    """Revoke while messages flow: each worker ends with exit 78. Grant: the next one goes on."""
    run.plan("credentials revoked")
    worker = await run.start()
    await run.send(3000)
    await run.load(1500)
    await run.moved(2000)
    await revoke()
    assert await worker.ended() == os.EX_CONFIG, worker.log[-1500:]
    again = await run.start()
    assert await again.ended() == os.EX_CONFIG, again.log[-1500:]
    for each in (worker, again):
        assert reason in each.log, each.log[-1500:]
        assert PASSWORD not in each.log
    run.happened("credentials revoked")
    await grant()
    await run.start()
    await run.recovered("credentials revoked")
    await run.moved(2500)
