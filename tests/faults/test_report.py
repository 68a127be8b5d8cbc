"""What the runs left behind becomes the tables of docs/reliability.md, the failures too."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pytest

from tests.faults.plan import Verdict
from tests.faults.results import Result, append

TOOL = Path(__file__).resolve().parents[2] / "tools" / "fill_reliability.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fill_reliability", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(row: int, seed: int = 1, **more: object) -> Result:
    given = {"fired": {"fault": 2}, "verdict": Verdict(moved=6000, duplicated=3), "delivery": "at_least_once"} | more
    return Result(row, f"test[{seed}]", seed, "kafka-kafka", full=True, **given)  # type: ignore[arg-type]


def line_of(table: list[str], row: int) -> list[str]:
    (line,) = [line for line in table if line.startswith(f"| {row} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_each_row_adds_up_its_runs_and_one_that_never_ran_says_so(tool: ModuleType) -> None:
    exactly = run(1, 2, delivery="exactly_once", verdict=Verdict(moved=4000, dead=10, wrong=1, both=1, lost=5))
    table = tool.matrix([asdict(run(1)), asdict(exactly)])
    assert line_of(table, 1)[3:] == ["2", "2", "0", "10,010", "4", "5", "0", "2", "3", "0"]
    assert line_of(table, 2)[3] == "never ran"
    assert len(table) == 2 + 34


def test_a_run_that_failed_is_counted_and_named(tool: ModuleType) -> None:
    runs = [asdict(run(3, problems=["lost: 1\nmore"])), asdict(run(3, 2))]
    assert line_of(tool.matrix(runs), 3)[5] == "1"
    assert "* failed: `test[1]`: lost: 1" in tool.summary(runs)


def test_times_to_recover_count_what_never_came_back(tool: ModuleType) -> None:
    times: list[float | None] = [1.0, 2.0, 3.0, None, 40.0]
    text = "\n".join(tool.recoveries([asdict(run(4, recoveries=[("cut", seconds) for seconds in times]))]))
    assert "| cut | 5 | 3 | 2.0 s | 40.0 s | 40.0 s |" in text
    assert "**60.0%** of 5" in text


def test_the_tables_stand_between_their_marks_and_the_rest_stays(tool: ModuleType) -> None:
    document = f"before\n{tool.BEGIN}\nold\n{tool.END}\nafter\n"
    assert tool.fill(document, "new") == f"before\n{tool.BEGIN}\n\nnew\n\n{tool.END}\nafter\n"
    with pytest.raises(ValueError, match="no marks"):
        tool.fill("without", "new")


def test_what_failed_and_was_run_again_counts_as_it_ended_the_last_time(tool: ModuleType, tmp_path: Path) -> None:
    for each in (run(4, problems=["I1: lost"]), run(4, seed=2), run(4)):
        append(each, tmp_path / "results.jsonl")
    found = tool.load(tmp_path / "results.jsonl")
    assert [(each["test"], each["problems"]) for each in found] == [("test[1]", []), ("test[2]", [])]


def test_runs_of_the_harness_itself_and_of_the_soak_stay_out(tool: ModuleType, tmp_path: Path) -> None:
    for row in (0, 4):
        append(run(row), tmp_path / "results.jsonl")
    assert [each["row"] for each in tool.load(tmp_path / "results.jsonl")] == [4]
