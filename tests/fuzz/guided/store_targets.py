"""Targets of the template store: entries, journals, mirrors, and what a shared log replies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

from aura_connectors.files.journal import HEADER, FileJournal
from aura_connectors.files.options import FilesJournalOptions
from aura_connectors.redis_streams.log_layout import STRANGE, to_record, to_state

from aura_stream import Codebook
from aura_stream.codec import Proposal
from aura_stream.codec.template import digest_of
from aura_stream.errors import CodebookError, ConfigError, StoreLostError, UnavailableError
from aura_stream.model.framing import leb128
from aura_stream.model.log import LogRecord, Position
from aura_stream.store import mirror
from aura_stream.store.entry import KINDS, Entry
from aura_stream.store.ledger import Ledger, retirements
from aura_stream.testing.memory_log import LogContent
from tests.fuzz.guided.scratch import Scratch, joined, parts
from tests.unit.codec.books import DICTIONARY, TEMPLATES
from tests.unit.store.world import FIRST, ONE, SECOND, World

_SIGNED, _FOLLOWING = 1, 2  # how an entry is spelled; else as it is


@cache
def _scratch() -> Scratch:
    return Scratch()


@cache
def _filled() -> LogContent:
    """A store with two generations and something retired, as its log holds it."""
    world = World()

    async def fill() -> None:
        await world.filled(FIRST, SECOND, Proposal(TEMPLATES, True, DICTIONARY, 7), Proposal((ONE,)))
        store = world.store()
        await store.start()
        await store.retire([ONE.digest])

    asyncio.run(fill())
    assert world.log.content is not None
    return world.log.content


def _records() -> list[bytes]:
    content = _filled()
    return [record.data for record in content.records] + retirements(content.retired)


def entry(data: bytes) -> None:
    """Read a record, with the digest it should have and without."""
    for record in (data, data + digest_of(data)):
        with suppress(CodebookError):
            assert Entry.from_bytes(record).to_bytes() == record


def entries() -> Iterator[bytes]:
    """Seeds: records without their digests."""
    yield from (record[:-16] for record in _records())


def ledger(data: bytes) -> None:
    """Let a ledger take records; whatever it makes of them is a codebook."""
    taken = Ledger()
    with suppress(CodebookError):  # a later format
        for how, piece in parts(data):
            taken.apply(_record(taken, how, piece))
            taken.apply_record(LogRecord(taken.end.generation, taken.end.length, piece))
        _assert_sound(taken)


def _record(taken: Ledger, how: int, piece: bytes) -> bytes:
    if how % 3 == _SIGNED:
        return piece + digest_of(piece)
    if how % 3 == _FOLLOWING:
        kind = KINDS[how // 3 % len(KINDS)]
        generation, number = taken.end
        if kind == "namespace":
            generation, number = -1, 0
        elif kind != "template":
            generation, number = (generation + 1, -1) if kind == "generation" else (-1, -1)
        previous = b"" if kind in ("namespace", "retire") else taken.tail
        return Entry(kind, taken.epoch if kind != "retire" else 0, generation, number, previous, piece).to_bytes()
    return piece


def _assert_sound(taken: Ledger) -> None:
    book = taken.book
    assert Codebook.from_bytes(book.to_bytes()) == book
    again = Ledger()
    for record in taken.records():
        assert again.apply(record.data).verdict == "applied"
    assert again.end == taken.end
    assert again.tail == taken.tail


def ledgers() -> Iterator[bytes]:
    """Seeds: the store's records as they are, and their bodies where they follow on."""
    yield joined(*((0, record) for record in _records()))
    yield joined(*((_SIGNED, record[:-16]) for record in _records()))
    entries = [Entry.from_bytes(record) for record in _records()]
    yield joined(*((_FOLLOWING + 3 * KINDS.index(each.kind), each.body) for each in entries))


def mirror_file(data: bytes) -> None:
    """Read a mirror; every byte of it is a record's, damaged or torn."""
    content = mirror._read(_scratch().holding(data))
    for record in content.records:
        Entry.from_bytes(record)
    whole = [len(leb128(len(each))) + len(each) for each in content.records]
    assert sum(whole) + sum(len(each) for _, each in content.damaged) + content.torn <= len(data)


