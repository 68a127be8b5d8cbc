"""What all tests share: real brokers, each started at most once and where a test asks for it, and how they run."""

pytest_plugins = ["tests.infra.kafka.kafka", "tests.infra.redis", "tests.infra.tracing"]
