"""The suite itself can fail: runs that show nothing fail themselves, and the judge sees each kind of harm."""

# ruff: noqa: PT012  a whole run fails, at its end

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from aura_stream.app import bridge
from aura_stream.model import Batch
from aura_stream.runtime import Ends
from tests.faults import results
from tests.faults.chaos import Chaos
from tests.faults.ledger import Ledger
from tests.faults.outlets import Arrived
from tests.faults.payloads import Traffic, fields, headers, identity, timestamp
from tests.faults.plan import Verdict
from tests.faults.scenario import NothingShownError
from tests.faults.tally import Tally
from tests.faults.toolbox import delays, paused

TRAFFIC = Traffic(1, "orders", 2)


@pytest.fixture(autouse=True)
def _no_results(chaos: Chaos, tmp_path: Path) -> None:
    """Runs that are meant to fail stay out of the results."""
    chaos.append = lambda result: results.append(result, tmp_path / "results.jsonl")


async def test_a_run_whose_fault_touched_nobody_fails_itself(chaos: Chaos) -> None:
    with pytest.raises(NothingShownError, match="'slow': 1"):
        async with chaos.scenario("redis-redis", least_moved=1) as run:
            await run.start()
            await run.send(100)
            await run.caught_up()
            async with run.fault("slow", delays(run.output.proxy, 0.0)):  # no delay at all
                pass


async def test_a_run_with_a_fault_that_was_planned_and_did_not_happen_fails_itself(chaos: Chaos) -> None:
    with pytest.raises(NothingShownError, match="'kill': 2"):
        async with chaos.scenario("redis-redis", least_moved=1) as run:
            run.plan("kill", 3)
            await run.start()
            await run.send(100)
            run.happened("kill")
            run.happened("kill", False)


async def test_a_run_that_moved_too_little_fails_itself_and_says_so_in_the_results(
    chaos: Chaos, tmp_path: Path
) -> None:
    with pytest.raises(NothingShownError, match="fewer than 5000"):
        async with chaos.scenario("redis-redis") as run:
            worker = await run.start()
            await run.send(200)
            async with run.fault("paused", paused(worker)):
                pass
    (result,) = results.read(tmp_path / "results.jsonl")
    assert not result.passed
    assert result.fired == {"paused": 1}
    assert 200 <= result.verdict.moved < 300


async def test_a_run_without_a_fault_fails_itself(chaos: Chaos) -> None:
    with pytest.raises(NothingShownError, match="no fault"):
        async with chaos.scenario("redis-redis", least_moved=1) as run:
            await run.start()
            await run.send(100)


async def test_a_worker_that_skips_a_message_is_found_out(chaos: Chaos) -> None:
    with pytest.raises(AssertionError, match=r"lost: 1\nexamples: lost 0:7"):
        async with chaos.scenario("redis-redis", least_moved=1, lanes=1) as run:
            await run.start(patch="tests.faults.test_harness:skip_a_message")
            await run.send(100)
            run.plan("a message is skipped")
            run.happened("a message is skipped")


def skip_a_message() -> None:
    """Patch: the message 0:7 is settled like the others, and never written."""
    build_ends, position = bridge.build_ends, f"{timestamp(7)}-0"

    def forgetful_ends(*args: Any, **kwargs: Any) -> Ends:
        ends = build_ends(*args, **kwargs)
        sink: Any = ends.sink
        publish = sink.publish

        async def publish_without(batches: Sequence[Batch]) -> None:
            await publish([part for batch in batches for part in _without(batch, position)])

        sink.publish = publish_without
        return ends

    bridge.build_ends = forgetful_ends


def _without(batch: Batch, position: str) -> list[Batch]:
    """Return what is left of a batch: what stands before that position, and what stands behind it."""
    at = (
        [str(each) for each in batch.positions].index(position) if position in map(str, batch.positions) else len(batch)
    )
    return [part for part in (batch.part(0, at), batch.part(at + 1, len(batch))) if len(part)]


def arrive(tally: Tally, *numbers: int, lane: int = 0) -> None:
    for number in numbers:
        tally.output((lane, number), TRAFFIC.payload(lane, number), True)


def all_fine(tally: Tally) -> None:
    arrive(tally, 0, 1, 2, 3)