def mirror_files() -> Iterator[bytes]:
    """Seeds: a mirror."""
    yield b"".join(leb128(len(record)) + record for record in _records())


def journal_file(data: bytes) -> None:
    """Read a journal's file, and let a ledger take what stands in it."""
    path = _scratch().holding(data)
    try:
        _, _, records = FileJournal(FilesJournalOptions(path=path), "orders")._read()
    except ConfigError:
        return
    taken = Ledger()
    with suppress(CodebookError):  # a later format
        for record in records:
            taken.apply(record)
        _assert_sound(taken)


def journal_files() -> Iterator[bytes]:
    """Seeds: a journal."""
    path = _scratch().holding(b"")
    journal = FileJournal(FilesJournalOptions(path=path), "orders")
    journal._append(_records())
    yield Path(path).read_bytes()
    yield HEADER


def log_reply(data: bytes) -> None:
    """Read what a server says that a log's hash and entries are."""
    values = [piece if kind % 8 else None for kind, piece in parts(data)]
    state = None
    with suppress(ConfigError):  # a later format
        state = to_state((values + [None] * 6)[:6], len(data), "here")
    if state is not None and state != STRANGE:
        assert state.active <= state.end
    for number, piece in enumerate(values[6:]):
        fields = [b"e", piece or b""] if len(values) % 2 else [piece or b""]
        record = to_record((b"%d-%d" % (number, len(data)), fields))
        Ledger().apply_record(record)


def log_replies() -> Iterator[bytes]:
    """Seeds: what the hash of a log holds."""
    head = [(1, each) for each in (b"1", b"id", b"0", b"1:27", b"-1:1", bytes(16))]
    yield joined(*head)
    yield joined(*head, *((1, record) for record in _records()))
    yield joined((1, b"2"), *head[1:])


def store(data: bytes) -> None:
    """Start, follow, search and verify a store whose log and journal were changed; its books only ever grow."""
    world = World()
    content = _filled()
    pieces = list(parts(data))
    records = _changed(list(content.records), [each for how, each in pieces if how % 2])
    world.journal.records = [each.data for each in _changed(list(content.records), [e for h, e in pieces if not h % 2])]
    world.log.content = replace(content, records=tuple(records), state=_state(content, pieces))
    asyncio.run(_use(world))


def _state(content: LogContent, pieces: Sequence[tuple[int, bytes]]) -> object:
    state = content.state
    for how, piece in pieces:
        if how >= 240 and len(piece) > 4:
            end = Position(piece[0] % 4 - 1, piece[1])
            state = replace(state, epoch=piece[2] % 3, end=end, active=min(end, Position(piece[3] % 4 - 1, piece[4])))
    return state


def _changed(records: list[LogRecord], changes: Sequence[bytes]) -> list[LogRecord]:
    """Take away, repeat, move, or change a record for each of the changes."""
    for change in changes:
        if len(change) < 3 or not records:
            continue
        place, target = change[1] % len(records), change[2] % len(records)
        match change[0] % 5:
            case 0:
                del records[place]
            case 1:
                records.insert(target, records[place])
            case 2:
                records[place], records[target] = records[target], records[place]
            case 3:
                records[place] = replace(records[place], data=change[3:] + digest_of(change[3:]))
            case _:
                data = bytearray(records[place].data)
                data[int.from_bytes(change[3:5], "big") % len(data)] ^= change[5] if len(change) > 5 else 1
                records[place] = replace(records[place], data=bytes(data))
    return records


async def _use(world: World) -> None:
    used = world.store()
    book = Codebook()
    for call in (used.start, used.follow, used.search, used.follow):
        with suppress(UnavailableError, StoreLostError, ConfigError, CodebookError):
            longer = await call()
            assert book.is_prefix_of(longer), "a book was taken back"
            book = longer
    with suppress(UnavailableError, StoreLostError, ConfigError, CodebookError):
        await used.verify()
    await used.stop()


def stores() -> Iterator[bytes]:
    """Seeds: one of each change."""
    yield b""
    for how in (0, 1):
        for kind in range(5):
            yield joined((how, bytes((kind, 2, 3, 0, 7, 1))))
    yield joined((240, bytes((1, 3, 0, 1, 3))), (1, bytes((3, 2, 2)) + _records()[2][:-16]))
