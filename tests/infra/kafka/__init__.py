"""A real Apache Kafka for the tests: jars by Maven, one broker a session, on free loopback ports."""

from tests.infra.kafka.broker import BOUND_USER, PASSWORD, USER, Broker

__all__ = ["BOUND_USER", "PASSWORD", "USER", "Broker"]
