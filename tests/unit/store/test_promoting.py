"""Promoting, retiring and rebuilding, with everything that may go wrong in between; and what `verify` finds then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aura_stream.codec import Codebook, Proposal, Template
from aura_stream.codec.codebook import CollisionError
from aura_stream.errors import CodebookError, ConfigError, StoreLostError, UnavailableError
from aura_stream.model import Position
from aura_stream.store import FolderMirror, Properties, SharedStore
from aura_stream.store.bodies import Namespace
from aura_stream.store.drafting import founding
from aura_stream.store.entry import Entry
from aura_stream.testing import MemorySharedLog
from tests.unit.store.world import FIRST, NAME, ONE, SECOND, THREE, TWO, World, problems

EMPTY = Codebook()
OTHER = Template((b"other",))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def _started(world: World, verb: str | None = "discover") -> SharedStore:
    store = world.store(verb)
    await store.start()
    return store


# Promoting


async def test_each_call_may_fail_and_the_next_attempt_completes_it(world: World) -> None:
    """Before it takes effect, or after, with the answer lost; nothing is given twice, nothing is doubled."""
    for server in (world.log, world.journal):
        for after in (False, True):
            for call in range(1, 8):
                each = World()
                faulty = each.log if server is world.log else each.journal
                await each.filled(FIRST)
                store = await _started(each, None)
                faulty.fail_before, faulty.fail_after = (0, call) if after else (call, 0)
                for _ in range(2):
                    try:
                        book = await store.promote(SECOND)
                        break
                    except UnavailableError:
                        faulty.fail_before = faulty.fail_after = 0
                faulty.fail_before = faulty.fail_after = 0
                assert book == EMPTY.extended(FIRST).extended(SECOND)
                assert await each.fresh_book() == book
                assert problems(await store.verify()) == []


async def test_what_another_left_unconfirmed_is_confirmed_first(world: World) -> None:
    await world.filled(FIRST)
    dead = await _started(world, None)
    world.journal.fail_before = 3
    with pytest.raises(UnavailableError):
        await dead.promote(SECOND)
    store = await _started(world)
    assert await store.promote(Proposal((OTHER,))) == EMPTY.extended(FIRST).extended(SECOND).extended(
        Proposal((OTHER,))
    )


async def test_a_journal_that_was_cut_off_in_the_middle_is_completed(world: World) -> None:
    await world.filled(FIRST)
    dead = await _started(world, None)
    world.journal.tear_after = 1
    with pytest.raises(UnavailableError):
        await dead.promote(Proposal((THREE, OTHER)))
    store = await _started(world)
    assert await store.promote(Proposal()) == EMPTY.extended(FIRST).extended(Proposal((THREE, OTHER)))


async def test_a_namespace_whose_log_was_not_made_yet_is_completed(world: World) -> None:
    dead = await _started(world, None)
    world.log.fail_before = 3  # two readings, and the log is not made
    with pytest.raises(UnavailableError):
        await dead.promote(FIRST)
    assert len(world.journal.records) == 1
    reader = await _started(world, "run")
    assert reader.status.state == "ok"
    assert await (await _started(world)).promote(FIRST) == EMPTY.extended(FIRST)
    assert await reader.follow() == EMPTY.extended(FIRST)


async def test_a_lost_store_is_not_promoted_into(world: World) -> None:
    await world.filled(FIRST)
    past = world.log.content
    await world.filled(SECOND)
    store = await _started(world)
    for content in (None, past):
        world.log.content = content
        with pytest.raises(StoreLostError, match="namespace orders: its log"):
            await store.promote(Proposal((OTHER,)))
        with pytest.raises(StoreLostError):
            await store.retire([ONE.digest])
    assert store.status.lost == 1


async def test_a_journal_that_is_gone_is_a_loss(world: World) -> None:
    await world.filled()
    world.journal.records.clear()
    for store in (await _started(world), world.store()):
        with pytest.raises(StoreLostError, match="its journal is empty"):
            await store.promote(SECOND)


async def test_log_and_journal_that_are_gone_are_a_loss_for_who_has_a_mirror(world: World) -> None:
    await world.filled()
    store = await _started(world)
    world.log.flush()
    del world.journal.records[1:]
    with pytest.raises(StoreLostError, match="log and journal are gone"):
        await store.promote(SECOND)


async def test_log_and_journal_that_lack_what_is_known_are_lost(world: World) -> None:
    await world.filled(FIRST)
    past, journal = world.log.content, list(world.journal.records)
    await world.filled(SECOND)
    store = await _started(world)
    world.log.content, world.journal.records = past, journal
    with pytest.raises(StoreLostError, match="lack entries that are known here"):
        await store.promote(Proposal((OTHER,)))


async def test_a_damaged_entry_that_is_not_durable_yet_is_a_loss(world: World) -> None:
    """Nobody can confirm it any more; nothing was written with it."""
    await world.filled(FIRST)
    dead = await _started(world, None)
    world.journal.fail_before = 3
    with pytest.raises(UnavailableError):
        await dead.promote(SECOND)
    assert world.log.content is not None
    world.log.damage(2, world.log.content.records[2].data[:-1] + b"\0")
    store = await _started(world)
    with pytest.raises(StoreLostError, match="log and journal hold different entries"):
        await store.promote(SECOND)
    book = await store.rebuild()
    assert EMPTY.extended(FIRST).is_prefix_of(book)
    assert EMPTY.extended(FIRST) != book


async def test_a_journal_that_forgets_what_is_written_is_an_outage(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(*_: object) -> None:
        pass

    monkeypatch.setattr("aura_stream.testing.memory_log.MemoryJournal.append", forget)
    with pytest.raises(UnavailableError, match="does not give back"):
        await (await _started(world)).promote(FIRST)


async def test_a_template_whose_digest_another_has_is_refused_loudly(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.filled()
    twin = Template((b"twin",))
    vars(twin)["digest"] = ONE.digest
    store = await _started(world)
    with pytest.raises(CollisionError, match=ONE.digest.hex()):
        await store.promote(Proposal((twin,)))
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert await store.promote(Proposal((OTHER,))) == await world.fresh_book()


async def test_others_that_always_come_first_are_an_outage(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.filled()

    async def refuse(*_: object) -> bool:
        return False

    store = await _started(world)
    monkeypatch.setattr(MemorySharedLog, "propose", refuse)
    with pytest.raises(UnavailableError, match="at the same time"):
        await store.promote(Proposal((OTHER,)))
    monkeypatch.setattr(MemorySharedLog, "retire", refuse)
    with pytest.raises(UnavailableError, match="at the same time"):
        await store.retire([ONE.digest])


async def test_a_log_that_was_written_again_by_others_is_noticed_before_anything_is_active(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rolled back after our proposal; another promoter is given the same number, and is first in the journal."""
    await world.filled(FIRST)
    past = world.log.content
    store = await _started(world)
    propose = MemorySharedLog.propose

    async def overtaken(self: MemorySharedLog, *arguments: object) -> bool:
        monkeypatch.setattr(MemorySharedLog, "propose", propose)
        taken = await propose(self, *arguments)  # type: ignore[arg-type]
        ours = world.log.content
        world.log.content = past
        await world.filled(Proposal((OTHER,)))
        world.log.content = ours
        return taken

    monkeypatch.setattr(MemorySharedLog, "propose", overtaken)
    with pytest.raises(StoreLostError, match="its log holds other entries before 0-3"):
        await store.promote(SECOND)
    book = await store.rebuild()
    assert EMPTY.extended(FIRST).extended(Proposal((OTHER,))).is_prefix_of(book)
    assert await store.promote(SECOND) == await world.fresh_book()


