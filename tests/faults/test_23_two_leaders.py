"""Row 23: several discoveries promote at once, one of which stood still in mid-promotion; numbers stay unique."""

from __future__ import annotations

from signal import SIGCONT

import pytest

from tests.faults.chaos import Chaos
from tests.faults.depth import cases
from tests.faults.store_tools import (
    LEARNING,
    agreed,
    durable,
    enough,
    grown,
    leave_something_to_discover,
    promoted,
)

STEPS = cases("stop_before_activating", full=["stop_before_proposing", "stop_before_the_journal"])


@pytest.mark.parametrize("step", STEPS)
async def test_a_discovery_that_stood_still_between_two_steps_does_no_harm(chaos: Chaos, step: str) -> None:
    """Meanwhile another one, of another group, promotes what it finds in the same messages."""
    leave_something_to_discover(chaos)
    async with chaos.scenario("redis-redis", store="redis", config=LEARNING) as run:
        await run.start()
        sleeper = await run.start(verb="discover", patch=f"tests.faults.store_patches:{step}")
        await run.load(800)
        run.plan("a discovery stands still")

        async def stands_still() -> bool:
            return bool(sleeper.process.status() == "stopped")

        await run.until("a discovery that stands still", stands_still)
        before = await durable(run)
        run.config["discovery"] |= {"group": "another"}
        other = await run.start(verb="discover")
        await promoted(other)
        await run.hold(20, 2)
        run.happened("a discovery stands still", await stands_still())
        between = await grown(run, before)
        assert between != before
        said, also_said = len(sleeper.log), len(other.log)
        sleeper.send(SIGCONT)
        await run.recovered("a discovery stands still")
        await promoted(sleeper, said)
        await promoted(other, also_said)
        await enough(run)
        await run.caught_up()
        await grown(run, between)
        await agreed(run)
