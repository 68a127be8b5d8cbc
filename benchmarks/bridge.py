"""Bridges against plain copy loops, on a real Kafka and a real Redis: `python benchmarks/bridge.py [--json]`.

Each system's variants take turns in one run; the best of N counts. The plain loops give the same guarantees (at least
once, in order, everything acknowledged, metadata kept), so a ratio says what the engine costs.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # the brokers that the tests start

from _bridge import compare, report
from bridge_kafka import broker, variants


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--compression", default="none", help="of the Kafka output")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    asyncio.run(kafka(arguments))


async def kafka(arguments: argparse.Namespace) -> None:
    with broker() as servers:
        runs = await variants(servers, arguments.messages, arguments.compression)
        best = await compare(runs, arguments.repeats)
    report(f"Kafka to Kafka, compression {arguments.compression}", best, "plain aiokafka", arguments.json)


if __name__ == "__main__":
    main()
