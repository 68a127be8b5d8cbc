"""Fixtures that start real brokers, for all tests; each is started at most once, where a test asks for it."""

pytest_plugins = ["tests.infra.kafka.kafka", "tests.infra.redis"]
