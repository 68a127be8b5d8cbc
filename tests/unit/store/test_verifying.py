"""What `verify` finds, copy by copy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aura_stream.codec import Codebook, Proposal
from aura_stream.errors import UnavailableError
from aura_stream.model import Position
from aura_stream.store import SharedStore
from aura_stream.store.ledger import retirements
from tests.unit.store.world import FIRST, ONE, SECOND, World, problems


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def _started(world: World) -> SharedStore:
    await world.filled()
    store = world.store("run")
    await store.start()
    return store


async def _found(store: SharedStore) -> list[str]:
    return problems(await store.verify())


async def test_each_copy_has_a_line(world: World) -> None:
    store = await _started(world)
    assert [(each.subject, each.problem, each.severity) for each in await store.verify()] == [
        ("journal", "", "ok"),
        ("log", "", "ok"),
        ("mirror", "", "ok"),
    ]
    assert [each.subject for each in await world.store().verify()] == ["journal", "log"]


async def test_verifying_changes_nothing(world: World) -> None:
    store = await _started(world)
    world.log.damage(1, b"damage")
    before = (world.log.content, list(world.journal.records))
    for _ in range(2):
        assert await _found(store) != []
    assert (world.log.content, world.journal.records) == before
    assert await store.follow() == Codebook().extended(FIRST).extended(SECOND)


async def test_entries_of_the_log_that_are_damaged_wrong_or_gone_are_named(world: World) -> None:
    store = await _started(world)
    content = world.log.content
    assert content is not None
    namespace, opening, third = content.records
    records = (replace(namespace, data=b"damage" * 4), replace(opening, data=third.data))
    world.log.content = replace(content, records=records)
    assert await _found(store) == [
        "log entry -1-0: it is damaged: its digest does not fit (repairable)",
        "log entry 0--1: it is another entry (repairable)",
        "log entry 0-2: it is missing (repairable)",
    ]


async def test_a_log_that_is_gone_is_found(world: World) -> None:
    store = await _started(world)
    world.log.flush()
    assert await _found(store) == ["log: its log is gone (repairable)"]


async def test_what_does_not_answer_is_unknown_and_no_damage(world: World) -> None:
    store = await _started(world)
    world.journal.available = False
    assert [(each.subject, each.severity) for each in await store.verify()] == [
        ("journal", "unknown"),
        ("log", "ok"),
        ("mirror", "ok"),
    ]
    world.log.available = False
    assert [each.severity for each in await store.verify()] == ["unknown", "unknown", "ok"]


async def test_proposals_are_no_damage_but_active_ones_are(world: World) -> None:
    store = await _started(world)
    promoter = world.store()
    await promoter.start()
    world.journal.fail_before = 3
    with pytest.raises(UnavailableError):
        await promoter.promote(Proposal((replace(ONE, symbols=(b"other",)),)))
    assert await _found(store) == ["log: 1 entries are proposed, and not in the journal yet (ok)"]
    content = world.log.content
    assert content is not None
    world.log.content = replace(content, state=replace(content.state, active=Position(0, 4)))
    assert await _found(store) == ["log: entries are active that the journal does not hold (repairable)"]
    world.log.damage(3, b"damage")
    assert (await _found(store))[0] == "log entry 0-3: it is damaged: its digest does not fit (repairable)"


async def test_retired_templates_are_compared(world: World) -> None:
    store = await _started(world)
    world.journal.records += retirements([ONE.digest])
    assert await _found(store) == ["log: other templates are retired than the journal says (repairable)"]


async def test_a_damaged_journal_is_found(world: World) -> None:
    store = await _started(world)
    third = world.journal.records[2]
    world.journal.records[2] = third[:-1] + b"\0"
    assert await _found(store) == [
        "journal: it ends at 0-2, before 0-3 (repairable)",
        "journal entry 2 (entry): it is damaged: its digest does not fit (repairable)",
        "log: entries are active that the journal does not hold (repairable)",
    ]
    promoter = world.store()
    await promoter.start()
    await promoter.promote(Proposal())  # which writes it again
    assert await _found(store) == [
        "journal: 1 entries are damaged, and no template is missing: the chain goes on behind them (ok)"
    ]
    late = world.store()
    await late.start()
    await late.search()
    assert late.status.damaged == 0


async def test_a_damaged_entry_behind_which_only_templates_are_retired_is_not_mended_by_that(world: World) -> None:
    store = await _started(world)
    world.journal.records[2] = world.journal.records[2][:-1] + b"\0"
    world.journal.records += retirements([ONE.digest])
    assert "journal entry 2 (entry): it is damaged: its digest does not fit (repairable)" in await _found(store)


async def test_void_entries_of_the_journal_are_counted(world: World) -> None:
    store = await _started(world)
    other = World()
    await other.filled()
    world.journal.records += other.journal.records
    assert await _found(store) == ["journal: 3 entries are void: others came first (ok)"]


async def test_a_journal_that_contradicts_is_a_loss(world: World) -> None:
    store = await _started(world)
    other = World()
    await other.filled()
    world.journal.records[:] = other.journal.records
    found = await _found(store)
    assert found[:2] == [
        "journal: it holds other entries than are known here (lost)",
        "log: its log is that of another store (repairable)",
    ]


async def test_a_damaged_mirror_is_found(world: World, tmp_path: Path) -> None:
    store = await _started(world)
    path = tmp_path / "orders" / "run-0" / "entries"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert await _found(store) == ["mirror: it ends at 0-2, before 0-3 (repairable)"]
    opening = world.journal.records[1]
    path.write_bytes(whole.replace(opening, opening[:-1] + b"\0"))
    assert await _found(store) == [
        "mirror: it ends at -1-1, before 0-3 (repairable)",
        "mirror entry 1: it is damaged (repairable)",
        "mirror: some of its entries do not follow on (repairable)",
    ]


async def test_a_copy_that_does_not_answer_is_a_finding(world: World) -> None:
    store = await _started(world)
    world.log.available = False
    assert await _found(store) == ["log: log.read: no answer (unknown)"]
    world.log.available, world.journal.available = True, False
    assert (await _found(store))[0] == "journal: journal.start: no answer (unknown)"


async def test_no_more_findings_are_listed_than_anybody_reads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aura_stream.store.verifying.MAX_FINDINGS", 2)
    monkeypatch.setattr("aura_stream.store.verifying.PAGE", 1)
    store = await _started(world)
    content = world.log.content
    assert content is not None
    world.log.content = replace(content, records=content.records[:1])
    found = await store.verify()
    assert [each.subject for each in found] == ["journal", "log", "log entry 0--1", "log", "mirror"]
    assert found[3].problem == "1 more findings"
