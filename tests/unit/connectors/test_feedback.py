"""A bridge never writes into its own input."""

from __future__ import annotations

import pytest
from aura_connectors.feedback import PLACE, refuse_feedback
from aura_connectors.redis_streams import RedisStreamsSink, SinkOptions

from aura_stream.errors import ConfigError
from aura_stream.model import Topic
from aura_stream.ports import Context

INPUTS = [Topic("orders", settings={PLACE: "here"}), Topic("other", settings={PLACE: "there"}), Topic("file")]


@pytest.mark.parametrize("place", ["here", "there"])
def test_an_output_that_is_an_input_is_refused(place: str) -> None:
    with pytest.raises(ConfigError, match="is one of the inputs"):
        refuse_feedback("orders" if place == "here" else "other", place, INPUTS)


@pytest.mark.parametrize(
    ("name", "place"), [("orders", "there"), ("orders.aura", "here"), ("file", "here"), ("file", None)]
)
def test_the_same_name_elsewhere_is_another_output(name: str, place: str | None) -> None:
    refuse_feedback(name, place, INPUTS)


async def test_a_stream_is_refused_before_anything_is_connected() -> None:
    inputs = [Topic("orders", settings={PLACE: "localhost:1/2"})]
    options = SinkOptions.model_validate({"url": "redis://me@localhost:1/2", "stream": "{source}"})
    with pytest.raises(ConfigError, match="output orders is one of the inputs"):
        await RedisStreamsSink(options, Context()).start(inputs)
