"""Fixtures: `kafka` is the address of a broker, `secure_kafka` the broker itself, with every listener."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.kafka.broker import Broker, CannotStartError


@pytest.fixture(scope="session")
def _own_broker() -> Iterator[Broker]:
    folder = Path(tempfile.mkdtemp(prefix="aura-kafka-"))
    broker: Broker | None = None
    try:
        broker = Broker.create(folder)
        broker.start()
    except CannotStartError as exc:
        shutil.rmtree(folder, ignore_errors=True)
        _unavailable(str(exc))
    assert broker is not None
    yield broker
    broker.stop(hard=True)  # nothing on it outlives the session
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> str:
    """Return `host:port` of a real broker: the one AURA_TEST_KAFKA names, else one started for the session."""
    running = os.environ.get("AURA_TEST_KAFKA")
    if running:
        return running
    broker: Broker = request.getfixturevalue("_own_broker")
    return broker.servers


@pytest.fixture(scope="session")
def secure_kafka(request: pytest.FixtureRequest) -> Broker:
    """Return a broker that the test may stop and start, and that has TLS and SASL listeners."""
    if os.environ.get("AURA_TEST_KAFKA"):
        pytest.skip("needs a broker of its own, and AURA_TEST_KAFKA names a running one")
    broker: Broker = request.getfixturevalue("_own_broker")
    return broker


def _unavailable(reason: str) -> None:
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"no Kafka, and CI may not skip it: {reason}")
    pytest.skip(f"no Kafka: {reason}")
