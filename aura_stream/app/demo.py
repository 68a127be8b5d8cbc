"""The whole product on one embedded server: learning while a bridge runs, a change of shape, a lost store, and back.

Nothing is known at first. Discovery reads the raw streams beside the bridge and promotes templates; the bridge follows.
Then the traffic takes another shape. At last the store in Redis is emptied, written anew from the journal, and every
message is restored by a worker that has seen nothing of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

from redis.asyncio import Redis

from aura_stream.app.bridge import build_worker
from aura_stream.app.connectors import InstalledConnectors, option_models
from aura_stream.app.demo_report import DemoReport, Moment, Watcher, memory_of, restored_of, shares_of
from aura_stream.app.demo_traffic import Phase, phases, produce
from aura_stream.app.discovery import build_discovery
from aura_stream.app.embedded import EmbeddedServer
from aura_stream.config import Config, parse_config
from aura_stream.errors import UnavailableError
from aura_stream.runtime import Statistics

RATE: Final = 400  # messages a second: slow enough to watch
PATIENCE: Final = 30.0  # seconds until something that must come about counts as broken
BURST: Final = 0.3  # of a phase: then its traffic trickles until it is learned, however busy the machine is
TRICKLE: Final = 40  # messages a second
LEARNED: Final = 0.75  # hit rate from which a shape counts as learned
LEARNING: Final = 40.0  # seconds after which the rest comes, learned or not
LOOK: Final = 0.25  # seconds between two looks while nothing is written
COLUMNS: Final = ("new", "learned", "changed", "relearned")

_CONFIG: Final = """
namespace: demo
input:
  redis_streams: {{url: "{url}/0", streams: [{streams}], group: {group}}}
output:
  redis_streams: {{url: "{url}/0", stream: "{output}"}}
codec: {{direction: {direction}}}
store:
  redis: {{url: "{url}/1"}}
  mirror: {mirror}
discovery: {{interval: 1s, sample: 100000, cpu: 1, memory: 10MiB, budget: 1000000}}
"""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who watches: `tell` is given a line as each step begins, `show` the state several times a second."""

    tell: Callable[[str], None]
    show: Callable[[Moment], None]


def run_demo(audience: Audience, rate: int = RATE) -> DemoReport:
    """Run the demo.

    Leaves no process and no file behind, whatever happens. Raises ConfigError where there is no server to start,
    UnavailableError where it does not start, or something that must come about does not.
    """
    with EmbeddedServer() as server, TemporaryDirectory(prefix="aura-demo-") as folder:
        return asyncio.run(_Demo(server.url.removesuffix("/0"), Path(folder), audience, rate).run())


