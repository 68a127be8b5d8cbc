"""Looking before running: every part of a bridge is built and reached, and nothing is changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from aura_stream.app.bridge import build_ends, open_codebook
from aura_stream.config import Config
from aura_stream.ports import Connector


async def check_bridge(
    config: Config, connectors: Mapping[str, Connector], offline: bool = False
) -> AsyncIterator[str]:
    """Yield a line for each thing that was found in order, or that a user should know.

    Raises ConfigError, CodebookError, and UnavailableError at the first thing that is not.
    """
    yield f"configuration: {config.codec.direction} from {config.input.connector} to {config.output.connector}"
    book = open_codebook(config)
    templates = sum(len(generation.templates) for generation in book.generations)
    yield f"codebook: {len(book.generations)} generations, {templates} templates, {book.check_bytes} check bytes"
    ends = build_ends(config, connectors, probe=True)
    for note in _notes(config, connectors, templates):
        yield note
    if offline:
        yield "connections: not tested (--offline)"
        return
    try:
        topics = await ends.source.start()
        for topic in topics:
            yield f"input: {topic.name}, {topic.partitions} partitions"
        await ends.sink.start(topics)
        yield f"output: {config.output.connector} answers"
    finally:
        await ends.sink.stop()
        await ends.source.stop()


def _notes(config: Config, connectors: Mapping[str, Connector], templates: int) -> list[str]:
    notes = []
    source, sink = config.input.connector, config.output.connector
    if connectors[source].metadata and not connectors[sink].metadata:
        notes.append(f"note: {sink} carry values only: whatever {source} keeps beside them stays behind")
    if connectors[sink].metadata and not connectors[source].metadata:
        notes.append(f"note: {source} carry values only: what arrives in {sink} has nothing beside them")
    if templates == 0 and config.codec.direction == "encode":
        notes.append("note: the codebook holds no template, so small messages stay as large as they are")
    return notes
