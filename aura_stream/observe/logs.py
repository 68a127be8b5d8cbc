"""Logging: lines for people, or one JSON object a line for machines; always to stderr."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

NOISY: Final = ("aiokafka", "kafka", "redis", "asyncio")
"""Libraries that log at length what their adapter says in one line, as an error or while it waits."""


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what sys.stderr is now, so that a live line on the terminal can make room."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        raise AttributeError("the stream is always sys.stderr")


class JsonFormatter(logging.Formatter):
    """One object a line: time (RFC 3339, UTC), level, logger, message, and the fields of a progress line.

    `worker`: which of several processes writes, if there are several.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._worker = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._worker,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure_logging(kind: Literal["console", "json"], level: str, worker: int | None = None) -> None:
    """Set up the root logger; calling again replaces what was set up before. `worker`: which of several this is."""
    handler = _Stderr()
    who = "" if worker is None else f"worker {worker}: "
    lines = logging.Formatter(f"%(asctime)s %(levelname)-7s {who}%(message)s", "%H:%M:%S")
    handler.setFormatter(JsonFormatter(worker) if kind == "json" else lines)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.CRITICAL)
