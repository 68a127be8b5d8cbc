"""The last frames that a configuration's bridge wrote, or would read: for a look at them, in no group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aura_stream.app.ends import build_ends
from aura_stream.config import Config
from aura_stream.errors import ConfigError, ConnectorError, MessageError
from aura_stream.ports import Connector, Tail


@dataclass(frozen=True, slots=True)
class LastFrames:
    """Frames by the name of their topic, stream or file; `notes` say what was not read, `damage` what is broken."""

    frames: Mapping[str, Sequence[bytes]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    damage: Sequence[str] = ()


async def read_last_frames(config: Config, connectors: Mapping[str, Connector], limit: int) -> LastFrames:
    """Read up to `limit` frames of each output; with direction decode, of each input."""
    encoding = config.codec.direction == "encode"
    side = config.output if encoding else config.input
    connector = connectors[side.connector]
    if not isinstance(connector, Tail):
        return LastFrames(notes=[f"the frames in {side.connector} cannot be looked at from outside"])
    try:
        inputs = await _names_of_inputs(config, connectors) if encoding else ()
        frames = await connector.tail(side.options, inputs, limit)
    except (ConfigError, ConnectorError) as error:
        return LastFrames(notes=[f"no frames were read: {error}"])
    except MessageError as error:
        return LastFrames(damage=[str(error)])
    return LastFrames(frames, () if frames else [f"there are no frames in {side.connector} yet"])


async def _names_of_inputs(config: Config, connectors: Mapping[str, Connector]) -> Sequence[str]:
    source = build_ends(config, connectors, probe=True).source
    try:
        return [topic.name for topic in await source.start()]
    finally:
        await source.stop()
