"""Where the codebook comes from: a file, nowhere, or a log that the processes of a namespace share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, Field, create_model, model_validator

from aura_stream.config.choice import Choice, Options, choices, optional
from aura_stream.config.quantities import Duration


class MemoryStoreOptions(Options):
    """An empty codebook that lives as long as the worker: no templates, so only large messages get smaller."""


class FileStoreOptions(Options):
    """A codebook in a file, as `aura-stream train` writes it."""

    path: Path = Field(description="file of the codebook")


class JournalChoice(Choice):
    """The durable copy of a shared store: exactly one of these. Default: beside the frames."""

    what: ClassVar[str] = "journal"


def _no_text(value: object) -> object:
    return None if value == "" else value  # a variable cannot say null


class StoreOptions(Options):
    """Where the codebook comes from: exactly one of file, memory and redis. The other keys are for redis only."""

    file: FileStoreOptions | None = Field(None, description="a codebook in a file")
    memory: MemoryStoreOptions | None = Field(None, description="an empty codebook")
    mirror: Annotated[Path | None, BeforeValidator(_no_text)] = Field(
        Path("mirror"), description="folder of the copies that processes start from where redis is away; null: none"
    )
    journal: JournalChoice | None = Field(
        None, description="the durable copy: exactly one of these. Default: beside the frames"
    )
    require: bool = Field(False, description="true: do not start without redis, even where a mirror is usable")
    wait: Duration = Field(
        10.0,
        description="how long a frame may wait for a template that the store does not have yet; "
        "then its partition pauses, or with --once the run fails",
    )

    @model_validator(mode="after")
    def _one(self) -> StoreOptions:
        shared = [name for name in self.shared_logs() if getattr(self, name) is not None]
        if (self.file is not None) + (self.memory is not None) + len(shared) != 1:
            raise ValueError("name exactly one store: file, memory or redis")
        alone = sorted(self.model_fields_set & {"mirror", "journal", "require"})
        if alone and not shared:
            raise ValueError(f"{alone[0]} goes with a shared store such as redis")
        return self

    @classmethod
    def shared_logs(cls) -> list[str]:
        """Return the names of the shared logs that can be named."""
        return [name for name in cls.model_fields if name not in StoreOptions.model_fields]

    @property
    def shared_log(self) -> tuple[str, BaseModel] | None:
        """The name and the options of the shared log, None for a file or memory."""
        for name in self.shared_logs():
            options: BaseModel | None = getattr(self, name)
            if options is not None:
                return name, options
        return None


def store_model(
    shared_logs: Mapping[str, type[BaseModel]], journals: Mapping[str, type[BaseModel]]
) -> type[StoreOptions]:
    """Return the model in which these can be named."""
    described = StoreOptions.model_fields["journal"].description
    fields: dict[str, Any] = optional(shared_logs)
    fields["journal"] = (choices("Journal", JournalChoice, journals) | None, Field(None, description=described))
    return create_model("Store", __base__=StoreOptions, __doc__=StoreOptions.__doc__, **fields)
