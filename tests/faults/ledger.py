"""The oracle's ledger: what the input acknowledged, written down the moment it did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class Ledger:
    """A file of lines `lane first count`, in the order of acknowledgement."""

    def __init__(self, path: str | Path) -> None:
        self._file = Path(path).open("a")  # noqa: SIM115  open as long as the oracle lives

    def acknowledged(self, lane: int, first: int, count: int) -> None:
        """Note messages; they are in the file when this returns."""
        self._file.write(f"{lane} {first} {count}\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @staticmethod
    def read(path: str | Path, lanes: int) -> Sequence[int]:
        """Return how many messages of each lane were acknowledged. Raises ValueError for a ledger with a gap."""
        lengths = [0] * lanes
        for line in Path(path).read_text().splitlines():
            lane, first, count = map(int, line.split())
            if first != lengths[lane]:
                raise ValueError(f"the ledger has a gap in lane {lane}: {lengths[lane]}..{first}")
            lengths[lane] += count
        return lengths
