"""Errors of Redis in our words, leases in their slots, ids in their order."""

from __future__ import annotations

import asyncio

import pytest
from aura_connectors.redis_streams.client import Client, NoGroupError, pairs, script
from aura_connectors.redis_streams.group import ConsumerGroup, after, before, order
from aura_connectors.redis_streams.lease import lease_key
from aura_connectors.redis_streams.options import Connection
from aura_connectors.redis_streams.rows import split_message
from hypothesis import given
from hypothesis import strategies as st
from redis import exceptions
from redis._parsers.base import BaseParser
from redis.crc import key_slot

from aura_stream.errors import AuraError, ConfigError, ConnectorError, UnavailableError

ids = st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))


def client() -> Client:
    return Client(Connection.model_validate({"url": "redis://localhost"}))


def translated(error: Exception) -> AuraError:
    """Return what a command raises where redis-py raises this error."""
    subject = client()

    async def fail(*words: object) -> object:
        raise error

    subject._execute = fail
    with pytest.raises(AuraError) as caught:
        asyncio.run(subject.command("PING"))
    return caught.value


@pytest.mark.parametrize("error", [None, exceptions.ConnectionError("reset")])
async def test_a_cancellation_that_the_client_library_swallows_is_heard_all_the_same(error: Exception | None) -> None:
    subject = client()

    async def swallow(*words: object) -> object:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if error is not None:
                raise error from None
        return b"PONG"

    subject._execute = swallow
    running = asyncio.create_task(subject.command("PING"))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("WRONGPASS invalid username-password pair or user is disabled.", ConfigError),
        ("NOAUTH Authentication required.", ConfigError),
        ("NOPERM User reader has no permissions to run the 'xadd' command", ConfigError),
        ("ERR The user executing the script can't run this command or subcommand script: 1f", ConfigError),
        ("ERR ACL failure in script: No permissions to access a key script: on @user_script:1.", ConfigError),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", ConfigError),
        ("DENIED Redis is running in protected mode because …", ConfigError),
        ("ERR DB index is out of range", ConfigError),
        ("MOVED 3999 127.0.0.1:6381", ConfigError),
        ("CROSSSLOT Keys in request don't hash to the same slot", ConfigError),
        ("LOADING Redis is loading the dataset in memory", UnavailableError),
        ("READONLY You can't write against a read only replica.", UnavailableError),
        ("OOM command not allowed when used memory > 'maxmemory'. script: 1f, on @user_script:8.", UnavailableError),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", UnavailableError),
        ("CLUSTERDOWN The cluster is down", UnavailableError),
        ("TRYAGAIN Multiple keys request during rehashing of slot", UnavailableError),
        ("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to", UnavailableError),
        ("NOREPLICAS Not enough good replicas to write.", UnavailableError),
        ("BUSY Redis is busy running a script.", UnavailableError),
        ("ERR max number of clients reached", UnavailableError),
        ("NOGROUP No such key 'x' or consumer group 'y' in XREADGROUP with GROUP option", NoGroupError),
    ],
)
def test_each_reply_is_a_decision_of_the_caller(reply: str, expected: type[AuraError]) -> None:
    error = translated(BaseParser.parse_error(reply))
    assert type(error) is expected
    assert "redis://localhost:6379/0" in str(error)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ConnectionError("Error 111 connecting to localhost:6379."),
        exceptions.TimeoutError("Timeout reading from localhost:6379"),
        ConnectionResetError(),
        TimeoutError(),
    ],
)
def test_silence_is_unavailable(error: Exception) -> None:
    assert type(translated(error)) is UnavailableError


def test_an_error_that_quotes_what_it_was_sent_is_cut_short() -> None:
    error = translated(exceptions.ResponseError("unknown command 'FOO', with args beginning with: 'payload'"))
    assert type(error) is ConnectorError
    assert "unknown command 'FOO'" in str(error)
    assert "payload" not in str(error)
    assert error.__cause__ is None


@pytest.mark.parametrize("stream", ["orders.raw", "{tenant}.orders", "a{b}c{d}", "a{b", "ümlaut"])
def test_a_lease_lives_in_the_slot_of_its_stream(stream: str) -> None:
    assert key_slot(lease_key(stream, "group")) == key_slot(stream.encode())


def test_leases_of_different_streams_and_groups_differ() -> None:
    names = ["a", "{a}", "{a}b", "a}b", "a:b", "a}:b", "{a}:b", "tagged:{a}"]
    groups = ["g", "b:g", "h"]
    assert len({lease_key(stream, group) for stream in names for group in groups}) == len(names) * len(groups)


@pytest.mark.parametrize(
    "name", ["lease_take", "lease_renew", "lease_release", "read", "take_over", "settle", "publish"]
)
def test_every_script_opens_with_a_map_of_its_keys(name: str) -> None:
    text = script(name).text
    comment = text[: text.index("\nlocal ") if text.startswith("--") and "\nlocal " in text else len(text)]
    for number in range(1, 3):
        assert (f"KEYS[{number}]" in text) == (f"-- KEYS[{number}]  " in comment)


@given(ids)
def test_ids_have_neighbours(pair: tuple[int, int]) -> None:
    entry_id = b"%d-%d" % pair
    assert order(entry_id) == pair
    assert order(after(entry_id)) > pair
    assert before(after(entry_id)) == entry_id
    assert order(before(entry_id)) < pair or pair == (0, 0)


def test_an_id_may_come_without_a_sequence() -> None:
    assert order(b"5") == (5, 0)


@given(st.lists(st.tuples(st.sampled_from([b"d", b"a", b""]), st.binary(max_size=3)), min_size=1))
def test_a_message_is_split_off_and_its_place_is_kept(fields: list[tuple[bytes, bytes]]) -> None:
    flat = [part for pair in fields for part in pair]
    value, others, place = split_message(flat, b"d")
    if place < 0:
        assert (value, others) == (None, fields)
        assert b"d" not in [name for name, _ in fields]
    else:
        assert value is not None
        assert [*others[:place], (b"d", value), *others[place:]] == fields
        assert b"d" not in [name for name, _ in others[:place]]


def test_a_server_that_is_too_old_is_a_mistake_in_the_configuration() -> None:
    subject = client()

    async def answer(*words: object) -> object:
        return [[b"name", b"g", b"consumers", 0, b"pending", 0, b"last-delivered-id", b"0-0"]]  # Redis 6.2

    subject._execute = answer
    with pytest.raises(ConfigError, match=r"older than 7\.0"):
        asyncio.run(ConsumerGroup(b"s", b"g", b"0").state(subject))


def test_pairs_are_a_mapping() -> None:
    assert pairs([b"name", b"x", b"lag", None]) == {"name": b"x", "lag": None}
