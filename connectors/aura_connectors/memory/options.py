"""Options of the connector `memory`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PLACEHOLDER = "{source}"
Name = Annotated[str, Field(min_length=1)]


class MemorySourceOptions(BaseModel):
    """Topics of an in-process broker, read under a group."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    broker: Name = Field("default", description="name of the broker inside this process")
    topics: list[Name] = Field(min_length=1, description="topics to read")
    group: Name = Field("aura", description="name under which positions are kept; its newest reader owns all topics")


class MemorySinkOptions(BaseModel):
    """A topic of an in-process broker."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    broker: Name = Field("default", description="name of the broker inside this process")
    topic: Name = Field("{source}.aura", description="topic to write; {source} is the name of the input topic")
