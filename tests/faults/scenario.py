"""A run: real workers between real servers, an oracle that writes, faults, and in the end a judge. See __init__.py."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Any

from tests.faults.payloads import MEGABYTE
from tests.faults.plan import Verdict
from tests.faults.processes import PATIENCE, OracleProcess, Worker, ask_judge
from tests.faults.results import Result
from tests.faults.systems import System
from tests.faults.toolbox import Fault

RECOVERY = 30.0  # seconds after the last fault within which a fresh message passes (I6)
LEAST_MOVED = 5_000  # messages; a run that moved fewer shows nothing (I7)
MEMORY = 400 * 2**20  # bytes of one worker (I8); see docs/reliability.md for what they take
DESCRIPTORS = 24  # more than at the first quiet moment, before it counts as a leak
MAX_MESSAGES = 500  # of a portion: small, so that faults fall between and into many of them
LOOK_EVERY = 0.5


class NothingShownError(AssertionError):
    """The run itself is no good: a fault did not fire, or too little moved (I7)."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is set up; what `chaos.scenario` takes."""

    delivery: str = "at_least_once"
    direction: str = "encode"  # decode: the oracle sends frames
    config: Mapping[str, Any] = field(default_factory=dict)  # laid over the configuration, key by key; None: without it
    store: str = "file"  # redis: a server of its own behind a proxy, with a journal in a file
    dead_letters: bool = False  # whether there is a place for them
    lanes: int = 2  # partitions of the input topic, or input streams
    large: int = MEGABYTE  # bytes of a message now and then; 0: none
    damaged: bool = False  # where frames are sent: now and then one is damaged
    redis: Sequence[str] = ()  # options of the Redis of input and output; they survive kill -9 unless told otherwise
    topic: Mapping[str, str] = field(default_factory=dict)  # settings of output topics, _ for a dot
    together: bool | None = None  # both sides behind one proxy; None: where delivery is exactly_once
    least_moved: int = LEAST_MOVED
    max_memory: int = MEMORY
    may_lose: bool = False  # messages are taken away from the input: the row expects how many are lost
    max_copies: int | None = None  # of I4; None: in flight times faults + 1
    codes: Sequence[int] = (0,)  # exit codes that workers may end with when they are told to drain
    longest: float | None = None  # seconds that the whole may take


@dataclass(slots=True)
class Scenario:
    """One run in progress. What a row uses: `start`, `load`, `send`, `fault`, `plan`, `hold`, `moved`, `caught_up`."""

    source: System
    output: System
    store: System | None
    plan_file: Path
    config: dict[str, Any]
    folder: Path
    full: bool
    result: Result
    options: Options
    oracle: OracleProcess = field(default_factory=OracleProcess)
    workers: list[Worker] = field(default_factory=list)
    recoveries: list[tuple[str, float | None]] = field(default_factory=list)
    planned: Counter[str] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    at_once: int = 0  # the most workers that ran beside each other
    expectations: list[tuple[str, Callable[[Verdict], bool]]] = field(default_factory=list)

    # Workers

    async def start(
        self, *options: str, kill: str = "", patch: str = "", verb: str = "run", processes: int = 1
    ) -> Worker:
        """Start a worker. `kill`: "after_publish:3" (killable.py); `patch`: "module:function" to call first;
        `processes`: so many of them fetch (as `--workers` among the options says).
        """
        number = len(self.workers)
        path = self.folder / f"worker-{number}.yaml"
        path.write_text(json.dumps(self.config))
        log = self.folder / f"worker-{number}.log"
        worker = Worker(path, log, *options, verb=verb, kill=kill, patch=patch)
        self.workers.append(worker)
        self.at_once = max(self.at_once, len(self.running) * processes)
        return worker

    @property
    def running(self) -> list[Worker]:
        """The workers that have not ended."""
        return [worker for worker in self.workers if worker.running]

    # Messages

    async def load(self, rate: float) -> None:
        """Let so many messages a second come from now on."""
        await self.oracle("load", rate=rate)

    async def pause(self) -> None:
        """Let no more messages come."""
        await self.oracle("pause")

    async def send(self, count: int) -> None:
        """Let so many messages come at once."""
        await self.oracle("send", count=count)

    async def counts(self) -> tuple[int, int]:
        """Return how many messages were sent, and about how many stand in the output (control records count too)."""
        found = await self.oracle("count")
        return found["sent"], found["arrived"]

    async def moved(self, more: int) -> None:
        """Wait until so many more messages stand in the output."""
        _, before = await self.counts()

        async def enough() -> bool:
            assert self.running, f"no worker runs any more; {self._last_words()}"
            return (await self.counts())[1] >= before + more

        await self.until(f"{more} more messages in the output", enough)

    async def caught_up(self) -> float:
        """Wait until a fresh message of each lane has passed, and all before it; return the seconds."""
        seconds = await self._fresh(PATIENCE)
        assert seconds is not None, f"no fresh message passed within {PATIENCE:g} s; {self._last_words()}"
        return seconds

    async def until(self, what: str, condition: Callable[[], Awaitable[bool]], patience: float = PATIENCE) -> None:
        """Wait for something."""
        deadline = time.monotonic() + patience
        while not await condition():
            assert time.monotonic() < deadline, f"never came: {what}; {self._last_words()}"
            await asyncio.sleep(0.05)

    # Faults

    def plan(self, fault: str, times: int = 1) -> None:
        """Announce faults: the run fails itself unless each fired so often."""
        self.planned[fault] += times

    def happened(self, fault: str, yes: bool = True) -> None:
        """Note that an announced fault fired, or did not."""
        self.fired[fault] += yes

    @asynccontextmanager
    async def fault(self, name: str, action: Fault, *, recovers: bool = True) -> AsyncIterator[None]:
        """Let a fault last while the block runs; then measure how long it takes until fresh messages pass."""
        self.planned[name] = max(self.planned[name], self.fired[name] + 1)
        async with action as evidence:
            yield
            self.happened(name, evidence is None or evidence())
        if recovers:
            await self.recovered(name)

    async def recovered(self, fault: str) -> None:
        """Measure, from now on, how long it takes until a fresh message of each lane passes (I6)."""
        seconds = await self._fresh(2 * RECOVERY)
        self.recoveries.append((fault, seconds))
        if seconds is None or seconds > RECOVERY:
            took = "not within 60 s" if seconds is None else f"after {seconds:.1f} s"
            self.problems.append(f"I6: after {fault!r} a fresh message passed {took}; {self._last_words()}")

    def expect(self, what: str, holds: Callable[[Verdict], bool]) -> None:
        """Ask more of the verdict than the invariants do."""
        self.expectations.append((what, holds))

    def seconds(self, full: float) -> float:
        """Return a duration of the matrix, or what stands for it where runs are scaled down: 30 s become 5 s."""
        return full if self.full else full / 6

    async def hold(self, full: float, scaled: float | None = None) -> None:
        """Let a state of affairs last: that many seconds; scaled down, or so many where runs are scaled down."""
        await asyncio.sleep(self.seconds(full) if self.full or scaled is None else scaled)

    # The end

    async def drain(self) -> None:
        """Let no more come, wait until all has passed, and tell the workers to stop."""
        await self.pause()
        if self.running and await self._fresh(2 * RECOVERY) is None:
            self.problems.append(f"I6: at the end no fresh message passed within 60 s; {self._last_words()}")
        for worker in self.running:
            worker.send(SIGTERM)
            code = await worker.ended()
            if code not in self.options.codes:
                self.problems.append(f"I8: exit code {code} after a drain; {worker.log[-1500:]}")

    async def judge(self) -> Verdict:
        """Ask a fresh process for the verdict."""
        verdict = await ask_judge(self.plan_file)
        self.result.verdict = verdict
        return verdict

    async def watch(self) -> None:
        """Look at the workers, now and then, until cancelled."""
        while True:
            for worker in self.running:
                worker.look()
            await asyncio.sleep(LOOK_EVERY)

    async def _fresh(self, patience: float) -> float | None:
        probe = asyncio.create_task(self.oracle("probe", patience=patience))
        while not probe.done():
            await asyncio.wait([probe], timeout=LOOK_EVERY)
            if not self.running:
                break  # nobody is left to bring anything
        if not probe.done():
            probe.cancel()
            return None
        seconds: float | None = (await probe)["seconds"]
        return seconds

    def _last_words(self) -> str:
        return "; ".join(f"log {number} ends: {each.log[-800:]}" for number, each in enumerate(self.workers[-2:]))