HARM: dict[str, tuple[Callable[[Tally], None], dict[str, int]]] = {
    "nothing": (all_fine, {}),
    "lost": (lambda tally: arrive(tally, 0, 1, 3), {"lost": 1, "moved": 3}),
    "a copy": (lambda tally: arrive(tally, 0, 1, 0, 1, 2, 3), {"duplicated": 2}),
    "out of order": (lambda tally: arrive(tally, 0, 2, 1, 3), {"reordered": 1}),
    "from nobody": (lambda tally: [all_fine(tally), tally.output((0, 4), b"", True)], {"unknown": 1}),
    "without a name": (lambda tally: [all_fine(tally), tally.output(None, b"", True)], {"unknown": 1}),
    "other bytes": (
        lambda tally: [arrive(tally, 0, 1, 2), tally.output((0, 3), b"other", True)],
        {"wrong": 1, "lost": 1, "moved": 3},
    ),
    "another's bytes": (
        lambda tally: [arrive(tally, 0, 1, 2), tally.output((0, 3), TRAFFIC.payload(0, 2), True)],
        {"wrong": 1, "lost": 1, "moved": 3},
    ),
    "a frame that raises": (
        lambda tally: [all_fine(tally), tally.output((0, 3), None, True)],
        {"undecodable": 1},
    ),
    "another key": (
        lambda tally: [arrive(tally, 0, 1, 2), tally.output((0, 3), TRAFFIC.payload(0, 3), False)],
        {"unfaithful": 1},
    ),
    "a dead letter": (
        lambda tally: [arrive(tally, 0, 1, 2), tally.dead_letter((0, 3), True, True)],
        {"dead": 1, "moved": 3},
    ),
    "a dead letter without a reason": (
        lambda tally: [arrive(tally, 0, 1, 2), tally.dead_letter((0, 3), True, False)],
        {"dead": 1, "moved": 3, "unexplained": 1},
    ),
    "a dead letter of other bytes": (
        lambda tally: [arrive(tally, 0, 1, 2), tally.dead_letter((0, 3), False, True)],
        {"wrong": 1, "lost": 1, "moved": 3},
    ),
    "two outcomes": (lambda tally: [all_fine(tally), tally.dead_letter((0, 3), True, True)], {"both": 1, "dead": 1}),
}


@pytest.mark.parametrize("what", HARM)
def test_the_judge_counts(what: str) -> None:
    harm, expected = HARM[what]
    tally = Tally(TRAFFIC, [4, 0])
    harm(tally)
    verdict = tally.verdict()
    counts = ("sent", "moved", "dead", "lost", "unknown", "duplicated", "reordered", "wrong", "undecodable",
              "unfaithful", "both", "unexplained")  # fmt: skip
    assert {name: count for name in counts if (count := getattr(verdict, name))} == {"sent": 4, "moved": 4} | expected
    assert verdict.moved + verdict.dead + verdict.lost >= 4


def test_messages_depend_on_seed_stream_lane_and_number_alone() -> None:
    again = Traffic(1, "orders", 2)
    assert again.payloads(1, 10, 50) == TRAFFIC.payloads(1, 0, 60)[10:]
    others = [Traffic(2, "orders", 2), Traffic(1, "others", 2)]
    assert all(other.payloads(0, 0, 50) != TRAFFIC.payloads(0, 0, 50) for other in others)
    assert TRAFFIC.payloads(0, 0, 50) != TRAFFIC.payloads(1, 0, 50)
    sizes = [len(each) for each in Traffic(1, "orders", 1, large=1_000_000).payloads(0, 0, 3000)]
    assert {0, 1_000_000} <= set(sizes)


def test_what_stands_beside_a_message_is_compared_with_what_was_sent() -> None:
    record = Arrived("t", 1, b"", identity(1, 5), timestamp(5), headers(5))
    assert record.which == (1, 5)
    assert record.is_faithful(1, 5)
    changed = [
        Arrived("t", 0, b"", identity(1, 5), timestamp(5), headers(5)),
        Arrived("t", 1, b"", identity(1, 5), timestamp(6), headers(5)),
        Arrived("t", 1, b"", identity(1, 5), timestamp(5), headers(5)[:1]),
        Arrived("s", 0, b"", fields=fields(1, 5)[:-1]),
        Arrived("s", 0, b"", fields=[*fields(1, 5), (b"x", b"")]),
    ]
    assert [each.is_faithful(1, 5) for each in changed] == [False] * len(changed)
    assert Arrived("s", 0, b"", fields=fields(1, 5)).is_faithful(1, 5)


def test_a_ledger_with_a_gap_is_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.acknowledged(0, 0, 5)
    ledger.acknowledged(1, 0, 2)
    ledger.acknowledged(0, 5, 1)
    ledger.close()
    assert Ledger.read(tmp_path / "ledger", 2) == [6, 2]
    with (tmp_path / "ledger").open("a") as file:
        file.write("1 3 1\n")
    with pytest.raises(ValueError, match=r"gap in lane 1: 2\.\.3"):
        Ledger.read(tmp_path / "ledger", 2)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    result = results.Result(4, "a test", 7, "kafka-kafka", "at_least_once", False, verdict=Verdict(sent=5, lost=1))
    for _ in range(2):
        results.append(result, tmp_path / "results.jsonl")
    assert results.read(tmp_path / "results.jsonl") == [result, result]
    assert results.read(tmp_path / "none.jsonl") == []
