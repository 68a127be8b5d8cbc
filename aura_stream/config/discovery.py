"""Options of `aura-stream discover`: what it may use, and what it may promote."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from aura_stream.config.choice import Options
from aura_stream.config.quantities import Duration, Size


class DiscoveryOptions(Options):
    """Learning templates from the input, in a process of its own: `aura-stream discover`."""

    group: str = Field(
        "aura-discovery",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="consumer group of its own, under which it reads the input",
    )
    sample: int = Field(2000, ge=1, le=10**6, description="messages a second that it learns from; others are skipped")
    cpu: float = Field(0.5, gt=0, le=1, description="share of one core that it uses in the long run")
    memory: Size = Field(64 * 2**20, ge=2**20, description="what it may remember of the messages")
    interval: Duration = Field(5.0, ge=0.1, description="how long it learns between two proposals")
    drift: float = Field(
        0.05, gt=0, le=1, description="it proposes at once when templates save so much less of each byte than before"
    )
    distinct_messages: int = Field(
        5, ge=2, description="in how many messages a word must have stood to become part of a template"
    )
    budget: int = Field(5000, ge=1, description="new templates an hour: a flood of crafted messages stops there")
    approve: bool = Field(
        False, description="true: proposals go into a file that a person imports, and are not promoted"
    )
    checkpoint: Path | None = Field(
        None,
        description="file of what it has counted so far. Default: in the mirror, or beside the file of the codebook",
    )
