"""A process of its own that copies a topic without settling the last batches: `kafka_member.py SERVERS TOPIC OUT`.

It prints `ready` once it has published a first batch, and goes on for ever; the test kills it.
"""

from __future__ import annotations

import asyncio
import sys

from tests.integration.kafka_support import fetch_some, inputs_of, sink_to, source_of


async def main(servers: str, topic: str, output: str) -> None:
    async with (
        source_of(servers, topic, session_timeout="3s") as source,
        sink_to(servers, output, await inputs_of(servers, topic)) as sink,
    ):
        settled = await fetch_some(source)
        await sink.publish(settled)
        await source.settle(settled)
        unsettled = await fetch_some(source)
        await sink.publish(unsettled)
        sys.stdout.write(f"ready {sum(map(len, settled))} {sum(map(len, unsettled))}\n")
        sys.stdout.flush()
        while True:
            await source.keep_alive()
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
