"""What every template store must do, as tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar
from uuid import uuid4

import pytest

from aura_stream.codec import Codebook, HybridCodec, Proposal, Template
from aura_stream.errors import AuraError, CodebookError, ConfigError
from aura_stream.ports import StoreStatus, TemplateStore
from aura_stream.store import Properties

DICTIONARY = b'{"level":"info","user":"alice"} GET /api/v1/items ' * 8
BIRTH = 1_700_000_000


def words(*texts: str) -> list[Template]:
    """Return a template for each word."""
    return [Template((text.encode(),)) for text in texts]


def numbered_words(count: int, stem: str = "word") -> list[Template]:
    """Return so many different templates."""
    return words(*(f"{stem}{number:05d}" for number in range(count)))


STEPS: Sequence[Proposal] = (
    Proposal(words("one", "two"), birth=BIRTH),
    Proposal(words("two", "three", "three")),
    Proposal(),
    Proposal(words("four"), dictionary=DICTIONARY),
    Proposal(dictionary=DICTIONARY + b"more", birth=BIRTH + 1),
    Proposal(words("three", "five"), opens=True, birth=BIRTH + 2),
    Proposal(words("five", "six")),
    Proposal((), opens=True),
    Proposal(words("one")),
)


@pytest.mark.asyncio
class StoreConformance:
    """The contract of `aura_stream.ports.TemplateStore`. Subclass it in a test module, under a name that begins with
    `Test`, and fill in the hook; fixtures of your own come in through an autouse fixture of the class.
    """

    shared: ClassVar[bool] = True
    """Whether several stores of a namespace see what one of them promotes."""

    def new_store(self, namespace: str, properties: Properties) -> TemplateStore:
        """Build a store of this namespace that may promote, and is not started yet."""
        raise NotImplementedError

    def __init_subclass__(cls) -> None:
        """Leave out what cannot apply: a test that is not there, rather than one that is skipped."""
        super().__init_subclass__()
        if not cls.shared:
            for name in [name for name in dir(cls) if name.startswith("test_others_")]:
                setattr(cls, name, None)

    # The tools of the suite.

    @pytest.fixture
    def namespace(self) -> str:
        """Return a name that no other test uses."""
        return f"conformance-{uuid4().hex[:12]}"

    @asynccontextmanager
    async def started(self, namespace: str, properties: Properties | None = None) -> AsyncIterator[TemplateStore]:
        """Start a store, and stop it at the end."""
        store = self.new_store(namespace, properties or Properties())
        try:
            await store.start()
            yield store
        finally:
            await store.stop()

    # Promoting

    @pytest.mark.parametrize(("check_bytes", "raw"), [(1, "plain"), (4, "marked"), (0, "plain")])
    async def test_a_new_store_begins_with_the_empty_book_that_was_asked_for(
        self, namespace: str, check_bytes: int, raw: str
    ) -> None:
        properties = Properties(check_bytes, raw)  # type: ignore[arg-type]
        store = self.new_store(namespace, properties)
        empty = Codebook(check_bytes, raw)  # type: ignore[arg-type]
        try:
            assert await store.start() == empty
            assert await store.follow() == empty
            assert await store.promote(STEPS[0]) == empty.extended(STEPS[0])
        finally:
            await store.stop()

    async def test_promoting_gives_what_extending_a_book_gives(self, namespace: str) -> None:
        expected = Codebook()
        async with self.started(namespace) as store:
            for proposal in STEPS:
                expected = expected.extended(proposal)
                assert await store.promote(proposal) == expected
                assert await store.follow() == expected
                assert await store.search() == expected

    async def test_what_is_there_already_changes_nothing(self, namespace: str) -> None:
        async with self.started(namespace) as store:
            book = await store.promote(STEPS[0])
            assert await store.promote(STEPS[0]) is book
            assert await store.promote(Proposal()) is book

    async def test_the_book_is_the_same_object_while_nothing_is_new(self, namespace: str) -> None:
        async with self.started(namespace) as store:
            book = await store.promote(STEPS[0])
            assert await store.follow() is book
            assert await store.search() is book
            assert await store.follow() is book

    async def test_many_templates_are_promoted_at_once(self, namespace: str) -> None:
        first, second = Proposal(numbered_words(6000)), Proposal(numbered_words(6000, "other"))
        async with self.started(namespace) as store:
            await store.promote(first)
            assert await store.promote(second) == Codebook().extended(first).extended(second)
            assert await store.follow() == Codebook().extended(first).extended(second)

    async def test_a_generation_of_long_templates_comes_whole(self, namespace: str) -> None:
        """More than fits into one record."""
        distinct = [bytes([33 + (number + place) % 90 for place in range(60)]) for number in range(90)]
        long = [Template((distinct[row % 90], b"%06d" % row, distinct[(row * 7) % 90])) for row in range(9000)]
        proposal = Proposal(long, opens=True, dictionary=DICTIONARY)
        async with self.started(namespace) as store:
            await store.promote(STEPS[0])
            book = await store.promote(proposal)
        assert book == Codebook().extended(STEPS[0]).extended(proposal)

    async def test_what_a_book_cannot_hold_is_refused_and_changes_nothing(self, namespace: str) -> None:
        async with self.started(namespace) as store:
            book = await store.promote(STEPS[0])
            with pytest.raises(CodebookError):
                await store.promote(Proposal(words("five"), dictionary=b"\x37\xa4\x30\xec no dictionary"))
            assert await store.follow() is book

    # Retiring

    async def test_retired_templates_are_known_and_not_written_with(self, namespace: str) -> None:
        one, two = words("one", "two")
        async with self.started(namespace) as store:
            book = await store.promote(STEPS[0])
            retired = await store.retire([one.digest])
            assert retired == book.without([one.digest])
            assert await store.retire([one.digest]) is retired
            assert await store.retire([two.digest]) == book.without([one.digest, two.digest])
            assert (await store.follow()).retired == {one.digest, two.digest}
            assert book.is_prefix_of(await store.promote(Proposal(words("three"))))

    async def test_others_learn_what_is_retired(self, namespace: str) -> None:
        (one,) = words("one")
        async with self.started(namespace) as store, self.started(namespace) as other:
            await store.promote(STEPS[0])
            await other.follow()
            book = await store.retire([one.digest])
            assert await other.follow() == book
            async with self.started(namespace) as fresh:
                assert await fresh.follow() == book

    # Sharing

    async def test_others_follow_what_one_promotes(self, namespace: str) -> None:
        async with self.started(namespace) as store, self.started(namespace) as other:
            before = await other.follow()
            for proposal in STEPS:
                book = await store.promote(proposal)
                after = await other.follow()
                assert after == book
                assert before.is_prefix_of(after)
                before = after

    async def test_others_begin_with_what_was_promoted_before(self, namespace: str) -> None:
        async with self.started(namespace) as store:
            book = await store.promote(STEPS[0])
        other = self.new_store(namespace, Properties())
        try:
            assert await other.start() == book
        finally:
            await other.stop()

    async def test_others_may_promote_at_the_same_time(self, namespace: str) -> None:
        async with self.started(namespace) as store, self.started(namespace) as other:
            await store.promote(STEPS[0])
            await asyncio.gather(
                *(self._promoted(each, stem) for each, stem in ((store, "ours"), (other, "theirs"))),
            )
            await store.follow()
            book = await store.search()
            assert await other.search() == book
            assert book.newest is not None
            assert len(book.newest.templates) == 2 + 2 * 20 + 20
            assert len(book.newest.digests) == len(book.newest.templates)

    async def _promoted(self, store: TemplateStore, stem: str) -> None:
        """Promote twenty times, some of it the same as others do."""
        for number in range(20):
            proposal = Proposal(words(f"{stem}{number}", f"both{number}"))
            for _ in range(1000):
                if _has(await self._tried(store, proposal), proposal):
                    break

    @staticmethod
    async def _tried(store: TemplateStore, proposal: Proposal) -> Codebook:
        await asyncio.sleep(0)
        try:
            return await store.promote(proposal)
        except AuraError:  # others came first too often
            return await store.follow()

    async def test_others_with_other_properties_are_told_so(self, namespace: str) -> None:
        async with self.started(namespace, Properties(2, "plain")) as store:
            await store.promote(STEPS[0])
            for properties in (Properties(1), Properties(2, "marked")):
                other = self.new_store(namespace, properties)
                with pytest.raises(ConfigError, match=r"check_bytes is 1,.*made with 2|raw is marked,.*with plain"):
                    await other.start()
                await other.stop()

    async def test_others_that_ask_for_no_property_take_what_is_there(self, namespace: str) -> None:
        async with self.started(namespace, Properties(2, "marked")) as store:
            book = await store.promote(STEPS[0])
            async with self.started(namespace) as other:
                assert await other.follow() == book

    async def test_namespaces_are_apart(self, namespace: str) -> None:
        async with self.started(namespace) as store, self.started(f"{namespace}-2") as other:
            await store.promote(STEPS[0])
            assert await other.follow() == Codebook()

    # Beginning, end, and how it is

    async def test_a_store_is_well(self, namespace: str) -> None:
        async with self.started(namespace) as store:
            await store.promote(STEPS[0])
            await store.promote(STEPS[3])
            await store.retire([words("one")[0].digest])
            assert store.status == StoreStatus()
            assert [finding for finding in await store.verify() if finding.problem] == []
            assert await store.verify() != []

    async def test_a_rebuilt_store_holds_what_it_held_and_grows(self, namespace: str) -> None:
        message = b"one two"
        async with self.started(namespace) as store:
            book = await store.promote(STEPS[3])
            frame = HybridCodec(book).encode(message)
            rebuilt = await store.rebuild()
            assert book.is_prefix_of(rebuilt)
            longer = await store.promote(STEPS[0])
            assert rebuilt.is_prefix_of(longer)
            assert HybridCodec(longer).decode(frame) == message
            assert store.status.state == "ok"

    async def test_a_store_may_be_stopped_twice_and_before_any_start(self, namespace: str) -> None:
        store = self.new_store(namespace, Properties())
        await store.stop()
        async with self.started(namespace) as store:
            await store.stop()


def _has(book: Codebook, proposal: Proposal) -> bool:
    return book.newest is not None and all(template.digest in book.newest.digests for template in proposal.templates)