@pytest.mark.parametrize(
    ("properties", "name", "message"),
    [
        (Properties(4), NAME, r"codec\.check_bytes is 4, but namespace orders was made with 1"),
        (None, "bills", "this is the store of namespace orders, not of bills"),
    ],
)
async def test_a_promoter_does_not_write_into_a_store_of_another_make(
    world: World, properties: Properties | None, name: str, message: str
) -> None:
    store = world.store(properties=properties, name=name)
    await store.start()
    await world.filled()
    records = list(world.journal.records)
    with pytest.raises(ConfigError, match=message):
        await store.promote(SECOND)
    assert world.journal.records == records


async def test_a_journal_of_a_later_format_is_left_alone(world: World) -> None:
    body = Namespace(NAME, 1, "plain", "id").to_body()
    later = Entry("namespace", 0, -1, 0, b"", body[:1] + b"\x02" + body[2:])
    world.journal.records.append(later.to_bytes())
    with pytest.raises(CodebookError, match="format 2 is not known here"):
        await world.store().start()
    with pytest.raises(CodebookError, match="format 2 is not known here"):
        await world.store().promote(FIRST)
    assert len(world.journal.records) == 1


# Retiring


async def test_retired_in_the_journal_only_is_completed_in_the_log(world: World) -> None:
    await world.filled()
    dead = await _started(world, None)
    world.log.fail_before = 2  # read, and then retire
    with pytest.raises(UnavailableError):
        await dead.retire([ONE.digest])
    reader = await _started(world, "run")
    assert (await reader.follow()).retired == frozenset()
    book = await (await _started(world)).promote(Proposal())
    assert book.retired == {ONE.digest}
    assert await reader.follow() == book


