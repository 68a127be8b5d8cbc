"""Properties: what is fixed when a codebook is made, as far as somebody asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from aura_stream.codec import Codebook
from aura_stream.codec.codebook import RawMode
from aura_stream.errors import ConfigError


class PropertiesError(ConfigError):
    """A codebook was made with other properties than are configured."""


@dataclass(frozen=True, slots=True)
class Properties:
    """None: as it was made; in a new one, as a codebook is made by default."""

    check_bytes: int | None = None
    raw: RawMode | None = None

    @property
    def codebook(self) -> Codebook:
        """The empty codebook to begin with."""
        default = Codebook()
        return Codebook(
            default.check_bytes if self.check_bytes is None else self.check_bytes,
            default.raw if self.raw is None else self.raw,
        )

    def check(self, made: Codebook, name: str) -> None:
        """Raise PropertiesError, naming both, if the codebook with this name was made otherwise."""
        for option, said, has in (
            ("check_bytes", self.check_bytes, made.check_bytes),
            ("raw", self.raw, made.raw),
        ):
            if said is not None and said != has:
                raise PropertiesError(f"codec.{option} is {said}, but {name} was made with {has}")
