"""Where messages go that cannot be transformed."""

from __future__ import annotations

from pydantic import Field, model_validator

from aura_stream.config.choice import Options

PLACES = ("topic", "stream", "path")


class DeadLetterOptions(Options):
    """Where messages go that cannot be transformed or written, each with the reason. Absent: such a message stops
    the worker. Exactly one of topic, stream and path, as the output is; the connection is the output's."""

    topic: str | None = Field(None, min_length=1, description="for kafka: a topic; {source}: name of the input")
    stream: str | None = Field(
        None, min_length=1, description="for redis_streams: a stream; {source}: name of the input"
    )
    path: str | None = Field(None, min_length=1, description="for files: a file; {source}: name of the input")
    attempts: int = Field(
        10,
        ge=2,
        description="a message handed out so often and never settled becomes one too: it may be what kills the worker "
        "(counted by redis_streams only)",
    )

    group: str = Field(
        "aura-dead-letters",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="group under which `aura-stream dead-letters replay` settles; the same for all that share a place",
    )

    @model_validator(mode="after")
    def _one(self) -> DeadLetterOptions:
        if sum(getattr(self, place) is not None for place in PLACES) != 1:
            raise ValueError(f"name exactly one of {', '.join(PLACES)}")
        return self

    @property
    def place(self) -> tuple[str, str]:
        """Which kind of place, and its name."""
        for kind in PLACES:
            if (name := getattr(self, kind)) is not None:
                return kind, str(name)
        raise AssertionError("validated: one is named")
