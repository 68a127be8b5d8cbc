"""Workers and promoters of one namespace, and the ledger of all that any of them ever wrote or was told."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aura_connectors.redis_streams.shared_log import maker as log_maker

from aura_stream.app.embedded import free_port
from aura_stream.codec import Codebook, HybridCodec, Proposal, Template
from aura_stream.errors import StoreLostError, UnavailableError
from aura_stream.ports import Journal
from aura_stream.store import FolderMirror, NoMirror, SharedStore

PATIENCE = 60.0  # seconds; a bound on hanging, not a measure of speed
MakeJournal = Callable[[], Journal]


def words(name: str, first: int, count: int = 3) -> list[Template]:
    """Return templates that nobody else proposes."""
    return [Template((f"{name}{_letters(number)}".encode(),)) for number in range(first, first + count)]


def _letters(number: int) -> str:
    """Spell a number as a word: digits would be values to the codec."""
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:05d}")


class Fleet:
    """All processes of a namespace. `url` is their way to Redis."""

    def __init__(self, url: str, make_journal: MakeJournal, folder: Path, namespace: str, seed: int = 1) -> None:
        self.url = url
        self.namespace = namespace
        self._make_journal = make_journal
        self._folder = folder
        self._random = random.Random(seed)
        self._running = True
        self._tasks: list[asyncio.Task[None]] = []
        self.stores: list[SharedStore] = []  # of everybody who works
        self.frames: list[tuple[bytes, bytes]] = []  # frame, message: of every book that anybody ever had
        self.given: dict[tuple[int, int], Template] = {}  # generation, number: what stood there
        self.promoted: list[Template] = []  # acknowledged
        self.lost = 0

    # What each of them does

    @asynccontextmanager
    async def store(self, verb: str, url: str | None = None, mirror: bool = True) -> AsyncIterator[SharedStore]:
        """Build a process's store, not started, and stop it at the end."""
        log = log_maker.shared_log(log_maker.options.model_validate({"url": url or self.url}), self.namespace)
        where = FolderMirror(self._folder / "mirror", self.namespace, verb) if mirror else NoMirror()
        store = SharedStore(log, self._make_journal(), self.namespace, mirror=where)
        try:
            yield store
        finally:
            await store.stop()

    def write(self, book: Codebook) -> None:
        """Write a message with a book, as a worker that has it does, and note all numbers that it holds."""
        for generation, made in enumerate(book.generations):
            for number, template in enumerate(made.templates):
                before = self.given.setdefault((generation, number), template)
                assert before == template, f"number {generation}-{number} was given twice"
        if book.newest is not None and book.newest.templates:
            known = [template.literals[0] for template in book.newest.templates]
            message = b" ".join(self._random.sample(known, min(5, len(known))))
            (frame,) = HybridCodec(book, destination="batched").encode_batch([message])
            self.frames.append((frame, message))

    async def work(self) -> None:
        """Follow, and write with whatever there is."""
        async with self.store("run") as store:
            self.write(await _until_answered(store.start))
            self.stores.append(store)
            while self._running:
                self.write(await store.follow())

    async def discover(self, name: str) -> None:
        """Promote new templates over and over, now and then a generation, and rebuild what is lost."""
        async with self.store("discover") as store:
            self.write(await _until_answered(store.start))
            self.stores.append(store)
            number = 0
            while self._running:
                proposal = Proposal(words(name, number), opens=number % 30 == 27)
                if await self.promote(store, proposal):
                    number += 3

    async def promote(self, store: SharedStore, proposal: Proposal) -> bool:
        """Try to promote; False if it is to be tried again."""
        try:
            self.write(await store.promote(proposal))
        except StoreLostError:
            self.lost += 1
            with suppress(UnavailableError, StoreLostError):
                self.write(await store.rebuild())
            return False
        except UnavailableError:
            return False
        self.promoted += proposal.templates
        return True

    # Running them

    @asynccontextmanager
    async def at_work(self, workers: int = 2, promoters: int = 2) -> AsyncIterator[None]:
        """Run so many of each; at the end let them come to rest, and stop them."""
        self._running = True
        self._tasks = [asyncio.create_task(self.work()) for _ in range(workers)]
        self._tasks += [asyncio.create_task(self.discover(f"p{_letters(index)}x")) for index in range(promoters)]
        try:
            await self.more(1)
            yield
        finally:
            self._running = False
            results = await asyncio.gather(*self._tasks, return_exceptions=True)
            self._tasks = []
            self.stores = []
        assert results == [None] * len(results)

    async def more(self, promotions: int = 4) -> None:
        """Wait until so many more promotions succeeded, and every worker has seen them and written with them."""
        wanted = len(self.promoted) + promotions * 3
        await self.reached(lambda: len(self.promoted) >= wanted, f"{promotions} promotions")
        promoted = set(self.promoted[:wanted])
        await self.reached(lambda: promoted <= set(self.given.values()), "the workers")
        written = len(self.frames) + 20
        await self.reached(lambda: len(self.frames) >= written, "frames")

    async def until_well(self, store: SharedStore) -> None:
        """Follow until the store answers."""
        deadline = time.monotonic() + PATIENCE
        while store.status.state != "ok":
            assert time.monotonic() < deadline, "the store never answered again"
            self.write(await store.follow())

    async def reached(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until the condition holds, while all are at work."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"never came: {what}"
            for task in self._tasks:
                if task.done():
                    task.result()  # what stopped it
            await asyncio.sleep(0.01)

    # The verdict

    async def settled(self) -> Codebook:
        """Promote a last time, and check that everybody who comes now gets the same book, from Redis or without."""
        last = words("last", 0)
        async with self.store("discover") as store:
            await _until_answered(store.start)
            await self._settle(store, Proposal(last))
        books = [await self._fresh(mirror=False), await self._fresh(mirror=True)]
        durable = await self.durable()
        assert books == [durable, durable]
        for generation in durable.generations:
            assert len(set(generation.templates)) == len(generation.templates)
        assert set(self.promoted) <= {template for each in durable.generations for template in each.templates}
        self._check(durable)
        return durable

    async def _settle(self, store: SharedStore, proposal: Proposal) -> None:
        deadline = time.monotonic() + PATIENCE
        while not await self.promote(store, proposal):
            assert time.monotonic() < deadline, "the store never came to rest"
        assert store.status.state == "ok"

    async def _fresh(self, mirror: bool) -> Codebook:
        async with self.store("run", mirror=mirror) as store:
            book = await _until_answered(store.start)
            assert store.status.state == "ok"
            return book

    async def durable(self) -> Codebook:
        """Return the book of a process that has the journal and nothing else."""
        async with self.store("decode", url=f"redis://127.0.0.1:{free_port()}/0", mirror=False) as store:
            return await store.start()

    def _check(self, durable: Codebook) -> None:
        """Every frame that was ever written decodes, and every number means what it meant."""
        codec = HybridCodec(durable)
        assert codec.decode_batch([frame for frame, _ in self.frames]) == [message for _, message in self.frames]
        for (generation, number), template in self.given.items():
            assert durable.generations[generation].templates[number] == template
        assert all(codec.peek(frame).template is not None for frame, _ in self.frames)


async def _until_answered(start: Callable[[], object]) -> Codebook:
    """Start a store, again and again where nothing answers, as a process that was started at a bad time does."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            book = await start()  # type: ignore[misc]
        except UnavailableError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        else:
            assert isinstance(book, Codebook)
            return book


def seen(frames: Sequence[tuple[bytes, bytes]], book: Codebook) -> set[int | None]:
    """Return the generations that frames were written in."""
    codec = HybridCodec(book)
    return {codec.peek(frame).generation for frame, _ in frames}
