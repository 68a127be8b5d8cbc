"""What the rows about the template store share: all of its copies looked at, and what its processes told."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from aura_connectors.redis_streams.shared_log import maker as log_maker

from aura_stream.app import InstalledConnectors, option_models
from aura_stream.app.mirrors import check_mirrors
from aura_stream.app.stores import open_store
from aura_stream.codec import Codebook
from aura_stream.config import parse_config
from aura_stream.model import BEGINNING, LogState
from aura_stream.model.framing import split_varint
from aura_stream.ports import TemplateStore
from aura_stream.ports.store import Finding
from aura_stream.store.following import behind
from aura_stream.store.ledger import Ledger
from tests.faults.chaos import Chaos, merged
from tests.faults.judge import read_book
from tests.faults.processes import ROOT, Worker, environment
from tests.faults.scenario import Scenario

# Discoveries that promote soon and often, and leave the processor to those that move messages.
LEARNING: Mapping[str, Any] = {"discovery": {"interval": "1s", "distinct_messages": 2, "sample": 300}}
JSON_LOG: Mapping[str, Any] = {"logging": {"format": "json"}}
KNOWN = 300  # templates of a book that leaves something to discover
ENDS: Mapping[str, Any] = {"input": {"memory": {"topics": ["none"]}}, "output": {"memory": {}}}  # of who only promotes
NO_MIRROR: Mapping[str, Any] = {"mirror": None, "file": None}
ALL = 10**6  # records


def leave_something_to_discover(chaos: Chaos) -> None:
    """Let runs begin with a book that lacks most of what their messages are made of."""
    book = Codebook.load(chaos.book)
    generation = book.generations[-1]
    shorter = replace(generation, templates=generation.templates[:KNOWN])
    chaos.book = chaos.folder / "short.book"
    replace(book, generations=(*book.generations[:-1], shorter)).save(chaos.book)


# The copies


async def durable(run: Scenario) -> Codebook:
    """Return the book of the journal alone, as the judge will read it."""
    return await read_book(str(run.folder / "judge.yaml"))


async def grown(run: Scenario, before: Codebook) -> Codebook:
    """Return the durable book; whatever had a number before has the same one in it, and each template only one."""
    book = await durable(run)
    assert before.is_prefix_of(book), "a template that was there is gone, or its number means another one"
    for generation in book.generations:
        assert len(set(generation.templates)) == len(generation.templates)
    return book


async def in_log(run: Scenario, url: str) -> tuple[LogState, Codebook]:
    """Return what the shared log on this server says of itself, and the book of what is active there."""
    log = log_maker.shared_log(log_maker.options.model_validate({"url": url}), run.config["namespace"])
    await log.start()
    try:
        reading = await log.read(BEGINNING, ALL)
    finally:
        await log.stop()
    assert reading is not None
    ledger = Ledger()
    for record in reading.records:
        if behind(record) <= reading.state.active:
            assert ledger.apply_record(record).verdict == "applied"
    return reading.state, ledger.book


def mirror_of(run: Scenario, process: str = "encode-0") -> Path:
    """Return the file of a process's mirror."""
    (path,) = Path(run.config["store"]["mirror"]).glob(f"*/{process}/entries")
    return path


def mirrored(run: Scenario, process: str = "encode-0") -> Codebook:
    """Return the book that the mirror of a process holds."""
    ledger, data = Ledger(), mirror_of(run, process).read_bytes()
    for record in split_varint(data, 0, len(data) + 1, len(data) + 1).values:
        assert ledger.apply(record).verdict == "applied"
    return ledger.book


async def follows(run: Scenario, book: Codebook, process: str = "encode-0") -> None:
    """Wait until a process has learned all of a book."""

    async def learned() -> bool:
        return book.is_prefix_of(mirrored(run, process))

    await run.until("a process that follows", learned)


@asynccontextmanager
async def opened_as(store: Mapping[str, Any], namespace: str) -> AsyncIterator[TemplateStore]:
    """Open and start the store of such a configuration as one more promoter, without a mirror."""
    connectors = InstalledConnectors()
    config = merged({**ENDS, "namespace": namespace, "store": dict(store)}, {"store": NO_MIRROR})
    parsed = parse_config(yaml.safe_dump(config), "store.yaml", option_models(connectors), {})
    made = open_store(parsed, connectors, "", promotes=True)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


@asynccontextmanager
async def opened(run: Scenario) -> AsyncIterator[TemplateStore]:
    """Open and start the run's store in the same way, past the proxy."""
    assert run.store is not None
    store = merged(run.config["store"], {"redis": {"url": run.store.address}})
    async with opened_as(store, run.config["namespace"]) as made:
        yield made


async def agreed(run: Scenario) -> Codebook:
    """Wait until journal, log and all mirrors agree, entry by entry; return their book."""
    found: list[Finding] = []
    book = Codebook()

    async def agree() -> bool:
        nonlocal book, found
        async with opened(run) as store:
            found = [*await store.verify()]
            book = await store.search()
        found += check_mirrors(Path(run.config["store"]["mirror"]), run.config["namespace"], book)
        found = [finding for finding in found if finding.severity != "ok"]
        return not found  # a process that is writing right now is ahead of what was read a moment before

    try:
        await run.until("copies that agree", agree)
    except AssertionError as error:
        raise AssertionError(f"{found[:5]}") from error
    return book


async def templates(run: Scenario, verb: str, *options: str) -> tuple[int, str]:
    """Let `aura-stream templates VERB` work on the run's store; return its exit code, and what it wrote."""
    path = run.folder / "templates.yaml"
    path.write_text(json.dumps(run.config))
    command = [sys.executable, "-m", "aura_stream.cli", "templates", verb, str(path), *options]
    pipe = asyncio.subprocess.PIPE
    env = environment(COLUMNS="200")
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, cwd=ROOT, env=env)
    out, errors = await process.communicate()
    return process.returncode or 0, (out + errors).decode(errors="replace")


# What processes told


async def promoted(discover: Worker, since: int = 0) -> None:
    """Wait until a discovery has promoted something; `since`: as for `Worker.logged`."""
    await discover.logged("templates: generation ", since)


def count_of(text: str, level: str) -> int:
    """Count the log lines of a level."""
    return text.count(f" {level} ") + text.count(f'"level": "{level.lower()}"')


def progress(worker: Worker) -> Mapping[str, Any]:
    """Return the figures of the last progress line of a process that logs JSON."""
    lines = [line for line in worker.log.splitlines() if '"messages_per_second"' in line]
    figures: Mapping[str, Any] = json.loads(lines[-1])
    return figures


# Messages


async def enough(run: Scenario, count: int = 5_200) -> None:
    """Let so many come that the run shows something, where faults were over sooner than that."""
    await run.pause()
    sent, _ = await run.counts()
    if sent < count:
        await run.send(count - sent)


async def largest_gap(run: Scenario, full: float) -> float:
    """Watch the output for a while; return the longest time, in seconds, in which nothing arrived."""
    until = time.monotonic() + run.seconds(full)
    (_, arrived), since, longest = await run.counts(), time.monotonic(), 0.0
    while time.monotonic() < until:
        await asyncio.sleep(0.05)
        _, now = await run.counts()
        longest = max(longest, time.monotonic() - since)
        if now > arrived:
            arrived, since = now, time.monotonic()
    return round(longest, 2)
