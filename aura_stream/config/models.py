"""The configuration file as models: the one declaration of every option, its default and its meaning.

The options of a connector are declared by the connector; `config_model` puts them in their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, create_model

from aura_stream.config.choice import Choice, Options, choices
from aura_stream.config.dead_letter import DeadLetterOptions
from aura_stream.config.discovery import DiscoveryOptions
from aura_stream.config.policy import LimitOptions
from aura_stream.config.quantities import Duration, Size
from aura_stream.config.store import StoreOptions, store_model

CHECK_SIZES = (0, 1, 2, 4)


def _check_size(value: int) -> int:
    if value not in CHECK_SIZES:
        raise ValueError("expected 0, 1, 2 or 4")
    return value


class CodecOptions(Options):
    """How messages and frames are made of each other."""

    direction: Literal["encode", "decode"] = Field("encode", description="encode messages, or restore them from frames")
    destination: Literal["batched", "standalone"] | None = Field(
        None,
        description="batched: frames that compress well inside a batch; standalone: the smallest frame. "
        "Default: what suits the output",
    )
    check_bytes: Annotated[int, AfterValidator(_check_size)] = Field(
        1,
        description="bytes of check in each frame that is not raw: 0, 1, 2 or 4. Fixed when the codebook is made",
        json_schema_extra={"enum": list(CHECK_SIZES)},
    )
    raw: Literal["plain", "marked"] = Field(
        "plain", description="marked: one byte before each raw message. Fixed when the codebook is made"
    )


class BatchOptions(Options):
    """How much is worked on at a time. Up to three times `max_bytes` are held, and what they become."""

    max_messages: int = Field(5000, ge=1, description="messages fetched at a time")
    max_bytes: Size = Field(4 * 2**20, ge=1, description="bytes fetched at a time; one message always fits")


class LoggingOptions(Options):
    """What is written to stderr, and how."""

    format: Literal["console", "json"] = Field("console", description="lines for people, or one JSON object a line")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least that is written")


class Side(Choice):
    """Where messages come from, or where they go: exactly one connector with its options."""

    @property
    def connector(self) -> str:
        """The connector's name."""
        return self.chosen


class Config(Options):
    """One bridge: messages come from `input`, go through the codec, and arrive at `output`."""

    namespace: str = Field(
        "default", pattern=r"^[A-Za-z0-9._-]{1,100}$", description="key space of the codebook, one per tenant"
    )
    input: Side = Field(description="where messages come from")
    output: Side = Field(description="where they go")
    codec: CodecOptions = Field(default_factory=CodecOptions)
    store: StoreOptions
    discovery: DiscoveryOptions = Field(default_factory=DiscoveryOptions)
    delivery: Literal["at_least_once", "exactly_once"] = Field(
        "at_least_once", description="what is promised, and between which systems: docs/guarantees.md"
    )
    dead_letter: DeadLetterOptions | None = None
    batch: BatchOptions = Field(default_factory=BatchOptions)
    limits: LimitOptions = Field(default_factory=LimitOptions)
    logging: LoggingOptions = Field(default_factory=LoggingOptions)
    heartbeat: Path | None = Field(None, description="file touched about each second while the worker is alive")
    watchdog: Duration | None = Field(
        20.0,
        description="an event loop that stands still for so long is told in the log; after three times as long the "
        "process ends with exit 75, to be started anew. 0s or null: off",
    )
    startup_timeout: Duration = Field(30.0, description="how long to wait for servers at start; then exit 75")
    drain_timeout: Duration = Field(
        25.0, description="how long to finish what is in flight after SIGTERM; then exit 75"
    )

    def __repr__(self) -> str:
        return f"Config(namespace={self.namespace!r}, {self.input.connector} → {self.output.connector})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class ConnectorModels:
    """The option models of one connector."""

    source: type[BaseModel]
    sink: type[BaseModel]


@dataclass(frozen=True, slots=True)
class OptionModels:
    """The option models of everything that a file can name, by name; each is looked up when a file names it."""

    connectors: Mapping[str, ConnectorModels]
    shared_logs: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    journals: Mapping[str, type[BaseModel]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Named:
    """The option models of what one file names."""

    inputs: Mapping[str, type[BaseModel]]
    outputs: Mapping[str, type[BaseModel]]
    shared_logs: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    journals: Mapping[str, type[BaseModel]] = field(default_factory=dict)


def config_model(named: Named) -> type[Config]:
    """Return the model of a file in which these can be named."""
    fields: dict[str, Any] = {
        "input": (choices("Input", Side, named.inputs), Field(description="where messages come from")),
        "output": (choices("Output", Side, named.outputs), Field(description="where they go")),
        "store": (store_model(named.shared_logs, named.journals), Field()),
    }
    return create_model("Config", __base__=Config, __doc__=Config.__doc__, **fields)
