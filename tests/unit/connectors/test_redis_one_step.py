"""Which inputs and outputs one script can write, and in which order it is told to."""

from __future__ import annotations

from typing import Any

import pytest
from aura_connectors.redis_streams import RedisStreamsConnector, SinkOptions, SourceOptions
from aura_connectors.redis_streams.exactly_once import _in_order, _Piece

from aura_stream.errors import ConfigError
from aura_stream.ports import Context, ExactlyOnce, ExactlyOnceSink, PausableSource

connector = RedisStreamsConnector()


def build(source: dict[str, Any], sink: dict[str, Any]) -> tuple[object, object]:
    return connector.exactly_once(
        SourceOptions.model_validate({"streams": ["in"], "group": "g", **source}),
        SinkOptions.model_validate(sink),
        None,
        Context(),
    )


def test_it_publishes_and_settles_in_one_step() -> None:
    assert isinstance(connector, ExactlyOnce)
    source, sink = build({"url": "redis://user@host"}, {"url": "redis://user@host:6379/0"})
    assert isinstance(source, PausableSource)
    assert isinstance(sink, ExactlyOnceSink)


@pytest.mark.parametrize(
    ("source", "sink", "reason"),
    [
        ("redis://one", "redis://two", "bring them together"),
        ("redis://host:6379", "redis://host:6380", "bring them together"),
        ("redis://host/0", "redis://host/1", "one database"),
        ("redis://host", "rediss://host", "spelled alike"),
        ("redis://a@host", "redis://b@host", "same login"),
        ("redis://:secret@host", "redis://host", "same login"),
    ],
)
def test_what_no_script_can_write_at_once_is_refused_with_the_reason(source: str, sink: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"delivery: exactly_once.*{reason}") as caught:
        build({"url": source}, {"url": sink})
    assert "secret" not in str(caught.value)


def test_another_authority_is_another_connection() -> None:
    with pytest.raises(ConfigError, match="tls"):
        build({"url": "rediss://host", "tls": {"ca": "a.pem"}}, {"url": "rediss://host"})


def test_a_login_is_the_same_however_it_is_spelled() -> None:
    build({"url": "redis://default:secret@host"}, {"url": "redis://host", "password": "secret"})


def piece(*positions: str, dead: bool = False) -> _Piece:
    return _Piece(positions, [[position.encode()] for position in positions], [1] * len(positions), dead)


def test_dead_letters_stand_where_they_were_fetched() -> None:
    rows = _in_order([piece("1-1", "1-2"), piece("1-4", "9-1", "10-1"), piece("1-3", dead=True)])
    assert rows.positions == ["1-1", "1-2", "1-3", "1-4", "9-1", "10-1"]
    assert [entry[0].decode() for entry in rows.entries] == rows.positions
    assert rows.dead == [2]


def test_batches_that_overlap_are_sorted_entry_by_entry() -> None:
    rows = _in_order([piece("1-2", "1-5"), piece("1-1", "1-4", dead=True), piece("1-3")])
    assert rows.positions == ["1-1", "1-2", "1-3", "1-4", "1-5"]
    assert [entry[0].decode() for entry in rows.entries] == rows.positions
    assert rows.dead == [0, 3]
