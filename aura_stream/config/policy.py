"""How much a worker takes in, and how long it may stand still."""

from __future__ import annotations

from pydantic import Field

from aura_stream.config.choice import Options
from aura_stream.config.quantities import Size


class LimitOptions(Options):
    """How much a worker takes from its input; each left out: no limit."""

    messages_per_second: float | None = Field(None, gt=0, description="messages fetched a second, on average")
    bytes_per_second: Size | None = Field(None, ge=1, description="bytes fetched a second, on average")
    message: Size | None = Field(
        None, ge=1, description="bytes of one message; a larger one becomes a dead letter, or stops the worker"
    )
