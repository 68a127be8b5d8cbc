"""The configuration file as models: the one declaration of every option, its default and its meaning.

The options of a connector are declared by the connector; `config_model` puts them in their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

from aura_stream.config.quantities import Duration, Size

CHECK_SIZES = (0, 1, 2, 4)


def _check_size(value: int) -> int:
    if value not in CHECK_SIZES:
        raise ValueError("expected 0, 1, 2 or 4")
    return value


class Options(BaseModel):
    """A mapping of the file: no key beside those declared, and no value in an error message."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


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


class MemoryStoreOptions(Options):
    """An empty codebook that lives as long as the worker: no templates, so only large messages get smaller."""


class FileStoreOptions(Options):
    """A codebook in a file, as `aura-stream train` writes it."""

    path: Path = Field(description="file of the codebook")


class StoreOptions(Options):
    """Where the codebook comes from: exactly one of these."""

    file: FileStoreOptions | None = Field(None, description="a codebook in a file")
    memory: MemoryStoreOptions | None = Field(None, description="an empty codebook")

    @model_validator(mode="after")
    def _one(self) -> StoreOptions:
        if (self.file is None) == (self.memory is None):
            raise ValueError("name exactly one store: file or memory")
        return self


class BatchOptions(Options):
    """How much is worked on at a time. Up to three times `max_bytes` are held, and what they become."""

    max_messages: int = Field(5000, ge=1, description="messages fetched at a time")
    max_bytes: Size = Field(4 * 2**20, ge=1, description="bytes fetched at a time; one message always fits")


class LoggingOptions(Options):
    """What is written to stderr, and how."""

    format: Literal["console", "json"] = Field("console", description="lines for people, or one JSON object a line")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least that is written")


class Side(Options):
    """Where messages come from, or where they go: exactly one connector with its options."""

    @model_validator(mode="after")
    def _one(self) -> Side:
        if len(self.model_fields_set) != 1:
            raise ValueError("name exactly one connector")
        return self

    @property
    def connector(self) -> str:
        """The connector's name."""
        (name,) = self.model_fields_set
        return name

    @property
    def options(self) -> BaseModel:
        """The connector's own options."""
        options: BaseModel = getattr(self, self.connector)
        return options


class Config(Options):
    """One bridge: messages come from `input`, go through the codec, and arrive at `output`."""

    namespace: str = Field(
        "default", pattern=r"^[A-Za-z0-9._-]{1,100}$", description="key space of the codebook, one per tenant"
    )
    input: Side = Field(description="where messages come from")
    output: Side = Field(description="where they go")
    codec: CodecOptions = Field(default_factory=CodecOptions)
    store: StoreOptions
    delivery: Literal["at_least_once"] = Field("at_least_once", description="what is promised: docs/guarantees.md")
    batch: BatchOptions = Field(default_factory=BatchOptions)
    logging: LoggingOptions = Field(default_factory=LoggingOptions)
    heartbeat: Path | None = Field(None, description="file touched about each second while the worker is alive")
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


def config_model(inputs: Mapping[str, type[BaseModel]], outputs: Mapping[str, type[BaseModel]]) -> type[Config]:
    """Return the model of a file in which these connectors can be named."""
    sides: dict[str, Any] = {
        "input": (_side_model("Input", inputs), Field(description="where messages come from")),
        "output": (_side_model("Output", outputs), Field(description="where they go")),
    }
    return create_model("Config", __base__=Config, __doc__=Config.__doc__, **sides)


def _side_model(name: str, connectors: Mapping[str, type[BaseModel]]) -> type[Side]:
    fields: dict[str, Any] = {
        connector: (model | None, Field(None, description=(model.__doc__ or "").strip()))
        for connector, model in connectors.items()
    }
    return create_model(name, __base__=Side, __doc__=Side.__doc__, **fields)
