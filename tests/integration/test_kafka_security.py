"""TLS and SASL: good credentials work, bad ones are named as what they are, and no secret is printed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from aura_stream.errors import AuraError, ConfigError, UnavailableError
from aura_stream.model import Batch, Partition, Topic
from tests.infra.kafka import BOUND_USER, PASSWORD, USER, Broker
from tests.infra.kafka.tools import GROUP, TOPIC, Record, allow, create_topic, produce, read_all, settings_of
from tests.integration.kafka_support import copy_until_finished, fetch_some, inputs_of, sink_to, source_of, unique

pytestmark = pytest.mark.integration


def tls(broker: Broker) -> dict[str, Any]:
    return {"ca": str(broker.server.certificate)}


def client_tls(broker: Broker) -> dict[str, Any]:
    return tls(broker) | {"certificate": str(broker.client.certificate), "key": str(broker.client.key)}


def sasl(mechanism: str, password: str = PASSWORD) -> dict[str, Any]:
    return {"mechanism": mechanism, "username": USER, "password": password}


WAYS = {
    "tls": ("SSL", lambda broker: {"tls": client_tls(broker)}),
    "plain": ("SASL_PLAINTEXT", lambda _: {"sasl": sasl("PLAIN")}),
    "scram-256": ("SASL_PLAINTEXT", lambda _: {"sasl": sasl("SCRAM-SHA-256")}),
    "scram-512 over tls": ("SASL_SSL", lambda broker: {"sasl": sasl("SCRAM-SHA-512"), "tls": tls(broker)}),
}


@pytest.mark.parametrize("way", WAYS)
async def test_records_pass_with_the_right_credentials(secure_kafka: Broker, way: str) -> None:
    protocol, credentials = WAYS[way]
    options: Mapping[str, Any] = credentials(secure_kafka)
    servers, topic = secure_kafka.listeners[protocol], unique()
    await create_topic(secure_kafka.servers, topic)
    await produce(secure_kafka.servers, topic, [Record(b"secret")])
    inputs = await inputs_of(secure_kafka.servers, topic)
    async with (
        source_of(servers, topic, once=True, **options) as source,
        sink_to(servers, "{source}.aura", inputs, **options) as sink,
    ):
        await copy_until_finished(source, sink.publish)
    assert await read_all(secure_kafka.servers, f"{topic}.aura") == [Record(b"secret")]


async def refusal(servers: str, options: Mapping[str, Any], topic: str = "any") -> AuraError:
    with pytest.raises(AuraError) as caught:
        async with source_of(servers, topic, **options):
            pass
    assert PASSWORD not in str(caught.value)
    assert "wrong" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_wrong_password_is_a_mistake_in_the_configuration(secure_kafka: Broker, mechanism: str) -> None:
    error = await refusal(secure_kafka.listeners["SASL_PLAINTEXT"], {"sasl": sasl(mechanism, "wrong")})
    assert isinstance(error, ConfigError)
    assert "authentication failed" in str(error)


async def test_an_untrusted_certificate_is_a_mistake_in_the_configuration(secure_kafka: Broker) -> None:
    options = {"tls": {"ca": str(secure_kafka.stranger.certificate)}, "sasl": sasl("PLAIN")}
    error = await refusal(secure_kafka.listeners["SASL_SSL"], options)
    assert isinstance(error, ConfigError)
    assert "tls.ca" in str(error)


async def test_a_missing_client_certificate_is_hinted_at(secure_kafka: Broker) -> None:
    error = await refusal(secure_kafka.listeners["SSL"], {"tls": tls(secure_kafka)})
    assert "client certificate" in str(error)


async def test_a_certificate_that_the_broker_does_not_trust_is_refused(secure_kafka: Broker) -> None:
    stranger = secure_kafka.stranger
    options = tls(secure_kafka) | {"certificate": str(stranger.certificate), "key": str(stranger.key)}
    assert secure_kafka.listeners["SSL"] in str(await refusal(secure_kafka.listeners["SSL"], {"tls": options}))


@pytest.mark.parametrize(
    ("protocol", "options"),
    [("SASL_PLAINTEXT", {}), ("SSL", {}), ("PLAINTEXT", {"tls": {}})],
    ids=["no login", "no tls", "needless tls"],
)
async def test_a_listener_that_expects_something_else_is_named(
    secure_kafka: Broker, protocol: str, options: Mapping[str, Any]
) -> None:
    error = await refusal(secure_kafka.listeners[protocol], options)
    assert isinstance(error, UnavailableError)
    assert secure_kafka.listeners[protocol] in str(error)


async def test_files_that_are_not_there_or_not_usable_are_named(secure_kafka: Broker) -> None:
    servers = secure_kafka.listeners["SSL"]
    assert "no file /nowhere.pem" in str(await refusal(servers, {"tls": {"ca": "/nowhere.pem"}}))
    swapped = {"certificate": str(secure_kafka.client.key), "key": str(secure_kafka.client.certificate)}
    assert "cannot use" in str(await refusal(servers, {"tls": tls(secure_kafka) | swapped}))


def bound() -> dict[str, Any]:
    return {"sasl": sasl("SCRAM-SHA-512") | {"username": BOUND_USER}}


async def test_the_permissions_that_the_documentation_names_are_enough(secure_kafka: Broker) -> None:
    everything, servers, topic = secure_kafka.servers, secure_kafka.listeners["SASL_PLAINTEXT"], unique()
    await create_topic(everything, topic, retention_ms="12345678900")
    await produce(everything, topic, [Record(b"a", timestamp=int(time.time() * 1000))])
    await allow(everything, BOUND_USER, TOPIC, topic, "Read", "DescribeConfigs")
    await allow(everything, BOUND_USER, GROUP, f"group-{topic}", "Read")
    await allow(everything, BOUND_USER, TOPIC, f"{topic}.aura", "Write", "DescribeConfigs", "Create")
    async with source_of(servers, topic, once=True, **bound()) as source:
        inputs = await source.start()
        async with sink_to(servers, "{source}.aura", inputs, **bound()) as sink:
            await copy_until_finished(source, sink.publish)
    assert [record.value for record in await read_all(everything, f"{topic}.aura")] == [b"a"]
    assert (await settings_of(everything, f"{topic}.aura"))["retention.ms"] == "12345678900"


async def test_without_permission_to_describe_settings_it_works_too(secure_kafka: Broker) -> None:
    everything, servers, topic = secure_kafka.servers, secure_kafka.listeners["SASL_PLAINTEXT"], unique()
    await create_topic(everything, topic)
    await allow(everything, BOUND_USER, TOPIC, topic, "Read", "Write")
    await allow(everything, BOUND_USER, GROUP, f"group-{topic}", "Read")
    async with (
        sink_to(servers, topic, [Topic("input")], **bound()) as sink,
        source_of(servers, topic, **bound()) as source,
    ):
        await sink.publish([Batch(Partition("input"), [b"a"], [0])])
        assert [list(batch.values) for batch in await fetch_some(source)] == [[b"a"]]


async def test_a_missing_permission_is_a_mistake_in_the_configuration(secure_kafka: Broker) -> None:
    everything, servers, topic = secure_kafka.servers, secure_kafka.listeners["SASL_PLAINTEXT"], unique()
    await create_topic(everything, topic)
    assert "or the user may not see" in str(await refusal(servers, bound(), topic))
    await allow(everything, BOUND_USER, TOPIC, topic, "Read")
    async with source_of(servers, topic, **bound()) as source:
        with pytest.raises(ConfigError, match="may not use this group"):
            await fetch_some(source)
    await allow(everything, BOUND_USER, TOPIC, unique("another"), "Write")  # without one the producer cannot start
    async with sink_to(servers, topic, [Topic("input")], **bound()) as sink:
        with pytest.raises(ConfigError, match="may not use this topic"):
            await sink.publish([Batch(Partition("input"), [b"a"], [0])])
    with pytest.raises(ConfigError, match="creating topic not-allowed"):
        async with sink_to(servers, "not-allowed", [Topic("input")], **bound()):
            pass