async def test_retired_in_the_log_only_is_completed_in_the_journal(world: World) -> None:
    await world.filled()
    assert world.log.content is not None
    world.log.content = replace(world.log.content, retired=frozenset([TWO.digest]))
    store = await _started(world)
    assert (await store.promote(Proposal())).retired == {TWO.digest}
    world.log.flush()
    assert (await store.rebuild()).retired == {TWO.digest}
    assert (await world.fresh_book()).retired == {TWO.digest}


async def test_what_is_no_digest_cannot_be_retired(world: World) -> None:
    await world.filled()
    with pytest.raises(CodebookError):
        await (await _started(world)).retire([b"short"])


# Rebuilding


async def _rebuilt(world: World, book: Codebook, store: SharedStore) -> Codebook:
    rebuilt = await store.rebuild()
    assert book.is_prefix_of(rebuilt)
    assert len(rebuilt.generations) == len(book.generations) + 1
    assert rebuilt.newest == book.newest
    assert await world.fresh_book() == rebuilt
    assert problems(await store.verify()) == []
    assert store.status.state == "ok"
    return rebuilt


async def test_a_lost_log_is_written_anew_into_a_new_generation(world: World) -> None:
    book = await world.filled()
    await world.store().retire([ONE.digest])
    book = book.without([ONE.digest])
    store = await _started(world)
    world.log.flush()
    rebuilt = await _rebuilt(world, book, store)
    assert rebuilt.retired == {ONE.digest}
    assert (await store.promote(Proposal((OTHER,)))).newest is not None
    assert world.log.content is not None
    assert (world.log.content.state.epoch, world.log.content.state.end) == (1, Position(1, 4))


async def test_an_older_log_is_replaced(world: World) -> None:
    await world.filled(FIRST)
    past = world.log.content
    book = await world.filled(SECOND)
    store = await _started(world, None)
    world.log.content = past
    await _rebuilt(world, book, store)


async def test_a_log_of_another_store_is_replaced(world: World) -> None:
    book = await world.filled()
    store = await _started(world)
    other = World()
    await other.filled(SECOND)
    world.log.content = other.log.content
    await _rebuilt(world, book, store)


@pytest.mark.parametrize("kept", [0, 1, 2])
async def test_a_journal_that_lost_its_end_is_completed_from_the_mirror(world: World, kept: int) -> None:
    book = await world.filled()
    await world.store().retire([ONE.digest])
    book = book.without([ONE.digest])
    store = await _started(world)
    world.log.flush()
    del world.journal.records[kept:]
    await _rebuilt(world, book, store)


async def test_a_journal_that_is_gone_is_written_anew_from_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aura_stream.store.rebuilding.PAGE", 2)
    book = await world.filled(FIRST, SECOND, Proposal((ONE, OTHER), opens=True))
    world.journal.records.clear()
    store = world.store()
    with pytest.raises(StoreLostError):
        await store.promote(SECOND)
    await _rebuilt(world, book, store)


async def test_of_a_damaged_log_the_journal_gets_what_stands_before(world: World) -> None:
    await world.filled(FIRST, SECOND)
    world.journal.records.clear()
    world.log.damage(2, b"damage")
    store = world.store()
    assert await store.rebuild() == EMPTY.extended(FIRST).extended(Proposal(FIRST.templates, True, birth=FIRST.birth))


