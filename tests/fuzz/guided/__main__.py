"""`python -m tests.fuzz.guided`: every target for a while, two at a time, from frozen seeds. Exits 1 at a finding.

Inputs that reached something new stay in .cache/fuzz/TARGET, and a later run goes on from them. What a target failed
at is written to .cache/fuzz/TARGET.crash-…; `python -m tests.fuzz.guided.one TARGET FILE` shows it again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tests.fuzz.guided.targets import TARGETS

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / ".cache" / "fuzz"
LONGEST = 1 << 14  # bytes of an input
MEMORY = 2048  # MiB that one input may take
SLOWEST = 20  # seconds that one input may take, instrumented and on a busy machine
_DONE = re.compile(r"^#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)", re.MULTILINE)
_SEEDED = re.compile(r"^#\d+\s+INITED\s+cov: (\d+) ft: (\d+)", re.MULTILINE)
_FOUND = re.compile(r"Test unit written to \S*/(\S+)")
_ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b.*$|^==\d+== ?ERROR.*$", re.MULTILINE)
_LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one target. `coverage`: edges that were reached, by the seeds alone and in the end."""

    target: str
    seeds: int
    runs: int
    seed_coverage: int
    coverage: int
    features: int
    corpus: int
    crashes: int
    finding: str = ""

    @property
    def well(self) -> bool:
        """Whether it ran to its end and found nothing."""
        return not self.crashes and self.runs > 0


def plant(name: str) -> tuple[Path, int]:
    """Write a target's seeds into its corpus, and return that and how many they are."""
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    names = set()
    for seed in TARGETS[name].seeds():
        path = folder / hashlib.sha1(seed, usedforsecurity=False).hexdigest()  # as libFuzzer names them
        path.write_bytes(seed)
        names.add(path.name)
    return folder, len(names)


def fuzz(name: str, seconds: int, seed: int) -> Outcome:
    """Fuzz one target for so long."""
    folder, seeds = plant(name)
    options = [
        f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-rss_limit_mb={MEMORY}", f"-timeout={SLOWEST}",
        f"-seed={seed}", "-print_final_stats=0", f"-artifact_prefix={CACHE}/{name}.",
    ]  # fmt: skip
    command = [sys.executable, "-m", "tests.fuzz.guided.one", name, *options, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    return outcome(name, seeds, done.returncode, done.stdout + done.stderr)


def outcome(name: str, seeds: int, code: int, text: str) -> Outcome:
    """Read what libFuzzer printed."""
    seeded, ended = _SEEDED.search(text), _DONE.search(text)
    numbers = [int(each) for each in ended.groups()] if ended else [0, 0, 0, 0]
    written = _FOUND.findall(text)
    finding = ""
    if code or written or not ended:
        error = _ERROR.search(text)
        finding = " ".join([*written, error[0][:_LONGEST_ERROR] if error else f"it ended with {code}"])
    crashes = max(len(written), int(bool(code) or not ended))
    return Outcome(name, seeds, numbers[0], int(seeded[1]) if seeded else 0, *numbers[1:], crashes, finding)


def table(outcomes: Sequence[Outcome]) -> str:
    """Return one line for each target."""
    titles = ("seeds", "runs", "seed cov", "coverage", "features", "corpus", "crashes")
    lines = [f"{'target':<14}" + "".join(f"{title:>11}" for title in titles)]
    for each in outcomes:
        row = (each.seeds, each.runs, each.seed_coverage, each.coverage, each.features, each.corpus, each.crashes)
        lines.append(f"{each.target:<14}" + "".join(f"{number:>11,}" for number in row))
        if each.finding:
            lines.append(f"  {each.finding}")
    return "\n".join(lines)


def main() -> int:
    """Run, and tell what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--time", type=int, default=60, help="seconds for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, help="a file for the figures, as JSON")
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    outcomes = []
    with ThreadPoolExecutor(options.jobs) as pool:
        work = partial(fuzz, seconds=options.time, seed=options.seed)
        for each in pool.map(work, options.targets or list(TARGETS)):
            outcomes.append(each)
            print(f"{each.target}: {each.runs:,} runs, {each.crashes} crashes {each.finding}", flush=True)
    print(f"\n{table(outcomes)}")
    if options.output is not None:
        rows = ",\n".join(f"  {json.dumps(asdict(each))}" for each in outcomes)
        options.output.write_text(f'{{\n "seconds_each": {options.time},\n "targets": [\n{rows}\n ]\n}}\n')
    return 0 if all(each.well for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
