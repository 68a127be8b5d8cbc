"""Reaching a Redis server: passwords, permissions, TLS, and what is said when it cannot be reached."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from aura_connectors.redis_streams import client as client_module
from aura_connectors.redis_streams import sink as sink_module

from aura_stream.app.embedded import free_port
from aura_stream.errors import AuraError, ConfigError, UnavailableError
from aura_stream.model import Batch, Partition
from tests.infra.redis import Certificates, StartRedis, TlsServer, raw_client
from tests.integration.redis_tools import (
    add,
    command,
    connector,
    eventually,
    fetched,
    numbered,
    started_bridge,
    started_sink,
    started_source,
    values_of,
)

pytestmark = pytest.mark.integration
SECRET = "s3cret-p4ss"

DOCUMENT = Path(__file__).parents[2] / "docs" / "connectors" / "redis-streams.md"


def documented_rules(user: str) -> list[str]:
    """Return what docs/connectors/redis-streams.md gives this user."""
    (line,) = [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith(f"ACL SETUSER {user} ")]
    return line.partition(">password ")[2].split()


async def refusal(url: str, **options: Any) -> AuraError:
    """Return why neither side can connect."""
    errors: list[AuraError] = []
    for connect in (started_source(url, "orders.raw", **options), started_sink(url, "orders.raw", **options)):
        with pytest.raises(AuraError) as caught:
            async with connect:
                pass
        errors.append(caught.value)
    assert {type(error) for error in errors} == {type(errors[0])}
    return errors[0]


async def with_user(start_redis: StartRedis, name: str, *rules: str) -> str:
    """Start a server with one user beside the default one; return its address without password."""
    server = start_redis()
    redis = raw_client(server.url)
    await command(redis, "ACL", "SETUSER", name, "on", f">{SECRET}", *rules)
    await redis.aclose()
    return f"redis://{name}@127.0.0.1:{server.port}/0"


# Passwords and permissions


async def test_users_with_the_documented_permissions_can_do_everything(start_redis: StartRedis) -> None:
    reader = await with_user(start_redis, "reader", *documented_rules("reader"))
    admin = raw_client(reader.replace("reader@", ""))
    await command(admin, "ACL", "SETUSER", "writer", "on", f">{SECRET}", *documented_rules("writer"))
    writer = reader.replace("reader@", f"writer:{SECRET}@")
    await add(admin, "orders.raw", numbered(0, 100))
    options: dict[str, Any] = {"password": SECRET, "delete_settled": True}
    async with started_source(reader, "orders.raw", **options) as source:
        await fetched(source, 10, max_messages=10)  # left pending
    await command(admin, "XDEL", "orders.raw", (await command(admin, "XRANGE", "orders.raw", "-", "+"))[0][0])
    async with (
        started_source(reader, "orders.raw", once=True, **options) as source,
        started_sink(writer, "orders.raw") as sink,
    ):
        batches = await fetched(source, 99)
        assert await source.fetch(1, 1000, 0.1) == []
        await source.keep_alive()
        await sink.publish(batches)
        await sink.publish([Batch(Partition("orders.raw"), [b"single"], ["1-1"])])
        await source.settle(batches)
        assert await source.lag() == 0
        await eventually(source.finished, "the end")
    assert await command(admin, "XLEN", "orders.raw.aura") == 100
    refused = [dict(zip(row[::2], row[1::2], strict=True)) for row in await command(admin, "ACL", "LOG")]
    assert {row[b"object"] for row in refused} <= {b"client|setinfo"}  # what redis-py says of itself
    await admin.aclose()


@pytest.mark.parametrize("ordering", ["strict", "none"])
async def test_a_user_with_the_documented_permissions_can_bridge_exactly_once(
    start_each: StartRedis, ordering: str
) -> None:
    url = await with_user(start_each, "bridge", *documented_rules("bridge"))
    admin = raw_client(url.replace("bridge@", ""))
    await add(admin, "orders.raw", numbered(0, 100))
    options: dict[str, Any] = {"password": SECRET, "delete_settled": True, "ordering": ordering, "lease": "1s"}
    async with started_source(url, "orders.raw", **options) as first:
        await fetched(first, 10, max_messages=10)  # left pending
    async with started_bridge(url, "orders.raw", **options) as (source, sink):
        while await source.lag():
            batches = await source.fetch(1000, 1 << 20, 0.1)
            dead = [connector.marked(batch.part(0, 1), [b"note"]) for batch in batches]
            await sink.publish_and_settle([batch.part(1, len(batch)) for batch in batches], dead)
    refused = [dict(zip(row[::2], row[1::2], strict=True)) for row in await command(admin, "ACL", "LOG")]
    assert {row[b"object"] for row in refused} <= {b"client|setinfo"}
    assert await command(admin, "XLEN", "orders.raw") == 0
    written = [await command(admin, "XLEN", f"orders.raw.{name}") for name in ("aura", "dead")]
    assert (sum(written), written[1] > 0) == (100, True)
    await admin.aclose()


async def test_a_missing_permission_is_a_mistake_in_the_configuration(start_redis: StartRedis) -> None:
    url = await with_user(start_redis, "reader", "~*", "+ping", "+type", "+xinfo")
    with pytest.raises(ConfigError, match="permission"):
        async with started_source(url, "orders.raw", password=SECRET):
            pass


@pytest.mark.parametrize("place", ["url", "password"])
async def test_a_wrong_password_is_refused_and_never_shown(
    start_redis: StartRedis, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = await with_user(start_redis, "reader", "allkeys", "allcommands")
    wrong = "wr0ng-p4ss"
    caplog.set_level(logging.DEBUG)
    if place == "url":
        error = await refusal(url.replace("reader@", f"reader:{wrong}@"))
    else:
        error = await refusal(url, password=wrong)
    assert isinstance(error, ConfigError)
    chain = [error, error.__cause__, error.__context__]
    assert not any(wrong in f"{link!s}{link!r}" for link in chain)
    assert wrong not in caplog.text
    assert "reader" in str(error)


async def test_a_password_that_is_missing_is_a_mistake_in_the_configuration(start_redis: StartRedis) -> None:
    server = start_redis()
    redis = raw_client(server.url)
    await command(redis, "CONFIG", "SET", "requirepass", SECRET)
    assert isinstance(await refusal(server.url), ConfigError)
    async with started_sink(server.url, "orders.raw", password=SECRET):
        pass
    await redis.aclose()


async def test_a_database_that_does_not_exist_is_a_mistake_in_the_configuration(redis_url: str) -> None:
    assert isinstance(await refusal(redis_url.rpartition("/")[0] + "/9999"), ConfigError)


# TLS


def client_files(certificates: Certificates) -> dict[str, str]:
    """Return the option `tls` of a client that the server accepts."""
    files = {"ca": certificates.ca, "certificate": certificates.client, "key": certificates.client_key}
    return {name: str(path) for name, path in files.items()}


async def test_both_sides_speak_tls_with_certificates(tls_redis: TlsServer, certificates: Certificates) -> None:
    tls = client_files(certificates)
    async with started_sink(tls_redis.url, "in", stream="secure", tls=tls) as sink:
        await sink.publish([Batch(Partition("in"), numbered(0, 100), range(100))])
    async with started_source(tls_redis.url, "secure", tls=tls) as source:
        assert values_of(await fetched(source, 100)) == numbered(0, 100)


async def test_a_tls_server_that_restarts_is_waited_for(tls_redis: TlsServer, certificates: Certificates) -> None:
    tls = client_files(certificates)
    async with (
        started_sink(tls_redis.url, "in", stream="secure", tls=tls) as sink,
        started_source(tls_redis.url, "secure", tls=tls) as source,
    ):
        batch = Batch(Partition("in"), numbered(0, 10), range(10))
        await sink.publish([batch])
        await fetched(source, 10)
        waiting = asyncio.create_task(source.fetch(10, 1000, 5))
        await asyncio.sleep(0.2)  # it waits for the server, which breaks off
        tls_redis.server.stop()
        for call in (waiting, sink.publish([batch]), source.fetch(10, 1000, 0.1)):
            with pytest.raises(UnavailableError):
                await call
        tls_redis.server.start()
        await sink.publish([batch])
        assert values_of(await fetched(source, 10)) == numbered(0, 10)


async def test_a_certificate_that_is_not_trusted_is_a_mistake_in_the_configuration(tls_redis: TlsServer) -> None:
    error = await refusal(tls_redis.url)
    assert isinstance(error, ConfigError)
    assert "certificate" in str(error)


async def test_a_client_certificate_that_is_missing_is_named(tls_redis: TlsServer, certificates: Certificates) -> None:
    """In TLS 1.3 the server asks after the handshake, and the reset of the connection may overtake its alert."""
    error = await refusal(tls_redis.url, tls={"ca": str(certificates.ca)})
    assert isinstance(error, ConfigError | UnavailableError)
    assert "certificate" in str(error)


async def test_tls_with_a_server_that_speaks_none_says_what_to_check(
    start_redis: StartRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "CONNECT_TIMEOUT", 1.0)  # Redis waits for the rest of what is no command
    error = await refusal(start_redis().url.replace("redis://", "rediss://"))
    assert isinstance(error, UnavailableError)
    assert "expects TLS" in str(error)


async def test_a_certificate_file_that_cannot_be_used_is_named(redis_url: str, certificates: Certificates) -> None:
    url = redis_url.replace("redis://", "rediss://")
    for tls in ({"ca": "missing.pem"}, {"ca": str(certificates.ca_key)}):
        error = await refusal(url, tls=tls)
        assert isinstance(error, ConfigError)
        assert tls["ca"] in str(error)


# Silence


async def test_a_closed_port_is_unavailable_and_says_what_to_check() -> None:
    url = f"redis://user:{SECRET}@127.0.0.1:{free_port()}/3"
    error = await refusal(url)
    assert isinstance(error, UnavailableError)
    assert url.replace(SECRET, "***") in str(error)
    assert "check" in str(error)
    assert SECRET not in str(error)


async def test_a_name_that_nobody_knows_is_unavailable() -> None:
    assert isinstance(await refusal("redis://nowhere.invalid:6379/0"), UnavailableError)


async def test_a_server_that_never_answers_is_unavailable_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert client_module.START_TIMEOUT < 10  # what the port allows
    monkeypatch.setattr(sink_module, "START_TIMEOUT", 1.0)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        with pytest.raises(UnavailableError, match="does not answer"):
            async with asyncio.timeout(30), started_sink(f"redis://127.0.0.1:{port}", "in"):
                pass
