"""Connectors are found by their entry points, and imported only when they are asked for."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from aura_stream.app import InstalledConnectors, option_models
from aura_stream.app import connectors as module
from aura_stream.errors import ConfigError


def test_those_that_come_with_us_are_found() -> None:
    installed = InstalledConnectors()
    assert set(installed) >= {"files", "kafka", "memory", "redis_streams"}
    assert len(installed) == len(list(installed)) == len(option_models(installed))
    assert {name: installed[name].destination for name in ("files", "kafka", "memory", "redis_streams")} == {
        "files": "standalone", "kafka": "batched", "memory": "standalone", "redis_streams": "standalone",
    }  # fmt: skip
    assert set(option_models(installed)["files"].source.model_fields) == {"framing", "paths", "group"}


def test_one_that_cannot_be_imported_harms_only_who_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("broken", "no_such_package:connector", module.GROUP)
    monkeypatch.setattr(module, "entry_points", lambda group: [broken])
    installed = InstalledConnectors()
    assert "broken" in option_models(installed)
    assert list(option_models(installed)) == ["broken"]
    with pytest.raises(ConfigError, match="connector broken cannot be imported: No module named 'no_such_package'"):
        installed["broken"]
