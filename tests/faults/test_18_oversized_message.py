"""Row 18: a message that the target can never take has one outcome, whichever side of the codec it is too large on."""

from __future__ import annotations

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.payloads import LARGE_EVERY
from tests.faults.plan import Plan
from tests.faults.poison import judge_letters
from tests.faults.processes import Worker
from tests.faults.scenario import Scenario
from tests.infra.kafka.tools import administering, create_topic

SMALL = {"max_message_bytes": "60000"}
LARGE = 200_000  # bytes of a message now and then, half of them random: compressed it is more than 100 KB


@pytest.mark.parametrize(
    ("direction", "delivery"),
    cases(
        ("encode", "at_least_once"),
        ("decode", "exactly_once"),
        full=[("encode", "exactly_once"), ("decode", "at_least_once")],
    ),
)
async def test_what_the_output_topic_refuses_becomes_a_dead_letter(chaos: Chaos, direction: str, delivery: str) -> None:
    """Encoding: what does not shrink enough. Decoding: a frame of the input, and a message that is too large."""
    options = {"direction": direction, "delivery": delivery, "topic": SMALL, "large": LARGE, "dead_letters": True}
    async with chaos.scenario("kafka-kafka", **options, max_copies=0) as run:
        worker = await _bring_large_ones(run)
        assert "are more than max.message.bytes=60000" in worker.log
        await _one_outcome_each(run, worker, "UnwritableMessageError")


@pytest.mark.parametrize("delivery", cases("exactly_once", full=["at_least_once"]))
async def test_what_is_larger_than_the_limit_of_the_input_is_not_tried(chaos: Chaos, delivery: str) -> None:
    options = {"config": {"limits": {"message": "100KiB"}}, "large": LARGE, "dead_letters": True}
    async with chaos.scenario("redis-redis", delivery=delivery, **options, max_copies=0) as run:
        worker = await _bring_large_ones(run)
        assert f"a dead letter: RefusedMessageError: {LARGE} bytes are more than limits.message" in worker.log
        await _one_outcome_each(run, worker, "RefusedMessageError")


async def test_without_a_place_for_it_the_worker_stops_in_front_of_it(chaos: Chaos) -> None:
    """Whoever starts again stands at the same place, until somebody makes one; a dead letter can be too large too."""
    async with chaos.scenario("kafka-kafka", lanes=1, topic=SMALL, large=LARGE, dead_letters=True) as run:
        plan = Plan.load(str(run.plan_file))
        assert plan.dead is not None
        run.plan("oversized messages", 3)
        await run.send(LARGE_EVERY + 3000)
        place = run.config.pop("dead_letter")
        stops = [await _stopped_at(run, ": cannot be written") for _ in range(2)]
        run.config["dead_letter"] = place
        await create_topic(plan.dead.address, plan.dead.names[0], **SMALL)
        stops.append(await _stopped_at(run, ": its dead letter cannot be written"))
        assert stops == [f"error: {plan.source.names[0]} partition 0 position {LARGE_EVERY // 3}"] * 3
        async with administering(plan.dead.address) as client:
            wider = ConfigResource(ConfigResourceType.TOPIC, plan.dead.names[0], {"max.message.bytes": "1000000"})
            await client.alter_configs([wider])
        worker = await run.start()
        await run.recovered("oversized messages")
        await _one_outcome_each(run, worker, "UnwritableMessageError")


async def _bring_large_ones(run: Scenario) -> Worker:
    run.plan("oversized messages")
    worker = await run.start()
    await run.send(2 * LARGE_EVERY)
    await run.load(500)
    await run.moved(2 * LARGE_EVERY + 200)
    run.happened("oversized messages", "a dead letter: " in worker.log)
    await run.recovered("oversized messages")
    return worker


async def _one_outcome_each(run: Scenario, worker: Worker, error: str) -> None:
    """Each large message is a dead letter, for this reason, and was one once; all the others are in the output."""
    notes = await judge_letters(run, lambda _, message: len(message) >= LARGE)
    assert {note.error for note in notes} == {error}
    assert worker.log.count("a dead letter: ") == len(notes), "none of them comes again and again"


async def _stopped_at(run: Scenario, what: str) -> str:
    """Start a worker that stops; return the place that its error names."""
    worker = await run.start()
    assert await worker.ended() == 1
    run.happened("oversized messages")
    (error,) = [line for line in worker.log.splitlines() if line.startswith("error: ")]
    place, found, _ = error.partition(what)
    assert found, error
    return place