@dataclass(slots=True)
class _Demo:
    url: str
    folder: Path
    audience: Audience
    rate: int
    tasks: Sequence[asyncio.Task[None]] = ()  # of the bridge and of discovery
    began: float = field(default_factory=time.monotonic)

    async def run(self) -> DemoReport:
        self.audience.tell(f"server started at {self.url}/0")  # from here on Ctrl-C meets a running loop
        script = phases()
        async with AsyncExitStack() as stack:
            data, store = [await stack.enter_async_context(_client(f"{self.url}/{number}")) for number in (0, 1)]
            streams = sorted(script[0].counts())
            watcher = Watcher(data, streams)
            config = self._config("encode", streams, str(self.folder / "mirror"))
            worker = build_worker(config, InstalledConnectors())
            discovery = build_discovery(config, InstalledConnectors())
            async with running(worker, discovery) as self.tasks:
                for phase in script:
                    await self._pass(data, phase, watcher, worker.statistics)
                await self._lose_the_store(store, watcher, worker.statistics)
            self.audience.tell("restoring everything, with a worker that knows nothing but what it reads now")
            config = self._config("decode", [f"{stream}.aura" for stream in streams], "null")
            async with running(build_worker(config, InstalledConnectors(), once=True)) as tasks:
                await asyncio.wait(tasks)
            self.audience.tell("comparing")
            return await self._report(data, store, script, watcher, worker.statistics)

    def _config(self, direction: str, streams: Sequence[str], mirror: str) -> Config:
        output = "{source}.aura" if direction == "encode" else "{source}.restored"
        text = _CONFIG.format(
            url=self.url, streams=", ".join(streams), group=direction, output=output, direction=direction, mirror=mirror
        )
        return parse_config(text, "demo", option_models(InstalledConnectors()), environ={})

    async def _pass(self, client: Redis, phase: Phase, watcher: Watcher, statistics: Statistics) -> None:
        """Write a phase's messages, and wait until the bridge has them all through."""
        self.audience.tell(f"{phase.name}: {len(phase.messages):,} messages, up to {self.rate} a second")
        through = watcher.total.messages + len(phase.messages)
        pace = _Pace(self.rate, len(phase.messages))
        async for written in produce(client, phase, pace.rate):
            moment = await self._look(watcher, phase.name, statistics)
            pace.note(written, moment)
        what = "the bridge does not come through"
        await self._until(lambda: watcher.total.messages >= through, what, watcher, phase.name, statistics)

    async def _look(self, watcher: Watcher, phase: str, statistics: Statistics) -> Moment:
        for task in self.tasks:
            if task.done():
                task.result()  # what ended it
        moment = await watcher.look(time.monotonic() - self.began, phase, statistics.templates)
        self.audience.show(moment)
        return moment

    async def _until(
        self, condition: Callable[[], bool], problem: str, watcher: Watcher, phase: str, statistics: Statistics
    ) -> None:
        """Watch until the condition holds. Raises UnavailableError if that takes too long."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise UnavailableError(f"{problem}: not within {PATIENCE:g} s")
            await self._look(watcher, phase, statistics)
            await asyncio.sleep(LOOK)

    async def _lose_the_store(self, store: Redis, watcher: Watcher, statistics: Statistics) -> None:
        """Empty the store's database, and wait until discovery has written it anew and the bridge has followed."""
        generations = statistics.generations
        await store.flushdb()
        self.audience.tell("the store in Redis is emptied; the journal stands beside the frames")

        def rebuilt() -> bool:
            return statistics.generations > generations and statistics.store.state == "ok"

        await self._until(rebuilt, "the store is not rebuilt", watcher, "store lost", statistics)
        self.audience.tell("discovery has written it anew from the journal, into a new generation")

    async def _report(
        self, data: Redis, store: Redis, script: Sequence[Phase], watcher: Watcher, statistics: Statistics
    ) -> DemoReport:
        streams = sorted(script[0].counts())
        pairs = {stream: watcher.pairs(stream) for stream in streams}
        kept = [key async for key in store.scan_iter()]
        journal = [key async for key in data.scan_iter("aura-journal-*")]
        return DemoReport(
            shares=[*shares_of(pairs, script, COLUMNS), watcher.total],
            templates=statistics.templates,
            generations=statistics.generations,
            store_memory=await memory_of(store, kept) + await memory_of(data, journal),
            raw_memory=await memory_of(data, streams),
            compressed_memory=await memory_of(data, [f"{stream}.aura" for stream in streams]),
            restored=await restored_of(data, script),
        )


class Runnable(Protocol):
    """A worker or a discovery."""

    async def run(self) -> None:
        """Work until told to stop."""
        ...

    def stop(self) -> None:
        """Come to an end."""
        ...


@asynccontextmanager
async def running(*works: Runnable) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
    """Run works beside the block, and let them finish what they hold at its end; after an error cut them short.

    Raises what ended one of them.
    """
    tasks = [asyncio.create_task(work.run()) for work in works]
    try:
        yield tasks
        for work in reversed(works):  # a bridge ends last
            work.stop()
        await asyncio.gather(*tasks)
    finally:
        pending = {task for task in tasks if not task.done()}
        while pending:
            # Again and again: asyncio.wait_for of Python 3.11, in redis-py, can swallow a cancellation.
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=LOOK)


def _client(url: str) -> Redis:
    """Return a client of our own, without the time-out that makes redis-py use wait_for, as above."""
    return Redis.from_url(url, socket_timeout=None)


class _Pace:
    """How fast a phase's messages are written: fast, then slowly until they are learned, then fast again."""

    def __init__(self, rate: int, messages: int) -> None:
        self._rate = rate
        self._burst = BURST * messages
        self._since: float | None = None  # when the burst was over
        self._slow = False

    def rate(self) -> float:
        """Messages a second."""
        return TRICKLE if self._slow else self._rate

    def note(self, written: int, moment: Moment) -> None:
        """Take in how it goes."""
        if written < self._burst:
            return
        if self._since is None:
            self._since = moment.seconds
        late = moment.seconds > self._since + LEARNING
        self._slow = not late and (moment.hit_rate or 0.0) < LEARNED
