"""Publishing and settling as one step: what goes over once, and what is left where it was."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from aura_connectors.redis_streams import SinkOptions, SourceOptions
from aura_connectors.redis_streams.lease import lease_key
from redis.asyncio import Redis

from aura_stream.app.embedded import free_port
from aura_stream.errors import ConfigError, UnavailableError, UnwritableMessageError
from aura_stream.model import Batch, Entries
from aura_stream.ports import Context
from tests.infra.proxy import proxy_to
from tests.infra.redis import StartRedis, raw_client
from tests.integration.redis_tools import (
    GROUP,
    add,
    command,
    connector,
    entries,
    eventually,
    fetched,
    loaded,
    numbered,
    pending,
    started_bridge,
    values_of,
)

pytestmark = pytest.mark.integration


def marked(batch: Batch, *rows: int) -> list[Batch]:
    """Return rows of a batch as dead letters."""
    return [connector.marked(batch.part(row, row + 1), [b"note %d" % row]) for row in rows]


async def values_in(redis: Redis, stream: str) -> list[bytes]:
    """Return what stands in the field `d` of each entry."""
    return [flat[flat.index(b"d") + 1] for flat in await entries(redis, stream)]


# What goes over


async def test_what_is_published_is_settled(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 5000))
    async with started_bridge(redis_url, stream) as (source, sink):
        batches = await fetched(source, 5000, max_messages=5000)
        await sink.publish_and_settle(batches)
        assert await source.lag() == 0
    assert await entries(redis, f"{stream}.aura") == await entries(redis, stream)
    assert await pending(redis, stream) == 0


async def test_called_again_it_passes_over_what_is_settled(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 3000))
    async with started_bridge(redis_url, stream) as (source, sink):
        batches = await fetched(source, 3000)
        await sink.publish_and_settle(batches[:1])
        await sink.publish_and_settle(batches)
        await sink.publish_and_settle(batches)
    assert await values_in(redis, f"{stream}.aura") == numbered(0, 3000)


async def test_what_another_settled_meanwhile_is_not_published(
    redis: Redis, redis_url: str, stream: str, caplog: pytest.LogCaptureFixture
) -> None:
    ids = await add(redis, stream, numbered(0, 10))
    async with started_bridge(redis_url, stream) as (source, sink):
        batches = await fetched(source, 10)
        await command(redis, "XACK", stream, GROUP, *ids[3:6])
        with caplog.at_level(logging.WARNING):
            await sink.publish_and_settle(batches)
    assert await values_in(redis, f"{stream}.aura") == numbered(0, 3) + numbered(6, 10)
    assert f"3 entries of stream {stream} were settled by others" in caplog.text


async def test_entries_of_others_among_ours_do_not_hide_ours(redis: Redis, redis_url: str, stream: str) -> None:
    ids = await add(redis, stream, numbered(0, 400))
    async with started_bridge(redis_url, stream) as (source, sink):
        batches = await fetched(source, 400)
        await command(redis, "XCLAIM", stream, GROUP, "other", 0, *ids[:300], "JUSTID")
        await sink.publish_and_settle([batches[0].part(0, 1), batches[0].part(200, 201), batches[0].part(399, 400)])
    assert await values_in(redis, f"{stream}.aura") == [b"message 000000", b"message 000200", b"message 000399"]
    assert await pending(redis, stream) == 397


async def test_the_order_of_ids_does_not_hide_what_is_pending(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 4))
    async with started_bridge(redis_url, stream) as (source, sink):
        (batch,) = await fetched(source, 4)
        assert isinstance(batch.metadata, Entries)
        shuffled = Batch(
            batch.partition,
            list(reversed(batch.values)),
            list(reversed(batch.positions)),
            Entries(list(reversed(batch.metadata.ids)), [()] * 4, [0] * 4),
            batch.epoch,
        )
        await sink.publish_and_settle([shuffled])
    assert await values_in(redis, f"{stream}.aura") == numbered(0, 4)[::-1]
    assert await pending(redis, stream) == 0


async def test_an_entry_deleted_after_it_was_read_is_published_from_our_copy(
    redis: Redis, redis_url: str, stream: str
) -> None:
    ids = await add(redis, stream, numbered(0, 10))
    async with started_bridge(redis_url, stream) as (source, sink):
        batches = await fetched(source, 10)
        await command(redis, "XDEL", stream, *ids[:5])
        await sink.publish_and_settle(batches)
        assert source.lost == 0
    assert await values_in(redis, f"{stream}.aura") == numbered(0, 10)
    assert await pending(redis, stream) == 0


async def test_settled_entries_are_deleted_in_the_same_step_if_asked_for(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await add(redis, stream, numbered(0, 10))
    async with started_bridge(redis_url, stream, delete_settled=True) as (source, sink):
        batches = await fetched(source, 6, max_messages=6)
        await sink.publish_and_settle(batches)
        assert await values_in(redis, stream) == numbered(6, 10)


async def test_the_output_is_trimmed_and_the_dead_letters_are_not(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 3000))
    output = {"maxlen": 200}
    async with started_bridge(redis_url, stream, output=output, delete_settled=True) as (source, sink):
        for _ in range(3):
            (batch,) = await fetched(source, 1000, max_messages=1000)
            await sink.publish_and_settle([batch.part(500, 1000)], marked(batch, *range(500)))
    assert 200 <= len(await entries(redis, f"{stream}.aura")) <= 400  # whole nodes of 100 entries
    assert len(await entries(redis, f"{stream}.dead")) == 1500


async def test_dead_letters_go_to_their_own_stream_in_the_same_step(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 10))
    async with started_bridge(redis_url, stream) as (source, sink):
        (batch,) = await fetched(source, 10)
        rest = [batch.part(0, 2), batch.part(3, 7), batch.part(8, 10)]
        await sink.publish_and_settle(rest, marked(batch, 2, 7))
    assert await values_in(redis, f"{stream}.aura") == [value for value in values_of(rest) if value is not None]
    assert await entries(redis, f"{stream}.dead") == [
        [b"d", b"message 000002", b"aura.dead", b"note 2"],
        [b"d", b"message 000007", b"aura.dead", b"note 7"],
    ]
    assert await pending(redis, stream) == 0


async def test_several_streams_go_over_each_in_its_order(redis: Redis, redis_url: str, stream: str) -> None:
    streams = [f"{stream}-{number}" for number in range(3)]
    for name in streams:
        await add(redis, name, numbered(0, 300))
    async with started_bridge(redis_url, *streams) as (source, sink):
        while await source.lag():
            await sink.publish_and_settle(await source.fetch(100, 1 << 20, 0.1))
    for name in streams:
        assert await values_in(redis, f"{name}.aura") == numbered(0, 300)


async def test_every_kind_of_entry_goes_over_as_it_is(redis: Redis, redis_url: str, stream: str) -> None:
    wide = [b"f%d" % row for row in range(7000)]
    rows: list[list[bytes]] = [
        [b"a", b"1", b"d", b"twice", b"a", b"2", b"d", b"again"],
        [b"\xff", b"\x00"],
        [b"d", b""],
        [b"d", bytes(range(256)) * (9 << 12)],
        [*wide, b"d", b"wide"],
        [b"d", b"\x00" * (5 << 20)],
        *([b"d", bytes([row]) * (1 << 20)] for row in range(6)),
        [b"d", b"last"],
    ]
    for row in rows:
        await command(redis, "XADD", stream, "*", *row)
    async with started_bridge(redis_url, stream) as (source, sink):
        await sink.publish_and_settle(await fetched(source, len(rows)))
    assert await entries(redis, f"{stream}.aura") == rows
    assert await pending(redis, stream) == 0


async def test_an_entry_that_no_script_takes_is_refused_before_anything_is_written(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await add(redis, stream, numbered(0, 2))
    await command(redis, "XADD", stream, "*", *(b"f" for _ in range(7902)))
    async with started_bridge(redis_url, stream) as (source, sink):
        (batch,) = await fetched(source, 3)
        with pytest.raises(UnwritableMessageError, match="fields") as caught:
            await sink.publish_and_settle([batch.part(0, 1)], [batch.part(1, 2), batch.part(2, 3)])
        assert (caught.value.batch, caught.value.index) == (2, 0)
    assert await entries(redis, f"{stream}.aura") == []
    assert await pending(redis, stream) == 3


async def test_records_of_kafka_that_stand_in_redis_go_over(redis: Redis, redis_url: str, stream: str) -> None:
    await command(redis, "XADD", stream, "*", "d", "value", "aura", b"\x96\x01\xc4\x01k\x05\x00\x90\x00")
    async with started_bridge(redis_url, stream) as (source, sink):
        await sink.publish_and_settle(await fetched(source, 1))
    assert await entries(redis, f"{stream}.aura") == await entries(redis, stream)


async def test_scripts_are_sent_again_to_a_server_that_forgot_them(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 2))
    async with started_bridge(redis_url, stream) as (source, sink):
        batches = await fetched(source, 2)
        await command(redis, "SCRIPT", "FLUSH")
        await sink.publish_and_settle(batches)
    assert await values_in(redis, f"{stream}.aura") == numbered(0, 2)


# What must not go over


async def test_a_lost_lease_publishes_and_settles_nothing(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 10))
    async with started_bridge(redis_url, stream, lease="60s") as (source, sink):
        (batch,) = await fetched(source, 10)
        await command(redis, "SET", lease_key(stream, GROUP), "1 another")  # it ran out, and another took it
        assert source.owns(batch)
        await sink.publish_and_settle([batch.part(0, 9)], marked(batch, 9))
        assert not source.owns(batch)
        await sink.publish_and_settle([batch])
    for name in (f"{stream}.aura", f"{stream}.dead"):
        assert await entries(redis, name) == []
    assert await pending(redis, stream) == 10


async def test_a_zombie_and_its_successor_publish_each_entry_once(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 100))
    async with started_bridge(redis_url, stream, lease="60s") as (zombie, its_sink):
        old = await fetched(zombie, 100)
        await its_sink.publish_and_settle([old[0].part(0, 30)])
        await command(redis, "DEL", lease_key(stream, GROUP))
        async with started_bridge(redis_url, stream) as (source, sink):
            new = await fetched(source, 70)
            await its_sink.publish_and_settle(old)
            await sink.publish_and_settle(new)
    assert await values_in(redis, f"{stream}.aura") == numbered(0, 100)


@pytest.mark.parametrize("which", ["aura", "dead"])
async def test_an_output_that_is_no_stream_settles_nothing(
    redis: Redis, redis_url: str, stream: str, which: str
) -> None:
    await add(redis, stream, numbered(0, 10))
    async with started_bridge(redis_url, stream) as (source, sink):
        (batch,) = await fetched(source, 10)
        await command(redis, "SET", f"{stream}.{which}", "text")
        with pytest.raises(ConfigError, match="not a stream"):
            await sink.publish_and_settle([batch.part(0, 9)], marked(batch, 9))
    assert await pending(redis, stream) == 10
    assert await command(redis, "EXISTS", f"{stream}.aura", f"{stream}.dead") == 1


async def test_a_full_server_writes_neither_half_and_goes_on_later(start_each: StartRedis, stream: str) -> None:
    server = start_each()
    redis = raw_client(server.url)
    await add(redis, stream, numbered(0, 5000))
    async with started_bridge(server.url, stream, lease="60s") as (source, sink):
        batches = await fetched(source, 5000, max_messages=5000)
        await command(redis, "CONFIG", "SET", "maxmemory", "1mb")
        for _ in range(2):
            with pytest.raises(UnavailableError, match="takes no writes"):
                await sink.publish_and_settle(batches)
        assert await pending(redis, stream) == 5000
        assert await entries(redis, f"{stream}.aura") == []
        await command(redis, "CONFIG", "SET", "maxmemory", "0")
        await sink.publish_and_settle(batches)
    assert await values_in(redis, f"{stream}.aura") == numbered(0, 5000)
    assert await pending(redis, stream) == 0
    await redis.aclose()


@pytest.mark.parametrize("revoked", ["xadd", "xack", "xdel"])
async def test_rights_revoked_in_mid_run_take_neither_half(start_each: StartRedis, stream: str, revoked: str) -> None:
    """A script is not rolled back: XACK that works and XADD that does not would lose messages."""
    server = start_each()
    redis = raw_client(server.url)
    await add(redis, stream, numbered(0, 10))
    await command(redis, "ACL", "SETUSER", "bridge", "on", ">secret", "allkeys", "allcommands")
    url = server.url.replace("redis://", "redis://bridge:secret@")
    async with started_bridge(url, stream, delete_settled=True) as (source, sink):
        batches = await fetched(source, 10)
        await command(redis, "ACL", "SETUSER", "bridge", f"-{revoked}")
        for _ in range(2):
            with pytest.raises(ConfigError):
                await sink.publish_and_settle(batches)
        assert (await pending(redis, stream), await entries(redis, f"{stream}.aura")) == (10, [])
        await command(redis, "ACL", "SETUSER", "bridge", f"+{revoked}")
        await sink.publish_and_settle(batches)
    assert await values_in(redis, f"{stream}.aura") == numbered(0, 10)
    await redis.aclose()


async def test_appending_that_fails_in_the_middle_settles_what_was_appended(
    start_each: StartRedis, stream: str
) -> None:
    server = start_each()
    redis = raw_client(server.url)
    await add(redis, stream, numbered(0, 10))
    last = 2**64 - 1
    await command(redis, "XADD", f"{stream}.aura", f"{last}-{last - 3}", "d", "before")
    async with started_bridge(server.url, stream) as (source, sink):
        batches = await fetched(source, 10)
        with pytest.raises(Exception, match="exhausted"):
            await sink.publish_and_settle(batches)
    assert await values_in(redis, f"{stream}.aura") == [b"before", *numbered(0, 3)]
    assert await pending(redis, stream) == 7
    await redis.aclose()


# Bad days


async def test_an_answer_that_is_lost_leads_to_no_second_copy(
    start_redis: StartRedis, stream: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_redis()
    redis = raw_client(server.url)
    await add(redis, stream, numbered(0, 6000))
    async with (
        proxy_to(server.port) as proxy,
        started_bridge(server.url.replace(str(server.port), str(proxy.port)), stream, lease="60s") as (source, sink),
    ):
        batches = await fetched(source, 6000, max_messages=6000)
        await sink.publish_and_settle([batches[0].part(0, 1)])  # connected
        proxy.delay = 30.0
        publishing = asyncio.create_task(sink.publish_and_settle(batches))

        async def written() -> bool:
            return len(await entries(redis, f"{stream}.aura")) > 1

        await eventually(written, "the first script's effect")
        proxy.delay = 0.0
        proxy.reset()
        with pytest.raises(UnavailableError):
            await publishing
        await sink.publish_and_settle(batches)
    assert await values_in(redis, f"{stream}.aura") == numbered(0, 6000)
    assert await pending(redis, stream) == 0
    assert "by others" not in caplog.text
    await redis.aclose()


async def test_a_group_that_is_destroyed_is_made_again_at_our_own_position(
    redis: Redis, redis_url: str, stream: str
) -> None:
    await add(redis, stream, numbered(0, 20))
    async with started_bridge(redis_url, stream) as (source, sink):
        await sink.publish_and_settle(await fetched(source, 10, max_messages=10))
        batches = await fetched(source, 5, max_messages=5)
        await command(redis, "XGROUP", "DESTROY", stream, GROUP)
        await sink.publish_and_settle(batches)
        assert not any(map(source.owns, batches))
        await sink.publish_and_settle(await fetched(source, 10))
        assert await source.lag() == 0
    assert await values_in(redis, f"{stream}.aura") == numbered(0, 20)


async def test_our_own_position_never_stands_behind_a_dead_letter_that_is_not_written(
    redis: Redis, redis_url: str, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group vanishes between two scripts of one call: what the second one should have written comes again."""
    await add(redis, stream, numbered(0, 4000))
    async with started_bridge(redis_url, stream) as (source, sink):
        (batch,) = await fetched(source, 4000, max_messages=4000)
        write = sink._write

        async def then_destroy(*arguments: Any) -> int | None:
            written = await write(*arguments)
            await command(redis, "XGROUP", "DESTROY", stream, GROUP)
            return written

        monkeypatch.setattr(sink, "_write", then_destroy)
        await sink.publish_and_settle([batch.part(0, 500), batch.part(501, 4000)], marked(batch, 500))
        monkeypatch.setattr(sink, "_write", write)
        (batch,) = await fetched(source, 2000, max_messages=4000)
        assert values_of([batch]) == numbered(2000, 4000)
        await sink.publish_and_settle([batch])
    assert await values_in(redis, f"{stream}.dead") == [b"message 000500"]
    assert await values_in(redis, f"{stream}.aura") == numbered(0, 500) + numbered(501, 4000)


