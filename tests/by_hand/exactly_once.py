"""Kills workers with `delivery: exactly_once` for as long as they copy, and counts: `python -m tests.by_hand.exactly_once`.

    python -m tests.by_hand.exactly_once kafka --messages 100000 --kills 30 --seed 1

Two real `aura-stream run` processes share the partitions of one input. Each time that some more messages have gone over,
one of them gets SIGKILL, at a random moment of the third of a second after that, and is started again; beside that,
other members join and leave every 2 to 5 seconds. Then a last run with `--once` works through what is left. A codec that
knows nothing but the codebook's file decodes the output, each partition by itself, and the verdict is an exit code: 0 if
nothing is lost, twice, in another order or unknown, and enough went over between the kills.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from aura_stream import Codebook, HybridCodec, Miner
from tests.integration.bridge_systems import COMMAND, SAMPLES

SYSTEMS = ("kafka", "redis")  # each a module exactly_once_NAME beside this one
PATIENCE = 300.0  # seconds for the last run, and for anything to go over
LOOK = 0.05  # seconds between two looks at the output
MOMENT = 0.35  # seconds; a kill falls into them, when they begin messages are going over
STORM = 2.0, 5.0  # seconds that a passing member stays, and that there is none
PORTION = 200  # messages; small, so that many kills fall into the middle of a transaction or script
AHEAD = 10_000  # messages that always wait in the input


class System(Protocol):
    """Where messages come from and go to: an input of so many partitions, and its output."""

    partitions: int

    def options(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return `input` and `output` of the configuration."""
        ...

    async def write(self, messages: Mapping[int, Sequence[bytes]]) -> None:
        """Append messages to each of the input's partitions."""
        ...

    async def moved(self) -> int:
        """Return about how many messages the output holds."""
        ...

    async def read(self) -> Sequence[Sequence[bytes]]:
        """Return what a careful reader sees in each of the output's partitions."""
        ...

    async def notes(self) -> Mapping[str, object]:
        """Return what else is worth telling at the end."""
        ...


class Traffic:
    """What goes into each partition: numbered log lines, as many as it takes."""

    def __init__(self, partitions: int) -> None:
        self._lines = (SAMPLES / "logs.txt").read_bytes().splitlines()
        self.written = [0] * partitions

    def message(self, partition: int, number: int) -> bytes:
        return b"%d/%d %b" % (partition, number, self._lines[number % len(self._lines)])

    def all_of(self, partition: int) -> list[bytes]:
        return [self.message(partition, number) for number in range(self.written[partition])]

    async def fill(self, system: System, up_to: int) -> None:
        """Write until the partitions hold so many messages together."""
        share = -(-up_to // len(self.written))
        helping = {
            partition: [self.message(partition, number) for number in range(written, share)]
            for partition, written in enumerate(self.written)
            if written < share
        }
        if helping:
            await system.write(helping)
            self.written = [max(share, written) for written in self.written]


@dataclass(slots=True)
class Verdict:
    """What came of one partition, or of all."""

    sent: int = 0
    lost: int = 0
    twice: int = 0
    reordered: int = 0
    unknown: int = 0

    @property
    def fine(self) -> bool:
        return not (self.lost or self.twice or self.reordered or self.unknown)

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def judge(sent: Sequence[bytes], arrived: Sequence[bytes]) -> Verdict:
    """Compare what went into a partition with what came out."""
    place = {message: number for number, message in enumerate(sent)}
    counts = Counter(arrived)
    first_seen = [place[message] for message in counts if message in place]  # in the order of arrival
    return Verdict(
        sent=len(sent),
        lost=sum(message not in counts for message in sent),
        twice=sum(counts[message] - 1 for message in sent if message in counts),
        reordered=sum(later < earlier for earlier, later in itertools.pairwise(first_seen)),
        unknown=sum(count for message, count in counts.items() if message not in place),
    )


@dataclass
class Story:
    """The processes, and what happened to them."""

    config: Path
    chance: random.Random
    kills: int
    log: Path
    killed: int = 0
    members: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> asyncio.subprocess.Process:
        self.members += 1
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                COMMAND, "run", str(self.config), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def kill_again_and_again(self, system: System, traffic: Traffic, step: int) -> None:
        """Keep two workers, and kill one of them each time that the output has grown by `step`."""
        workers = [await self.start(), await self.start()]
        try:
            while self.killed < self.kills:
                await traffic.fill(system, await system.moved() + step + AHEAD)
                await progress(system, step)
                await asyncio.sleep(self.chance.uniform(0, MOMENT))
                victim = self.chance.randrange(len(workers))
                if workers[victim].returncode is not None:
                    raise SystemExit(
                        f"a worker ended by itself, exit code {workers[victim].returncode}: see {self.log}"
                    )
                workers[victim].kill()
                await workers[victim].wait()
                self.killed += 1
                workers[victim] = await self.start()
        finally:
            self.done.set()
            await end(workers)

    async def come_and_go(self) -> None:
        """Let members join and leave."""
        while not self.done.is_set():
            passing = await self.start()
            await self._pause()
            await end([passing])
            await self._pause()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.done.wait(), self.chance.uniform(*STORM))


