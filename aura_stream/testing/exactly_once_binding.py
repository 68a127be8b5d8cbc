"""Hooks that bind the suite for exactly once to one kind of system, and the suite's own tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, cast

from aura_stream.errors import UnavailableError
from aura_stream.model import Batch, Metadata
from aura_stream.ports import Context, ExactlyOnce, ExactlyOnceSink, KeepsDeadLetters, Source
from aura_stream.testing.binding import POLL_SECONDS, ConnectorBinding, numbered, values_of

CONTEXT = Context("conformance", direction="decode")
GROUP = "aura-dead-letters"
_UNWRITABLE = "test_what_can_never_be_written_is_named_before_anything_is_written"
_UNBURIABLE = "test_a_dead_letter_that_can_never_be_written_counts_behind_the_batches"
_APART = "test_sides_that_cannot_be_one_step_are_refused_with_the_reason"


@dataclass(frozen=True, slots=True)
class Pair:
    """Both ends, started."""

    source: Source
    sink: ExactlyOnceSink


class ExactlyOnceBinding(ConnectorBinding):
    """What the author fills in beside the hooks of `ConnectorBinding`."""

    unwritable: ClassVar[bytes | None] = None
    """A message that an output with `unwritable_sink_options` can never take; None if there is no such thing."""

    unburiable: ClassVar[bytes | None] = None
    """A message that the place of dead letters beside that output can never take; None if there is no such thing."""

    async def lose(self, topic: str, source: Source, batches: Sequence[Batch]) -> None:
        """Take these fetched batches away from their source, as a worker would that takes over.

        By default another source joins its group until they are lost; override it where that takes more.
        """
        other = self.new_source(topic)

        async def lost() -> bool:
            for each in (source, other):
                with suppress(UnavailableError):
                    await each.fetch(1, 1, POLL_SECONDS)
            return not any(map(source.owns, batches))

        try:
            await other.start()
            await self.eventually("the loss of what was fetched", lost)
        finally:
            await other.stop()

    def place(self, name: str) -> str:
        """Return a place for dead letters as a user writes it."""
        return name

    def unwritable_sink_options(self, topic: str) -> Mapping[str, Any]:
        """Return options of an output that cannot take `unwritable`."""
        return self.sink_options(topic)

    def apart_options(self, topic: str) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        """Return options of an input and an output that cannot be one step; None if any two can."""
        return None

    def __init_subclass__(cls) -> None:
        """Leave out what cannot apply to this system."""
        super().__init_subclass__()
        if cls.unwritable is None:
            setattr(cls, _UNWRITABLE, None)
        if cls.unburiable is None:
            setattr(cls, _UNBURIABLE, None)
        if cls.apart_options is ExactlyOnceBinding.apart_options:
            setattr(cls, _APART, None)

    # The tools of the suite.

    def new_pair(
        self, topic: str, context: Context = CONTEXT, unwritable: bool = False
    ) -> tuple[Source, ExactlyOnceSink]:
        """Build both ends, from `topic` to the topic of that name and `-out`, dead letters into `-dead`."""
        into = self.unwritable_sink_options(f"{topic}-out") if unwritable else self.sink_options(f"{topic}-out")
        return self._built(self.source_options(topic), into, self.place(f"{topic}-dead"), context)

    def _built(
        self, source: Mapping[str, Any], sink: Mapping[str, Any], place: str | None, context: Context
    ) -> tuple[Source, ExactlyOnceSink]:
        source_options = self.connector.source_options.model_validate(source)
        sink_options = self.connector.sink_options.model_validate(sink)
        dead = None if place is None else self._keeper.burying(sink_options, place)
        return cast(ExactlyOnce, self.connector).exactly_once(source_options, sink_options, dead, context)

    @asynccontextmanager
    async def started_pair(self, topic: str, unwritable: bool = False) -> AsyncIterator[Pair]:
        """Start both ends, and stop them at the end."""
        source, sink = self.new_pair(topic, unwritable=unwritable)
        try:
            await sink.start(await source.start())
            yield Pair(source, sink)
        finally:
            await sink.stop()
            await source.stop()

    async def _start_apart(self, source_options: Mapping[str, Any], sink_options: Mapping[str, Any]) -> None:
        source, sink = self._built(source_options, sink_options, None, CONTEXT)
        try:
            await sink.start(await source.start())
        finally:
            await sink.stop()
            await source.stop()

    @property
    def _keeper(self) -> KeepsDeadLetters:
        return cast(KeepsDeadLetters, self.connector)

    def _marked(self, letter: Batch) -> Batch:
        return self._keeper.marked(letter, [b"note"] * len(letter))

    async def _letters(self, topic: str) -> list[tuple[bytes | None, bytes | None]]:
        """Return the dead letters of a pair over this topic, with their notes."""
        options = self.connector.sink_options.model_validate(self.sink_options(f"{topic}-out"))
        options = self._keeper.unearthing(options, self.place(f"{topic}-dead"), [topic], GROUP)
        letters: list[tuple[bytes | None, bytes | None]] = []
        async for batch in self._keeper.buried(options):
            plain, notes = self._keeper.unmarked(batch)
            letters += zip(plain.values, notes, strict=True)
        return letters

    async def _filled(self, topic: str, count: int) -> None:
        await self.create(topic)
        await self.produce(topic, numbered(count))

    async def _has_arrived(self, topic: str, messages: Sequence[bytes | None]) -> None:
        """See that these arrived and nothing else, as soon as readers see what is committed."""

        async def all_of_it() -> bool:
            return len(await self.arrived(f"{topic}-out")) >= len(messages)

        await self.eventually(f"{len(messages)} messages", all_of_it)
        assert await self.arrived(f"{topic}-out") == messages

    async def _has_letters(self, topic: str, messages: Sequence[bytes | None]) -> None:
        """See that these are the dead letters, as soon as readers see what is committed."""

        async def all_of_them() -> bool:
            return len(await self._letters(topic)) >= len(messages)

        await self.eventually(f"{len(messages)} dead letters", all_of_them)
        assert await self._letters(topic) == [(message, b"note") for message in messages]

    async def _one_batch(self, pair: Pair, count: int) -> Batch:
        """Fetch the messages of one partition as one batch, however they came."""
        batches = await self.fetched(pair.source, count)
        values, positions = values_of(batches), [position for batch in batches for position in batch.positions]
        metadata = _joined([batch.metadata for batch in batches])
        attempts = [each for batch in batches for each in batch.attempts or ()] or None
        return replace(batches[0], values=values, positions=positions, metadata=metadata, attempts=attempts)

    async def _goes_on_with(self, topic: str, messages: Sequence[bytes | None]) -> None:
        """See that a new source of the group begins exactly there."""
        await self.produce(topic, [b"behind"])
        async with self.started_source(topic) as source:
            assert values_of(await self.fetched(source, len(messages) + 1)) == [*messages, b"behind"]


def count(batches: Sequence[Batch]) -> int:
    """Return how many messages these hold."""
    return sum(map(len, batches))


def _joined(parts: Sequence[Metadata]) -> Metadata:
    """Put the columns of several batches together."""
    first = parts[0]
    if first is None:
        return None
    names = [field.name for field in fields(first)]
    return type(first)(*([row for part in parts for row in getattr(part, name)] for name in names))
