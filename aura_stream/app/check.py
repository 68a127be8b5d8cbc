"""Looking before running: every part of a bridge is built and reached, and nothing is changed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from aura_stream.app.ends import build_ends, places_of
from aura_stream.app.stores import build_journal, journal_of, open_store
from aura_stream.codec import Codebook
from aura_stream.config import Config
from aura_stream.errors import ConfigError, StoreLostError, UnavailableError
from aura_stream.ports import Connector
from aura_stream.runtime import Ends


async def check_bridge(
    config: Config, connectors: Mapping[str, Connector], offline: bool = False
) -> AsyncIterator[str]:
    """Yield a line for each thing that was found in order, or that a user should know.

    Raises ConfigError, CodebookError, and UnavailableError at the first thing that is not.
    """
    yield f"configuration: {config.codec.direction} from {config.input.connector} to {config.output.connector}"
    ends = build_ends(config, connectors, probe=True)
    if config.delivery == "exactly_once":
        yield f"delivery: exactly once: {config.output.connector} publishes and settles in one step"
    templates, lines = await _look_at_store(config, connectors, offline)
    for line in lines:
        yield line
    for note in _notes(config, connectors, templates):
        yield note
    if offline:
        if (places := places_of(config, connectors)) is not None:
            yield f"dead letters: {places.dead}"
        yield "connections: not tested (--offline)"
        return
    async for line in _look_at_ends(config, connectors, ends):
        yield line


async def _look_at_ends(config: Config, connectors: Mapping[str, Connector], ends: Ends) -> AsyncIterator[str]:
    places = places_of(config, connectors)
    try:
        topics = await ends.source.start()
        for topic in topics:
            yield f"input: {topic.name}, {topic.partitions} partitions"
        ends.require(topics)
        await ends.sink.start(topics)
        yield f"output: {config.output.connector} answers"
        if ends.dead_letters is not None:
            await ends.dead_letters.start(topics)
        if places is not None:
            names = dict.fromkeys(places.of(topic.name) for topic in topics)
            yield f"dead letters: {', '.join(names)}"
    finally:
        if ends.dead_letters is not None:
            await ends.dead_letters.stop()
        await ends.sink.stop()
        await ends.source.stop()


async def _look_at_store(
    config: Config, connectors: Mapping[str, Connector], offline: bool
) -> tuple[int | None, list[str]]:
    """Return how many templates the store holds, if that can be told, and what is to be said of its parts."""
    if config.store.shared_log is None:
        book = await _opened(config, connectors)
        return _templates(book), [_described(book)]
    name, _ = config.store.shared_log
    journal, _ = journal_of(config)
    mirror = _look_at_mirror(config.store.mirror)
    if offline:
        return None, [f"store: {name}, with its journal in {journal}", mirror]
    book = await _opened(config, connectors)
    return _templates(book), [_described(book), f"store: {name} answers", await _look_at_journal(config, book), mirror]


async def _opened(config: Config, connectors: Mapping[str, Connector]) -> Codebook:
    """Open the store, without a mirror that could stand in for it, and return its book."""
    store = open_store(config, connectors, verb="")
    try:
        book = await store.start()
        status = store.status
    finally:
        await store.stop()
    if status.state == "lost":
        raise StoreLostError(f"the store is lost: {status.reason}; `aura-stream templates rebuild` mends it")
    if status.state == "degraded":
        raise UnavailableError(f"the store does not answer: {status.reason}")
    return book


def _described(book: Codebook) -> str:
    return (
        f"codebook: {len(book.generations)} generations, {_templates(book)} templates, {book.check_bytes} check bytes"
    )


def _templates(book: Codebook) -> int:
    return sum(len(generation.templates) for generation in book.generations)


async def _look_at_journal(config: Config, book: Codebook) -> str:
    """Tell how long the journal is. Raises StoreLostError if it is empty though the store is not."""
    name, _ = journal_of(config)
    journal = build_journal(config)
    try:
        await journal.start(create=False)
        records = await journal.read()
    finally:
        await journal.stop()
    if not records and _templates(book):
        raise StoreLostError(
            f"the journal in {name} is empty, and the store holds {_templates(book)} templates: bring it back, or name "
            "the one that there is (store.journal), or let `aura-stream templates rebuild` write it anew from the store"
        )
    return f"journal: {name} answers, {len(records)} records"


def _look_at_mirror(folder: Path | None) -> str:
    """Tell where the mirror is. Raises ConfigError if it cannot be written there; makes nothing."""
    if folder is None:
        return "note: without a mirror a worker cannot start while the store is away"
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"store.mirror: {folder} cannot be written")
    return f"mirror: {folder}"


def _notes(config: Config, connectors: Mapping[str, Connector], templates: int | None) -> Sequence[str]:
    notes = []
    if config.dead_letter is None:
        notes.append("note: without dead_letter a message that cannot go over stops the worker")
    source, sink = config.input.connector, config.output.connector
    if connectors[source].metadata and not connectors[sink].metadata:
        notes.append(f"note: {sink} carry values only: whatever {source} keeps beside them stays behind")
    if connectors[sink].metadata and not connectors[source].metadata:
        notes.append(f"note: {source} carry values only: what arrives in {sink} has nothing beside them")
    if templates == 0 and config.codec.direction == "encode":
        learns = "; `aura-stream discover` finds some" if config.store.shared_log is not None else ""
        notes.append(f"note: the codebook holds no template, so small messages stay as large as they are{learns}")
    return notes