async def test_a_server_that_is_gone_is_waited_for(start_redis: StartRedis, stream: str, tmp_path: Path) -> None:
    server = start_redis("--appendonly", "yes", port=free_port(), directory=tmp_path)
    redis = raw_client(server.url)
    async with started_bridge(server.url, stream, lease="60s") as (source, sink):
        await add(redis, stream, numbered(0, 10))
        batches = await fetched(source, 10)
        server.stop()
        with pytest.raises(UnavailableError):
            await sink.publish_and_settle(batches)
        server.start()
        await loaded(redis)
        await sink.publish_and_settle(batches)
    assert await values_in(redis, f"{stream}.aura") == numbered(0, 10)
    await redis.aclose()


async def test_a_probe_changes_nothing(redis: Redis, redis_url: str, stream: str) -> None:
    await add(redis, stream, numbered(0, 1))
    options = SourceOptions.model_validate({"url": redis_url, "streams": [stream], "group": GROUP})
    output = SinkOptions.model_validate({"url": redis_url})
    source, sink = connector.exactly_once(options, output, connector.burying(output, "dead"), Context(probe=True))
    await sink.start(await source.start())
    await sink.stop()
    await source.stop()
    assert await command(redis, "XINFO", "GROUPS", stream) == []
    assert await command(redis, "EXISTS", f"{stream}.aura", "dead") == 0


async def test_metadata_of_an_entry_is_what_was_read(redis: Redis, redis_url: str, stream: str) -> None:
    await command(redis, "XADD", stream, "*", "x", "1", "d", "m", "y", "2")
    async with started_bridge(redis_url, stream) as (source, sink):
        (batch,) = await fetched(source, 1)
        assert isinstance(batch.metadata, Entries)
        await sink.publish_and_settle([batch.with_values([b"frame"])])
    assert await entries(redis, f"{stream}.aura") == [[b"x", b"1", b"d", b"frame", b"y", b"2"]]
