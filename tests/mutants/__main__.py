"""Take away one protection after the other, and see which tests notice.

    make mutants
    python -m tests.mutants --only lease

First the named tests run on the code as it is: they must pass. Then each mutant runs its own test in a copy of the
code; it is caught if that test fails (not: if it cannot be collected). Prints a table; exits 1 if any got away.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.protections import MUTANTS

CODE = ("aura_stream", "connectors", "tests", "tools", "benchmarks", "examples", "docs")
PASSED, FAILED = 0, 1  # exit codes of pytest; others mean that no test ran
_FAILURE = re.compile(r"^FAILED (\S+)", re.MULTILINE)
TIMEOUT = 300.0  # seconds for one test; a mutant that hangs is one that a person would notice


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one mutant."""

    takes_away: str
    test: str  # the one that failed; if none did, those that were run
    verdict: str  # caught, got away, or why it could not be told
    seconds: float

    @property
    def caught(self) -> bool:
        return self.verdict == "caught"


def copy_code(folder: Path) -> Path:
    """Copy what the tests need, without caches."""
    for name in CODE:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "Makefile", "CHANGELOG.md", "ARCHITECTURE.md"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def run_tests(folder: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Run tests on the code in a folder; return pytest's exit code, and the name of the test that failed, if one did.

    An error outside of a test is no failure: it has no name.
    """
    path = os.pathsep.join([str(folder), str(folder / "connectors")])
    environment = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    patience = TIMEOUT * len(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "0", *tests]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        return FAILED, f"{' '.join(tests)}: no end within {patience:g} s"
    failed = _FAILURE.search(done.stdout)
    return done.returncode, failed[1] if failed else ""


def try_mutant(mutant: Mutant) -> Result:
    """Run one mutant's test without the protection."""
    begun = time.monotonic()
    if problem := mutant.problem():
        return Result(mutant.takes_away, mutant.test, problem, 0.0)
    with tempfile.TemporaryDirectory(prefix="aura-mutant-") as name:
        folder = copy_code(Path(name))
        mutant.apply(folder)
        code, failed = run_tests(folder, [mutant.test])
    verdict = {PASSED: "got away", FAILED: "caught" if failed else "error"}.get(code, f"pytest ended with {code}")
    return Result(mutant.takes_away, failed or mutant.test, verdict, time.monotonic() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="mutants whose name or test holds this text")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the results here too")
    arguments = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if arguments.only in f"{mutant.takes_away} {mutant.test}"]
    print(f"{len(chosen)} mutants; their tests on the code as it is ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="aura-mutant-") as name:
        code, failed = run_tests(copy_code(Path(name)), sorted({mutant.test for mutant in chosen}))
        if code != PASSED:
            reason = failed or f"pytest ended with {code}"
            sys.exit(f"error: {reason}: does not pass on the code as it is, so failures would mean nothing")
    results: list[Result] = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for result in pool.map(try_mutant, chosen):
            results.append(result)
            print(f"{result.verdict:10} {result.seconds:6.1f} s  {result.takes_away}  ({result.test})", flush=True)
    caught = sum(result.caught for result in results)
    print(f"{caught} of {len(results)} caught")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    sys.exit(0 if caught == len(results) > 0 else 1)


if __name__ == "__main__":
    main()
