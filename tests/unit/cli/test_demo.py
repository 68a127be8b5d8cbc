"""`demo`: what it prints, and that a byte that differs is no success."""

from __future__ import annotations

from collections import Counter

import pytest
from rich.console import Console

from aura_stream.app.demo import Audience
from aura_stream.app.demo_report import DemoReport, Moment, Share
from aura_stream.cli import demo, exit_codes
from tests.unit.cli.conftest import Invoke


def report(restored: int) -> DemoReport:
    names = ("new", "learned", "changed", "relearned", "all")
    shares = [Share(name, 10, 1000, 250, 8, Counter(template=8, raw=2)) for name in names]
    return DemoReport(shares, 12, 3, 4000, 2000, 1000, restored)


@pytest.mark.parametrize(("restored", "code"), [(10, 0), (9, exit_codes.DAMAGED)])
def test_every_message_must_come_back(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, restored: int, code: int
) -> None:
    def run(audience: Audience) -> DemoReport:
        audience.tell("a step")
        for seconds in (0.0, 0.5, 1.5):
            audience.show(Moment(seconds, "new traffic", 7, 0.5 if seconds else None, 2.0 if seconds else None, 12))
        return report(restored)

    monkeypatch.setattr(demo, "run_demo", run)
    result = invoke("demo")
    assert result.exit_code == code
    assert f"{restored}/10" in result.stdout
    assert "80%" in result.stdout
    assert "a step" in result.stderr
    assert result.stderr.count("new traffic") == 2  # one line a second
    assert ("error: not every message came back" in result.stderr) == bool(code)


def test_a_terminal_has_one_line_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(force_terminal=True, width=100, record=True)
    monkeypatch.setattr(demo, "Console", lambda **_: console)
    with demo._audience() as audience:
        audience.tell("a step")
        audience.show(Moment(1.0, "new traffic", 7, 1.0, 4.0, 12))
    shown = console.export_text()
    assert "a step" in shown
    assert "100% hits  ratio  4.00  12 templates" in shown
