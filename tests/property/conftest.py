"""Properties are tested without coverage: which lines a made-up example reaches is luck, and no gate rests on it."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder `untraced`."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.untraced)
