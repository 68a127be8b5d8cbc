"""Whatever happens to the shared log: every frame decodes from the journal alone, and no number is given twice."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from aura_connectors.files.journal import maker as file_maker
from aura_connectors.kafka.journal import maker as kafka_maker
from aura_connectors.redis_streams.journal import maker as redis_maker

from aura_stream.codec import HybridCodec, Proposal
from aura_stream.errors import StoreLostError
from tests.infra.proxy import proxy_to
from tests.infra.redis import StartRedis, raw_client
from tests.integration.bridge_systems import eventually
from tests.integration.redis_tools import command
from tests.integration.store_fleet import Fleet, MakeJournal, seen, words

pytestmark = pytest.mark.integration


@pytest.fixture
def namespace() -> str:
    return f"orders-{uuid4().hex[:12]}"


@pytest.fixture
def file_journal(tmp_path: Path, namespace: str) -> MakeJournal:
    options = file_maker.options.model_validate({"path": tmp_path / "journal"})
    return lambda: file_maker.journal(options, namespace)


@pytest.fixture(params=["file", "redis", "kafka"])
def make_journal(request: pytest.FixtureRequest, namespace: str) -> MakeJournal:
    """Each kind of journal; the Redis of the journal is another one than that of the log."""
    if request.param == "file":
        made: MakeJournal = request.getfixturevalue("file_journal")
        return made
    if request.param == "redis":
        server = request.getfixturevalue("start_valkey")("--appendonly", "yes", "--appendfsync", "always")
        redis_options = redis_maker.options.model_validate({"url": server.url})
        return lambda: redis_maker.journal(redis_options, namespace)
    kafka_options = kafka_maker.options.model_validate({"servers": request.getfixturevalue("kafka")})
    return lambda: kafka_maker.journal(kafka_options, namespace)


async def owner(url: str, *words: bytes | str | int) -> object:
    """Do something to a server that no process of ours would do."""
    client = raw_client(url)
    try:
        return await command(client, *words)
    finally:
        await client.aclose()


# The log is gone


async def test_flushing_redis_mid_run_loses_nothing(
    start_redis: StartRedis, make_journal: MakeJournal, tmp_path: Path, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    fleet = Fleet(start_redis().url, make_journal, tmp_path, namespace)
    async with fleet.at_work():
        for _ in range(3):
            await fleet.more()
            await owner(fleet.url, "FLUSHALL")
            await fleet.more()
        assert {store.status.state for store in fleet.stores} == {"ok"}
    book = await fleet.settled()
    assert fleet.lost >= 3
    assert len(seen(fleet.frames, book)) >= 4  # of each life of the log
    assert any(record.levelname == "CRITICAL" and "is lost" in record.message for record in caplog.records)


@pytest.mark.untraced
async def test_flushing_redis_at_any_moment_of_a_promotion_loses_nothing(
    start_redis: StartRedis, file_journal: MakeJournal, tmp_path: Path, namespace: str
) -> None:
    fleet = Fleet(start_redis().url, file_journal, tmp_path, namespace)
    async with fleet.at_work(workers=1, promoters=3):
        client = raw_client(fleet.url)
        for _ in range(60):
            await fleet.more(1)
            await command(client, "FLUSHALL")
        await client.aclose()
    await fleet.settled()
    assert fleet.lost >= 60


async def test_a_server_killed_and_restarted_empty_loses_nothing(
    start_redis: StartRedis, file_journal: MakeJournal, tmp_path: Path, namespace: str
) -> None:
    server = start_redis()
    fleet = Fleet(server.url, file_journal, tmp_path, namespace)
    async with fleet.at_work():
        for _ in range(2):
            await fleet.more()
            await asyncio.to_thread(server.stop)  # as by kill -9
            written = len(fleet.frames)
            await fleet.reached(lambda: len(fleet.frames) > written + 20, "frames while Redis is away")  # noqa: B023
            server = await asyncio.to_thread(start_redis, port=server.port)
            await fleet.more()
    await fleet.settled()
    assert fleet.lost >= 2


# The log is another one


@pytest.mark.parametrize("cut", [1, 200, 2_000, 8_000])
async def test_an_append_only_file_that_lost_its_end_gives_no_number_twice(
    start_redis: StartRedis, file_journal: MakeJournal, tmp_path: Path, namespace: str, cut: int
) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    persistent = ("--appendonly", "yes", "--appendfsync", "always")
    server = start_redis(*persistent, directory=folder)
    fleet = Fleet(server.url, file_journal, tmp_path, namespace)
    async with fleet.at_work():
        await fleet.more(20)
        await asyncio.to_thread(server.stop)
        assert _cut_tail(folder, cut)
        await asyncio.to_thread(start_redis, *persistent, port=server.port, directory=folder)
        await fleet.more(10)
    await fleet.settled()
    if cut > 200:  # more than the move of a mark: entries that were journaled are gone
        assert fleet.lost > 0


def _cut_tail(folder: Path, cut: int) -> bool:
    """Cut so many bytes off the newest append-only file; False if it is shorter."""
    newest = max(folder.rglob("*.incr.aof"))
    content = newest.read_bytes()
    newest.write_bytes(content[:-cut])
    return len(content) > cut


async def test_a_failover_to_a_replica_that_lags_loses_no_template(
    start_redis: StartRedis, file_journal: MakeJournal, tmp_path: Path, namespace: str
) -> None:
    """What the master acknowledged after the link was cut never reached the replica, which takes its place."""
    master = start_redis()
    async with proxy_to(master.port) as link, proxy_to(master.port) as front:
        replica = start_redis("--replicaof", "127.0.0.1", str(link.port))
        await eventually("a replica in step", lambda: _in_step(replica.url))
        fleet = Fleet(f"redis://127.0.0.1:{front.port}/0", file_journal, tmp_path, namespace)
        async with fleet.at_work():
            await fleet.more(10)
            await link.down()
            await fleet.more(10)
            await front.down()
            await asyncio.to_thread(master.stop)
            await owner(replica.url, "REPLICAOF", "NO", "ONE")
            front.lead_to(replica.port)
            await front.up()
            await fleet.more(10)
        await fleet.settled()
    assert fleet.lost > 0


async def _in_step(url: str) -> bool:
    return b"master_link_status:up" in bytes(await owner(url, "INFO", "replication"))  # type: ignore[arg-type]


async def test_a_log_that_was_rolled_back_and_written_on_gives_no_number_twice(
    start_redis: StartRedis, file_journal: MakeJournal, tmp_path: Path, namespace: str
) -> None:
    fleet = Fleet(start_redis().url, file_journal, tmp_path, namespace)
    stem = f"aura:{{{namespace}}}"
    async with fleet.at_work(promoters=3):
        for _ in range(5):
            await fleet.more(2)
            saved = await _saved(fleet.url, f"{stem}:meta", f"{stem}:log")
            await fleet.more(2)
            await _restored(fleet.url, saved)
        await fleet.more(2)
    await fleet.settled()
    assert fleet.lost > 0


async def _saved(url: str, *keys: str) -> dict[str, bytes]:
    client = raw_client(url)
    pipeline = client.pipeline()
    pipeline.response_callbacks.clear()
    for key in keys:
        pipeline.execute_command("DUMP", key)
    dumps = await pipeline.execute()
    await client.aclose()
    return dict(zip(keys, dumps, strict=True))


async def _restored(url: str, saved: dict[str, bytes]) -> None:
    client = raw_client(url)
    pipeline = client.pipeline()
    pipeline.response_callbacks.clear()
    for key, dump in saved.items():
        pipeline.execute_command("RESTORE", key, 0, dump, "REPLACE")
    await pipeline.execute()
    await client.aclose()


async def test_the_log_of_another_store_is_noticed_and_not_followed(
    start_redis: StartRedis, file_journal: MakeJournal, tmp_path: Path, namespace: str
) -> None:
    ours, theirs = start_redis(), start_redis()
    journal = file_maker.options.model_validate({"path": tmp_path / "other"})
    other = Fleet(theirs.url, lambda: file_maker.journal(journal, namespace), tmp_path / "theirs", namespace)
    async with other.store("discover") as store:
        await store.start()
        await store.promote(Proposal(words("theirs", 0, 50)))
    fleet = Fleet(ours.url, file_journal, tmp_path, namespace)
    swapped = await _saved(theirs.url, *(f"aura:{{{namespace}}}:{name}" for name in ("meta", "log")))
    async with fleet.store("run") as worker, fleet.store("discover") as promoter:
        await worker.start()
        await promoter.start()
        fleet.write(await promoter.promote(Proposal(words("ours", 0))))
        book = await worker.follow()
        await _restored(ours.url, swapped)
        assert await worker.follow() is book
        assert worker.status.state == "lost"
        with pytest.raises(StoreLostError, match="another store"):
            await promoter.promote(Proposal(words("ours", 3)))
        fleet.write(await promoter.rebuild())
        fleet.write(await worker.follow())
        assert worker.status.state == "ok"
    await fleet.settled()


# Several promoters


async def test_promoters_that_come_at_once_give_each_template_one_number(
    start_redis: StartRedis, make_journal: MakeJournal, tmp_path: Path, namespace: str
) -> None:
    fleet = Fleet(start_redis().url, make_journal, tmp_path, namespace)
    shared = words("both", 0, 40)

    async def promote_all(name: str) -> None:
        async with fleet.store("discover") as store:
            await store.start()
            for number in range(40):
                while not await fleet.promote(store, Proposal([*words(name, number, 1), shared[number]])):
                    pass

    await asyncio.gather(*(promote_all("abc"[index] + "x") for index in range(3)))
    book = await fleet.settled()
    assert book.newest is not None
    assert len(book.newest.templates) == 3 * 40 + 40 + 3
    assert fleet.lost == 0


# An entry is damaged


@pytest.mark.parametrize("place", [0, 1, 2, -1])
async def test_a_changed_entry_is_named_kept_aside_and_mended(
    start_redis: StartRedis,
    file_journal: MakeJournal,
    tmp_path: Path,
    namespace: str,
    place: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fleet = Fleet(start_redis().url, file_journal, tmp_path, namespace)
    async with fleet.store("discover") as promoter:
        await promoter.start()
        await promoter.promote(Proposal(words("one", 0, 2)))
        book = await promoter.promote(Proposal(words("two", 0, 5)))
        changed = await _change_entry(fleet.url, f"aura:{{{namespace}}}:log", place)
        async with fleet.store("run") as worker:
            assert await worker.start() == book
            fleet.write(book)
            assert worker.status.damaged == 1
            assert worker.status.state == "ok"
        assert changed in [path.read_bytes() for path in (tmp_path / "mirror").rglob("damaged-*")]
        assert "is damaged" in caplog.text
        found = [each for each in await promoter.verify() if each.severity != "ok"]
        assert [each.severity for each in found] == ["repairable"] * len(found)
        assert any("log entry" in each.subject for each in found)
        fleet.write(await promoter.rebuild())
        assert [each for each in await promoter.verify() if each.severity != "ok"] == []
    await fleet.settled()


async def _change_entry(url: str, key: str, place: int) -> bytes:
    """Write the stream anew with one bit of one entry changed; returns what it holds now."""
    client = raw_client(url)
    entries = await command(client, "XRANGE", key, "-", "+")
    value = bytearray(entries[place][1][1])
    value[len(value) // 2] ^= 4
    entries[place][1][1] = bytes(value)
    await command(client, "DEL", key)
    for entry, fields in entries:
        await command(client, "XADD", key, entry, *fields)
    await client.aclose()
    return bytes(value)


# A follower was away


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_follower_that_missed_everything_converges_at_once(
    start_redis: StartRedis, file_journal: MakeJournal, tmp_path: Path, namespace: str, restarted: bool
) -> None:
    fleet = Fleet(start_redis().url, file_journal, tmp_path, namespace)
    async with fleet.store("discover") as promoter, fleet.store("run") as worker:
        await promoter.start()
        await promoter.promote(Proposal(words("first", 0)))
        fleet.write(await worker.start())
        if restarted:
            await worker.stop()
        for life in range(3):
            await promoter.promote(Proposal(words(f"life{chr(97 + life)}", 0, 20)))
            book = await promoter.promote(Proposal(words(f"life{chr(97 + life)}new", 0), opens=True))
            await promoter.retire([book.generations[0].templates[0].digest])
            await owner(fleet.url, "FLUSHALL")
            await promoter.rebuild()
        book = await promoter.promote(Proposal(words("latest", 0)))
        assert await (worker.start() if restarted else worker.follow()) == book
        assert worker.status.state == "ok"
        fleet.write(book)
    await fleet.settled()


# The store is slow


async def test_a_store_that_answers_after_two_seconds_holds_no_worker_up(
    start_redis: StartRedis, file_journal: MakeJournal, tmp_path: Path, namespace: str
) -> None:
    server = start_redis()
    async with proxy_to(server.port) as proxy:
        fleet = Fleet(f"redis://127.0.0.1:{proxy.port}/0", file_journal, tmp_path, namespace)
        async with fleet.store("discover") as promoter, fleet.store("run") as worker:
            await promoter.start()
            await promoter.promote(Proposal(words("one", 0)))
            book = await worker.start()
            proxy.delay = 2.0
            promoting = asyncio.create_task(promoter.promote(Proposal(words("two", 0))))
            rounds = await _encode_until(promoting, fleet, book)
            following = asyncio.create_task(worker.follow())
            rounds += await _encode_until(following, fleet, book)
            assert rounds > 100  # nothing waited
            assert following.result() == promoting.result()
            assert {promoter.status.state, worker.status.state} == {"ok"}
            fleet.write(following.result())
            proxy.delay = 0.0
        await fleet.settled()


async def _encode_until(task: asyncio.Task[object], fleet: Fleet, book: object) -> int:
    """Encode with the book that is known until the task is done; returns how often."""
    rounds = 0
    while not task.done():
        fleet.write(book)  # type: ignore[arg-type]
        await asyncio.sleep(0)
        rounds += 1
        if rounds % 50 == 0:
            await asyncio.sleep(0.01)
    return rounds


async def test_a_silent_store_degrades_and_no_frame_waits_for_it(
    start_redis: StartRedis, file_journal: MakeJournal, tmp_path: Path, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aura_connectors.redis_streams.shared_log.CALL_TIMEOUT", 0.5)
    server = start_redis()
    async with proxy_to(server.port) as proxy:
        fleet = Fleet(f"redis://127.0.0.1:{proxy.port}/0", file_journal, tmp_path, namespace)
        async with fleet.store("discover") as promoter, fleet.store("run") as worker:
            await promoter.start()
            book = await promoter.promote(Proposal(words("one", 0)))
            assert await worker.start() == book
            proxy.blackhole = True
            following = asyncio.create_task(worker.follow())
            assert await _encode_until(following, fleet, book) > 10
            assert following.result() == book
            assert worker.status.state == "degraded"
            proxy.blackhole = False
            await fleet.until_well(worker)
        await fleet.settled()


# The journal is what counts


async def test_a_journal_copied_elsewhere_is_all_that_a_reader_needs(
    start_redis: StartRedis, file_journal: MakeJournal, tmp_path: Path, namespace: str
) -> None:
    fleet = Fleet(start_redis().url, file_journal, tmp_path, namespace)
    async with fleet.store("discover") as promoter:
        await promoter.start()
        fleet.write(await promoter.promote(Proposal(words("one", 0))))
    book = await fleet.settled()
    shutil.copy(tmp_path / "journal", tmp_path / "backup")
    options = file_maker.options.model_validate({"path": tmp_path / "backup"})
    journal: Callable[[], object] = lambda: file_maker.journal(options, namespace)  # noqa: E731
    copy = Fleet("redis://127.0.0.1:1/0", journal, tmp_path / "elsewhere", namespace)  # type: ignore[arg-type]
    durable = await copy.durable()
    assert durable == book
    assert HybridCodec(durable).decode_batch([frame for frame, _ in fleet.frames])
