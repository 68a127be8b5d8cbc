"""Row 20: a frame of a template that the reader does not have yet waits, holds back its partition, and is never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from aura_stream import Codebook
from aura_stream.app.importing import plan_import, read_import
from aura_stream.cli import exit_codes
from aura_stream.codec import Proposal
from tests.faults.chaos import Chaos
from tests.faults.depth import FULL
from tests.faults.store_tools import enough, opened_as
from tests.infra.proxy import proxy_to
from tests.infra.redis import StartRedis, start_redis

__all__ = ["start_redis"]

HIDDEN = 400  # templates, the rarest ones


async def test_frames_wait_until_the_journal_has_their_templates(chaos: Chaos, start_redis: StartRedis) -> None:
    """The reader never reaches the shared log, and has to ask the journal; one that runs once gives up in time."""
    server = start_redis()
    journal, mirror = {"file": {"path": str(chaos.folder / "journal")}}, str(chaos.folder / "mirror")
    store = {"file": None, "redis": {"url": server.url}, "journal": journal, "mirror": mirror}
    async with proxy_to(server.port) as proxy:
        hidden = await _promote_what_is_common(chaos, store)
        reader = store | {"redis": {"url": f"redis://127.0.0.1:{proxy.port}/0"}, "wait": "1s"}
        config = {"store": reader, "namespace": "hidden"}
        await proxy.down()
        async with chaos.scenario("redis-redis", direction="decode", config=config) as run:
            run.plan("hidden templates")
            await run.load(1000)
            once = await run.start("--once")
            assert await once.ended() == exit_codes.DAMAGED
            assert "did not arrive within 1 s" in once.log
            worker = await run.start()
            await worker.logged("waiting for template")
            await worker.logged("paused: template")
            if run.full:
                await worker.logged("wait for a template")  # in a progress line
            run.happened("hidden templates")
            async with opened_as(store, "hidden") as promoter:
                await promoter.promote(hidden)
            await worker.logged("what was missing has arrived, going on")
            await run.recovered("hidden templates")
            await enough(run)


async def _promote_what_is_common(chaos: Chaos, store: Mapping[str, Any]) -> Proposal:
    """Promote all templates but some, and return those; messages are made into frames with all of them."""
    async with opened_as(store, "hidden") as promoter:
        empty = await promoter.search()
        proposal = plan_import(empty, read_import(chaos.book)).proposal
        hidden = Proposal(proposal.templates[-HIDDEN:])
        book = await promoter.promote(replace(proposal, templates=proposal.templates[:-HIDDEN]))
    chaos.book = chaos.folder / "whole.book"
    book.extended(hidden).save(chaos.book)
    return hidden


@pytest.mark.skipif(not FULL, reason="make chaos runs it too: another system, another store")
async def test_frames_wait_until_the_codebook_is_replaced(chaos: Chaos) -> None:
    book = Codebook.load(chaos.book)
    generation = book.generations[-1]
    shorter = replace(generation, templates=generation.templates[:-HIDDEN])
    path = chaos.folder / "reader.book"
    replace(book, generations=(*book.generations[:-1], shorter)).save(path)
    config = {"store": {"file": {"path": str(path)}, "wait": "1s"}}
    async with chaos.scenario("kafka-kafka", direction="decode", config=config) as run:
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
