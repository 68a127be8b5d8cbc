"""Fixtures of the whole suite: real servers, each started at most once, and only where a test asks for it."""

pytest_plugins = ["tests.infra.kafka.kafka"]
