"""Dead letters are looked at without a trace, and go over the bridge once more, however often some fail again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from aura_connectors.memory import MemoryBroker
from aura_connectors.memory import connector as memory

from aura_stream.app import InstalledConnectors, option_models, run_bridge
from aura_stream.app.dead_letters import Letter, find_letters, read_letters
from aura_stream.app.replaying import Rehearsed, Replayed, rehearse, replay
from aura_stream.codec import Codebook, HybridCodec
from aura_stream.config import Config, parse_config
from aura_stream.errors import ConfigError, MessageError, NotDrainedError
from aura_stream.model import Batch, Note, Partition, Records
from tests.unit.codec.books import mined, sample_messages
from tests.unit.runtime.engine import eventually

CONNECTORS = InstalledConnectors()
BRIDGE = """
    namespace: orders
    input: {{memory: {{broker: {broker}, topics: [{topics}]}}}}
    output: {{memory: {{broker: {broker}, topic: "{output}"}}}}
    store: {store}
    dead_letter: {{topic: "{place}", attempts: 2}}
    batch: {{max_messages: 7}}
    {more}
"""


class Shop:
    """A bridge between topics of a broker of its own."""

    def __init__(self, topics: Sequence[str] = ("in",), partitions: int = 2) -> None:
        self.name = f"letters-{uuid4().hex[:8]}"
        self.broker = MemoryBroker.named(self.name)
        self.topics = topics
        for topic in topics:
            self.broker.create(topic, partitions)

    def config(
        self, more: str = "", output: str = "{source}.out", place: str = "{source}.dead", store: str = "{memory: {}}"
    ) -> Config:
        text = BRIDGE.format(
            broker=self.name, topics=", ".join(self.topics), output=output, place=place, store=store, more=more
        )
        return parse_config(text, "x", option_models(CONNECTORS), {})

    def write(self, values: Sequence[bytes | None], partition: int = 0, topic: str = "in") -> None:
        rows = range(len(values))
        keys, headers = [b"key %d" % row for row in rows], [[("n", b"%d" % row)] for row in rows]
        metadata = Records(keys, headers, list(rows), [0] * len(values))
        self.broker.append(Partition(topic, partition), values, metadata)

    def written(self, topic: str = "in.out", partition: int = 0) -> list[tuple[bytes | None, bytes | None]]:
        """Return values and keys."""
        logs = self.broker.topic(topic) or []
        rows: list[tuple[bytes | None, bytes | None]] = []
        for batch in logs[partition].read_all() if logs else []:
            assert isinstance(batch.metadata, Records)
            rows += zip(batch.values, batch.metadata.keys, strict=True)
        return rows

    async def letters(self, config: Config | None = None) -> list[Letter]:
        return [letter async for letter in read_letters(config or self.config(), CONNECTORS)]


LIMITED = "limits: {message: 5B}"


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    MemoryBroker.forget(shop.name)


async def buried(shop: Shop, count: int = 3) -> Config:
    """Let some large messages become dead letters."""
    shop.write([b"ok 1", *[b"large %d" % row for row in range(count)], b"ok 2"], partition=1)
    config = shop.config(LIMITED)
    await run_bridge(config, CONNECTORS, once=True)
    return config


def notes_of(letters: Sequence[Letter]) -> list[Note]:
    return [letter.note for letter in letters if letter.note is not None]


class TestLooking:
    async def test_each_letter_has_its_place_its_note_and_the_message_with_what_came_beside_it(
        self, shop: Shop
    ) -> None:
        config = await buried(shop, 2)
        first, second = await shop.letters(config)
        assert (first.name, second.name) == ("in.dead/1/0", "in.dead/1/1")
        assert first.note is not None
        assert (first.note.message, first.note.error) == ("in/1/1", "RefusedMessageError")
        assert (first.value, second.value) == (b"large 0", b"large 1")
        assert isinstance(first.message.metadata, Records)
        assert list(first.message.metadata.keys) == [b"key 1"]
        assert await shop.letters(config) == [first, second]

    async def test_a_place_where_nothing_was_buried_is_empty(self, shop: Shop) -> None:
        assert await shop.letters() == []
        assert await replay(shop.config(), CONNECTORS) == Replayed()

    async def test_without_a_place_there_is_nothing_to_look_at(self, shop: Shop) -> None:
        config = shop.config().model_copy(update={"dead_letter": None})
        for work in (replay(config, CONNECTORS), rehearse(config, CONNECTORS), find_letters(config, CONNECTORS, ["0"])):
            with pytest.raises(ConfigError, match=r"^dead_letter: no place is named"):
                await work

    async def test_a_letter_is_found_by_where_it_lies_or_by_the_end_of_that(self, shop: Shop) -> None:
        config = await buried(shop, 2)
        found = await find_letters(config, CONNECTORS, ["in.dead/1/0", "1/1", "1", "7"])
        assert {name: [letter.value for letter in letters] for name, letters in found.items()} == {
            "in.dead/1/0": [b"large 0"],
            "1/1": [b"large 1"],
            "1": [b"large 1"],
            "7": [],
        }


class TestReplaying:
    async def test_what_goes_over_now_has_its_key_and_partition_and_is_no_dead_letter_any_more(
        self, shop: Shop
    ) -> None:
        await buried(shop)
        assert await replay(shop.config(), CONNECTORS) == Replayed(over=3)
        large = [(b"large %d" % row, b"key %d" % (row + 1)) for row in range(3)]
        assert shop.written(partition=1) == [(b"ok 1", b"key 0"), (b"ok 2", b"key 4"), *large]
        assert await shop.letters() == []
        assert await replay(shop.config(), CONNECTORS) == Replayed()

    async def test_what_fails_again_becomes_a_dead_letter_again_however_often_it_was_tried(self, shop: Shop) -> None:
        config = await buried(shop, 20)
        for attempt in (2, 3, 4, 5):
            assert await replay(config, CONNECTORS) == Replayed(again=20)
            notes = notes_of(await shop.letters())
            assert [note.attempts for note in notes] == [attempt] * 20
            assert [note.message for note in notes] == [f"in/1/{row + 1}" for row in range(20)]
            assert {note.error for note in notes} == {"RefusedMessageError"}

    async def test_only_what_is_asked_for_goes_over_and_nothing_else_is_lost(self, shop: Shop) -> None:
        await buried(shop, 5)
        before = notes_of(await shop.letters())
        only = ["in/1/2", "in/1/4"]
        assert await replay(shop.config(), CONNECTORS, only) == Replayed(over=2, left=2)
        assert [value for value, _ in shop.written(partition=1)][2:] == [b"large 1", b"large 3"]
        left = await shop.letters()
        assert [letter.value for letter in left] == [b"large 4", b"large 0", b"large 2"]
        assert notes_of(left) == [before[4], before[0], before[2]]

    async def test_what_nobody_buried_cannot_be_asked_for(self, shop: Shop) -> None:
        await buried(shop, 1)
        for work in (replay, rehearse):
            with pytest.raises(LookupError, match="message in/1/9"):
                await work(shop.config(), CONNECTORS, ["in/1/1", "in/1/9"])
        assert len(await shop.letters()) == 1

    async def test_letters_of_other_bridges_are_left_as_they_are(self, shop: Shop) -> None:
        await buried(shop, 2)
        ours = notes_of(await shop.letters())[0]
        foreign = [
            Note("r", "E", "encode", "elsewhere", 0, "5", 0.0),
            Note("r", "E", "decode", ours.topic, ours.partition, "6", 0.0),
        ]
        plain = Batch(Partition("in.dead", 1), [b"a", b"b"], [0, 1])
        marked = memory.marked(plain, [note.to_bytes() for note in foreign])
        self.append(shop, marked.values)
        self.append(shop, [b"no note"])
        self.append(shop, memory.marked(plain.part(0, 1), [ours.to_bytes()]).values)
        assert await replay(shop.config(), CONNECTORS) == Replayed(over=3, left=3)
        letters = await shop.letters()
        assert [(letter.value, letter.note) for letter in letters] == [
            (b"a", foreign[0]),
            (b"b", foreign[1]),
            (b"no note", None),
        ]

    def append(self, shop: Shop, values: Sequence[bytes | None]) -> None:
        rows = len(values)
        shop.broker.append(Partition("in.dead", 1), values, Records([None] * rows, [()] * rows, [0] * rows, [0] * rows))

    async def test_several_inputs_may_share_a_place_where_they_share_the_output(self) -> None:
        shop = Shop(("a", "b"), partitions=1)
        for topic in shop.topics:
            shop.write([b"large " + topic.encode()], topic=topic)
        config = shop.config(LIMITED, output="all", place="dead")
        await run_bridge(config, CONNECTORS, once=True)
        assert {letter.name for letter in await shop.letters(config)} == {"dead/0/0", "dead/0/1"}
        opened = shop.config(output="all", place="dead")
        assert await replay(opened, CONNECTORS) == Replayed(over=2)
        assert {value for value, _ in shop.written("all")} == {b"large a", b"large b"}

    async def test_exactly_once_is_replayed_at_least_once(self, shop: Shop) -> None:
        shop.write([b"larger"])
        await run_bridge(shop.config(f"delivery: exactly_once\n    {LIMITED}"), CONNECTORS, once=True)
        assert await replay(shop.config("delivery: exactly_once"), CONNECTORS) == Replayed(over=1)
        assert [value for value, _ in shop.written()] == [b"larger"]

    async def test_told_to_stop_it_says_how_many_are_left_and_loses_none(self, shop: Shop) -> None:
        await buried(shop, 30)
        slow = shop.config("limits: {messages_per_second: 7}")

        async def stop_soon() -> None:
            await eventually("the first ones", lambda: len(shop.written(partition=1)) >= 2 + 7)
            os.kill(os.getpid(), signal.SIGTERM)

        stopping = asyncio.create_task(stop_soon())
        with pytest.raises(NotDrainedError, match="dead letters not replayed") as caught:
            await replay(slow, CONNECTORS)
        await stopping
        letters = await shop.letters()
        assert 0 < len(letters) == caught.value.messages < 30
        assert len(letters) + len(shop.written(partition=1)) == 32

    async def test_a_rehearsal_tells_what_would_become_of_them_and_changes_nothing(self, shop: Shop) -> None:
        config = await buried(shop, 4)
        before, written = await shop.letters(), shop.written(partition=1)
        tried = await rehearse(config, CONNECTORS, ["in/1/2"])
        assert [(note.message, note.attempts) for note in tried.again] == [("in/1/2", 2)]
        assert (tried.over, tried.waiting, tried.left) == (0, 0, 3)
        assert await rehearse(shop.config(), CONNECTORS) == Rehearsed(4, [], 0, 0)
        assert (await shop.letters(), shop.written(partition=1)) == (before, written)


class TestFrames:
    """Dead letters of a bridge that decodes: most are damaged frames, which prove nothing of the codebook."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> str:
        mined(1).save(tmp_path / "book")
        return f'{{file: {{path: "{tmp_path / "book"}"}}, wait: 0.2s}}'

    def config(self, shop: Shop, store: str) -> Config:
        return shop.config("codec: {direction: decode}", store=store)

    def frames(self) -> list[bytes]:
        codec = HybridCodec(mined(1))
        frames = codec.encode_batch(sample_messages()[:40])
        return [frame for frame in frames if codec.peek(frame).method == "template"]

    def damaged(self, frame: bytes) -> bytes:
        return frame[:-1] + bytes([frame[-1] ^ 1])

    async def test_damaged_frames_fail_again_and_those_that_were_mended_go_over(self, shop: Shop, store: str) -> None:
        frames = self.frames()
        shop.write([*frames[:6], self.damaged(frames[6]), self.damaged(frames[7]), *frames[8:12]])
        config = self.config(shop, store)
        await run_bridge(config, CONNECTORS, once=True)
        first, second = await shop.letters(config)
        assert {note.error for note in notes_of([first, second])} == {"CorruptFrameError"}
        assert await replay(config, CONNECTORS) == Replayed(again=2)
        assert [note.attempts for note in notes_of(await shop.letters(config))] == [2, 2]
        assert len((await rehearse(config, CONNECTORS)).again) == 2

    async def test_where_nothing_vouches_for_the_codebook_nothing_is_replayed(self, shop: Shop, store: str) -> None:
        """The wrong one would let one of 256 pass."""
        config = self.config(shop, store)
        note = Note("r", "CorruptFrameError", "decode", "in", 0, "0", 0.0)
        marked = memory.marked(Batch(Partition("in.dead"), [self.damaged(self.frames()[0])], [0]), [note.to_bytes()])
        shop.broker.append(Partition("in.dead"), marked.values)
        for work in (replay, rehearse):
            with pytest.raises(MessageError, match="in partition 0 position 0: cannot be decoded"):
                await work(config, CONNECTORS)
        assert notes_of(await shop.letters(config)) == [note]

    async def test_what_waits_for_a_template_stays_a_dead_letter(self, shop: Shop, store: str, tmp_path: Path) -> None:
        config = self.config(shop, store)
        notes = [Note("r", "RefusedMessageError", "decode", "in", 0, str(row), 0.0) for row in range(3)]
        letters = Batch(Partition("in.dead"), self.frames()[:3], range(3))
        shop.broker.append(Partition("in.dead"), memory.marked(letters, [note.to_bytes() for note in notes]).values)
        Codebook().save(tmp_path / "book")
        assert await rehearse(config, CONNECTORS) == Rehearsed(0, [], 3, 0)
        with pytest.raises(MessageError, match="did not arrive within"):
            await replay(config, CONNECTORS)
        assert notes_of(await shop.letters(config)) == notes
        mined(1).save(tmp_path / "book")
        assert await replay(config, CONNECTORS) == Replayed(over=3)
        logs = shop.broker.topic("in.out") or []
        values = [value for batch in logs[0].read_all() for value in batch.values]
        assert values == [HybridCodec(mined(1)).decode(frame) for frame in self.frames()[:3]]
