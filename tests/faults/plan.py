"""What oracle, judge and scenario tell each other: where messages go in, where they come out, what they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from tests.faults.payloads import Traffic

Kind = Literal["kafka", "redis_streams"]


@dataclass(frozen=True, slots=True)
class Place:
    """Topics or streams of one server, reached directly and never through a proxy."""

    kind: Kind
    address: str  # host:port, or a redis:// url
    names: Sequence[str]
    partitions: int = 1  # of each topic

    @property
    def parts(self) -> list[tuple[str, int]]:
        """Every partition of every topic, or every stream."""
        return [(name, index) for name in self.names for index in range(self.partitions)]


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. `book`: a codebook file, or a configuration whose store can be opened with the journal alone."""

    traffic: Traffic
    source: Place
    output: Place
    dead: Place | None
    book: str
    ledger: str
    decoding: bool = False

    def save(self, path: Path) -> Path:
        """Write it down for another process."""
        path.write_text(json.dumps(asdict(self)))
        return path

    @classmethod
    def load(cls, path: str) -> Plan:
        """Read what `save` wrote."""
        raw = json.loads(Path(path).read_text())
        for name in ("source", "output", "dead"):
            raw[name] = Place(**raw[name]) if raw[name] else None
        return cls(**raw | {"traffic": Traffic(**raw["traffic"])})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a fresh decoder found in the durable outputs, in messages. All but the first four want to be 0."""

    sent: int = 0  # acknowledged by the input
    arrived: int = 0  # in the output, copies counted
    moved: int = 0  # of those sent: in the output
    dead: int = 0  # of those sent: among the dead letters
    lost: int = 0  # neither in the output nor among the dead letters
    unknown: int = 0  # nobody sent that
    duplicated: int = 0  # copies beyond the first
    reordered: int = 0  # first occurrences that stand behind a later message of their lane
    wrong: int = 0  # decoded without an error to other bytes
    undecodable: int = 0  # frames that raise
    unfaithful: int = 0  # key, headers, timestamp, partition or fields differ
    both: int = 0  # in the output and among the dead letters
    unexplained: int = 0  # dead letters without a note
    examples: Sequence[str] = field(default_factory=list)  # of what is wrong: lane:number, never bytes
