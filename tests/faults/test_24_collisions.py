"""Row 24: of two entries with one digest, or one number, the second is refused, loudly, and nothing decodes wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgpack
import pytest

from aura_stream.codec import Codebook, HybridCodec, Proposal, Template, bookfile
from aura_stream.codec import template as template_module
from aura_stream.codec.codebook import CollisionError
from aura_stream.errors import CodebookError, StoreLostError, UnknownTemplateError
from aura_stream.store import FileStore, SharedStore
from aura_stream.store.drafting import Draft
from aura_stream.store.ledger import Ledger
from aura_stream.testing import MemorySharedLog
from tests.fuzz.recording import recorded
from tests.unit.store.world import FIRST, ONE, SECOND, World

MESSAGE = b"one one one"
TWIN = Template((b"the twin",))
OTHER = Proposal((Template((b"other",)),))


@pytest.fixture(autouse=True)
def _collision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the twin have the digest of the first template, wherever digests are taken."""
    honest = template_module.digest_of

    def forced(body: bytes) -> bytes:
        return honest(ONE.body if body == TWIN.body else body)

    monkeypatch.setattr(template_module, "digest_of", forced)
    monkeypatch.setattr(bookfile, "digest_of", forced)
    vars(TWIN).pop("digest", None)
    assert TWIN.digest == ONE.digest


def _critical(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]


async def _still_right(world: World, frame: bytes) -> None:
    book = await world.fresh_book()
    assert HybridCodec(book).decode(frame) == MESSAGE
    assert book.newest is not None
    assert TWIN.symbols not in [each.symbols for each in book.newest.templates]


async def test_a_second_template_with_a_known_digest_is_refused_by_a_shared_store(
    request: pytest.FixtureRequest, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    with recorded(request, seed, 2, "collisions") as result:
        world = World()
        frame = HybridCodec(await world.filled(FIRST), "batched").encode(MESSAGE)
        store = world.store()
        await store.start()
        before = list(world.journal.records), world.log.content
        for proposal in (Proposal((TWIN,)), Proposal((ONE, TWIN), opens=True)):
            with pytest.raises(CollisionError):
                await store.promote(proposal)
        result.fired = {"collisions": 2}
        assert (world.journal.records, world.log.content) == before
        assert [ONE.digest.hex() in line and "refused" in line for line in _critical(caplog)] == [True, True]
        await store.promote(OTHER)  # what does not collide goes on
        await _still_right(world, frame)


async def test_a_second_template_with_a_known_digest_is_refused_by_a_file(
    request: pytest.FixtureRequest, seed: int, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with recorded(request, seed, 1, "collisions") as result:
        path = tmp_path / "orders.book"
        store = FileStore(path, create=True)
        await store.start()
        frame = HybridCodec(await store.promote(FIRST), "batched").encode(MESSAGE)
        before = path.read_bytes()
        with pytest.raises(CollisionError):
            await store.promote(Proposal((TWIN,)))
        result.fired = {"collisions": 1}
        assert len(_critical(caplog)) == 1
        assert path.read_bytes() == before
        assert HybridCodec(Codebook.load(path)).decode(frame) == MESSAGE


async def test_a_record_that_collides_is_damage_to_everybody_who_reads_it(
    request: pytest.FixtureRequest, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """As a promoter would write it that did not look."""
    with recorded(request, seed, 2, "collisions") as result:
        world = World()
        frame = HybridCodec(await world.filled(FIRST), "batched").encode(MESSAGE)
        draft = Draft(_ledger(world))
        draft.templates([TWIN])
        record = draft.entries[0].to_bytes()
        assert _ledger(world).apply(record).verdict == "damaged"
        world.journal.records.append(record)
        reader = world.store()
        await reader.start()
        book = await reader.search()
        result.fired = {"collisions": 2}
        assert reader.status.damaged == 1
        assert any("damaged" in record.getMessage() for record in caplog.records)
        assert HybridCodec(book).decode(frame) == MESSAGE
        await (await _started(world)).promote(SECOND)
        await _still_right(world, frame)


def test_two_generations_that_collide_are_neither_saved_nor_loaded(request: pytest.FixtureRequest, seed: int) -> None:
    with recorded(request, seed, 2, "collisions") as result:
        book = Codebook().extended(FIRST).extended(Proposal((TWIN,), opens=True))
        with pytest.raises(CodebookError, match="two entries have the digest"):
            book.to_bytes()
        honest = Codebook().extended(FIRST).to_bytes()
        forged = _behind_the_templates(honest, TWIN)
        with pytest.raises(CodebookError, match="another entry has the same digest"):
            Codebook.from_bytes(forged)
        result.fired = {"collisions": 2}


async def test_of_two_templates_with_one_number_the_first_in_the_journal_counts(
    request: pytest.FixtureRequest, seed: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is rolled back behind a promoter's back, and another promoter is given the same number."""
    with recorded(request, seed, 1, "collisions") as result:
        world = World()
        await world.filled(FIRST)
        past = world.log.content
        store = await _started(world)
        monkeypatch.setattr(MemorySharedLog, "propose", _overtaken(world, past, monkeypatch))
        with pytest.raises(StoreLostError):
            await store.promote(SECOND)
        result.fired = {"collisions": 1}
        assert any("is lost" in line for line in _critical(caplog))
        winner = Codebook().extended(FIRST).extended(OTHER)
        frame = HybridCodec(winner, "batched").encode(b"other other")
        with suppress(UnknownTemplateError):  # the log does not tell of it yet; a reader must not guess
            assert HybridCodec(await world.fresh_book()).decode(frame) == b"other other"
        for book in (await store.rebuild(), await store.promote(SECOND), await world.fresh_book()):
            assert HybridCodec(book).decode(frame) == b"other other"
        assert book.generations[0].templates == winner.generations[0].templates  # the second got another number
        assert SECOND.templates[0] in book.generations[1].templates


async def _started(world: World) -> SharedStore:
    store = world.store()
    await store.start()
    return store


def _ledger(world: World) -> Ledger:
    ledger = Ledger()
    for record in world.journal.records:
        ledger.apply(record)
    return ledger


def _overtaken(world: World, past: object, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    propose = MemorySharedLog.propose

    async def overtaken(self: MemorySharedLog, *arguments: object) -> bool:
        monkeypatch.setattr(MemorySharedLog, "propose", propose)
        taken = await propose(self, *arguments)  # type: ignore[arg-type]
        ours = world.log.content
        world.log.content = past  # type: ignore[assignment]
        await world.filled(OTHER)
        world.log.content = ours
        return taken

    return overtaken


def _behind_the_templates(data: bytes, twin: Template) -> bytes:
    """Return a codebook file with one more template, before its end record."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(data)
    *values, end = unpacker
    out = b"".join(msgpack.packb(value) for value in (*values, ["template", twin.digest, twin.body]))
    return out + bytes(msgpack.packb(["end", end[1] + 1, bookfile.digest_of(out)]))
