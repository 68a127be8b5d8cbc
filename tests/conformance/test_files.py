"""The files connector keeps the whole contract, with either framing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from aura_connectors.files import connector

from aura_stream.model.framing import JOINS, SPLITS
from aura_stream.testing import ConnectorBinding, ConnectorConformance, DeadLettersConformance


class _Files(ConnectorBinding):
    connector = connector
    can_pause = True
    takes_null = False
    framing: str

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    async def create(self, topic: str) -> None:
        (self.folder / topic).touch()

    async def produce(self, topic: str, values: Sequence[bytes | None]) -> None:
        with (self.folder / topic).open("ab") as file:
            file.write(JOINS[self.framing](values))

    async def arrived(self, topic: str) -> Sequence[bytes | None]:
        path = self.folder / topic
        content = path.read_bytes() if path.exists() else b""
        items = SPLITS[self.framing](content, 0, len(content), len(content))
        assert items.ends[-1:] == [len(content)] or not content
        return items.values

    def source_options(self, topic: str) -> Mapping[str, Any]:
        return {"paths": [self.folder / topic], "framing": self.framing, "group": "conformance"}

    def sink_options(self, topic: str) -> Mapping[str, Any]:
        return {"path": str(self.folder / topic), "framing": self.framing}


class TestLines(_Files, ConnectorConformance):
    takes_line_feeds = False
    framing = "lines"


class TestVarint(_Files, ConnectorConformance):
    framing = "varint"


class TestDeadLetters(_Files, DeadLettersConformance):
    framing = "lines"  # of the output beside them

    def place(self, name: str) -> str:
        return str(self.folder / f"{name}.dead")