def require_something_shown(run: Scenario) -> None:
    """Raise NothingShownError for a run that could not have failed (I7)."""
    missing = {name: times - run.fired[name] for name, times in run.planned.items() if run.fired[name] < times}
    if missing:
        raise NothingShownError(f"faults that did not fire: {missing}")
    if not run.planned:
        raise NothingShownError("no fault was planned")
    moved = run.result.verdict.moved + run.result.verdict.dead
    if moved < run.options.least_moved:
        raise NothingShownError(f"{moved} messages moved, fewer than {run.options.least_moved}")


def find_problems(run: Scenario) -> list[str]:
    """Return what the invariants I1 to I5 and I8 say against the run."""
    in_flight = run.at_once * run.config["batch"]["max_messages"]
    verdict, options = run.result.verdict, run.options
    must_be_none = ("lost", "unknown", "wrong", "undecodable", "unfaithful", "reordered", "both", "unexplained")
    must_be_none = must_be_none[options.may_lose :]
    found = [f"{name}: {count}" for name in must_be_none if (count := getattr(verdict, name))]
    most = 0 if options.delivery == "exactly_once" else in_flight * (run.fired.total() + 1)
    if verdict.duplicated > (most := options.max_copies if options.max_copies is not None else most):
        found.append(f"I4: {verdict.duplicated} copies, {most} allowed")
    found += [f"not so: {what}; {verdict}" for what, holds in run.expectations if not holds(verdict)]
    if found and verdict.examples:
        found.append(f"examples: {', '.join(verdict.examples)}")
    for number, worker in enumerate(run.workers):
        found += [f"I8: worker {number}: {complaint}" for complaint in worker.complaints()]
        if worker.memory > options.max_memory:
            found.append(f"I8: worker {number} took {worker.memory >> 20} MiB")
        if leak := _leak(worker.descriptors):
            found.append(f"I8: worker {number} ended with {leak} descriptors more than it began with")
    return found


def _leak(descriptors: list[int]) -> int:
    """Return how many descriptors more the last looks found than the first ones, where that is more than some."""
    settled = descriptors[2:]  # it connects at first
    if len(settled) < 6:
        return 0
    growth = min(settled[-3:]) - max(settled[:3])
    return growth if growth > DESCRIPTORS else 0


def figures(run: Scenario) -> Mapping[str, Any]:
    """Return what the run measured, for its result."""
    return {
        "planned": dict(run.planned),
        "fired": dict(run.fired),
        "recoveries": run.recoveries,
        "memory": max((worker.memory for worker in run.workers), default=0),
        "problems": run.problems,
    }
