"""What a connector must do that keeps dead letters, as tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from aura_stream.model import Batch, Entries, Metadata, Note, Partition, Records, TimestampType, Topic
from aura_stream.ports import Context, KeepsDeadLetters, Sink, Source
from aura_stream.testing.binding import POLL_SECONDS, ConnectorBinding, numbered, rows, values_of

CONTEXT = Context("conformance")  # direction encode: dead letters are no frames, whatever the bridge makes
GROUP = "aura-dead-letters"

Unearthed = tuple[list[bytes | None], list[bytes | None], list[object]]  # messages, notes, what is beside each


@pytest.mark.asyncio
class DeadLettersConformance(ConnectorBinding):
    """The contract of `aura_stream.ports.KeepsDeadLetters`. Subclass it, and fill in the hooks of `ConnectorBinding`.

    `takes_null` and `takes_line_feeds` do not matter here: a dead letter can be any message.
    """

    def place(self, name: str) -> str:
        """Return a place for dead letters as a user writes it; `name` may hold `{source}`."""
        return name

    def lean_sink_options(self, topic: str) -> Mapping[str, Any]:
        """Return options of a sink into this topic that leave out and trim whatever can be; a user may have them."""
        return self.sink_options(topic)

    # Marking

    async def test_the_connector_says_that_it_keeps_dead_letters(self) -> None:
        assert isinstance(self.connector, KeepsDeadLetters)
        assert self.connector.dead_letter_key

    @pytest.mark.parametrize("kind", ["records", "entries", "nothing"])
    async def test_marking_leaves_place_positions_and_message_count_as_they_are(self, kind: str) -> None:
        batch = replace(_letters(kind), epoch=7, attempts=[3] * 6)
        marked = self._keeper.marked(batch, _notes(6))
        assert len(marked) == len(batch)
        assert (marked.partition, marked.epoch, marked.attempts) == (batch.partition, 7, [3] * 6)
        assert list(marked.positions) == list(batch.positions)
        assert list(batch.values) == list(_letters(kind).values)

    @pytest.mark.parametrize("kind", ["records", "entries", "nothing"])
    async def test_unmarking_gives_back_messages_and_notes(self, kind: str) -> None:
        batch, notes = _letters(kind), _notes(6)
        plain, read = self._keeper.unmarked(self._keeper.marked(batch, notes))
        assert list(plain.values) == list(batch.values)
        assert list(read) == notes

    async def test_an_empty_batch_can_be_marked(self) -> None:
        for kind in ("records", "entries", "nothing"):
            marked = self._keeper.marked(_letters(kind).part(0, 0), [])
            plain, notes = self._keeper.unmarked(marked)
            assert (len(plain), list(notes)) == (0, [])

    async def test_what_was_never_marked_has_no_note_and_stays_as_it_is(self) -> None:
        batch = self._without_marks(_letters("nothing", [b"one", b"", b"{}", b"\x93\x01\xc4"]))
        plain, notes = self._keeper.unmarked(batch)
        assert plain == batch
        assert list(notes) == [None] * 4

    # Burying

    @pytest.mark.parametrize("kind", ["records", "entries", "nothing"])
    async def test_every_kind_of_message_comes_back_with_its_note_from_any_system(self, topic: str, kind: str) -> None:
        """And with what a sink of this kind would have written beside it, had it been no dead letter."""
        batch, notes = _letters(kind), _notes(6)
        async with self.burying_sink(topic, ["in"]) as sink:
            await sink.publish([self._keeper.marked(batch, notes)])
        values, read, beside = await self.unearthed(topic, ["in"], 6)
        assert values == list(batch.values)
        assert read == notes
        if batch.metadata is not None and self.connector.metadata:
            assert beside == await self._after_a_plain_journey(f"{topic}-plain", batch)

    async def test_a_note_of_any_length_survives(self, topic: str) -> None:
        note = Note("é" * 1000, "DamagedError", "decode", "in", 3, "17-4", 1_700_000_000.25, 7, "c0de" * 16)
        notes = [note.to_bytes(), b"", b"x" * 40_000]
        async with self.burying_sink(topic, ["in"]) as sink:
            await sink.publish([self._keeper.marked(_letters("records", [b"a", b"b", b"c"]), notes)])
        _, read, _ = await self.unearthed(topic, ["in"], 3)
        assert read == notes
        assert Note.from_bytes(read[0] or b"") == replace(note, reason="é" * 500)

    async def test_a_letter_that_is_buried_again_has_one_note_more(self, topic: str) -> None:
        twice = self._keeper.marked(self._keeper.marked(_letters("records", [b"message"]), [b"first"]), [b"second"])
        async with self.burying_sink(topic, ["in"]) as sink:
            await sink.publish([twice])
        async with self.unearthing_source(topic, ["in"]) as source:
            (batch,) = await self.fetched(source, 1)
        once, second = self._keeper.unmarked(batch)
        plain, first = self._keeper.unmarked(once)
        assert (list(second), list(first), list(plain.values)) == ([b"second"], [b"first"], [b"message"])

    async def test_what_publish_acknowledged_is_there_in_order_before_any_stop(self, topic: str) -> None:
        async with self.burying_sink(topic, ["in"]) as sink:
            for first in (0, 30, 60):
                part = numbered(90)[first : first + 30]
                batches = [_letters("nothing", [value]) for value in part]
                await sink.publish([self._keeper.marked(batch, [b"note"]) for batch in batches])
            values, _, _ = await self.unearthed(topic, ["in"], 90)
        assert values == numbered(90)

    async def test_options_that_leave_out_or_trim_leave_out_and_trim_nothing_here(self, topic: str) -> None:
        options = self.connector.sink_options.model_validate(self.lean_sink_options(topic))
        letters = _letters("records", numbered(300))
        async with self.burying_sink(topic, ["in"], options) as sink:
            await sink.publish([self._keeper.marked(letters, [b"note"] * 300)])
        values, notes, beside = await self.unearthed(topic, ["in"], 300)
        assert (values, notes) == (numbered(300), [b"note"] * 300)
        if self.connector.metadata:
            assert beside == await self._after_a_plain_journey(f"{topic}-plain", letters)

    # Places

    async def test_each_input_has_a_place_of_its_own_where_source_stands_in_the_name(self, topic: str) -> None:
        inputs = [f"{topic}-a", f"{topic}-b"]
        async with self.burying_sink("{source}.dead", inputs) as sink:
            for name in inputs:
                batch = _letters("nothing", [name.encode()], name)
                await sink.publish([self._keeper.marked(batch, [b"note"])])
        for name in inputs:
            values, _, _ = await self.unearthed("{source}.dead", [name], 1)
            assert values == [name.encode()]

    async def test_all_inputs_share_a_place_where_it_does_not(self, topic: str) -> None:
        inputs = [f"{topic}-a", f"{topic}-b"]
        async with self.burying_sink(topic, inputs) as sink:
            for name in inputs:
                batch = _letters("nothing", [name.encode()], name)
                await sink.publish([self._keeper.marked(batch, [b"note"])])
        values, _, _ = await self.unearthed(topic, inputs, 2)
        assert values == [name.encode() for name in inputs]

    # Unearthing

    async def test_a_source_sees_what_was_buried_each_once_and_nothing_settled_comes_again(self, topic: str) -> None:
        await self._bury(topic, 20)
        async with self.unearthing_source(topic, ["in"]) as source:
            batches = await self.fetched(source, 8, max_messages=8)
            await source.settle(batches)
        settled = len(values_of(batches))
        await self._bury(topic, 5)
        async with self.unearthing_source(topic, ["in"]) as source:
            rest = await self.fetched(source, 25 - settled)
            assert await source.fetch(100, 1 << 20, POLL_SECONDS) == []
        assert self._messages([*batches, *rest]) == [*numbered(20), *numbered(5)]

    async def test_what_is_not_settled_comes_again(self, topic: str) -> None:
        await self._bury(topic, 10)
        for _ in range(2):
            async with self.unearthing_source(topic, ["in"]) as source:
                assert self._messages(await self.fetched(source, 10)) == numbered(10)

    async def test_a_look_shows_what_is_not_settled_and_changes_nothing(self, topic: str) -> None:
        await self._bury(topic, 10)
        for _ in range(2):
            assert self._messages(await self.looked_at(topic, ["in"])) == numbered(10)
        async with self.unearthing_source(topic, ["in"]) as source:
            batches = await self.fetched(source, 10)
            assert self._messages(await self.looked_at(topic, ["in"])) == numbered(10)
            assert all(source.owns(batch) for batch in batches)
            settled = batches[0].part(0, 1)
            await source.settle([settled])
            assert self._messages(await self.looked_at(topic, ["in"])) == numbered(10)[1:]

    async def test_a_look_names_letters_as_a_source_does(self, topic: str) -> None:
        await self._bury(topic, 10)
        seen = [
            (batch.partition, position) for batch in await self.looked_at(topic, ["in"]) for position in batch.positions
        ]
        async with self.unearthing_source(topic, ["in"]) as source:
            assert _names(await self.fetched(source, 10)) == seen
        assert len(set(seen)) == 10

    async def test_a_place_where_nothing_was_ever_buried_is_empty(self, topic: str) -> None:
        assert await self.looked_at(topic, ["in"]) == []

    async def test_a_probe_writes_nothing(self, topic: str) -> None:
        options = self._keeper.burying(self._plain_options(topic), self.place(topic))
        sink = self.connector.sink(options, replace(CONTEXT, probe=True))
        try:
            await sink.start([Topic("in")])
        finally:
            await sink.stop()
        assert await self.looked_at(topic, ["in"]) == []

    # The tools of the suite.

    @property
    def _keeper(self) -> KeepsDeadLetters:
        return cast(KeepsDeadLetters, self.connector)

    def _plain_options(self, topic: str) -> Any:
        return self.connector.sink_options.model_validate(self.sink_options(f"{topic}-out"))

    @asynccontextmanager
    async def burying_sink(self, place: str, inputs: Sequence[str], options: Any = None) -> AsyncIterator[Sink]:
        """Start a sink of dead letters beside an output with these options."""
        options = self._keeper.burying(options or self._plain_options("any"), self.place(place))
        sink: Sink = self.connector.sink(options, CONTEXT)
        try:
            await sink.start([Topic(name) for name in inputs])
            yield sink
        finally:
            await sink.stop()

    @asynccontextmanager
    async def unearthing_source(self, place: str, inputs: Sequence[str]) -> AsyncIterator[Source]:
        """Start a source over the dead letters of these inputs."""
        source: Source = self.connector.source(self._unearthing_options(place, inputs), CONTEXT)
        try:
            await source.start()
            yield source
        finally:
            await source.stop()

    def _unearthing_options(self, place: str, inputs: Sequence[str]) -> Any:
        return self._keeper.unearthing(self._plain_options("any"), self.place(place), inputs, GROUP)

    async def unearthed(self, place: str, inputs: Sequence[str], count: int) -> Unearthed:
        """Read dead letters, and settle none."""
        async with self.unearthing_source(place, inputs) as source:
            batches = await self.fetched(source, count)
        values: list[bytes | None] = []
        notes: list[bytes | None] = []
        beside: list[object] = []
        for batch in batches:
            plain, read = self._keeper.unmarked(batch)
            values += plain.values
            notes += read
            beside += rows([plain])
        return values, notes, beside

    async def looked_at(self, place: str, inputs: Sequence[str]) -> list[Batch]:
        """Look at dead letters, in no group."""
        return [batch async for batch in self._keeper.buried(self._unearthing_options(place, inputs))]

    async def _bury(self, place: str, count: int) -> None:
        async with self.burying_sink(place, ["in"]) as sink:
            letters = _letters("nothing", numbered(count))
            await sink.publish([self._keeper.marked(letters, [b"note"] * count)])

    def _messages(self, batches: Sequence[Batch]) -> list[bytes | None]:
        return [value for batch in batches for value in self._keeper.unmarked(batch)[0].values]

    def _without_marks(self, batch: Batch) -> Batch:
        """Return a batch as a source of this kind hands it out."""
        return self._keeper.unmarked(self._keeper.marked(batch, [b"note"] * len(batch)))[0]

    async def _after_a_plain_journey(self, topic: str, batch: Batch) -> list[object]:
        """Return what a source reads beside these messages when a sink of this kind wrote them, without any note."""
        await self.create(topic)
        async with self.started_sink(topic, [Topic("in")]) as sink:
            await sink.publish([batch])
        async with self.started_source(topic) as source:
            return rows(await self.fetched(source, len(batch)))


def _names(batches: Sequence[Batch]) -> list[tuple[Partition, int | str]]:
    return [(batch.partition, position) for batch in batches for position in batch.positions]


def _notes(count: int) -> list[bytes]:
    return [b'{"version": 1, "reason": "number %d"}' % number for number in range(count)]


def _letters(kind: str, values: Sequence[bytes | None] | None = None, name: str = "in") -> Batch:
    """Return messages as a source of any system hands them out, with what that system keeps beside them."""
    if values is None:
        values = [b"text", b"", None, b"a\nb", bytes(range(256)), b"\x93\x01\xc0\xc0"]
    count = len(values)
    metadata: Metadata = None
    positions: Sequence[int | str] = range(count)
    if kind == "records":
        metadata = Records(
            keys=[None if row % 3 == 0 else b"key %d" % row for row in range(count)],
            headers=[[("name", b"\xff%d" % row), ("name", None)][: row % 3] for row in range(count)],
            timestamps=[1_700_000_000_000 + row for row in range(count)],
            timestamp_types=[TimestampType.CREATE] * count,
        )
    elif kind == "entries":
        positions = [f"{1_700_000_000_000 + row}-0" for row in range(count)]
        metadata = Entries(
            ids=[str(position).encode() for position in positions],
            fields=[((b"row", b"%d" % row), (b"row", b"")) for row in range(count)],
            places=[-1 if value is None else row % 3 for row, value in enumerate(values)],
        )
    return Batch(Partition(name), list(values), positions, metadata)
