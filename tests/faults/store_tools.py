"""What the rows about the template store share."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from tests.faults.processes import ROOT, environment
from tests.faults.scenario import Scenario


async def verified(run: Scenario) -> None:
    """Let `aura-stream templates verify` compare all copies, entry by entry."""
    words = [sys.executable, "-m", "aura_stream.cli", "templates", "verify", str(run.folder / "worker-0.yaml")]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=pipe, cwd=ROOT, env=environment())
    out, errors = await process.communicate()
    assert process.returncode == 0, (out + errors).decode()[-2000:]


def mirror_of(run: Scenario, verb: str = "encode") -> Path:
    """Return the file of the first process's mirror."""
    (path,) = run.folder.glob(f"mirror/*/{verb}-0/entries")
    return path


async def largest_gap(run: Scenario, full: float) -> float:
    """Watch the output for a while; return the longest time, in seconds, in which nothing arrived."""
    until = time.monotonic() + run.seconds(full)
    (_, arrived), since, longest = await run.counts(), time.monotonic(), 0.0
    while time.monotonic() < until:
        await asyncio.sleep(0.05)
        _, now = await run.counts()
        if now > arrived:
            arrived, since = now, time.monotonic()
        longest = max(longest, time.monotonic() - since)
    return longest
