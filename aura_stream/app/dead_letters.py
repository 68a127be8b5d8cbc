"""What became a dead letter: looking at it, and bringing it over the bridge once more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aura_stream.app.ends import keeper_of
from aura_stream.app.places import SOURCE
from aura_stream.config import Config, DeadLetterOptions
from aura_stream.errors import ConfigError
from aura_stream.model import Batch, Note, Partition, Topic
from aura_stream.ports import Connector, Context, KeepsDeadLetters

_ANY: Final = "any"  # stands for the name of an input where none is needed


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter that is not replayed yet: where it lies, why, and the message without the note, as a batch of one.

    `note` is None for what somebody else wrote there.
    """

    place: Partition
    position: int | str
    note: Note | None
    message: Batch

    @property
    def name(self) -> str:
        """Where it lies: topic/partition/position."""
        return f"{self.place}/{self.position}"

    @property
    def value(self) -> bytes | None:
        """The message."""
        return self.message.values[0]


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The places for dead letters of one configuration."""

    keeper: KeepsDeadLetters
    output: Any  # options
    options: DeadLetterOptions

    @property
    def shared(self) -> bool:
        """Whether all inputs share one place."""
        return SOURCE not in self.options.place[1]

    def unearthing(self, inputs: Sequence[str]) -> Any:
        """Return the options of a source that reads what was buried for these inputs."""
        return self.keeper.unearthing(self.output, self.options.place[1], inputs, self.options.group)

    async def look(self, inputs: Sequence[str]) -> AsyncIterator[tuple[str, Batch]]:
        """Yield what lies there, with the note still in it, each with the name of an input whose letters go there."""
        for name in inputs[:1] if self.shared else dict.fromkeys(inputs):
            async for batch in self.keeper.buried(self.unearthing([name])):
                yield name, batch

    def opened(self, batch: Batch) -> list[Letter]:
        """Return the letters of a batch one by one."""
        plain, marks = self.keeper.unmarked(batch)
        notes = [None if mark is None else Note.from_bytes(mark) for mark in marks]
        return [
            Letter(batch.partition, batch.positions[row], notes[row], plain.part(row, row + 1))
            for row in range(len(batch))
        ]


def dead_letters_of(config: Config, connectors: Mapping[str, Connector]) -> DeadLetters:
    """Return the places that a configuration names. Raises ConfigError if it names none, or one that cannot be."""
    if config.dead_letter is None:
        raise ConfigError("dead_letter: no place is named, so nothing became a dead letter here")
    return DeadLetters(keeper_of(config, connectors), config.output.options, config.dead_letter)


async def read_letters(config: Config, connectors: Mapping[str, Connector]) -> AsyncGenerator[Letter, None]:
    """Yield all dead letters that are not replayed yet, place by place; joins no group and changes nothing.

    Raises ConfigError, UnavailableError, MessageError.
    """
    dead = dead_letters_of(config, connectors)
    inputs = [_ANY] if dead.shared else [topic.name for topic in await inputs_of(config, connectors)]
    async for _, batch in dead.look(inputs):
        for letter in dead.opened(batch):
            yield letter


async def inputs_of(config: Config, connectors: Mapping[str, Connector]) -> Sequence[Topic]:
    """Look up the inputs, without joining anything."""
    context = Context(config.namespace, False, config.codec.direction, probe=True)
    source = connectors[config.input.connector].source(config.input.options, context)
    try:
        return await source.start()
    finally:
        await source.stop()


async def find_letters(
    config: Config, connectors: Mapping[str, Connector], names: Collection[str]
) -> dict[str, list[Letter]]:
    """Return for each name the letters that it means: topic/partition/position of the place, or its end alone."""
    found: dict[str, list[Letter]] = {name: [] for name in names}
    async for letter in read_letters(config, connectors):
        for spelling in (letter.name, f"{letter.place.index}/{letter.position}", str(letter.position)):
            if spelling in found:
                found[spelling].append(letter)
    return found
