"""Row 27: the disk of the mirror is full; that is said once, loudly, and messages flow on."""

from __future__ import annotations

import subprocess
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.faults.chaos import Chaos
from tests.faults.store_tools import mirror_of


def mounted(folder: Path) -> bool:
    """Mount a file system of 64 KB, if we may, and leave little room on it."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        return False
    (folder / "filler").write_bytes(bytes(56 << 10))
    return True


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_under_the_mirror_stops_nothing(chaos: Chaos) -> None:
    small = chaos.folder / "small"
    if not mounted(small):
        pytest.skip("only root may mount a file system of 64 KB")
    try:
        async with chaos.scenario("redis-redis", store="redis", config={"store": {"mirror": str(small)}}) as run:
            run.plan("a full disk")
            worker = await run.start()
            await run.load(2500)
            await worker.logged("No space left on device; going on without it")
            run.happened("a full disk")
            await run.moved(3000)
            assert worker.log.count("No space left on device") == 1
            worker.send(SIGTERM)
            assert await worker.ended() == 0
            run.config["store"]["mirror"] = str(run.folder / "mirror")  # a disk with room
            again = await run.start()
            await run.recovered("a full disk")
            await run.moved(2000)
            assert mirror_of(run).stat().st_size > 8 << 10
            assert "without it" not in again.log
    finally:
        unmount(small)
