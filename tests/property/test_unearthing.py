"""Whatever order messages settle in, no place of dead letters is settled past a letter that is not over."""

from __future__ import annotations

import asyncio
from random import Random

from aura_connectors.memory import connector
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_stream.model import Batch
from tests.unit.runtime.test_unearthing import PLACE, Grave, note


@settings(deadline=None)
@given(
    origins=st.lists(st.integers(0, 3), min_size=1, max_size=25),
    fetches=st.lists(st.integers(1, 8), min_size=1, max_size=6),
    choices=st.randoms(use_true_random=False),
)
def test_in_whatever_order_messages_settle_no_place_is_settled_past_one_that_is_not(
    origins: list[int], fetches: list[int], choices: Random
) -> None:
    """Partition 3 stands for letters of others."""

    async def play() -> None:
        grave = Grave([note(origin, row, "in" if origin < 3 else "other") for row, origin in enumerate(origins)])
        await grave.source.start()
        waiting: list[Batch] = []
        settled: set[bytes | None] = set()
        letters = (grave.broker.topic("in.dead") or [])[0].read_all()[0].values
        names = [connector.unmarked(Batch(PLACE, [letter], [0]))[0].values[0] for letter in letters]
        while not await grave.source.finished():
            waiting += await grave.fetch(choices.choice(fetches))
            if not waiting:
                continue
            batch = waiting.pop(choices.randrange(len(waiting)))
            cut = choices.randint(1, len(batch))
            part, rest = batch.part(0, cut), batch.part(cut, len(batch))
            waiting += [rest] if len(rest) else []
            settled |= set(connector.unmarked(part)[0].values)  # of a message that is no letter any more: itself
            await grave.source.settle([part])
            assert set(names[: grave.settled]) <= settled
        assert grave.settled == len(origins)
        assert grave.source.remaining == 0

    asyncio.run(play())
