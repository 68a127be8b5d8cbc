"""Where dead letters go: not where the others go, and not where nobody could tell whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aura_stream.errors import ConfigError

SOURCE: Final = "{source}"  # stands for the name of an input, in outputs and in places for dead letters


@dataclass(frozen=True, slots=True)
class Places:
    """Names as the user wrote them. `key` is where `dead` is written; `output` is None where nobody can tell."""

    key: str
    dead: str
    output: str | None

    def require_apart(self, inputs: Sequence[str] = ()) -> None:
        """Raise ConfigError where dead letters would stand among messages, or inputs with an output each share a place.

        Without inputs it tells what can be told without their names.
        """
        if self.output is None:
            return
        for name in inputs or [SOURCE]:
            if self._of(self.dead, name) in {self._of(self.output, each) for each in inputs or [SOURCE]}:
                raise ConfigError(
                    f"{self.key}: {self._of(self.dead, name)} is the output: dead letters would stand among what goes "
                    "over; name another place"
                )
        if len(inputs) > 1 and SOURCE in self.output and SOURCE not in self.dead:
            raise ConfigError(
                f"{self.key}: {len(inputs)} inputs would share {self.dead}, though each has an output of its own; "
                f"write {SOURCE} into the name, such as {SOURCE}.dead"
            )

    def of(self, name: str) -> str:
        """Return the place for the dead letters of one input."""
        return self._of(self.dead, name)

    @staticmethod
    def _of(place: str, name: str) -> str:
        return place.replace(SOURCE, name)
