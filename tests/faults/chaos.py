"""What sets a run up and brings it to its end: the fixture `chaos`."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from aura_stream.app import InstalledConnectors, option_models
from aura_stream.app.embedded import free_port
from aura_stream.app.importing import plan_import, read_import
from aura_stream.app.stores import open_store
from aura_stream.config import parse_config
from tests.faults import results
from tests.faults.payloads import Traffic
from tests.faults.plan import Kind, Place, Plan
from tests.faults.results import Result
from tests.faults.scenario import (
    MAX_MESSAGES,
    Options,
    Scenario,
    figures,
    find_problems,
    require_something_shown,
)
from tests.faults.systems import (
    Servers,
    System,
    configuration,
    dead_letters_of,
    delete_topics,
    make_places,
    place_of_dead_letters,
)
from tests.infra.kafka import Broker

FULL = bool(os.environ.get("AURA_FAULT_FULL"))
NAMES: Mapping[str, Kind] = {"kafka": "kafka", "redis": "redis_streams"}
LONGEST = 240.0  # seconds of a run, scaled down or not
SESSION, FULL_SESSION = 4.0, 6.0  # seconds: Kafka's session time-out, Redis's lease
DELIVERY = 3.0  # seconds until an output that does not answer counts as unavailable; 30 unless told otherwise


@dataclass(slots=True)
class Chaos:
    """Makes runs for one test and one seed."""

    test: str
    row: int
    seed: int
    full: bool
    folder: Path
    book: Path
    broker: Callable[[], Broker]
    append: Callable[[Result], None] = results.append

    @asynccontextmanager
    async def scenario(self, route: str, **options: Any) -> AsyncIterator[Scenario]:
        """Set up a run from "kafka" or "redis" to either ("kafka-redis"); at the end drain it, judge it, note it.

        The options are those of `scenario.Options`.
        """
        made = Options(**options)
        began = time.monotonic()
        async with AsyncExitStack() as stack, asyncio.timeout(made.longest or LONGEST * (3 if self.full else 1)):
            run = await self._set_up(route, made, stack)
            try:
                yield run
                await run.drain()
                await run.judge()
                require_something_shown(run)
                run.problems += find_problems(run)
            except BaseException as error:
                run.problems.append(f"{type(error).__name__}: {error}"[:2000])
                raise
            finally:
                run.result.seconds = round(time.monotonic() - began, 2)
                for name, value in figures(run).items():
                    setattr(run.result, name, value)
                self.append(run.result)
        if self.full:
            shutil.rmtree(run.folder, ignore_errors=True)  # twenty seeds of servers' files
        assert not run.problems, "\n".join(run.problems)

    async def _set_up(self, route: str, options: Options, stack: AsyncExitStack) -> Scenario:
        folder = self.folder / uuid4().hex[:8]
        folder.mkdir()
        base = f"fault-{folder.name}"
        servers = Servers(stack, self.broker, folder)
        once = options.delivery == "exactly_once"
        together = once if options.together is None else options.together
        source, output = await servers.pair(
            [NAMES[name] for name in route.split("-")], options.redis, together=together
        )
        sent, written = await make_places(base, options.lanes, source, output, options.topic)
        config = self._configuration(base, source, output, sent, options)
        shared = await servers.start("redis_streams") if options.store == "redis" else None
        book = str(self.book)
        if shared is not None:
            config["store"] = await fill_store(folder, config, shared, self.book)
            book = str(journal_alone(folder, config))
        traffic = Traffic(self.seed, "orders", options.lanes, options.large, options.damaged)
        dead = dead_letters_of(written) if options.dead_letters else None
        stack.push_async_callback(delete_topics, (sent, written, dead))
        plan = Plan(traffic, sent, written, dead, book, str(folder / "ledger"), options.direction == "decode")
        result = Result(self.row, self.test, self.seed, route, options.delivery, self.full)
        config = merged(config, options.config)
        run = Scenario(
            source, output, shared, plan.save(folder / "plan.json"), config, folder, self.full, result, options
        )
        await self._begin(run, stack)
        return run

    def _configuration(
        self, base: str, source: System, output: System, sent: Place, options: Options
    ) -> dict[str, Any]:
        session, delivery = (FULL_SESSION, None) if self.full else (SESSION, DELIVERY)
        config = configuration(base, source, output, sent.names, session, delivery)
        config |= {"namespace": base, "codec": {"direction": options.direction}, "delivery": options.delivery}
        config |= {"batch": {"max_messages": MAX_MESSAGES}, "store": {"file": {"path": str(self.book)}}}
        if options.dead_letters:
            config["dead_letter"] = place_of_dead_letters(output)
        return config

    @contextmanager
    def recording(self, systems: str, delivery: str = "") -> Iterator[Result]:
        """Note the figures of a row that needs no run: fill in `fired`, `verdict` and `notes` of what this yields."""
        result = Result(self.row, self.test, self.seed, systems, delivery, self.full)
        began = time.monotonic()
        try:
            yield result
        except BaseException as error:
            result.problems = [f"{type(error).__name__}: {error}"[:2000]]
            raise
        finally:
            result.planned = result.planned or dict(result.fired)
            result.seconds = round(time.monotonic() - began, 2)
            self.append(result)

    async def _begin(self, run: Scenario, stack: AsyncExitStack) -> None:
        """Start the oracle, and see that everything ends with the run."""
        watching = asyncio.create_task(run.watch())

        async def end() -> None:
            watching.cancel()
            await asyncio.wait([watching])
            for worker in run.workers:
                worker.close()
            await run.oracle.close()

        stack.push_async_callback(end)
        await run.oracle.start(run.plan_file)


def merged(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one configuration over another, key by key; None removes a key."""
    whole = dict(under)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(whole.get(key), dict):
            whole[key] = merged(whole[key], value)
        elif value is None:
            whole.pop(key, None)
        else:
            whole[key] = value
    return whole


async def fill_store(folder: Path, text: Mapping[str, Any], shared: System, book: Path) -> dict[str, Any]:
    """Promote a book's templates to a new shared store; return what the configuration says of it."""
    store = {
        "redis": dict(shared.connection),
        "mirror": str(folder / "mirror"),
        "journal": {"file": {"path": str(folder / "journal")}},
    }
    connectors = InstalledConnectors()
    config = parse_config(yaml.safe_dump({**text, "store": store}), "store.yaml", option_models(connectors), {})
    opened = open_store(config, connectors, "", promotes=True)
    try:
        empty = await opened.start()
        await opened.promote(plan_import(empty, read_import(book)).proposal)
    finally:
        await opened.stop()
    return store


def journal_alone(folder: Path, text: Mapping[str, Any]) -> Path:
    """Write a configuration whose store has a journal and nothing else; return its path."""
    nowhere = {"url": f"redis://127.0.0.1:{free_port()}/0"}
    path = folder / "judge.yaml"
    path.write_text(yaml.safe_dump(merged(dict(text), {"store": {"redis": nowhere, "mirror": None}})))
    return path


def row_of(module: str) -> int:
    """Return the number of the row that a test file stands for, 0 for other files."""
    found = re.search(r"test_(\d\d)_", module)
    return int(found[1]) if found else 0
