"""The shared log on a real Redis keeps the whole contract."""

from __future__ import annotations

import pytest
from aura_connectors.redis_streams.shared_log import maker

from aura_stream.app.embedded import free_port
from aura_stream.ports import SharedLog
from aura_stream.testing import SharedLogConformance


def _log(url: str, namespace: str) -> SharedLog:
    log: SharedLog = maker.shared_log(maker.options.model_validate({"url": url}), namespace)
    return log


@pytest.mark.integration
class TestRedisSharedLog(SharedLogConformance):
    @pytest.fixture(autouse=True)
    def _server(self, redis_url: str) -> None:
        self.url = redis_url

    def new_log(self, namespace: str) -> SharedLog:
        return _log(self.url, namespace)

    def unreachable_log(self) -> SharedLog:
        return _log(f"redis://127.0.0.1:{free_port()}/0", "any")
