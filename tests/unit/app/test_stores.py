"""The store, the journal and the mirror are those that the configuration names."""

from __future__ import annotations

from pathlib import Path

import pytest

from aura_stream.app import InstalledConnectors, option_models
from aura_stream.app.stores import build_journal, journal_of, open_store
from aura_stream.codec import Codebook
from aura_stream.config import Config, parse_config
from aura_stream.errors import ConfigError
from aura_stream.store import FileStore, MemoryStore, SharedStore

CONNECTORS = InstalledConnectors()
KAFKA = "kafka: {servers: 'in:1', topics: [t], group: g}"
REDIS = "redis_streams: {url: 'redis://in', streams: [s], group: g}"
FILES = "files: {paths: [frames/a, frames/b]}"
MEMORY = "memory: {topics: [t]}"
TO = {
    "kafka": "kafka: {servers: 'out:1', replication: 2}",
    "redis_streams": "redis_streams: {url: 'redis://out'}",
    "files": "files: {path: out/frames}",
    "memory": "memory: {}",
}


def _config(source: str, sink: str, direction: str, store: str) -> Config:
    text = f"namespace: ns\ninput: {{{source}}}\noutput: {{{TO[sink]}}}\ncodec: {{direction: {direction}}}\nstore: {store}\n"
    return parse_config(text, "x", option_models(CONNECTORS), {})


SHARED = "{redis: {url: 'redis://store'}}"


@pytest.mark.parametrize(
    ("store", "kind"),
    [("{memory: {}}", MemoryStore), ("{file: {path: b}}", FileStore), (SHARED, SharedStore)],
)
def test_each_kind_of_store_can_be_named(store: str, kind: type) -> None:
    assert isinstance(open_store(_config(KAFKA, "kafka", "encode", store), CONNECTORS), kind)


@pytest.mark.parametrize(
    ("source", "sink", "direction", "name", "said"),
    [
        (REDIS, "kafka", "encode", "kafka", {"servers": "out:1", "topic": "aura-journal-ns", "replication": 2}),
        (KAFKA, "redis_streams", "encode", "redis", {"stream": "aura-journal-ns"}),
        (KAFKA, "files", "encode", "file", {"path": Path("out/aura-journal-ns")}),
        (KAFKA, "redis_streams", "decode", "kafka", {"servers": "in:1", "topic": "aura-journal-ns"}),
        (REDIS, "kafka", "decode", "redis", {"stream": "aura-journal-ns"}),
        (FILES, "kafka", "decode", "file", {"path": Path("frames/aura-journal-ns")}),
    ],
)
def test_the_journal_stands_beside_the_frames(
    source: str, sink: str, direction: str, name: str, said: dict[str, object]
) -> None:
    config = _config(source, sink, direction, SHARED)
    kind, options = journal_of(config)
    assert kind == name
    assert {key: getattr(options, key) for key in said} == said
    build_journal(config)


def test_a_journal_that_is_named_goes_before() -> None:
    store = "{redis: {url: 'redis://store'}, journal: {file: {path: j}}}"
    kind, options = journal_of(_config(KAFKA, "kafka", "encode", store))
    assert (kind, getattr(options, "path", None)) == ("file", Path("j"))


def test_where_no_journal_stands_beside_the_frames_one_must_be_named() -> None:
    config = _config(MEMORY, "memory", "encode", SHARED)
    with pytest.raises(ConfigError, match=r"store\.journal: memory keeps no journal .* name one of file, kafka, redis"):
        open_store(config, CONNECTORS)
    named = "{redis: {url: 'redis://store'}, journal: {file: {path: j}}}"
    assert isinstance(open_store(_config(MEMORY, "memory", "encode", named), CONNECTORS), SharedStore)


async def test_what_the_file_does_not_say_is_taken_from_the_book(tmp_path: Path) -> None:
    Codebook(4, "marked").save(tmp_path / "b")
    store = f"{{file: {{path: '{tmp_path / 'b'}'}}}}"
    book = await open_store(_config(KAFKA, "kafka", "encode", store), CONNECTORS).start()
    assert (book.check_bytes, book.raw) == (4, "marked")
    with pytest.raises(ConfigError, match=r"codec\.check_bytes is 2"):
        await open_store(_config(KAFKA, "kafka", "encode, check_bytes: 2", store), CONNECTORS).start()


async def test_a_missing_file_is_an_empty_book_for_those_who_promote_only(tmp_path: Path) -> None:
    config = _config(KAFKA, "kafka", "encode", f"{{file: {{path: '{tmp_path / 'b'}'}}}}")
    with pytest.raises(ConfigError, match="there is no codebook"):
        await open_store(config, CONNECTORS).start()
    assert await open_store(config, CONNECTORS, promotes=True).start() == Codebook()
