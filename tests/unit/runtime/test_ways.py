"""Both ways over begin and end in order, and tell what cannot be kept anywhere."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from aura_connectors.memory import connector

from aura_stream.errors import ConfigError, MessageError, UnavailableError, UnwritableMessageError
from aura_stream.model import Batch, Partition, Topic
from aura_stream.runtime import Burial, Statistics
from aura_stream.runtime.portion import Portion
from aura_stream.runtime.retry import Outage
from aura_stream.runtime.ways import Ends, OneStep, TwoSteps
from tests.unit.runtime.engine import FailingSink, FailingSource


class Log:
    """Ends that note what was asked of them, and fail as told."""

    def __init__(self, name: str, calls: list[str], failures: Sequence[Exception] = ()) -> None:
        self._name = name
        self._calls = calls
        self._failures = list(failures)

    def _note(self, call: str) -> None:
        self._calls.append(f"{self._name} {call}")
        if self._failures:
            raise self._failures.pop(0)

    async def start(self, inputs: Sequence[Topic]) -> None:
        self._note("start")

    async def publish(self, batches: Sequence[Batch]) -> None:
        self._note("publish")

    async def stop(self) -> None:
        self._calls.append(f"{self._name} stop")


class OneStepLog(Log):
    async def publish_and_settle(self, batches: Sequence[Batch], dead: Sequence[Batch] = ()) -> None:
        self._note("publish and settle")


def portion() -> Portion:
    """Two messages, and a dead letter behind them."""
    made = Portion(Burial(connector.marked, "encode", lambda: "", lambda: 0.0))
    made.add(Batch(Partition("in"), [b"a", b"b"], [0, 1]), [b"A", b"B"])
    made.bury(Batch(Partition("in"), [b"c"], [2]), ValueError("broken"))
    return made


def two_steps(sink: Log, dead: Log) -> TwoSteps:
    source: FailingSource = None  # type: ignore[assignment]  # is not reached
    return TwoSteps(source, sink, dead, Outage)


async def test_an_output_that_is_started_is_not_started_again_while_the_place_of_dead_letters_is_away() -> None:
    calls: list[str] = []
    way = two_steps(Log("output", calls), Log("dead", calls, [UnavailableError("away")]))
    with pytest.raises(UnavailableError):
        await way.start([])
    await way.start([])
    await way.stop()
    assert calls == ["output start", "dead start", "dead start", "output stop", "dead stop"]


async def test_the_place_of_dead_letters_is_closed_whatever_becomes_of_the_output() -> None:
    calls: list[str] = []

    class Stubborn(Log):
        async def stop(self) -> None:
            raise UnavailableError("does not end")

    with pytest.raises(UnavailableError):
        await two_steps(Stubborn("output", calls), Log("dead", calls)).stop()
    assert calls == ["dead stop"]


@pytest.mark.parametrize("one_step", [False, True])
async def test_inputs_that_are_unfit_are_told_before_anything_is_reached(one_step: bool) -> None:
    calls: list[str] = []

    def require(_inputs: Sequence[Topic]) -> None:
        raise ConfigError("unfit")

    source: FailingSource = None  # type: ignore[assignment]  # is not reached
    sink: FailingSink = (OneStepLog if one_step else Log)("output", calls)  # type: ignore[assignment]
    ends = Ends(source, sink, None if one_step else Log("dead", calls), require)
    way = ends.way(source, Statistics(), None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="unfit"):
        await way.start([Topic("in")])
    assert calls == []


async def test_in_one_step_too_a_dead_letter_that_cannot_be_written_ends_it_with_its_place() -> None:
    """It counts behind the batches."""
    way = OneStep(OneStepLog("step", [], [UnwritableMessageError("too large", 0, 1)]), Outage)
    with pytest.raises(MessageError, match="position 2: its dead letter cannot be written: too large") as caught:
        await way.bring(portion(), lambda each: bool(each.parts))
    assert caught.value.position == 2


async def test_in_one_step_what_the_output_refuses_goes_with_the_other_dead_letters() -> None:
    calls: list[str] = []
    made = portion()
    way = OneStep(OneStepLog("step", calls, [UnwritableMessageError("too large", 1, 0)]), Outage)
    await way.bring(made, lambda each: bool(each.parts))
    assert calls == ["step publish and settle"] * 2
    assert [list(part.batch.positions) for part in made.parts] == [[0], [1], [2]]
    assert [part.dead for part in made.parts] == [False, True, True]
