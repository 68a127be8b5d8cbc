"""Stops and kills a real `aura-stream run` in mid-run, and counts what came through: `python -m tests.by_hand.kills`.

On a real Kafka and a real Redis, each: a worker gets SIGTERM in mid-run, the next ones SIGKILL, the last one works
through the rest with --once. Then the output is decoded with the codebook alone and compared with what was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from redis.asyncio import Redis

from aura_stream import Codebook, HybridCodec, Miner
from aura_stream.app.embedded import EmbeddedServer, find_embedded, find_installed
from tests.infra.kafka import Broker
from tests.infra.kafka.tools import Record, create_topic, produce, read_all
from tests.integration.bridge_systems import COMMAND, SAMPLES

PATIENCE = 120.0  # seconds for any one step
Read = Callable[[], Awaitable[list[bytes]]]


def numbered(count: int) -> list[bytes]:
    """Return messages that differ, so that each can be counted."""
    lines = (SAMPLES / "logs.txt").read_bytes().splitlines()
    return [b"%d %b" % (number, lines[number % len(lines)]) for number in range(count)]


async def progressed(read: Read, at_least: int) -> int:
    """Wait until the output holds so many messages; return how many it holds."""
    deadline = time.monotonic() + PATIENCE
    while (count := len(await read())) < at_least:
        if time.monotonic() > deadline:
            raise SystemExit(f"stuck at {count} messages")
        await asyncio.sleep(0.05)
    return count


async def stop_and_kill(name: str, config: Path, read: Read, messages: Sequence[bytes], book: Codebook) -> bool:
    """Go through the whole story for one system; tell whether nothing is missing."""
    print(f"{name}: {len(messages)} messages")
    step = len(messages) // 6
    for number, end in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, signal.SIGKILL)):
        worker = await asyncio.create_subprocess_exec(COMMAND, "run", str(config), stderr=subprocess.DEVNULL)
        await progressed(read, (number + 1) * step)
        worker.send_signal(end)
        code = await asyncio.wait_for(worker.wait(), PATIENCE)
        print(f"  {end.name} at {len(await read())} messages in the output: exit code {code}")
        if end == signal.SIGTERM and code:
            return False
    rest = await asyncio.to_thread(
        subprocess.run,
        [COMMAND, "run", str(config), "--once"],
        stderr=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=False,
    )
    restored = Counter(HybridCodec(book).decode_batch(await read()))
    missing = sum(message not in restored for message in messages)
    duplicates = sum(restored.values()) - len(restored)
    strange = len(restored.keys() - set(messages))
    print(f"  --once: exit code {rest.returncode}; missing {missing}, strange {strange}, duplicates {duplicates}")
    return not missing and not strange and rest.returncode == 0


def configure(folder: Path, name: str, source: dict[str, object], sink: dict[str, object], book: Path) -> Path:
    """Write the configuration of an encoding bridge, with small portions so that kills fall between them."""
    path = folder / f"{name}.yaml"
    more = {"codec": {"direction": "encode"}, "store": {"file": {"path": str(book)}}, "batch": {"max_messages": 500}}
    path.write_text(json.dumps({"namespace": "kills", "input": {name: source}, "output": {name: sink}, **more}))
    return path


async def on_kafka(folder: Path, messages: Sequence[bytes], book: Path) -> bool:
    broker = Broker.create(folder / "kafka")
    try:
        broker.start()
        await create_topic(broker.servers, "raw")
        await create_topic(broker.servers, "frames")
        await produce(broker.servers, "raw", [Record(message) for message in messages])
        source = {"servers": broker.servers, "topics": ["raw"], "group": "kills", "session_timeout": "6s"}
        config = configure(folder, "kafka", source, {"servers": broker.servers, "topic": "frames"}, book)

        async def read() -> list[bytes]:
            return [record.value or b"" for record in await read_all(broker.servers, "frames")]

        return await stop_and_kill("Kafka", config, read, messages, Codebook.load(book))
    finally:
        broker.stop(hard=True)


async def on_redis(folder: Path, messages: Sequence[bytes], book: Path) -> bool:
    with EmbeddedServer(find_installed() or find_embedded()) as server:
        async with Redis.from_url(server.url) as redis:
            pipeline = redis.pipeline(transaction=False)
            for message in messages:
                pipeline.xadd("raw", {b"d": message})
            await pipeline.execute()
            source = {"url": server.url, "streams": ["raw"], "group": "kills", "lease": "3s"}
            config = configure(folder, "redis_streams", source, {"url": server.url, "stream": "frames"}, book)

            async def read() -> list[bytes]:
                return [fields[b"d"] for _, fields in await redis.xrange("frames")]

            return await stop_and_kill("Redis", config, read, messages, Codebook.load(book))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=60_000)
    count = parser.parse_args().messages
    with tempfile.TemporaryDirectory(prefix="aura-kills-") as name:
        folder = Path(name)
        messages, book = numbered(count), folder / "kills.book"
        miner = Miner()
        miner.observe(messages[:2000])
        Codebook().extended(miner.propose(Codebook())).save(book)
        (folder / "kafka").mkdir()
        fine = [asyncio.run(run(folder, messages, book)) for run in (on_kafka, on_redis)]
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
