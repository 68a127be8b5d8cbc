"""What sets a run up and brings it to its end: the fixture `chaos`."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import yaml

from aura_stream.app import InstalledConnectors, option_models
from aura_stream.app.embedded import free_port
from aura_stream.app.importing import plan_import, read_import
from aura_stream.app.stores import open_store
from aura_stream.config import parse_config
from tests.faults import results
from tests.faults.payloads import MEGABYTE, Traffic
from tests.faults.plan import Kind, Plan
from tests.faults.results import Result
from tests.faults.scenario import (
    MAX_MESSAGES,
    Options,
    Scenario,
    figures,
    find_problems,
    require_something_shown,
)
from tests.faults.systems import Servers, System, configuration, dead_letters_of, make_places, place_of_dead_letters
from tests.infra.kafka import Broker

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
    async def scenario(
        self,
        route: str,
        *,
        lanes: int = 2,
        direction: str = "encode",
        store: str = "file",
        dead_letters: bool = False,
        config: Mapping[str, Any] | None = None,
        setup: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> AsyncIterator[Scenario]:
        """Set up a run from "kafka" or "redis" to either ("kafka-redis"); at the end drain it, judge it, note it.

        `store`: "file", or "redis" (behind a proxy, with a journal in a file); `config` is laid over the configuration;
        `setup`: `redis` (options of its servers), `topic` (settings of output topics), `large` (bytes of a message
        now and then), `damaged` (frames, where `direction` is decode), `together` (both sides behind one proxy);
        `options`: those of `scenario.Options`.
        """
        setup = dict(setup or {})
        made = Options(**options)
        result = Result(self.row, self.test, self.seed, route, made.delivery, self.full)
        began = time.monotonic()
        async with AsyncExitStack() as stack, asyncio.timeout(LONGEST * (3 if self.full else 1)):
            folder = self.folder / uuid4().hex[:8]
            folder.mkdir()
            base = f"fault-{folder.name}"
            servers = Servers(stack, self.broker, folder)
            together = setup.get("together", made.delivery == "exactly_once")
            kinds = [NAMES[name] for name in route.split("-")]
            source, output = await servers.pair(kinds, setup.get("redis", ()), together=together)
            sent, written = await make_places(base, lanes, source, output, setup.get("topic", {}))
            session, delivery = (FULL_SESSION, None) if self.full else (SESSION, DELIVERY)
            text = configuration(base, source, output, sent.names, session, delivery)
            text |= {"namespace": base, "codec": {"direction": direction}, "delivery": made.delivery}
            text |= {"batch": {"max_messages": MAX_MESSAGES}, "store": {"file": {"path": str(self.book)}}}
            if dead_letters:
                text["dead_letter"] = place_of_dead_letters(output)
            book, shared = str(self.book), None
            if store == "redis":
                shared = await servers.start("redis_streams")
                text["store"] = await _fill_store(folder, text, shared, self.book)
                book = str(_journal_alone(folder, text))
            large = MEGABYTE if (asked := setup.get("large", True)) is True else int(asked)
            traffic = Traffic(self.seed, "orders", lanes, large, setup.get("damaged", False))
            dead = dead_letters_of(written) if dead_letters else None
            plan = Plan(traffic, sent, written, dead, book, str(folder / "ledger"), direction == "decode")
            run = Scenario(
                source, output, shared, plan.save(folder / "plan.json"), plan, merged(text, config or {}), folder,
                self.full, result, made,
            )  # fmt: skip
            await self._conduct(run, stack)
            try:
                yield run
                await self._conclude(run)
            except BaseException as error:
                run.problems.append(f"{type(error).__name__}: {error}"[:2000])
                raise
            finally:
                result.seconds = round(time.monotonic() - began, 2)
                for name, value in figures(run).items():
                    setattr(result, name, value)
                self.append(result)
        if self.full:
            shutil.rmtree(folder, ignore_errors=True)  # twenty seeds of servers' files
        assert not run.problems, "\n".join(run.problems)

    async def _conduct(self, run: Scenario, stack: AsyncExitStack) -> None:
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

    async def _conclude(self, run: Scenario) -> None:
        await run.drain()
        await run.judge()
        require_something_shown(run)
        run.problems += find_problems(run)


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


async def _fill_store(folder: Path, text: Mapping[str, Any], shared: System, book: Path) -> dict[str, Any]:
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


def _journal_alone(folder: Path, text: Mapping[str, Any]) -> Path:
    """Write a configuration whose store has a journal and nothing else; return its path."""
    nowhere = {"url": f"redis://127.0.0.1:{free_port()}/0"}
    path = folder / "judge.yaml"
    path.write_text(yaml.safe_dump(merged(dict(text), {"store": {"redis": nowhere, "mirror": None}})))
    return path


def row_of(module: str) -> int:
    """Return the number of the row that a test file stands for, 0 for other files."""
    found = re.search(r"test_(\d\d)_", module)
    return int(found[1]) if found else 0


ROUTES: Sequence[str] = ("kafka-kafka", "redis-redis", "kafka-redis", "redis-kafka")
assert set(get_args(Kind)) == set(NAMES.values())
