"""Options of the connector `files`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from aura_stream.errors import ConfigError

FramingName = Literal["lines", "varint"]
PLACEHOLDER = "{source}"


def _distinct(paths: list[Path]) -> list[Path]:
    if len({path.name for path in paths}) < len(paths):
        raise ValueError("two of the files have the same name, which is the name of their topic")
    return paths


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    framing: FramingName | None = Field(
        None,
        description="lines: one message a line, split at LF, CR kept; varint: unsigned LEB128 length, then the bytes. "
        "Default: lines for messages; frames are always varint",
    )


class FilesSourceOptions(_Options):
    """Files to read, each a topic that has the file's name. How far they were read is kept in PATH.GROUP.position."""

    key: ClassVar[str] = "input.files.paths"  # what a user edits to have others
    whole: ClassVar[bool] = False  # whether only what a sink of ours has acknowledged is read

    paths: Annotated[list[Path], Field(min_length=1), AfterValidator(_distinct)] = Field(description="files to read")
    group: str = Field(
        "aura", pattern=r"^[A-Za-z0-9._-]{1,100}$", description="name under which the positions are kept"
    )


class FilesSinkOptions(_Options):
    """A file to append to. How much of it is whole is kept in PATH.committed."""

    key: ClassVar[str] = "output.files.path"

    path: str = Field(min_length=1, description="file to write; {source} is the name of the input")


class BurialOptions(FilesSinkOptions):
    """A file of dead letters, each in an envelope with its note."""

    key: ClassVar[str] = "dead_letter.path"


class UnearthingOptions(FilesSourceOptions):
    """Files of dead letters, up to what is acknowledged: the rest may be torn, and is cut off after a crash."""

    key: ClassVar[str] = "dead_letter.path"
    whole: ClassVar[bool] = True


class FilesJournalOptions(BaseModel):
    """The file that holds the journal of a template store."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    path: Path = Field(description="file to append to; its folder must exist")


def resolve_framing(framing: FramingName | None, frames: bool, side: str) -> FramingName:
    """Return the framing to use. Raises ConfigError for frames in lines, since a frame may contain a line feed."""
    if frames and framing == "lines":
        raise ConfigError(
            f"{side}.files.framing: frames may contain line feeds: write framing: varint, or leave it out"
        )
    return framing or ("varint" if frames else "lines")
