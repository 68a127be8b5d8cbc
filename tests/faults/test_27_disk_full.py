"""Row 27: the disk of the mirror or of the journal is full; that is said once, loudly, and messages flow on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM

from tests.faults.chaos import Chaos
from tests.faults.store_patches import SIGN
from tests.faults.store_tools import (
    LEARNING,
    agreed,
    durable,
    enough,
    grown,
    leave_something_to_discover,
    mirror_of,
    promoted,
)

FULL = "No space left on device"
FILL = "tests.faults.store_patches:fill_disks_that_say_so"


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Mount a file system of 64 KB with little room on it; where we may not, let fsync fail (in who is patched)."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        (folder / SIGN).touch()
        yield
        return
    (folder / "filler").write_bytes(bytes(56 << 10))
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_under_the_mirror_stops_nothing(chaos: Chaos) -> None:
    small = chaos.folder / "small"
    with full_disk(small):
        async with chaos.scenario("redis-redis", store="redis", config={"store": {"mirror": str(small)}}) as run:
            run.plan("a full disk")
            worker = await run.start(patch=FILL)
            await run.load(1000)
            await worker.logged(f"{FULL}; going on without it")
            run.happened("a full disk")
            await run.moved(1000)
            assert worker.log.count(FULL) == 1
            worker.send(SIGTERM)
            assert await worker.ended() == 0
            run.config["store"]["mirror"] = str(run.folder / "mirror")  # a disk with room
            again = await run.start()
            await run.recovered("a full disk")
            await enough(run)
            await run.caught_up()
            assert mirror_of(run).stat().st_size > 8 << 10
            assert "without it" not in again.log


async def test_a_full_disk_under_the_journal_makes_promotions_wait_and_messages_flow(chaos: Chaos) -> None:
    """What cannot be made durable is not in use; with room again it goes into the journal, behind what is whole there."""
    leave_something_to_discover(chaos)
    async with chaos.scenario("redis-redis", store="redis", config=LEARNING) as run:
        worker, discover = await run.start(), await run.start(verb="discover", patch=FILL)
        await run.load(800)
        await promoted(discover)
        run.plan("a full disk")
        sign = run.folder / SIGN
        sign.touch()
        said = len(discover.log)
        await discover.logged(FULL, said)
        run.happened("a full disk")
        before = await durable(run)
        await run.hold(30, 3)
        await run.moved(300)
        assert await durable(run) == before
        sign.unlink()
        said = len(discover.log)
        await run.recovered("a full disk")
        await promoted(discover, said)
        await enough(run)
        await run.caught_up()
        await grown(run, before)
        await agreed(run)
        assert "is lost" not in worker.log
