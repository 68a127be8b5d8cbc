"""One mutant: a piece of the code, what stands there instead, and the tests of which one must fail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Mutant:
    """`takes_away` names the protection; `old` stands exactly once in `file`; `test` is what pytest is given."""

    takes_away: str
    file: str
    old: str
    new: str
    test: str

    def problem(self, root: Path = ROOT) -> str:
        """Return why this mutant means nothing any more; empty if it does."""
        path = root / self.file
        if not path.is_file():
            return f"{self.file} is not there"
        found = path.read_text("utf-8").count(self.old)
        if found != 1:
            return f"{self.file} holds the piece {found} times, not once"
        if not (root / self.test.partition("::")[0]).is_file():
            return f"there is no {self.test}"
        return ""

    def apply(self, root: Path) -> None:
        """Take the protection away in the code under `root`."""
        path = root / self.file
        path.write_text(path.read_text("utf-8").replace(self.old, self.new), "utf-8")
