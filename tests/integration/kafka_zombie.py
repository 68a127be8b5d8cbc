"""A process of its own that opens a transaction and waits: `kafka_zombie.py SERVERS TOPIC OUT`.

It prints `open` when its records are with the broker, and ends the transaction once a line comes on stdin. Then it
prints `not ours` if the messages are not its own any more, or `settled`.
"""

from __future__ import annotations

import asyncio
import sys

from tests.integration.kafka_once import at_the_end_of_the_first, bring, build, started
from tests.integration.kafka_support import fetch_some


async def main(servers: str, topic: str, output: str) -> None:
    async def waiting(send: object) -> bool:
        tell("open")
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        return await send()  # type: ignore[operator]

    async with started(build(servers, topic, output, session_timeout="2s")) as pair:
        batches = await fetch_some(pair[0], 1000)
        with at_the_end_of_the_first(waiting):
            await bring(pair, batches)
        tell("settled" if all(map(pair[0].owns, batches)) else "not ours")


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
