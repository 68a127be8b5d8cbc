"""`python -m tests.fuzz`: a million and more damaged frames, and every bomb. Exits 1 if a promise did not hold."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

from tests.fuzz.bombs import Blast
from tests.fuzz.judging import Tally, Work, carry_out
from tests.fuzz.report import MOST_MILLISECONDS, figures, judgements, slow, table, write
from tests.fuzz.subjects import SETTINGS, subjects

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "benchmarks" / "results" / "fuzz.json"
PART = 24  # subjects of one piece of work


def pieces(seed: int, cases: int) -> list[Work]:
    """Return the work, in an order that keeps two processes busy to the end."""
    found = [
        Work(check_bytes, raw, first, first + PART, cases, seed)
        for check_bytes, raw in SETTINGS
        for first in range(0, len(subjects(check_bytes, raw)), PART)
    ]
    random.Random(seed).shuffle(found)
    return found


def carried_out(work: Sequence[Work], jobs: int) -> Iterator[tuple[Tally, int]]:
    """Yield for each piece what was found, and 1 for one that a process died at.

    The pieces of a pool that broke are done again, each in a process of its own: then it is known which one it was.
    """
    spawn = multiprocessing.get_context("spawn")
    again: list[Work] = []
    with ProcessPoolExecutor(jobs, spawn) as pool:
        running: dict[Future[Tally], Work] = {pool.submit(carry_out, each): each for each in work}
        for done in as_completed(running):
            try:
                yield done.result(), 0
            except BrokenProcessPool:
                again.append(running[done])
    for each in again:
        with ProcessPoolExecutor(1, spawn) as pool:
            try:
                yield pool.submit(carry_out, each).result(), 0
            except BrokenProcessPool:
                print(f"CRASH: {each}", file=sys.stderr)
                yield Tally(), 1


def set_off_bombs(goes: int = 1) -> tuple[list[Blast], int]:
    """Return what each bomb did in a process of their own, and whether that died."""
    command = [sys.executable, "-m", "tests.fuzz.bombs", str(goes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    return [Blast(**json.loads(line)) for line in done.stdout.splitlines()], int(done.returncode != 0)


def main() -> int:
    """Run, tell how far it is, and judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--random", type=int, default=300, help="random cases of each kind for each frame")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    options = parser.parse_args()
    start = time.monotonic()
    work = pieces(options.seed, options.random)
    tally, crashes = Tally(), 0
    for done, (found, crashed) in enumerate(carried_out(work, options.jobs), 1):
        tally.add(found)
        crashes += crashed
        print(
            f"\r{done}/{len(work)} parts, {tally.count():,} cases, {time.monotonic() - start:.0f} s", end="", flush=True
        )
    blasts, died = set_off_bombs(goes=3)
    verdicts = judgements(tally, blasts, crashes + died)
    print(f"\n\n{table(tally)}\n")
    for each in verdicts:
        print(f"{'ok  ' if each.held else 'FAIL'} {each.promise}: {each.found}")
    for blast in slow(blasts):
        print(f"     {MOST_MILLISECONDS} ms and more here: {blast.name}: {blast.milliseconds:.0f} ms")
    for line in tally.foreign:
        print(f"     {line}", file=sys.stderr)
    kept = [replace(blast, peak=blast.peak >> 20 << 20) for blast in blasts]  # the rest is noise of the allocator
    write(options.output, figures(options.seed, tally, kept, verdicts))
    return 0 if all(each.held for each in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
