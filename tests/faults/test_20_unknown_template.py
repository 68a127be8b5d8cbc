"""Row 20: a frame of a template that the reader does not have yet waits, holds back its partition, and is never guessed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aura_stream import Codebook
from tests.faults.chaos import Chaos
from tests.faults.depth import cases

HIDDEN = 400  # templates, the rarest ones


@pytest.mark.parametrize("route", cases("kafka-kafka", full=["redis-redis"]))
async def test_frames_of_hidden_templates_wait_until_they_are_there(chaos: Chaos, route: str) -> None:
    book = Codebook.load(chaos.book)
    generation = book.generations[-1]
    shorter = replace(generation, templates=generation.templates[:-HIDDEN])
    path = chaos.folder / "reader.book"
    replace(book, generations=(*book.generations[:-1], shorter)).save(path)
    config = {"store": {"file": {"path": str(path)}, "wait": "1s"}}
    async with chaos.scenario(route, direction="decode", config=config) as run:
        run.plan("hidden templates")
        worker = await run.start()
        await run.load(2000)
        await worker.logged("waiting for template")
        await worker.logged("paused: template")
        run.happened("hidden templates")
        book.save(path)
        await worker.logged("what was missing has arrived, going on")
        await run.recovered("hidden templates")
        await run.moved(5000)
