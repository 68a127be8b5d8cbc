"""Bridges against plain copy loops, on a real Kafka and a real Redis.

    python benchmarks/bridge.py [kafka|redis] [--json FILE]

Each system's variants take turns in one run; the best of N counts. The plain loops give the same guarantees (at least
once, in order, everything acknowledged, metadata kept), so a ratio says what the engine costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # the brokers that the tests start

import bridge_kafka
import bridge_redis
from _bridge import compare, report

Figures = dict[str, dict[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system", nargs="?", choices=["kafka", "redis"], help="default: one after the other")
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--compression", default="none", help="of the Kafka output")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    figures: dict[str, Figures] = {}
    if arguments.system != "redis":
        figures["kafka"] = asyncio.run(kafka(arguments))
    if arguments.system != "kafka":
        figures["redis"] = asyncio.run(redis(arguments))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


async def kafka(arguments: argparse.Namespace) -> Figures:
    with bridge_kafka.broker() as servers:
        runs = await bridge_kafka.variants(servers, arguments.messages, arguments.compression)
        best = await compare(runs, arguments.repeats)
    return report(f"Kafka to Kafka, compression {arguments.compression}", best, "plain aiokafka")


async def redis(arguments: argparse.Namespace) -> Figures:
    with bridge_redis.server() as url:
        best = await compare(await bridge_redis.variants(url, arguments.messages), arguments.repeats)
    return report("Redis to Redis", best, "plain redis-py")


if __name__ == "__main__":
    main()
