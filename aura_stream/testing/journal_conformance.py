"""What every journal of a template store must do, as tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from aura_stream.errors import UnavailableError
from aura_stream.ports import Journal

AWKWARD = [b"\x00", bytes(range(256)), b"\n", b"\r\n", b"\xff\xff", b"text", b"{}", b"text"]


@pytest.mark.asyncio
class JournalConformance:
    """The contract of `aura_stream.ports.Journal`. Subclass it in a test module, under a name that begins with
    `Test`, and fill in the two hooks; fixtures of your own come in through an autouse fixture of the class.
    """

    def new_journal(self, namespace: str) -> Journal:
        """Build a journal of this namespace that is not started yet; several of them share what they hold."""
        raise NotImplementedError

    def unreachable_journal(self) -> Journal | None:
        """Build a journal whose other side does not answer; None where there is no other side."""
        raise NotImplementedError

    # The tools of the suite.

    @pytest.fixture
    def namespace(self) -> str:
        """Return a name that no other test uses."""
        return f"conformance-{uuid4().hex[:12]}"

    @asynccontextmanager
    async def started(self, namespace: str, create: bool = True) -> AsyncIterator[Journal]:
        """Start a journal, and stop it at the end."""
        journal = self.new_journal(namespace)
        try:
            await journal.start(create)
            yield journal
        finally:
            await journal.stop()

    # Reading and writing

    async def test_a_journal_that_nobody_made_reads_as_empty_and_is_not_made(self, namespace: str) -> None:
        for _ in range(2):
            async with self.started(namespace, create=False) as journal:
                assert list(await journal.read()) == []
                assert list(await journal.read()) == []

    async def test_it_may_be_made_while_another_waits_for_it(self, namespace: str) -> None:
        async with self.started(namespace, create=False) as reader:
            assert list(await reader.read()) == []
            async with self.started(namespace) as writer:
                await writer.append([b"one"])
                assert list(await reader.read()) == [b"one"]

    async def test_a_new_journal_is_empty(self, namespace: str) -> None:
        async with self.started(namespace) as journal:
            assert list(await journal.read()) == []

    async def test_records_come_back_in_order_and_as_they_are(self, namespace: str) -> None:
        async with self.started(namespace) as journal:
            await journal.append(AWKWARD)
            assert list(await journal.read()) == AWKWARD

    async def test_each_reading_goes_on_where_the_last_one_ended(self, namespace: str) -> None:
        async with self.started(namespace) as journal:
            await journal.append([b"one", b"two"])
            assert list(await journal.read()) == [b"one", b"two"]
            assert list(await journal.read()) == []
            await journal.append([b"three"])
            assert list(await journal.read()) == [b"three"]

    async def test_a_restarted_journal_is_read_from_its_beginning(self, namespace: str) -> None:
        journal = self.new_journal(namespace)
        for count in (1, 2):
            await journal.start(create=True)
            await journal.append([b"record %d" % count])
            assert list(await journal.read()) == [b"record %d" % number for number in range(1, count + 1)]
            await journal.stop()

    async def test_what_one_appended_is_read_by_all_at_once_and_in_one_order(self, namespace: str) -> None:
        async with self.started(namespace) as ours, self.started(namespace) as theirs:
            for number in range(10):
                await (ours, theirs)[number % 2].append([b"%d" % number])
                assert list(await ours.read()) == [b"%d" % number]
            expected = [b"%d" % number for number in range(10)]
            assert list(await theirs.read()) == expected
            async with self.started(namespace, create=False) as fresh:
                assert list(await fresh.read()) == expected

    async def test_many_records_and_large_ones(self, namespace: str) -> None:
        records = [b"%05d" % number + bytes(range(100)) for number in range(10_000)]
        large = [b"%d" % number + bytes(range(256)) * 2048 for number in range(4)]
        async with self.started(namespace) as journal:
            await journal.append(records)
            await journal.append(large)
            assert list(await journal.read()) == records + large

    async def test_nothing_to_append_is_no_error(self, namespace: str) -> None:
        async with self.started(namespace) as journal:
            await journal.append([])
            await journal.append([b"one"])
            assert list(await journal.read()) == [b"one"]

    async def test_making_it_again_leaves_what_is_there(self, namespace: str) -> None:
        async with self.started(namespace) as journal:
            await journal.append([b"one"])
        async with self.started(namespace) as journal:
            assert list(await journal.read()) == [b"one"]

    async def test_namespaces_are_apart(self, namespace: str) -> None:
        async with self.started(namespace) as journal, self.started(f"{namespace}-2") as other:
            await journal.append([b"one"])
            assert list(await other.read()) == []

    # Beginning and end

    async def test_an_unreachable_journal_is_unavailable_at_each_start(self) -> None:
        journal = self.unreachable_journal()
        if journal is None:
            return  # on this machine's own disk
        for create in (True, False):
            with pytest.raises(UnavailableError):
                await journal.start(create)
        await journal.stop()
        await journal.stop()

    async def test_a_journal_may_be_stopped_twice_and_before_any_start(self, namespace: str) -> None:
        journal = self.new_journal(namespace)
        await journal.stop()
        async with self.started(namespace) as journal:
            await journal.stop()
