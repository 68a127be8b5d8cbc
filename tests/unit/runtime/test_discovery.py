"""Discovery reads under its own group, learns what it can afford, promotes what it finds, and outlasts what is away."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from aura_connectors.memory import MemoryBroker
from aura_connectors.memory.options import MemorySourceOptions

from aura_stream.codec import Codebook, HybridCodec, Proposal
from aura_stream.errors import CodebookError, UnavailableError
from aura_stream.model import Partition
from aura_stream.ports import Context, StoreStatus
from aura_stream.runtime import Checkpoint, Discovery, DiscoveryLimits, discovery, run_until_stopped
from aura_stream.runtime.learning import Learner
from aura_stream.runtime.promoting import ApprovalFile
from tests.unit.codec.books import template
from tests.unit.runtime.engine import FailingSource, eventually, finish
from tests.unit.runtime.stores import FakeStore, away, lost

GREETING = b"good morning everybody and welcome to the show"
OTHER = b"an entirely different kind of message since this evening"


class FakeMiner:
    """Proposes each message that it saw three times, as it stands."""

    def __init__(self, snapshot: bytes | None = None) -> None:
        self.seen: Counter[bytes] = Counter(snapshot.split(b"\n") if snapshot else [])
        self.restored = snapshot
        self.proposals = 0
        self.threads: set[str] = set()

    def observe(self, messages: Sequence[bytes], /) -> None:
        self.threads.add(threading.current_thread().name)
        self.seen.update(messages)

    def propose(self, codebook: Codebook, /) -> Proposal:
        self.threads.add(threading.current_thread().name)
        self.proposals += 1
        known = codebook.newest.digests if codebook.newest else frozenset()
        found = [template(message) for message, count in self.seen.items() if count >= 3]
        return Proposal([each for each in found if each.digest not in known])

    def explain(self) -> list[str]:
        return [f"proposal {self.proposals}"]

    def snapshot(self) -> bytes:
        return b"\n".join(self.seen.elements())


class Learning:
    """A discovery with everything around it; `limits` may be replaced before `discovery` is first asked for."""

    def __init__(self) -> None:
        self.name = f"discovery-{uuid4().hex[:8]}"
        self.broker = MemoryBroker.named(self.name)
        self.broker.create("in", 2)
        self.store = FakeStore()
        self.limits = DiscoveryLimits(interval=0.01, cpu=1.0, startup_timeout=5.0)
        self.checkpoint: Path | None = None
        self.promoting: ApprovalFile | None = None
        self.tell: Callable[[Sequence[str]], None] | None = None
        self.miners: list[FakeMiner] = []
        self._discovery: Discovery | None = None

    @property
    def discovery(self) -> Discovery:
        if self._discovery is None:
            options = MemorySourceOptions(broker=self.name, topics=["in"], group="aura-discovery")
            self.source = FailingSource(options, Context(once=self.limits.once))
            self._discovery = Discovery(
                self.source, self.store, self._learner, self.limits, Checkpoint(self.checkpoint), self.promoting,
                tell=self.tell,
            )  # fmt: skip
        return self._discovery

    def _learner(self, snapshot: bytes | None) -> Learner:
        self.miners.append(FakeMiner(snapshot))
        return Learner(self.miners[-1], HybridCodec)

    def again(self) -> None:
        self._discovery = None

    def write(self, *messages: bytes | None) -> None:
        self.broker.append(Partition("in"), messages)

    @property
    def settled(self) -> int:
        return self.broker.settled("aura-discovery", Partition("in"))

    @property
    def templates(self) -> int:
        return len(self.store.book.newest.templates) if self.store.book.newest else 0

    async def run(self) -> None:
        await asyncio.wait_for(run_until_stopped(self.discovery, 5.0), 20.0)


@pytest.fixture
def learning(monkeypatch: pytest.MonkeyPatch) -> Iterator[Learning]:
    monkeypatch.setattr(discovery, "FOLLOW_EVERY", 0.01)
    it = Learning()
    yield it
    MemoryBroker.forget(it.name)


async def _stopped(learning: Learning, running: asyncio.Task[None]) -> None:
    learning.discovery.stop()
    await finish(running)


async def test_what_it_finds_is_promoted_while_it_runs(learning: Learning, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        running = asyncio.create_task(learning.run())
        learning.write(*[GREETING] * 5)
        await eventually("the first", lambda: learning.templates == 1)
        learning.write(*[OTHER] * 5, None, b"")
        await eventually("the second", lambda: learning.templates == 2)
        await eventually("all settled", lambda: learning.settled == 12)
        await _stopped(learning, running)
    assert learning.store.stops >= 1
    assert learning.source.stopped == 1
    assert {name.rpartition("_")[0] for name in learning.miners[0].threads} == {"aura-learning"}
    told = [line for line in caplog.messages if line.startswith("promoted ")]
    assert len(told) == 2
    assert told[1].startswith("promoted 1 templates: generation 0 holds 2 now")
    assert "morning" not in caplog.text
    statistics = learning.discovery.statistics
    assert (statistics.promoted, statistics.learned, statistics.templates) == (2, 10, 2)


async def test_once_it_learns_from_all_the_past_promotes_and_ends(learning: Learning) -> None:
    learning.limits = replace(learning.limits, once=True, sample=1, interval=3600.0)
    learning.write(*[GREETING] * 500, *[b"message %d" % number for number in range(500)], *[OTHER] * 500)
    await learning.run()
    assert learning.templates == 2
    assert learning.settled == 1500
    assert (learning.discovery.statistics.learned, learning.discovery.statistics.lag) == (1500, 0)


async def test_once_over_an_empty_input_it_ends_without_a_word_to_the_store(learning: Learning) -> None:
    learning.limits = replace(learning.limits, once=True)
    await learning.run()
    assert learning.store.promoted == []
    assert learning.miners[0].proposals == 0


async def test_what_it_cannot_afford_is_skipped_and_settled(learning: Learning) -> None:
    learning.limits = replace(learning.limits, sample=5)
    running = asyncio.create_task(learning.run())
    learning.write(*[b"message %d" % number for number in range(10_000)])
    await eventually("the end of them", lambda: learning.settled == 10_000)
    await _stopped(learning, running)
    assert 0 < learning.discovery.statistics.learned < 1000


async def test_a_store_that_is_away_is_tried_without_end(learning: Learning) -> None:
    learning.store.refusals = []
    running = asyncio.create_task(learning.run())
    await eventually("the start", lambda: learning.store.follows > 0)
    promote, refused = learning.store.promote, 0

    async def refuse_twice(proposal: Proposal) -> Codebook:
        nonlocal refused
        refused += 1
        if refused < 3:
            raise away()
        return await promote(proposal)

    learning.store.promote = refuse_twice  # type: ignore[method-assign]
    learning.write(*[GREETING] * 5)
    await eventually("the promotion", lambda: learning.templates == 1)
    await _stopped(learning, running)
    assert refused == 3


async def test_a_store_that_is_lost_is_rebuilt_and_then_promoted_to(learning: Learning) -> None:
    running = asyncio.create_task(learning.run())
    learning.write(*[GREETING] * 5)
    await eventually("the first", lambda: learning.templates == 1)
    promote, refused = learning.store.promote, 0

    async def refuse_once(proposal: Proposal) -> Codebook:
        nonlocal refused
        refused += 1
        if refused == 1:
            raise lost()
        return await promote(proposal)

    learning.store.promote = refuse_once  # type: ignore[method-assign]
    learning.write(*[OTHER] * 5)
    await eventually("the second, in the rebuilt store", lambda: learning.templates == 2)
    await _stopped(learning, running)
    assert learning.store.rebuilds == 1
    assert len(learning.store.book.generations) == 2


async def test_a_proposal_that_the_store_has_no_room_for_is_told_and_left(
    learning: Learning, caplog: pytest.LogCaptureFixture
) -> None:
    running = asyncio.create_task(learning.run())
    await eventually("the start", lambda: learning.store.follows > 0)
    learning.write(*[GREETING] * 5)

    async def full(_: Proposal) -> Codebook:
        raise CodebookError("a generation holds at most 2 templates")

    learning.store.promote = full  # type: ignore[method-assign]
    await eventually("word of it", lambda: "proposal of 1 templates is refused" in caplog.text)
    learning.write(*[OTHER] * 2)
    await eventually("more that is learned from", lambda: learning.settled == 7)
    await _stopped(learning, running)


async def test_a_loss_is_mended_even_where_there_is_nothing_to_promote(learning: Learning) -> None:
    running = asyncio.create_task(learning.run())
    await eventually("the start", lambda: learning.store.follows > 0)
    learning.store.status = StoreStatus("lost", "emptied", 1)
    await eventually("the rebuild", lambda: learning.store.rebuilds == 1)
    await eventually("the end of the loss", lambda: learning.discovery.statistics.store.state == "ok")
    await _stopped(learning, running)
    assert learning.store.rebuilds == 1


async def test_a_rebuild_that_fails_is_tried_again(learning: Learning) -> None:
    running = asyncio.create_task(learning.run())
    await eventually("the start", lambda: learning.store.follows > 0)
    rebuild, tries = learning.store.rebuild, 0

    async def fail_once() -> Codebook:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise lost()
        return await rebuild()

    learning.store.rebuild = fail_once  # type: ignore[method-assign]
    learning.store.status = StoreStatus("lost", "emptied", 1)
    await eventually("the rebuild", lambda: learning.store.rebuilds == 1)
    await _stopped(learning, running)


async def test_what_others_promote_is_not_promoted_again(learning: Learning) -> None:
    running = asyncio.create_task(learning.run())
    await eventually("the start", lambda: learning.store.follows > 0)
    learning.store.book = learning.store.book.extended(Proposal([template(GREETING)]))
    await eventually("the other's", lambda: learning.discovery.statistics.templates == 1)
    learning.write(*[GREETING] * 5)
    await eventually("a proposal", lambda: learning.miners[0].proposals >= 1)
    await _stopped(learning, running)
    assert learning.store.promoted == []


async def test_no_more_is_promoted_than_the_budget_allows(learning: Learning, caplog: pytest.LogCaptureFixture) -> None:
    learning.limits = replace(learning.limits, budget=2)
    running = asyncio.create_task(learning.run())
    for number in range(5):
        learning.write(*[b"crafted message of kind " + b"abcde"[number : number + 1] * 7] * 4)
    await eventually("word of it", lambda: "the budget is 2 an hour" in caplog.text)
    await eventually("all settled", lambda: learning.settled == 20)
    await _stopped(learning, running)
    assert learning.templates == 2


async def test_its_counts_survive_a_restart_and_so_does_its_budget(learning: Learning, tmp_path: Path) -> None:
    learning.checkpoint = tmp_path / "it"
    learning.limits = replace(learning.limits, budget=1)
    running = asyncio.create_task(learning.run())
    learning.write(*[GREETING] * 5, OTHER, OTHER)
    await eventually("the first", lambda: learning.templates == 1)
    await eventually("all settled", lambda: learning.settled == 7)
    await _stopped(learning, running)
    learning.again()
    running = asyncio.create_task(learning.run())
    learning.write(OTHER)
    await eventually("all settled", lambda: learning.settled == 8)
    await eventually("a proposal", lambda: learning.miners[1].proposals > 0)
    await _stopped(learning, running)
    assert learning.miners[1].seen[OTHER] == 3
    assert learning.templates == 1  # the hour is not over


async def test_a_proposal_may_wait_for_a_person(learning: Learning, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "proposed.book"
    learning.promoting = ApprovalFile(path)
    running = asyncio.create_task(learning.run())
    learning.write(*[GREETING] * 5)
    await eventually("the file", path.exists)
    learning.write(*[OTHER] * 5)
    await eventually("both", lambda: len(Codebook.load(path).generations[0].templates) == 2)
    learning.store.status = StoreStatus("lost", "emptied", 1)
    await eventually("word of the loss", lambda: learning.discovery.statistics.store.state == "lost")
    await _stopped(learning, running)
    assert (learning.store.promoted, learning.store.rebuilds) == ([], 0)


async def test_drift_brings_the_next_proposal_forward(learning: Learning, caplog: pytest.LogCaptureFixture) -> None:
    learning.limits = replace(learning.limits, interval=3600.0)
    learning.store.book = Codebook().extended(Proposal([template(GREETING)]))
    with caplog.at_level(logging.INFO):
        running = asyncio.create_task(learning.run())
        learning.write(*[GREETING] * 1000)
        await eventually("the usual", lambda: learning.settled == 1000)
        assert learning.miners[0].proposals == 0
        learning.write(*[OTHER] * 1000)
        await eventually("the second", lambda: learning.templates == 2)
        await _stopped(learning, running)
    assert "drift: " in caplog.text


async def test_a_fall_that_nothing_can_be_done_about_is_told_once(
    learning: Learning, caplog: pytest.LogCaptureFixture
) -> None:
    learning.limits = replace(learning.limits, interval=3600.0)
    learning.store.book = Codebook().extended(Proposal([template(GREETING)]))
    with caplog.at_level(logging.INFO):
        running = asyncio.create_task(learning.run())
        learning.write(*[GREETING] * 1000)
        await eventually("the usual", lambda: learning.settled == 1000)
        for portion in range(1, 6):
            learning.write(*[b"noise %d %d" % (portion, number) for number in range(300)])
            await eventually("a portion", lambda portion=portion: learning.settled == 1000 + 300 * portion)  # type: ignore[misc]
        await _stopped(learning, running)
    assert sum("drift: " in line for line in caplog.messages) == 1


async def test_it_explains_each_proposal_where_that_is_asked_for(learning: Learning) -> None:
    lines: list[str] = []
    learning.tell = lines.extend
    learning.limits = replace(learning.limits, once=True)
    learning.write(*[GREETING] * 5)
    await learning.run()
    assert lines == ["proposal 1", "proposal 2"]  # the second finds nothing more


@pytest.mark.parametrize("side", ["store", "source"])
async def test_a_side_that_never_answers_ends_the_start(learning: Learning, side: str) -> None:
    learning.limits = replace(learning.limits, startup_timeout=0.3)
    learning.store.refusals = [away()] * 100 if side == "store" else []
    learning.broker.available = side == "store"
    with pytest.raises(UnavailableError):
        await learning.run()


async def test_an_input_that_is_away_later_is_waited_for(learning: Learning) -> None:
    running = asyncio.create_task(learning.run())
    await eventually("the start", lambda: learning.store.follows > 0)
    learning.source.away = True
    await asyncio.sleep(0.05)  # some failures
    learning.source.away = False
    learning.write(*[GREETING] * 5)
    await eventually("the promotion", lambda: learning.templates == 1)
    await _stopped(learning, running)


async def test_it_can_be_stopped_while_it_waits_for_the_start(learning: Learning) -> None:
    learning.store.refusals = [away()] * 100
    running = asyncio.create_task(learning.run())
    await eventually("an attempt", lambda: learning.store.starts > 0)
    await _stopped(learning, running)


async def test_it_can_be_stopped_while_the_store_is_away(learning: Learning) -> None:
    running = asyncio.create_task(learning.run())
    await eventually("the start", lambda: learning.store.follows > 0)

    async def refuse(_: Proposal) -> Codebook:
        raise away()

    learning.store.promote = refuse  # type: ignore[method-assign]
    learning.write(*[GREETING] * 5)
    await eventually("an attempt", lambda: learning.miners[0].proposals > 0)
    await _stopped(learning, running)
    assert learning.settled == 5
