"""Fixtures that start real brokers, for all tests."""

pytest_plugins = ["tests.infra.redis"]
