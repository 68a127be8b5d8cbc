"""Connectors are found by their entry points, and imported only when they are asked for."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from aura_stream.app import InstalledConnectors, option_models
from aura_stream.app import connectors as module
from aura_stream.app.connectors import InstalledJournals
from aura_stream.errors import ConfigError


def test_those_that_come_with_us_are_found() -> None:
    installed = InstalledConnectors()
    assert set(installed) >= {"files", "kafka", "memory", "redis_streams"}
    assert len(installed) == len(list(installed)) == len(option_models(installed).connectors)
    assert {name: installed[name].destination for name in ("files", "kafka", "memory", "redis_streams")} == {
        "files": "standalone", "kafka": "batched", "memory": "standalone", "redis_streams": "standalone",
    }  # fmt: skip
    assert set(option_models(installed).connectors["files"].source.model_fields) == {"framing", "paths", "group"}


def test_one_that_cannot_be_imported_harms_only_who_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("broken", "no_such_package:connector", module.GROUP)
    monkeypatch.setattr(module, "entry_points", lambda group: [broken])
    installed = InstalledConnectors()
    assert "broken" in option_models(installed).connectors
    assert list(option_models(installed).connectors) == ["broken"]
    with pytest.raises(ConfigError, match="connector broken cannot be imported: No module named 'no_such_package'"):
        installed["broken"]


def test_the_parts_of_a_shared_store_are_found() -> None:
    models = option_models(InstalledConnectors())
    assert "redis" in models.shared_logs
    assert set(models.journals) >= {"file", "kafka", "redis"}
    assert {name: InstalledJournals()[name].beside for name in ("file", "kafka", "redis")} == {
        "file": "files", "kafka": "kafka", "redis": "redis_streams",
    }  # fmt: skip
    assert "url" in models.shared_logs["redis"].model_fields
    assert len(models.journals) == len(list(models.journals)) == len(InstalledJournals())
