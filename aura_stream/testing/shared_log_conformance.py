"""What every shared log of a template store must do, as tests."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest

from aura_stream.errors import UnavailableError
from aura_stream.model import BEGINNING, LogReading, LogRecord, LogState, Position
from aura_stream.ports import SharedLog

STORE = "store-1"
HELLO, WORLD = (hashlib.blake2b(word, digest_size=16).digest() for word in (b"hello", b"world"))


def a_record(generation: int, number: int, body: bytes = b"") -> LogRecord:
    """Return a record as the store makes them: any bytes, the last 16 of which are a digest."""
    body = b"\x00\xff\r\n%d %d " % (generation, number) + body
    return LogRecord(generation, number, body + hashlib.blake2b(body, digest_size=16).digest())


def templates(generation: int, first: int, behind: int, body: bytes = b"") -> list[LogRecord]:
    """Return the records of templates with the numbers `first` to `behind` - 1."""
    return [a_record(generation, number, body) for number in range(first, behind)]


NAMESPACE = a_record(-1, 0, b"namespace")
OPENING = a_record(0, -1, b"opening with two templates")
MADE = LogState(STORE, 0, Position(-1, 1), Position(-1, 1), 0, NAMESPACE.tail)


@pytest.mark.asyncio
class SharedLogConformance:
    """The contract of `aura_stream.ports.SharedLog`. Subclass it in a test module, under a name that begins with
    `Test`, and fill in the two hooks; fixtures of your own come in through an autouse fixture of the class.
    """

    def new_log(self, namespace: str) -> SharedLog:
        """Build a log of this namespace that is not started yet; several of them share what they hold."""
        raise NotImplementedError

    def unreachable_log(self) -> SharedLog:
        """Build a log whose server does not answer."""
        raise NotImplementedError

    # The tools of the suite.

    @pytest.fixture
    def namespace(self) -> str:
        """Return a name that no other test uses."""
        return f"conformance-{uuid4().hex[:12]}"

    @asynccontextmanager
    async def started(self, namespace: str) -> AsyncIterator[SharedLog]:
        """Start a log, and stop it at the end."""
        log = self.new_log(namespace)
        try:
            await log.start()
            yield log
        finally:
            await log.stop()

    @asynccontextmanager
    async def filled(self, namespace: str) -> AsyncIterator[tuple[SharedLog, LogState]]:
        """A log with a namespace and a generation of three templates, two of them active."""
        async with self.started(namespace) as log:
            assert await log.replace(MADE, [NAMESPACE], [])
            last = a_record(0, 2)
            assert await log.propose(MADE, [OPENING, last], Position(0, 3))
            assert await log.activate(MADE, Position(0, 2), OPENING.tail)
            yield log, replace(MADE, end=Position(0, 3), active=Position(0, 2), tail=last.tail)

    async def read(self, log: SharedLog, after: Position = BEGINNING, limit: int = 100) -> LogReading:
        """Read what is expected to be there."""
        reading = await log.read(after, limit)
        assert reading is not None
        return reading

    async def holds(self, log: SharedLog, state: LogState, records: Sequence[LogRecord]) -> None:
        """Check a log's whole content."""
        reading = await self.read(log, limit=len(records) + 1)
        assert reading.state == state
        assert list(reading.records) == list(records)

    # Making and reading

    async def test_what_nobody_made_is_no_log(self, namespace: str) -> None:
        async with self.started(namespace) as log:
            assert await log.read(BEGINNING, 10) is None
            assert not await log.propose(MADE, [OPENING], Position(0, 2))
            assert not await log.activate(MADE, MADE.end, MADE.tail)
            assert not await log.retire(MADE, [HELLO])
            assert await log.read(BEGINNING, 10) is None

    async def test_a_log_is_put_where_nothing_was(self, namespace: str) -> None:
        async with self.started(namespace) as log:
            assert await log.replace(MADE, [NAMESPACE], [])
            await self.holds(log, MADE, [NAMESPACE])

    async def test_others_see_what_one_wrote(self, namespace: str) -> None:
        async with self.filled(namespace) as (_, state), self.started(namespace) as other:
            await self.holds(other, state, [NAMESPACE, OPENING, a_record(0, 2)])

    async def test_namespaces_are_apart(self, namespace: str) -> None:
        async with self.filled(namespace), self.started(f"{namespace}-2") as other:
            assert await other.read(BEGINNING, 10) is None

    async def test_it_is_there_after_a_restart_of_the_client(self, namespace: str) -> None:
        async with self.filled(namespace) as (_, state):
            pass
        async with self.started(namespace) as log:
            assert (await self.read(log)).state == state

    async def test_reading_goes_on_behind_any_position(self, namespace: str) -> None:
        third, fourth = a_record(0, 2), a_record(0, 3)
        opening, first = a_record(1, -1), a_record(1, 0)
        async with self.filled(namespace) as (log, state):
            assert await log.propose(state, [fourth, opening, first], Position(1, 1))
            everything = [NAMESPACE, OPENING, third, fourth, opening, first]
            places = [BEGINNING, Position(-1, 1), Position(0, 2), Position(0, 3), Position(0, 4), Position(1, 0)]
            for skipped, after in enumerate(places):
                assert list((await self.read(log, after)).records) == everything[skipped:], after
            for after in (Position(1, 1), Position(1, 7), Position(2, 0)):
                assert list((await self.read(log, after)).records) == [], after

    async def test_no_more_than_the_limit_comes_at_once(self, namespace: str) -> None:
        async with self.filled(namespace) as (log, state):
            assert await log.propose(state, templates(0, 3, 40), Position(0, 40))
            reading = await self.read(log, Position(0, 2), limit=30)
            assert list(reading.records) == templates(0, 2, 32)
            assert reading.state.end == Position(0, 40)
            assert list((await self.read(log, Position(0, 32), limit=30)).records) == templates(0, 32, 40)

    async def test_large_and_many_records_come_as_they_are(self, namespace: str) -> None:
        large = [a_record(0, 3, bytes(range(256)) * 2048), *templates(0, 4, 3000)]
        async with self.filled(namespace) as (log, state):
            assert await log.propose(state, large, Position(0, 3000))
            reading = await self.read(log, Position(0, 3), limit=3000)
            assert list(reading.records) == large
            assert reading.state.tail == large[-1].tail

    # Proposing

    @pytest.mark.parametrize(
        "change",
        [
            {"store_id": "store-2"},
            {"epoch": 1},
            {"end": Position(0, 2)},
            {"end": Position(0, 4)},
            {"end": Position(1, 3)},
            {"tail": OPENING.tail},
        ],
        ids="-".join,
    )
    async def test_a_proposal_on_another_state_writes_nothing(self, namespace: str, change: dict[str, object]) -> None:
        async with self.filled(namespace) as (log, state):
            expected = replace(state, **change)  # type: ignore[arg-type]
            assert not await log.propose(expected, [a_record(0, 3)], Position(0, 4))
            await self.holds(log, state, [NAMESPACE, OPENING, a_record(0, 2)])

    async def test_what_is_active_and_retired_matters_not_to_a_proposal(self, namespace: str) -> None:
        async with self.filled(namespace) as (log, state):
            assert await log.propose(replace(state, active=BEGINNING, retired=9), [a_record(0, 3)], Position(0, 4))

    async def test_of_two_proposals_on_one_state_only_one_is_taken(self, namespace: str) -> None:
        async with self.filled(namespace) as (log, state), self.started(namespace) as other:
            assert await log.propose(state, [a_record(0, 3, b"ours")], Position(0, 4))
            assert not await other.propose(state, [a_record(0, 3, b"theirs")], Position(0, 4))
            assert list((await self.read(other, Position(0, 3))).records) == [a_record(0, 3, b"ours")]

    # Activating

    async def test_the_mark_moves_up_and_never_back(self, namespace: str) -> None:
        async with self.filled(namespace) as (log, state):
            assert await log.activate(state, Position(0, 3), state.tail)
            assert (await self.read(log)).state.active == Position(0, 3)
            assert await log.activate(state, Position(0, 2), OPENING.tail)
            assert (await self.read(log)).state.active == Position(0, 3)

    @pytest.mark.parametrize("change", [{"store_id": "store-2"}, {"epoch": 1}], ids="-".join)
    async def test_another_store_is_not_activated(self, namespace: str, change: dict[str, object]) -> None:
        async with self.filled(namespace) as (log, state):
            expected = replace(state, **change)  # type: ignore[arg-type]
            assert not await log.activate(expected, Position(0, 3), state.tail)
            assert (await self.read(log)).state == state

    async def test_nothing_is_activated_that_is_not_there(self, namespace: str) -> None:
        async with self.filled(namespace) as (log, state):
            assert not await log.activate(state, Position(0, 4), state.tail)
            assert not await log.activate(state, Position(1, 0), state.tail)
            assert (await self.read(log)).state == state

    async def test_nothing_is_activated_that_others_wrote_instead(self, namespace: str) -> None:
        async with self.filled(namespace) as (log, state):
            assert not await log.activate(state, Position(0, 3), a_record(0, 2, b"another").tail)
            assert not await log.activate(state, Position(0, 3), OPENING.tail)
            assert (await self.read(log)).state == state

    async def test_a_position_in_the_middle_is_activated_by_the_record_that_ends_there(self, namespace: str) -> None:
        async with self.filled(namespace) as (log, state):
            assert await log.propose(state, templates(0, 3, 6), Position(0, 6))
            assert await log.activate(state, Position(0, 4), a_record(0, 3).tail)
            assert (await self.read(log)).state.active == Position(0, 4)

    # Retiring

    async def test_retired_digests_come_along_until_they_are_known(self, namespace: str) -> None:
        async with self.filled(namespace) as (log, state):
            assert (await self.read(log)).retired is None
            assert await log.retire(state, [HELLO])
            assert await log.retire(state, [HELLO, WORLD])
            reading = await self.read(log)
            assert reading.retired == frozenset([HELLO, WORLD])
            assert reading.state.retired == 2
            known = await log.read(BEGINNING, 100, 2)
            assert known is not None
            assert known.retired is None

    @pytest.mark.parametrize("change", [{"store_id": "store-2"}, {"epoch": 1}], ids="-".join)
    async def test_nothing_is_retired_in_another_store(self, namespace: str, change: dict[str, object]) -> None:
        async with self.filled(namespace) as (log, state):
            assert not await log.retire(replace(state, **change), [HELLO])  # type: ignore[arg-type]
            assert (await self.read(log)).state.retired == 0

    # Replacing

    async def test_a_log_of_a_later_epoch_takes_the_place_of_the_old_one(self, namespace: str) -> None:
        async with self.filled(namespace) as (log, _):
            records = [NAMESPACE, OPENING, *templates(0, 2, 1500), a_record(1, -1)]
            rebuilt = LogState(STORE, 1, Position(1, 4), Position(1, 4), 1, records[-1].tail)
            assert await log.replace(rebuilt, records, [WORLD])
            await self.holds(log, rebuilt, records)
            assert (await self.read(log)).retired == frozenset([WORLD])
            assert await log.propose(rebuilt, [a_record(1, 4)], Position(1, 5))

    async def test_a_shorter_log_of_a_later_epoch_leaves_nothing_of_the_old_one(self, namespace: str) -> None:
        async with self.filled(namespace) as (log, state):
            assert await log.retire(state, [HELLO])
            rebuilt = replace(MADE, epoch=3)
            assert await log.replace(rebuilt, [NAMESPACE], [])
            await self.holds(log, rebuilt, [NAMESPACE])

    async def test_another_store_is_replaced_whatever_its_epoch(self, namespace: str) -> None:
        async with self.filled(namespace) as (log, _):
            other = replace(MADE, store_id="store-2")
            assert await log.replace(other, [NAMESPACE], [])
            await self.holds(log, other, [NAMESPACE])

    @pytest.mark.parametrize("epoch", [3, 2])
    async def test_an_epoch_that_is_not_later_replaces_nothing(self, namespace: str, epoch: int) -> None:
        async with self.started(namespace) as log:
            made = replace(MADE, epoch=3)
            assert await log.replace(made, [NAMESPACE], [])
            assert not await log.replace(replace(MADE, epoch=epoch), [a_record(-1, 0, b"other")], [HELLO])
            await self.holds(log, made, [NAMESPACE])

    # Beginning and end

    async def test_an_unreachable_log_is_unavailable_at_each_start(self) -> None:
        log = self.unreachable_log()
        for _ in range(2):
            with pytest.raises(UnavailableError):
                await log.start()
        await log.stop()
        await log.stop()

    async def test_a_log_may_be_stopped_twice_and_before_any_start(self, namespace: str) -> None:
        log = self.new_log(namespace)
        await log.stop()
        async with self.started(namespace) as log:
            await log.stop()
