"""Options: what a user may write, and how the client's errors are told."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest
from aiokafka import errors
from aura_connectors.kafka import KafkaSink, KafkaSource, SinkOptions, SourceOptions, connector
from aura_connectors.kafka.client import probe, security, translate
from pydantic import ValidationError

from aura_stream.errors import ConfigError, UnavailableError
from aura_stream.ports import Context

SOURCE: dict[str, Any] = {"servers": "localhost:9092", "topics": ["orders.raw"], "group": "aura-orders"}
SINK: dict[str, Any] = {"servers": "localhost:9092"}


def test_the_contract_of_the_configuration_is_taken() -> None:
    source = SourceOptions.model_validate(SOURCE | {"session_timeout": "6s", "start": "latest"})
    assert (source.session_timeout, source.start) == (6.0, "latest")
    sink = SinkOptions.model_validate(SINK | {"topic": "{source}.aura", "compression": "lz4", "create": False})
    assert (sink.partition, sink.metadata) == ("same", True)
    assert isinstance(connector.source(source, Context()), KafkaSource)
    assert isinstance(connector.sink(sink, Context()), KafkaSink)
    assert connector.destination == "batched"


@pytest.mark.parametrize("servers", ["kafka://me:hunter2@localhost:9092", "me:hunter2@localhost:9092", "me:hunter2"])
def test_a_password_among_the_servers_is_refused_and_not_told(servers: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SourceOptions.model_validate(SOURCE | {"servers": servers})
    (error,) = caught.value.errors()
    assert "hunter2" not in error["msg"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"servers": "localhost"},
        {"servers": "localhost:9092,:1"},
        {"servers": "localhost:99999"},
        {"servers": "kafka://localhost:9092"},
        {"topics": []},
        {"topics": ["a b"]},
        {"group": ""},
        {"start": "middle"},
        {"sasl": {"mechanism": "GSSAPI", "username": "u", "password": "p"}},
        {"unknown": 1},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SourceOptions.model_validate(SOURCE | wrong)


def test_an_output_placed_by_key_keeps_its_keys() -> None:
    with pytest.raises(ValidationError, match="by_key needs the keys"):
        SinkOptions.model_validate(SINK | {"partition": "by_key", "metadata": False})


def test_a_password_is_not_shown() -> None:
    sasl = {"mechanism": "PLAIN", "username": "u", "password": "hush"}
    options = SourceOptions.model_validate(SOURCE | {"sasl": sasl})
    assert "hush" not in repr(options)
    assert "hush" not in options.model_dump_json()
    assert security(options)["sasl_plain_password"] == "hush"


@pytest.mark.parametrize(
    ("options", "protocol"),
    [
        ({}, "PLAINTEXT"),
        ({"tls": {}}, "SSL"),
        ({"sasl": {"username": "u", "password": "p"}}, "SASL_PLAINTEXT"),
        ({"tls": {}, "sasl": {"username": "u", "password": "p"}}, "SASL_SSL"),
    ],
)
def test_tls_and_sasl_choose_the_protocol(options: dict[str, Any], protocol: str) -> None:
    arguments = security(SinkOptions.model_validate(SINK | options))
    assert arguments["security_protocol"] == protocol
    assert isinstance(arguments.get("ssl_context"), ssl.SSLContext) == protocol.endswith("SSL")


def test_errors_are_told_apart_by_who_can_mend_them() -> None:
    refused = translate(errors.GroupAuthorizationFailedError("g"), "a:1", "joining")
    assert isinstance(refused, ConfigError)
    assert str(refused) == "Kafka at a:1, joining: the user may not use this group"
    assert isinstance(translate(errors.NotEnoughReplicasError(), "a:1"), UnavailableError)


async def test_a_name_that_nobody_knows_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("aura_connectors.kafka.client.create_conn", unknown)
    with pytest.raises(UnavailableError, match=r"nowhere:9092 is not to be found: check the name \(Name or service"):
        await probe(SourceOptions.model_validate(SOURCE | {"servers": "nowhere:9092"}))
