"""A longer book is taken while the worker runs; a store that is slow, away or wrong holds nothing up."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from aura_stream.codec import Codebook, HybridCodec
from aura_stream.errors import ConfigError, UnavailableError
from aura_stream.ports import StoreStatus
from aura_stream.runtime import Statistics, following
from aura_stream.runtime.following import READERS_FIRST, Follower
from tests.unit.runtime import engine as engines
from tests.unit.runtime.engine import Engine, eventually, finish, numbered
from tests.unit.runtime.stores import FakeStore, away, longer

TEXT = b"the quick brown fox jumps over the lazy dog"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "POLL", 0.005)


class Following:
    """A follower over a fake store; `offered` are the books that it handed over."""

    def __init__(self, delay: float = 0.0) -> None:
        self.store = FakeStore()
        self.offered: list[Codebook] = []
        self.statistics = Statistics()
        self.follower = Follower(self.store, self.offered.append, self.statistics, delay)

    async def __aenter__(self) -> Following:
        await self.follower.start()
        self.follower.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.follower.stop()

    async def followed(self, times: int = 3) -> None:
        aim = self.store.follows + times
        await eventually("some more looks at the store", lambda: self.store.follows >= aim)


async def test_the_first_book_is_handed_over_at_once_and_longer_ones_as_they_come() -> None:
    async with Following() as it:
        first = it.store.book
        assert it.offered == [first]
        it.store.book = second = longer(first, TEXT)
        await eventually("the second book", lambda: len(it.offered) == 2)
        await it.followed()
        assert it.offered == [first, second]
        assert (it.statistics.generations, it.statistics.templates) == (1, 1)


async def test_an_encoder_lets_readers_go_first() -> None:
    async with Following(delay=3600) as it:
        it.store.book = longer(it.store.book, TEXT)
        await it.followed(5)
        assert len(it.offered) == 1
    assert 0 < READERS_FIRST + following.POLL < 2


async def test_a_store_that_hangs_is_asked_once_and_nobody_waits_for_it() -> None:
    async with Following() as it:
        await it.followed()
        it.store.held.clear()
        await eventually("a look that hangs", lambda: it.store.concurrent == 1)
        asked = it.store.follows
        await asyncio.sleep(0.05)  # time for more looks, if they did not wait for each other
        assert it.store.follows == asked
        it.store.book = longer(it.store.book, TEXT)
        it.store.held.set()
        await eventually("the book after all", lambda: len(it.offered) == 2)


async def test_a_store_that_is_away_is_told_once_and_followed_on(caplog: pytest.LogCaptureFixture) -> None:
    async with Following() as it:
        it.store.refusals = [away(), away(), away()]
        await eventually("three refusals", lambda: not it.store.refusals)
        it.store.book = longer(it.store.book, TEXT)
        await eventually("the book after all", lambda: len(it.offered) == 2)
    told = [record for record in caplog.records if "the store is away" in record.getMessage()]
    assert [record.levelno for record in told] == [logging.WARNING]


async def test_a_mistake_is_an_error_and_does_not_end_the_following(caplog: pytest.LogCaptureFixture) -> None:
    async with Following() as it:
        it.store.refusals = [ConfigError("made otherwise")]
        await it.followed()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_all_copies_are_asked_only_while_something_is_missing() -> None:
    async with Following() as it:
        await it.followed()
        assert it.store.searches == 0
        it.store.hidden = longer(it.store.book, TEXT)
        it.follower.search_now()
        await eventually("what only a search finds", lambda: len(it.offered) == 2)
        it.follower.searching = False
        searches = it.store.searches
        await it.followed(5)
        assert it.store.searches == searches


async def test_searches_become_rarer() -> None:
    async with Following() as it:
        it.follower.search_now()
        await it.followed(40)
        assert 1 <= it.store.searches < 10


async def test_an_error_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(once=False)
    engine.store, engine.transform = FakeStore(), engines.following(decodes=False)

    async def broken() -> Codebook:
        raise ZeroDivisionError

    monkeypatch.setattr(engine.store, "follow", broken)
    with pytest.raises(ZeroDivisionError):
        await engine.run()


class TestWorker:
    @pytest.mark.parametrize(("decodes", "delay"), [(False, READERS_FIRST), (True, 0.0)])
    def test_writers_wait_with_a_new_template_and_readers_do_not(
        self, decodes: bool, delay: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delays: list[float] = []

        class Watched(Follower):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments)
                delays.append(arguments[-1])

        monkeypatch.setattr("aura_stream.runtime.worker.Follower", Watched)
        engine = Engine()
        engine.store, engine.transform = FakeStore(), engines.following(decodes)
        assert engine.worker.statistics.settled == 0
        assert delays == [delay]

    async def test_it_writes_with_new_templates_without_restart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("aura_stream.runtime.worker.READERS_FIRST", 0.0)
        engine = Engine(once=False)
        engine.store, engine.transform = FakeStore(), engines.following(decodes=False)
        running = asyncio.create_task(engine.run())
        engine.write([TEXT] * 3)
        await eventually("the first three", lambda: engine.settled() == 3)
        engine.store.book = book = longer(engine.store.book, TEXT)
        await eventually("the book", lambda: engine.worker.statistics.templates == 1)
        engine.write([TEXT])
        await eventually("the fourth", lambda: engine.settled() == 4)
        engine.worker.stop()
        await finish(running)
        *before, after = [frame for frame in engine.written() if frame is not None]
        codec = HybridCodec(book)
        assert codec.peek(after).method == "template"
        assert codec.decode_batch([*before, after]) == [TEXT] * 4
        assert engine.store.stops == 1

    async def test_a_store_that_hangs_holds_up_no_message(self) -> None:
        engine = Engine(once=False)
        engine.store, engine.transform = FakeStore(), engines.following(decodes=False)
        running = asyncio.create_task(engine.run())
        await eventually("the start", lambda: engine.store is not None and engine.store.follows > 0)
        engine.store.held.clear()
        for count in range(1, 20):
            engine.write(numbered(10))
            await eventually("ten more", lambda count=count: engine.settled() == 10 * count)  # type: ignore[misc]
        engine.worker.stop()
        await finish(running)

    async def test_a_book_that_does_not_go_on_is_not_used(self, caplog: pytest.LogCaptureFixture) -> None:
        engine = Engine(once=False)
        engine.store, engine.transform = FakeStore(longer(Codebook(), TEXT)), engines.following(decodes=True)
        frames = HybridCodec(engine.store.book).encode_batch([TEXT] * 10)
        engine.write(frames)
        running = asyncio.create_task(engine.run())
        await eventually("the first ten", lambda: engine.settled() == 10)
        engine.store.book = longer(Codebook(), b"an entirely different template of another history")
        asked = engine.store.follows
        await eventually("a look", lambda: engine.store is not None and engine.store.follows > asked + 2)
        engine.write(frames)
        await eventually("the others", lambda: engine.settled() == 20)
        engine.worker.stop()
        await finish(running)
        assert engine.written() == [TEXT] * 20
        assert "does not go on from the one in use" in caplog.text

    async def test_a_store_that_answers_late_is_waited_for_at_start(self) -> None:
        engine = Engine()
        engine.store, engine.transform = FakeStore(), engines.following(decodes=False)
        engine.store.refusals = [away()]
        engine.write(numbered(3))
        await engine.run()
        assert engine.settled() == 3
        assert engine.store.starts == 2
        assert engine.store.stops == 2  # what the first attempt left open, and at the end

    async def test_a_store_that_never_answers_ends_the_start(self) -> None:
        engine = Engine(startup_timeout=0.3)
        engine.store, engine.transform = FakeStore(), engines.following(decodes=False)
        engine.store.held.clear()
        with pytest.raises(UnavailableError, match="no answer within"):
            await engine.run()
        assert engine.source.stopped == 1

    async def test_how_the_store_is_stands_in_the_statistics(self) -> None:
        engine = Engine(once=False)
        engine.store, engine.transform = FakeStore(), engines.following(decodes=False)
        running = asyncio.create_task(engine.run())
        engine.store.status = StoreStatus("lost", "emptied", lost=1)
        await eventually("the loss", lambda: engine.worker.statistics.store.lost == 1)
        engine.worker.stop()
        await finish(running)