async def test_where_no_copy_holds_anything_there_is_nothing_to_rebuild(world: World) -> None:
    await world.filled()
    world.journal.records.clear()
    world.log.damage(0, b"damage")
    with pytest.raises(CodebookError, match="neither journal nor mirror"):
        await world.store().rebuild()


async def test_a_journal_that_contradicts_the_mirror_is_not_written_into(world: World) -> None:
    await world.filled()
    store = await _started(world)
    other = World()
    await other.filled(Proposal((OTHER,)))
    world.journal.records, world.log.content = list(other.journal.records), None
    with pytest.raises(CodebookError, match="other entries than are known here"):
        await store.rebuild()
    assert world.journal.records == other.journal.records


async def test_what_another_has_rebuilt_meanwhile_is_not_rebuilt_again(world: World) -> None:
    await world.filled()
    ours, theirs = await _started(world), await _started(world)
    world.log.flush()
    for store in (ours, theirs):
        with pytest.raises(StoreLostError):
            await store.promote(SECOND)
    assert await theirs.rebuild() == await ours.rebuild()
    assert (await world.fresh_book()).generations[2:] == ()


async def test_an_opening_of_another_rebuilder_will_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.filled()
    store = await _started(world)
    world.log.flush()
    journal = world.journal.records
    append = MemorySharedLog.replace  # the other one is as far as ours when it replaces the log

    async def both(self: MemorySharedLog, *arguments: object) -> bool:
        monkeypatch.setattr(MemorySharedLog, "replace", append)
        other = world.store()
        await other.start()
        await other.rebuild()
        return await append(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(MemorySharedLog, "replace", both)
    await store.rebuild()
    assert await store.promote(Proposal((OTHER,))) == await world.fresh_book()
    assert [Entry.from_bytes(record).kind for record in journal].count("generation") == 3


async def test_an_empty_namespace_is_rebuilt_without_a_generation(world: World) -> None:
    world.journal.records.append(founding(Namespace(NAME, 1, "plain", "id")).entries[0].to_bytes())
    store = await _started(world)
    assert await store.rebuild() == EMPTY
    world.log.content = None
    assert await store.promote(FIRST) == EMPTY.extended(FIRST)


async def test_a_first_proposal_that_is_damaged_is_left_behind(world: World) -> None:
    dead = await _started(world, None)
    await dead.promote(Proposal())
    world.journal.fail_before = 2  # read, and then append
    with pytest.raises(UnavailableError):
        await dead.promote(FIRST)
    world.log.damage(1, b"damage")
    store = await _started(world)
    with pytest.raises(StoreLostError):
        await store.promote(FIRST)
    await store.rebuild()
    book = await store.promote(FIRST)
    assert book == await world.fresh_book()
    assert book.newest is not None
    assert book.newest.templates == FIRST.templates


async def test_rebuilding_gives_up_where_others_always_come_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.filled()
    store = await _started(world)

    async def refuse(*_: object) -> bool:
        return False

    with monkeypatch.context() as patched:
        patched.setattr("aura_stream.store.promoting.Promoter.agree", refuse)
        with pytest.raises(UnavailableError, match="at the same time"):
            await store.rebuild()

    async def forget(*_: object) -> None:
        pass

    world.log.flush()
    monkeypatch.setattr("aura_stream.testing.memory_log.MemoryJournal.append", forget)
    with pytest.raises(UnavailableError, match="write to the journal at the same time"):
        await store.rebuild()


# Stopping


async def test_all_are_closed_even_if_one_cannot_be(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await world.filled()
    store = await _started(world)

    async def fail(*_: object) -> None:
        raise UnavailableError("it does not close")

    monkeypatch.setattr("aura_stream.testing.memory_log.MemorySharedLog.stop", fail)
    monkeypatch.setattr("aura_stream.testing.memory_log.MemoryJournal.stop", fail)
    with pytest.raises(UnavailableError):
        await store.stop()
    mirror = FolderMirror(tmp_path, NAME, "discover")
    await mirror.open()
    assert mirror.path == tmp_path / NAME / "discover-0" / "entries"  # which is free again
    mirror.close()
