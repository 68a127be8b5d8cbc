"""Targets of the configuration: the file, variables and flags, with the options of every connector."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from aura_connectors.files import connector as files
from aura_connectors.files.journal import maker as file_journal
from aura_connectors.kafka import connector as kafka
from aura_connectors.kafka.journal import maker as kafka_journal
from aura_connectors.memory import connector as memory
from aura_connectors.redis_streams import connector as redis_streams
from aura_connectors.redis_streams.journal import maker as redis_journal
from aura_connectors.redis_streams.shared_log import maker as redis_log

from aura_stream.config import ConnectorModels, OptionModels, load_config
from aura_stream.errors import ConfigError
from tests.fuzz.guided.scratch import Scratch

ROOT = Path(__file__).resolve().parents[3]
_PASSWORD = "hunter-2"
_CONNECTORS = {"files": files, "kafka": kafka, "memory": memory, "redis_streams": redis_streams}
MODELS = OptionModels(
    {name: ConnectorModels(each.source_options, each.sink_options) for name, each in _CONNECTORS.items()},
    {"redis": redis_log.options},
    {"file": file_journal.options, "kafka": kafka_journal.options, "redis": redis_journal.options},
)


@cache
def _scratch() -> Scratch:
    return Scratch()


def config(data: bytes) -> None:
    """Load a file, up to the first 00; behind it lines of KEY=VALUE, which are flags, variables where they begin AURA_."""
    content, _, rest = data.partition(b"\0")
    environ, flags = {"KAFKA_PASSWORD": _PASSWORD}, []
    for line in rest.decode("utf-8", "replace").split("\n"):
        key, is_pair, value = line.partition("=")
        if key.startswith("AURA_"):
            environ[key] = value
        elif is_pair:
            flags.append((key, value))
    shown = ""
    try:
        load_config(_scratch().holding(content), MODELS, environ, flags)
    except ConfigError as error:
        shown = str(error)
    assert _PASSWORD not in shown or _PASSWORD.encode() in data, "an error shows a password"


def configs() -> Iterator[bytes]:
    """Seeds: the examples and what the container uses."""
    tail = b"\0AURA_CODEC__CHECK_BYTES=4\ncodec.raw=marked\ninput.kafka.topics=[a, b]"
    for path in sorted([*ROOT.glob("examples/*.yaml"), *ROOT.glob("docker/config/*.yaml")]):
        yield path.read_bytes()
        yield path.read_bytes() + tail
