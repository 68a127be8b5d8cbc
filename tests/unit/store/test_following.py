"""What a process that only reads makes of the log, the journal and its mirror."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from aura_stream.codec import Codebook, Proposal
from aura_stream.errors import ConfigError, StoreLostError, UnavailableError
from aura_stream.model import Position
from aura_stream.store import Properties, SharedStore
from aura_stream.store.entry import Entry
from tests.unit.store.world import FIRST, ONE, SECOND, THREE, World

EMPTY = Codebook()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def _started(world: World, verb: str | None = "run") -> SharedStore:
    store = world.store(verb)
    await store.start()
    return store


def _critical(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.levelno == logging.CRITICAL for record in caplog.records)


# What is active


async def test_only_what_is_active_is_taken(world: World) -> None:
    book = await world.filled(FIRST)
    store = await _started(world)
    promoter = world.store()
    await promoter.start()
    world.journal.fail_before = 3  # start, read, and then the journal does not take what was proposed
    with pytest.raises(UnavailableError):
        await promoter.promote(SECOND)
    assert world.log.content is not None
    assert world.log.content.state.end == Position(0, 3)
    assert await store.follow() is await store.follow()
    assert await store.follow() == book
    assert await store.search() == book


async def test_searching_finds_what_is_durable_and_not_active_yet(world: World) -> None:
    await world.filled(FIRST)
    store = await _started(world)
    promoter = world.store()
    await promoter.start()
    world.log.fail_before = 3  # read, propose, and then activate does not come through
    with pytest.raises(UnavailableError):
        await promoter.promote(SECOND)
    assert await store.follow() == EMPTY.extended(FIRST)
    assert await store.search() == EMPTY.extended(FIRST).extended(SECOND)
    assert await store.follow() == EMPTY.extended(FIRST).extended(SECOND)
    assert store.status.state == "ok"


async def test_many_pages_are_read_to_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("following", "promoting", "rebuilding", "verifying"):
        monkeypatch.setattr(f"aura_stream.store.{module}.PAGE", 2)
    book = await world.filled(FIRST, SECOND, Proposal((ONE,), opens=True), *(Proposal((each,)) for each in (THREE,)))
    for _ in range(2):
        assert await world.fresh_book() == book
        book = await world.store().rebuild()


async def test_the_store_is_not_asked_more_than_once_while_nothing_is_new(world: World) -> None:
    await world.filled()
    store = await _started(world)
    world.log.calls.clear()
    world.journal.calls.clear()
    await store.follow()
    assert world.log.calls == ["log.read"]
    assert world.journal.calls == []


# Nothing there, nobody there


async def test_where_nothing_is_the_book_is_empty_and_all_is_well(world: World) -> None:
    store = await _started(world)
    assert await store.follow() == EMPTY
    assert store.status.state == "ok"
    assert world.log.content is None
    assert not world.journal.exists


async def test_a_log_that_does_not_answer_is_no_reason_to_stop(world: World, caplog: pytest.LogCaptureFixture) -> None:
    book = await world.filled()
    store = await _started(world)
    await store.stop()
    world.log.available = False
    store = world.store("run")
    assert await store.start() == book
    assert await store.follow() == book
    assert store.status.state == "degraded"
    assert sum(record.levelno == logging.WARNING for record in caplog.records) == 1
    world.log.available = True
    longer = await world.filled(Proposal((ONE,), opens=True))
    assert await store.follow() == longer
    assert store.status.state == "ok"


async def test_without_log_and_mirror_the_journal_is_read(world: World) -> None:
    book = await world.filled()
    world.log.available = False
    store = world.store()
    assert await store.start() == book
    assert store.status.state == "degraded"


async def test_without_any_copy_the_store_is_unavailable(world: World) -> None:
    await world.filled()
    world.log.available = world.journal.available = False
    store = world.store()
    with pytest.raises(UnavailableError, match=r"log\.start"):
        await store.start()
    await store.stop()
    world.journal.available = True
    assert await store.start() == await world.fresh_book()


async def test_a_silent_journal_of_an_empty_store_is_told(world: World) -> None:
    world.journal.available = False
    store = world.store()
    assert await store.start() == EMPTY
    assert store.status.state == "degraded"
    assert await store.search() == EMPTY
    world.journal.available = True
    assert await store.follow() == EMPTY
    assert store.status.state == "ok"


async def test_who_requires_the_store_does_not_begin_without_it(world: World) -> None:
    book = await world.filled()
    assert await world.store("run", require_store=True).start() == book
    world.log.available = False
    with pytest.raises(UnavailableError):
        await world.store("run", require_store=True).start()
    world.log.available = True
    world.log.flush()
    with pytest.raises(StoreLostError):
        await world.store("run", require_store=True).start()


async def test_rights_that_are_taken_away_stop_nothing_that_runs(world: World) -> None:
    book = await world.filled()

    async def denied(call: str) -> None:
        raise ConfigError(f"{call}: not permitted")

    store = await _started(world)
    world.log.gate = world.journal.gate = denied
    assert await store.follow() == book
    assert await store.search() == book
    assert store.status.state == "degraded"
    with pytest.raises(ConfigError, match=r"log\.start: not permitted"):
        await world.store().start()
    world.log.gate = _permitted
    assert await world.store().start() == book  # the journal is not needed
    world.log.flush()
    with pytest.raises(ConfigError, match=r"journal\.start: not permitted"):
        await world.store().start()


async def _permitted(call: str) -> None:
    pass


# Losses


async def test_an_emptied_log_is_a_loss_told_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    book = await world.filled()
    store = await _started(world)
    world.log.flush()
    for _ in range(3):
        assert await store.follow() == book
        assert await store.search() == book
    assert (store.status.state, store.status.lost) == ("lost", 1)
    assert _critical(caplog) == 1
    assert "its log is gone" in caplog.text
    await world.store("discover").rebuild()
    assert book.is_prefix_of(await store.follow())
    assert (store.status.state, store.status.rebuilt) == ("ok", 1)
    caplog.clear()
    world.log.flush()
    await store.follow()
    assert (store.status.lost, _critical(caplog)) == (2, 1)


async def test_what_was_rebuilt_before_the_start_is_no_news_to_who_knew_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.filled()
    knew = world.store("run")
    await knew.start()
    world.log.flush()
    await world.store("discover").start()
    await world.store("discover").rebuild()
    caplog.clear()
    fresh = world.store()
    await fresh.start()
    assert (fresh.status.rebuilt, "rebuilt" in caplog.text) == (0, False)
    assert (await knew.follow(), knew.status.rebuilt) == (await fresh.follow(), 1)
    world.log.flush()
    await world.store("discover").rebuild()
    await fresh.follow()
    assert (fresh.status.rebuilt, "rebuilt" in caplog.text) == (1, True)


async def test_a_log_that_is_gone_is_noticed_by_who_begins_with_the_journal(world: World) -> None:
    book = await world.filled()
    world.log.flush()
    store = world.store()
    assert await store.start() == book
    assert store.status.state == "lost"


async def test_a_log_that_was_rolled_back_is_a_loss(world: World) -> None:
    await world.filled(FIRST)
    past = world.log.content
    book = await world.filled(SECOND)
    store = await _started(world)
    world.log.content = past
    assert await store.follow() == book
    assert store.status.reason == "its log ends at 0-2, before 0-3"


async def test_a_log_that_was_written_again_to_the_same_length_is_a_loss(world: World) -> None:
    await world.filled(FIRST)
    past, journal = world.log.content, list(world.journal.records)
    book = await world.filled(SECOND)
    store = await _started(world)
    world.log.content, world.journal.records = past, journal
    await world.filled(Proposal((_other(),)))
    assert await store.follow() == book
    assert store.status.reason == "its log holds other entries before 0-3"
    await world.filled(Proposal((ONE,), opens=True))
    assert await store.follow() == book
    assert store.status.state == "lost"
    assert await store.search() == book


async def test_a_log_that_went_on_from_elsewhere_is_a_loss(world: World) -> None:
    await world.filled(FIRST)
    past, journal = world.log.content, list(world.journal.records)
    book = await world.filled(SECOND)
    store = await _started(world)
    world.log.content, world.journal.records = past, journal
    await world.filled(Proposal((_other(), THREE)))
    assert await store.follow() == book
    assert store.status.reason == "log entry 0-3: it follows on another entry"


async def test_another_store_is_a_loss(world: World) -> None:
    book = await world.filled()
    store = await _started(world)
    world.log.flush()
    world.journal.records.clear()
    await world.filled()
    assert await store.follow() == book
    assert store.status.reason == "its log is that of another store"
    assert await store.search() == book


@pytest.mark.parametrize("verb", [None, "run"])
async def test_a_log_of_another_store_is_not_believed_by_who_has_no_mirror_yet(
    world: World, verb: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    book = await world.filled(FIRST)
    other = World()
    await other.filled(SECOND, FIRST)
    world.log.content = other.log.content
    store = world.store(verb)
    assert await store.start() == book
    assert store.status.state == "lost"
    assert _critical(caplog) == 1
    assert await store.follow() == book
    await store.stop()
    world.log.available = False
    again = world.store(verb)
    assert await again.start() == book
    await again.stop()


async def test_an_older_epoch_is_a_loss(world: World) -> None:
    await world.filled()
    past = world.log.content
    await world.store().rebuild()
    store = await _started(world)
    world.log.content = past
    book = await store.follow()
    assert len(book.generations) == 2
    assert store.status.reason == "its log went back from epoch 1 to 0"


async def test_an_epoch_without_a_generation_is_a_loss(world: World) -> None:
    await world.filled()
    store = await _started(world)
    assert world.log.content is not None
    world.log.content = replace(world.log.content, state=replace(world.log.content.state, epoch=1))
    await store.follow()
    assert store.status.reason == "its log is of epoch 1, without a new generation"


async def test_what_was_rebuilt_without_an_entry_we_have_is_a_loss(world: World) -> None:
    await world.filled(FIRST)
    journal = list(world.journal.records)
    book = await world.filled(SECOND)
    store = await _started(world)
    world.log.flush()
    world.journal.records = journal
    await world.store().rebuild()
    assert await store.follow() == book
    assert store.status.state == "lost"
    assert "follows on another entry" in store.status.reason


def _other() -> object:
    return replace(THREE, symbols=(b"other",))


# Damage


def _damage(world: World, place: int, data: bytes | None = None) -> None:
    assert world.log.content is not None
    changed = bytearray(world.log.content.records[place].data)
    changed[-20] ^= 1
    world.log.damage(place, bytes(changed) if data is None else data)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
async def test_a_damaged_entry_is_named_kept_aside_and_taken_from_the_journal(
    world: World, place: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    book = await world.filled(FIRST, SECOND, Proposal((_other(),)))  # type: ignore[arg-type]
    _damage(world, place)
    assert world.log.content is not None
    store = world.store("run")
    assert await store.start() == book
    assert await store.follow() == book
    assert (store.status.state, store.status.damaged) == ("ok", 1)
    assert "is damaged: its digest does not fit; taken from the journal instead" in caplog.text
    (kept,) = (tmp_path / "orders" / "run-0").glob("damaged-*")
    assert kept.read_bytes() == world.log.content.records[place].data
    await store.stop()
    world.log.available = False
    assert await world.store("run").start() == book


async def test_a_damaged_entry_that_nobody_has_is_not_taken(world: World) -> None:
    await world.filled()
    _damage(world, 2)
    world.journal.available = False
    store = await _started(world)
    for _ in range(2):
        assert await store.follow() == EMPTY.extended(FIRST)
    assert (store.status.state, store.status.damaged) == ("degraded", 1)
    assert "log entry 0-2 is damaged, and no other copy is at hand" in store.status.reason
    world.journal.available = True
    assert await store.follow() == EMPTY.extended(FIRST).extended(SECOND)
    assert store.status.state == "ok"


async def test_an_entry_under_another_number_is_damage(world: World) -> None:
    book = await world.filled()
    assert world.log.content is not None
    _damage(world, 2, world.log.content.records[1].data)
    store = await _started(world)
    assert await store.follow() == book
    assert store.status.damaged == 1


@pytest.mark.parametrize("place", [1, 2, 3])
async def test_entries_that_are_gone_from_the_middle_are_taken_from_the_journal(world: World, place: int) -> None:
    book = await world.filled(FIRST, SECOND, Proposal((_other(),)))  # type: ignore[arg-type]
    content = world.log.content
    assert content is not None
    records = tuple(record for at, record in enumerate(content.records) if at != place)
    world.log.content = replace(content, records=records)
    store = await _started(world)
    assert await store.follow() == book
    assert (store.status.state, store.status.damaged) == ("ok", 1)


async def test_entries_that_are_gone_and_nowhere_else_are_a_loss(world: World) -> None:
    await world.filled(FIRST, SECOND)
    content = world.log.content
    assert content is not None
    world.log.content = replace(content, records=content.records[:-1])
    world.journal.available = False
    store = await _started(world)
    assert await store.follow() == EMPTY.extended(FIRST)
    assert store.status.reason == "its log lacks entries behind 0-2"


async def test_retired_digests_that_are_none_are_passed_over(world: World) -> None:
    book = await world.filled()
    assert world.log.content is not None
    world.log.content = replace(world.log.content, retired=frozenset([b"short", ONE.digest]))
    store = await _started(world)
    assert await store.follow() == book.without([ONE.digest])


# The mirror


async def test_a_mirror_that_has_a_gap_is_taken_up_to_there_and_mended(world: World, tmp_path: Path) -> None:
    book = await world.filled(FIRST, SECOND, Proposal((_other(),)))  # type: ignore[arg-type]
    store = await _started(world)
    await store.stop()
    path = tmp_path / "orders" / "run-0" / "entries"
    path.write_bytes(path.read_bytes().replace(b"three", b"thr33"))
    world.log.available = world.journal.available = False
    store = world.store("run")
    assert await store.start() == EMPTY.extended(FIRST)
    assert store.status.damaged == 1
    world.log.available = True
    assert await store.follow() == book
    await store.stop()
    world.log.available = False
    assert await world.store("run").start() == book


async def test_a_mirror_that_could_not_be_written_is_written_as_soon_as_it_can_be(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await _started(world)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        book = await world.filled(FIRST)
        assert await store.follow() == book
    book = await world.filled(SECOND)
    assert await store.follow() == book
    await store.stop()
    world.log.available = False
    assert await world.store("run").start() == book


async def test_what_is_retired_is_in_the_mirror(world: World) -> None:
    await world.filled()
    store = await _started(world)
    book = await world.store().retire([ONE.digest])
    assert await store.follow() == book
    await store.stop()
    world.log.available = False
    assert await world.store("run").start() == book


# Properties


async def test_properties_that_nobody_asked_for_must_stay_as_they_were_promised(world: World) -> None:
    store = await _started(world)
    assert await store.follow() == EMPTY
    promoter = world.store(properties=Properties(4))
    await promoter.start()
    await promoter.promote(FIRST)
    with pytest.raises(ConfigError, match=r"codec\.check_bytes is 1, but namespace orders was made with 4"):
        await store.follow()


async def test_the_store_of_another_namespace_is_refused(world: World) -> None:
    await world.filled()
    with pytest.raises(ConfigError, match="this is the store of namespace orders, not of bills"):
        await world.store(name="bills").start()


async def test_a_mirror_of_another_make_is_refused(world: World) -> None:
    await world.filled()
    await (await _started(world)).stop()
    with pytest.raises(ConfigError, match=r"codec\.raw is marked, but namespace orders was made with plain"):
        await world.store("run", Properties(raw="marked")).start()


async def test_large_batches_are_read_beside_the_event_loop(world: World) -> None:
    many = tuple(replace(ONE, symbols=(b"%06d" % number,)) for number in range(1500))
    book = await world.filled(FIRST, Proposal(many))
    store = await _started(world)
    assert await store.follow() == book
    assert await store.search() == book
    assert [record for record in world.journal.records if Entry.from_bytes(record).kind == "template"]


async def test_a_log_that_nobody_wrote_by_the_rules_teaches_nothing(world: World) -> None:
    """Somebody with rights on the server writes an entry whose digest fits, behind the mark that he moved too."""
    book = await world.filled()
    content = world.log.content
    assert content is not None
    forged = Entry("template", 0, 0, 3, b"x" * 16, ONE.body).record
    state = replace(content.state, end=Position(0, 4), active=Position(0, 4), tail=forged.tail)
    world.log.content = replace(content, state=state, records=(*content.records, forged))
    store = await _started(world)
    assert await store.follow() == book
    assert store.status.state == "lost"
