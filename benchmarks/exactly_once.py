"""What exactly once costs: the same bridge with `delivery: exactly_once` and with `at_least_once`, on real servers.

    python benchmarks/exactly_once.py kafka|redis [--messages 200000] [--repeats 5] [--json FILE]

Both write the same messages from one input, in portions of 5,000, and take turns; the best of N counts. Once with the
codec, and once with a codec that does nothing, which shows the step itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Protocol

sys.path.insert(0, str(Path(__file__).parent.parent))  # the brokers that the tests start

from _bridge import Run, compare, report

SYSTEMS = ("kafka", "redis")  # each a module exactly_once_NAME beside this one
BASELINE = "at least once"


class System(Protocol):
    """What such a module holds."""

    shapes: Mapping[str, int]  # of the input, by how the table names it

    def server(self) -> AbstractContextManager[str]:
        """Run a server, and return its address."""
        ...

    async def variants(self, address: str, count: int, shape: int) -> Mapping[str, Mapping[str, Run]]:
        """Fill an input, and return by transform and by delivery how to copy it; BASELINE is one of the deliveries."""
        ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    figures = asyncio.run(measure(import_module(f"exactly_once_{arguments.system}"), arguments))
    if arguments.json:
        known = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
        arguments.json.write_text(json.dumps(known | {arguments.system: figures}, indent=1) + "\n")


async def measure(system: System, arguments: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    figures = {}
    with system.server() as address:
        for shape, size in system.shapes.items():
            for transform, runs in (await system.variants(address, arguments.messages, size)).items():
                title = f"{arguments.system}, {shape}, {transform}"
                figures[title] = report(title, await compare(runs, arguments.repeats), BASELINE)
    return figures


if __name__ == "__main__":
    main()
