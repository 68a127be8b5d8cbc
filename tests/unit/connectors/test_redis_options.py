"""Options of the Redis connector: what is taken, what is refused, and that no password is ever shown."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest
from aura_connectors.redis_streams import SinkOptions, SourceOptions
from pydantic import ValidationError

SECRET = "s3cret-p4ss"
SOURCE = {"streams": ["orders.raw"], "group": "aura-orders"}


def source(url: str, **options: Any) -> SourceOptions:
    return SourceOptions.model_validate({"url": url, **SOURCE, **options})


def test_defaults_are_those_of_the_contract() -> None:
    options = source("redis://localhost")
    assert (options.field, options.start, options.delete_settled, options.lease) == ("d", "earliest", False, 10.0)
    assert options.ordering == "strict"
    sink = SinkOptions.model_validate({"url": "redis://localhost"})
    assert (sink.stream, sink.field, sink.maxlen, sink.metadata) == ("{source}.aura", "d", None, True)


@pytest.mark.parametrize(
    ("url", "host", "port", "db", "username", "password", "tls"),
    [
        ("redis://localhost", "localhost", 6379, 0, None, None, False),
        ("redis://localhost:7000/5", "localhost", 7000, 5, None, None, False),
        ("rediss://u:p%40ss@cache.example:6380/", "cache.example", 6380, 0, "u", "p@ss", True),
        ("redis://:secret@[::1]:6379/1", "::1", 6379, 1, None, "secret", False),
        ("redis://user@localhost", "localhost", 6379, 0, "user", None, False),
    ],
)
def test_a_url_says_where_and_who(
    url: str, host: str, port: int, db: int, username: str | None, password: str | None, tls: bool
) -> None:
    address = source(url).url.address
    assert (address.host, address.port, address.db) == (host, port, db)
    assert (address.username, address.password, address.tls) == (username, password, tls)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost",
        "redis://",
        f"redis://user:{SECRET}/with/slash@localhost",
        f"redis://:{SECRET}@localhost:port",
        f"redis://:{SECRET}@localhost/db",
        f"redis://:{SECRET}@localhost/-1",
        f"redis://:{SECRET}@localhost?decode_responses=true",  # would corrupt frames
        f"redis://:{SECRET}@localhost#fragment",
        "unix:///var/run/redis.sock",
        "",
    ],
)
def test_other_urls_are_refused_without_quoting_them(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        source(url)
    assert SECRET not in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_password_is_shown_nowhere() -> None:
    for options in (source(f"redis://user:{SECRET}@localhost"), source("redis://user@localhost", password=SECRET)):
        shown = [repr(options), str(options), options.model_dump_json(), repr(options.model_dump())]
        shown += [str(options.url), repr(options.url), repr(options.url.address), str(options.url.address)]
        assert not any(SECRET in text for text in shown)
    assert str(source(f"redis://user:{SECRET}@localhost").url) == "redis://user:***@localhost:6379/0"
    assert str(source(f"redis://:{SECRET}@[::1]").url) == "redis://:***@[::1]:6379/0"


@pytest.mark.parametrize(
    "options",
    [
        {"url": f"redis://:{SECRET}@localhost", "password": "another"},
        {"url": "redis://localhost", "tls": {}},
        {"url": "redis://localhost", "field": "aura"},  # holds the metadata of records
        {"url": "redis://localhost", "field": "aura.dead"},  # holds the note of a dead letter
        {"url": "redis://localhost", "field": ""},
        {"url": "redis://localhost", "ordering": "loose"},
        {"url": "redis://localhost", "streams": []},
        {"url": "redis://localhost", "streams": ["twice", "twice"]},
        {"url": "redis://localhost", "lease": 10},
        {"url": "redis://localhost", "lease": "10ms"},
        {"url": "redis://localhost", "start": "middle"},
        {"url": "redis://localhost", "group": "{braces}"},
        {"url": "redis://localhost", "unknown": 1},
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        SourceOptions.model_validate({**SOURCE, **options})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("options", [{"maxlen": 0}, {"maxlen": "none"}, {"stream": ""}, {"field": "aura"}])
def test_what_does_not_fit_an_output_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SinkOptions.model_validate({"url": "redis://localhost", **options})


@pytest.mark.parametrize("model", [SourceOptions, SinkOptions])
def test_the_options_have_a_schema(model: type[SourceOptions] | type[SinkOptions]) -> None:
    schema = model.model_json_schema()
    assert schema["properties"]["url"]["type"] == "string"
    assert schema["additionalProperties"] is False
    json.dumps(schema)