async def progress(system: System, step: int) -> None:
    """Wait until the output has grown by `step`."""
    deadline = time.monotonic() + PATIENCE
    goal = await system.moved() + step
    while await system.moved() < goal:
        if time.monotonic() > deadline:
            raise SystemExit(f"nothing goes over for {PATIENCE:.0f} s")
        await asyncio.sleep(LOOK)


async def end(workers: Sequence[asyncio.subprocess.Process]) -> None:
    """Stop workers cleanly; those that do not come to an end are killed."""
    for worker in workers:
        if worker.returncode is None:
            worker.terminate()
    for worker in workers:
        try:
            await asyncio.wait_for(worker.wait(), 60)
        except TimeoutError:
            worker.kill()
            await worker.wait()


async def run(name: str, system: System, folder: Path, arguments: argparse.Namespace) -> bool:
    """Go through the whole story; tell whether it went well."""
    traffic = Traffic(system.partitions)
    story = Story(configure(folder, system), random.Random(arguments.seed), arguments.kills, folder / "workers.log")
    started = time.monotonic()
    step = arguments.messages // arguments.kills
    await asyncio.gather(story.kill_again_and_again(system, traffic, step), story.come_and_go())
    seconds, moved = time.monotonic() - started, await system.moved()
    await traffic.fill(system, moved + AHEAD)  # for those who would write on if they could
    last = await asyncio.create_subprocess_exec(COMMAND, "run", str(story.config), "--once", stderr=subprocess.DEVNULL)
    code = await asyncio.wait_for(last.wait(), PATIENCE)
    codec = HybridCodec(Codebook.load(folder / "book"))
    verdicts = [
        judge(traffic.all_of(partition), codec.decode_batch(frames))
        for partition, frames in enumerate(await system.read())
    ]
    print(f"{name}, seed {arguments.seed}: {story.killed} times SIGKILL, {story.members} members in {seconds:.0f} s")
    print(f"gone over by then: {moved}; the last run, with --once: exit code {code}")
    tell(verdicts)
    for note, value in (await system.notes()).items():
        print(f"{note}: {value}")
    enough = story.killed >= arguments.kills and moved >= arguments.messages
    return enough and code == 0 and all(verdict.fine for verdict in verdicts)


def tell(verdicts: Sequence[Verdict]) -> None:
    """Print the table."""
    columns = Verdict.__slots__
    print(f"{'partition':>9}" + "".join(f"{column:>11}" for column in columns))
    rows = [(str(number), verdict) for number, verdict in enumerate(verdicts)]
    for row, verdict in [*rows, ("all", sum(verdicts, Verdict()))]:
        print(f"{row:>9}" + "".join(f"{getattr(verdict, column):>11,}" for column in columns), flush=True)


def configure(folder: Path, system: System) -> Path:
    """Write a codebook and the configuration of an encoding bridge."""
    miner = Miner()
    miner.observe([Traffic(1).message(0, number) for number in range(2000)])
    Codebook().extended(miner.propose(Codebook())).save(folder / "book")
    source, sink = system.options()
    document = {
        "namespace": "kills",
        "delivery": "exactly_once",
        "input": source,
        "output": sink,
        "store": {"file": {"path": str(folder / "book")}},
        "batch": {"max_messages": PORTION},
    }
    path = folder / "bridge.yaml"
    path.write_text(json.dumps(document))
    return path


def open_system(name: str, folder: Path) -> AbstractAsyncContextManager[System]:
    """Run a server for the length of a story."""
    module = import_module(f"tests.by_hand.exactly_once_{name}")
    opened: AbstractAsyncContextManager[System] = module.opened(folder)
    return opened


async def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for the workers' log")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aura-exactly-once-") as name:
        folder = arguments.keep or Path(name)
        async with open_system(arguments.system, Path(name)) as system:
            return await run(arguments.system, system, folder, arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the workers too
    sys.exit(0 if asyncio.run(main()) else 1)
