"""Hooks that bind the conformance suite to one kind of system, and the suite's own tools."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from aura_stream.model import Batch, Entries, Metadata, Records, Topic
from aura_stream.ports import Connector, Context, Sink, Source

MAX_BYTES = 1 << 22
POLL_SECONDS = 0.2


_OPTIONAL = {  # options that a binding may leave at None: the test that needs them
    "unreachable_source_options": "test_an_unreachable_input_is_unavailable_at_each_start",
    "unreachable_sink_options": "test_an_unreachable_output_is_unavailable_at_each_start",
}


_PAUSING = (
    "test_of_a_paused_partition_nothing_comes_until_it_is_resumed",
    "test_what_was_fetched_of_a_paused_partition_stays_ours_and_settles",
    "test_a_partition_assigned_anew_is_not_paused",
)


class ConnectorBinding:
    """What the author fills in. Fixtures of your own (a server, a folder) come in through an autouse fixture
    of the class that keeps them on `self`.
    """

    connector: ClassVar[Connector]
    """The object that the entry point names."""

    takes_null: ClassVar[bool] = True
    """Whether a message may be null (a tombstone)."""

    takes_line_feeds: ClassVar[bool] = True
    """Whether a message may contain a line feed."""

    needs_existing_input: ClassVar[bool] = True
    """Whether a source over a topic that does not exist is an error, rather than one with nothing in it yet."""

    can_pause: ClassVar[bool] = False
    """Whether its sources are `aura_stream.ports.PausableSource`."""

    patience: ClassVar[float] = 60.0
    """Seconds after which the suite gives up waiting for something that must happen."""

    async def create(self, topic: str) -> None:
        """Make an empty input topic (of one partition), if the system does not make it at the first message."""

    async def produce(self, topic: str, values: Sequence[bytes | None]) -> None:
        """Append messages to a topic with a client of your own.

        Give each some metadata of its own, if the system has any: the suite checks that it travels on.
        """
        raise NotImplementedError

    async def arrived(self, topic: str) -> Sequence[bytes | None]:
        """Return all messages of a topic in order, read with a client of your own; [] if there is none yet."""
        raise NotImplementedError

    def source_options(self, topic: str) -> Mapping[str, Any]:
        """Return the options of a source over this topic, as a user writes them; always the same group."""
        raise NotImplementedError

    def sink_options(self, topic: str) -> Mapping[str, Any]:
        """Return the options of a sink into this topic, as a user writes them."""
        raise NotImplementedError

    def unreachable_source_options(self) -> Mapping[str, Any] | None:
        """Return options under which nothing answers; None for a system that is always there."""
        return None

    def unreachable_sink_options(self) -> Mapping[str, Any] | None:
        """Return options under which nothing answers; None for a system that is always there."""
        return None

    def __init_subclass__(cls) -> None:
        """Leave out what cannot apply to this system: a test that is not there, rather than one that is skipped."""
        super().__init_subclass__()
        for options, test in _OPTIONAL.items():
            if getattr(cls, options) is getattr(ConnectorBinding, options) and hasattr(cls, test):
                setattr(cls, test, None)
        if not cls.can_pause:
            for test in _PAUSING:
                setattr(cls, test, None)

    # The tools of the suite.

    @pytest.fixture
    def topic(self) -> str:
        """Return a name that no other test uses."""
        return f"conformance-{uuid4().hex[:12]}"

    def new_source(self, topic: str, *, once: bool = False, probe: bool = False) -> Source:
        """Build a source that is not started yet."""
        options = self.connector.source_options.model_validate(self.source_options(topic))
        return self.connector.source(options, Context("conformance", once=once, probe=probe))

    def new_sink(self, topic: str, *, probe: bool = False) -> Sink:
        """Build a sink that is not started yet."""
        options = self.connector.sink_options.model_validate(self.sink_options(topic))
        return self.connector.sink(options, Context("conformance", direction="decode", probe=probe))

    @asynccontextmanager
    async def started_source(self, topic: str, *, once: bool = False) -> AsyncIterator[Source]:
        """Start a source over the topic, and stop it at the end."""
        source = self.new_source(topic, once=once)
        try:
            await source.start()
            yield source
        finally:
            await source.stop()

    @asynccontextmanager
    async def started_sink(self, topic: str, inputs: Sequence[Topic] = ()) -> AsyncIterator[Sink]:
        """Start a sink into the topic, and stop it at the end."""
        sink = self.new_sink(topic)
        try:
            await sink.start(inputs or [Topic("input")])
            yield sink
        finally:
            await sink.stop()

    async def fetched(self, source: Source, count: int, max_messages: int = 1000) -> list[Batch]:
        """Fetch until at least `count` messages came; fail when the suite's patience ends."""
        batches: list[Batch] = []
        deadline = time.monotonic() + self.patience
        while sum(map(len, batches)) < count:
            assert time.monotonic() < deadline, f"{sum(map(len, batches))} of {count} messages came"
            batches += await source.fetch(max_messages, MAX_BYTES, POLL_SECONDS)
        return batches

    async def eventually(self, what: str, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait until the condition holds; fail when the suite's patience ends."""
        deadline = time.monotonic() + self.patience
        while not await condition():
            assert time.monotonic() < deadline, f"never came: {what}"
            await asyncio.sleep(POLL_SECONDS)

    def awkward_values(self) -> list[bytes | None]:
        """Return messages of the kinds that systems are known to lose, as far as this one takes them."""
        every_byte = bytes(range(256))
        values: list[bytes | None] = [
            b"text",
            b"",
            b"\xff\xfe",
            b"\xc1",
            every_byte,
            b"",
            every_byte * 1024,
            b"\r",
            b"{}",
        ]
        if not self.takes_line_feeds:
            values = [value.replace(b"\n", b"") for value in values if value is not None]
        return [*values, None, b"after null", None] if self.takes_null else values


def numbered(count: int, size: int = 0) -> list[bytes]:
    """Return distinct messages, each padded to at least `size` bytes."""
    return [f"message {number:06d} ".encode().ljust(size, b".") for number in range(count)]


def values_of(batches: Sequence[Batch]) -> list[bytes | None]:
    """Return the values of several batches, in order."""
    return [value for batch in batches for value in batch.values]


def size_of(batches: Sequence[Batch]) -> int:
    """Return the bytes of all values."""
    return sum(len(value or b"") for value in values_of(batches))


def lasting(metadata: Metadata) -> object:
    """Return what must survive a journey through a system of the same kind; ids of stream entries are made anew."""
    match metadata:
        case Records():
            return [list(metadata.keys), [list(headers) for headers in metadata.headers], list(metadata.timestamps)]
        case Entries():
            return [[list(fields) for fields in metadata.fields], list(metadata.places)]
        case _:
            return None


def rows(batches: Sequence[Batch]) -> list[object]:
    """Return what must survive of each single message's metadata, however the messages are cut into batches."""
    return [lasting(batch.part(row, row + 1).metadata) for batch in batches for row in range(len(batch))]
