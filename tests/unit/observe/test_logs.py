"""Logs are lines for people or objects for machines, and libraries do not flood them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from aura_stream.observe import configure_logging
from aura_stream.observe.logs import NOISY

log = logging.getLogger("aura_stream.test")


@pytest.fixture(autouse=True)
def _root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in NOISY}
    yield
    root.handlers[:], root.level = handlers, level
    for name, noisy in levels.items():
        logging.getLogger(name).setLevel(noisy)


def test_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("console", "info")
    log.info("reading %s", "orders")
    log.debug("not shown")
    assert capsys.readouterr().err.rstrip().endswith("INFO    reading orders")


def test_objects_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "warning")
    log.info("not shown")
    log.warning("lag %d", 3, extra={"fields": {"lag": 3}})
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        log.exception("failed")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert {key: first[key] for key in ("level", "logger", "message", "lag")} == {
        "level": "warning", "logger": "aura_stream.test", "message": "lag 3", "lag": 3,
    }  # fmt: skip
    assert first["time"].endswith("+00:00")
    assert "ZeroDivisionError" in second["error"]


def test_libraries_are_heard_only_when_somebody_debugs(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("console", "info")
    logging.getLogger("aiokafka").error("a long story")
    assert capsys.readouterr().err == ""
    configure_logging("console", "debug")
    logging.getLogger("aiokafka").error("a long story")
    assert "a long story" in capsys.readouterr().err
