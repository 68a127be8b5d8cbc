"""Condition: how a store is, told in the log when it changes, and counted."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import NoReturn

from aura_stream.errors import StoreLostError
from aura_stream.ports import StoreStatus

log = logging.getLogger(__name__)


class Condition:
    """Keeps the status of one store, `name`d as log lines name it. Each outage and each loss is told once."""

    def __init__(self, name: str) -> None:
        self._name = f"template store {name}"
        self._damaged: set[str] = set()
        self.status = StoreStatus()

    def ok(self) -> None:
        """Note that the store answers, and is the one we know."""
        if self.status.state != "ok":
            log.info("%s: it is well again", self._name)
            self.status = replace(self.status, state="ok", reason="")

    def degraded(self, reason: str) -> None:
        """Note that the store does not answer; a loss stays a loss."""
        if self.status.state == "ok":
            log.warning("%s: %s; going on with the book known here", self._name, reason)
            self.status = replace(self.status, state="degraded", reason=reason)

    def lost(self, reason: str) -> None:
        """Note that the store is not the one we know."""
        if self.status.state != "lost":
            log.critical(
                "%s is lost: %s; going on with the book known here until it is rebuilt "
                "(a running `aura-stream discover` does, or `aura-stream templates rebuild`)",
                self._name,
                reason,
            )
            self.status = replace(self.status, state="lost", reason=reason, lost=self.status.lost + 1)

    def fail(self, reason: str) -> NoReturn:
        """Note the loss, and raise StoreLostError."""
        self.lost(reason)
        raise StoreLostError(f"{self._name}: {reason}")

    def damaged(self, name: str, reason: str) -> bool:
        """Note a damaged entry, and tell whether it was news."""
        if name in self._damaged:
            return False
        self._damaged.add(name)
        log.error("%s: %s is damaged: %s", self._name, name, reason)
        self.status = replace(self.status, damaged=self.status.damaged + 1)
        return True

    def collision(self, reason: str) -> None:
        """Note that an entry is refused, because another one has its digest."""
        log.critical("%s: %s; the second is refused, and nothing is written with it", self._name, reason)

    def rebuilt(self) -> None:
        """Note that the store was rebuilt, here or by another process."""
        log.warning("%s was rebuilt, in a new generation", self._name)
        self.status = replace(self.status, rebuilt=self.status.rebuilt + 1)
