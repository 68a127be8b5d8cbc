"""An output that is one of its inputs: what is written would be read, and written again, without end."""

from __future__ import annotations

from collections.abc import Sequence

from aura_stream.errors import ConfigError
from aura_stream.model import Topic

PLACE = "aura.place"  # among a topic's settings: which server or cluster holds it


def refuse_feedback(output: str, place: str | None, inputs: Sequence[Topic]) -> None:
    """Raise ConfigError if the output of that name and place is among the inputs; an unknown place is none."""
    if place is not None and any(topic.name == output and topic.settings.get(PLACE) == place for topic in inputs):
        raise ConfigError(f"output {output} is one of the inputs: what is written there would be read again, for ever")
