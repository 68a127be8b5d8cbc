"""Fixtures: `chaos` makes the runs of a row, once for each seed.

AURA_FAULT_SEEDS=20     so many seeds, 1 unless told otherwise
AURA_FAULT_FULL=1       durations as in the matrix; else scaled down, for CI
AURA_FAULT_RESULTS      file that each run appends a line to; .cache/faults/results.jsonl
AURA_FAULT_RESUME=1     leave out what that file says has passed
AURA_FAULT_HOURS=1      begin nothing more once these are over
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from aura_stream import Codebook, Miner
from tests.faults import results
from tests.faults.chaos import FULL, Chaos, row_of
from tests.faults.payloads import Traffic
from tests.infra.tracing import untraced

HERE = Path(__file__).parent
BEGAN = time.monotonic()
collect_ignore = [] if os.environ.get("AURA_FAULT_SOAK") else ["test_soak.py"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that makes runs once for each seed."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(1, 1 + int(os.environ.get("AURA_FAULT_SEEDS", "1"))), scope="function")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All of these need servers, and repeat lines that shorter tests have run."""
    done = _done() if os.environ.get("AURA_FAULT_RESUME") else set()
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.integration)
            item.add_marker(pytest.mark.untraced)
    left_out = [item for item in items if HERE in item.path.parents and _name(item) in done]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=_seed)  # all rows with the first seed, then with the next: whoever stops early has seen them all


def _seed(item: pytest.Item) -> int:
    callspec = getattr(item, "callspec", None)
    return int(callspec.params.get("seed", 0)) if callspec is not None and HERE in item.path.parents else 0


def _done() -> set[str]:
    return {result.test for result in results.read(results.results_path()) if result.passed}


def _name(item: pytest.Item) -> str:
    return f"{item.path.name}::{item.name}"


@pytest.fixture(scope="session")
def fault_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A codebook that was trained on traffic of a seed that no test uses."""
    path = tmp_path_factory.mktemp("book") / "faults.book"
    miner, empty = Miner(), Codebook()
    with untraced():
        miner.observe(Traffic(0, "training", 1).payloads(0, 0, 1500))
        empty.extended(miner.propose(empty)).save(path)
    return path


@pytest.fixture
def chaos(request: pytest.FixtureRequest, seed: int, tmp_path: Path, fault_book: Path) -> Chaos:
    """Make runs: `async with chaos.scenario("kafka-kafka") as run: …`."""
    if time.monotonic() - BEGAN > 3600 * float(os.environ.get("AURA_FAULT_HOURS", "1000")):
        pytest.skip("the hours are up: `make chaos` goes on from here")
    return Chaos(
        _name(request.node), row_of(request.path.name), seed, FULL, tmp_path, fault_book,
        lambda: request.getfixturevalue("secure_kafka"),
    )  # fmt: skip
