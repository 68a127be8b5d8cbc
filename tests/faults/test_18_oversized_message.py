"""Row 18: a message that the target can never take has one outcome, whichever side of the codec it is too large on."""

from __future__ import annotations

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases

SMALL = {"max_message_bytes": "60000"}
LARGE = 100_000  # bytes of a message now and then


@pytest.mark.parametrize(
    ("direction", "delivery"),
    cases(
        ("encode", "at_least_once"),
        ("decode", "exactly_once"),
        full=[("encode", "exactly_once"), ("decode", "at_least_once")],
    ),
)
async def test_what_the_output_topic_refuses_becomes_a_dead_letter(chaos: Chaos, direction: str, delivery: str) -> None:
    """Encoding: what does not shrink enough. Decoding: a frame that fits, and a message that does not."""
    options = {"direction": direction, "delivery": delivery, "topic": SMALL, "large": LARGE, "dead_letters": True}
    async with chaos.scenario("kafka-kafka", **options) as run:
        run.plan("oversized messages")
        worker = await run.start()
        await run.load(2500)
        await run.moved(5200)
        await worker.logged("a dead letter: UnwritableMessageError")
        assert "are more than max.message.bytes=60000" in worker.log
        run.happened("oversized messages")
        await run.recovered("oversized messages")
        run.expect("dead letters", lambda verdict: verdict.dead >= 1)


async def test_what_is_larger_than_the_limit_of_the_input_is_not_tried(chaos: Chaos) -> None:
    config = {"limits": {"message": "50KiB"}}
    async with chaos.scenario("redis-redis", config=config, large=LARGE, dead_letters=True) as run:
        run.plan("oversized messages")
        worker = await run.start()
        await run.load(2500)
        await run.moved(5200)
        await worker.logged("a dead letter: RefusedMessageError: 100")
        run.happened("oversized messages")
        await run.recovered("oversized messages")
        run.expect("dead letters", lambda verdict: verdict.dead >= 1)


async def test_without_a_place_for_it_the_worker_stops_in_front_of_it(chaos: Chaos) -> None:
    """One message, one outcome: whoever starts again stands at the same place, until there is one."""
    async with chaos.scenario("kafka-kafka", lanes=1, topic=SMALL, large=LARGE, dead_letters=True) as run:
        place = run.config.pop("dead_letter")
        run.plan("oversized messages", 2)
        await run.load(2500)
        places = []
        for _ in range(2):
            worker = await run.start()
            assert await worker.ended() == 1
            (error,) = [line for line in worker.log.splitlines() if line.startswith("error: ")]
            places.append(error.partition(": cannot be written")[0])
            run.happened("oversized messages")
        assert places[0] == places[1]
        run.config["dead_letter"] = place
        await run.start()
        await run.recovered("oversized messages")
        await run.moved(3000)
