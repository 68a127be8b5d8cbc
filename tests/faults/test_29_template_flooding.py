"""Row 29: crafted messages fill neither the store nor the hours of whoever learns from them.

Steps are calls, as the interpreter counts them, against those that ordinary traffic of the same size takes.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aura_connectors.memory import MemoryBroker, MemorySource
from aura_connectors.memory.options import MemorySourceOptions

from aura_stream import Codebook, HybridCodec, Miner
from aura_stream.codec import Proposal, Template, lexer
from aura_stream.codec.template import MAX_LITERAL, MAX_SYMBOLS
from aura_stream.mining import entropy
from aura_stream.mining.screen import DISTINCT_MESSAGES
from aura_stream.model import Partition
from aura_stream.ports import Context
from aura_stream.runtime import Checkpoint, Discovery, DiscoveryLimits
from aura_stream.runtime.learning import Learner
from aura_stream.store import MemoryStore
from tests.fuzz.floods import FLOODS, ORDINARY, events, just_often_enough, messages, of_bytes, unique_words
from tests.fuzz.recording import FULL, recorded

MEMORY = (4 if FULL else 1) << 20  # bytes that the miner may take
SAMPLE = MEMORY // 80  # bytes of messages that it keeps
PASSES = 3 if FULL else 2
FOUND = 4 << 20  # bytes: what a pass finds takes some, however little may be kept
BUDGET = 60  # templates an hour
TWICE = 2.0

Kind = Callable[[Any, int], bytes]
floods = pytest.mark.parametrize("kind", FLOODS, ids=lambda kind: kind.__name__)


def _steps(work: Callable[[], Proposal]) -> tuple[int, Proposal]:
    steps = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal steps
        steps += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = work()
    finally:
        sys.setprofile(before)
    return steps, found


def _learned(kind: Kind, seed: int) -> tuple[int, Codebook]:
    """Return the steps of some passes over this traffic, and what was learned with nothing to hold it back."""
    lexer._alnum.cache_clear()
    entropy._random_parts.cache_clear()
    source, miner, book, steps = messages(kind, seed), Miner(memory=MEMORY), Codebook(), 0
    for _ in range(PASSES):
        miner.observe(of_bytes(source, 3 * SAMPLE // 2))
        taken, found = _steps(partial(miner.propose, book))
        book, steps = book.extended(found), steps + taken
    return steps, book


@pytest.fixture(scope="module")
def ordinary() -> int:
    """Steps that the costlier ordinary traffic takes."""
    return max(_learned(kind, 1)[0] for kind in ORDINARY)


@floods
def test_a_flood_costs_the_miner_no_more_than_twice_what_ordinary_traffic_does(
    request: pytest.FixtureRequest, seed: int, kind: Kind, ordinary: int
) -> None:
    with recorded(request, seed, 1, "floods") as result:
        steps, book = _learned(kind, seed)
        result.fired = {"floods": 1}
        result.notes = {"steps, of ordinary traffic's": round(steps / ordinary, 3)}
        assert steps <= TWICE * ordinary
        for template in book.newest.templates if book.newest else ():
            assert len(template.symbols) <= MAX_SYMBOLS
            assert sum(map(len, template.literals)) <= MAX_LITERAL
        frames = HybridCodec(book).encode_batch(late := of_bytes(messages(kind, seed + 1), 10_000))
        assert HybridCodec(book).decode_batch(frames) == late


@floods
def test_a_flood_does_not_push_the_miner_over_its_memory(request: pytest.FixtureRequest, seed: int, kind: Kind) -> None:
    with recorded(request, seed, 1, "floods") as result:
        source, miner = messages(kind, seed), Miner(memory=MEMORY)
        book = Codebook().extended(Proposal([Template((b"a", b" "))], opens=True))
        peaks = []
        tracemalloc.start()
        try:
            for _ in range(PASSES):
                miner.observe(of_bytes(source, 3 * SAMPLE // 2))
                miner._next_trial = 1 << 40
                miner.propose(book)
                held, peak = tracemalloc.get_traced_memory()
                lexer._alnum.cache_clear()  # bounded too, but shared with the codec
                entropy._random_parts.cache_clear()
                peaks.append(peak - (held - tracemalloc.get_traced_memory()[0]))
                tracemalloc.reset_peak()
        finally:
            tracemalloc.stop()
        result.fired, result.memory = {"floods": 1}, max(peaks)
        assert max(peaks) < MEMORY + FOUND


@pytest.mark.parametrize("kind", [unique_words, just_often_enough, events], ids=lambda kind: kind.__name__)
async def test_no_more_templates_are_promoted_than_the_budget_of_the_hour(
    request: pytest.FixtureRequest, seed: int, kind: Kind
) -> None:
    """The whole of discovery: with what would be thousands, and with ordinary traffic that is cut off too."""
    with recorded(request, seed, 1, "floods") as result:
        name = f"flooding-{kind.__name__}-{seed}"
        broker = MemoryBroker.named(name)
        try:
            broker.create("in", 1)
            broker.append(Partition("in"), of_bytes(messages(kind, seed), 120_000))
            source = MemorySource(MemorySourceOptions(broker=name, topics=["in"], group="g"), Context(once=True))
            limits = DiscoveryLimits(once=True, sample=1_000_000, cpu=1.0, interval=0.01, budget=BUDGET)
            store = MemoryStore()
            learner = Learner(Miner(memory=MEMORY), HybridCodec)
            await Discovery(source, store, lambda _: learner, limits, Checkpoint(None)).run()
        finally:
            MemoryBroker.forget(name)
        promoted = {each.digest for generation in store.codebook().generations for each in generation.templates}
        result.fired = {"floods": 1}
        result.notes = {"promoted": len(promoted), "budget": BUDGET}
        assert len(promoted) <= BUDGET + 1  # it refills while it runs, and far less than one in that time


def test_what_stood_in_too_few_messages_is_no_literal(request: pytest.FixtureRequest, seed: int) -> None:
    with recorded(request, seed, 1, "floods") as result:
        few = [b"the name Kapellmeister is in message %d" % number for number in range(DISTINCT_MESSAGES - 1)]
        others = [b"the name nobody is in message %d" % number for number in range(300)]
        miner = Miner(memory=8 << 20)
        miner.observe(few + others)
        book = Codebook().extended(miner.propose(Codebook()))
        result.fired = {"floods": 1}
        assert b"nobody" in book.to_bytes()
        assert b"Kapellmeister" not in book.to_bytes()
