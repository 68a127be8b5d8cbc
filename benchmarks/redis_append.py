"""Ways to append to a Redis stream, on a real Redis: `python benchmarks/redis_append.py`.

The reason why the sink sends scripts with one msgpack argument. CPU of the server is what INFO says of it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgpack
from redis.asyncio import Redis

sys.path.insert(0, str(Path(__file__).parent.parent))  # the samples

from _bridge import messages
from bridge_redis import server

COUNT, BATCH, REPEATS = 200_000, 1000, 3
PACKED = "for _, e in ipairs(cmsgpack.unpack(ARGV[1])) do redis.call('XADD', KEYS[1], '*', unpack(e)) end return 1"
COUNTED = """local i = 1
while i <= #ARGV do
  local n = tonumber(ARGV[i])
  redis.call('XADD', KEYS[1], '*', unpack(ARGV, i + 1, i + n))
  i = i + n + 1
end return 1"""
XADD = b"*5\r\n$4\r\nXADD\r\n$1\r\ns\r\n$1\r\n*\r\n$1\r\nd\r\n"

Append = Callable[[list[bytes]], Awaitable[None]]


def ways(redis: Redis) -> dict[str, Append]:
    async def packed(batch: list[bytes]) -> None:
        rows = [[b"d", value] for value in batch]
        await redis.execute_command("EVAL", PACKED, 1, "s", msgpack.packb(rows, use_bin_type=False))

    async def counted(batch: list[bytes]) -> None:
        words = [word for value in batch for word in (b"2", b"d", value)]
        await redis.execute_command("EVAL", COUNTED, 1, "s", *words)

    async def by_hand(batch: list[bytes], before: bytes = b"", after: bytes = b"", answers: int = 0) -> None:
        connection = await redis.connection_pool.get_connection()
        rows = [b"%b$%d\r\n%b\r\n" % (XADD, len(value), value) for value in batch]
        await connection.send_packed_command(b"".join([before, *rows, after]), check_health=False)
        for _ in range(len(batch) + answers):
            await connection.read_response()
        await redis.connection_pool.release(connection)

    async def in_multi(batch: list[bytes]) -> None:
        await by_hand(batch, b"*1\r\n$5\r\nMULTI\r\n", b"*1\r\n$4\r\nEXEC\r\n", 2)

    async def pipeline(batch: list[bytes]) -> None:
        pipe = redis.pipeline(transaction=False)
        for value in batch:
            pipe.xadd("s", {b"d": value})
        await pipe.execute()

    return {
        "script, one msgpack argument": packed,
        "script, 3 arguments a message": counted,
        "RESP by hand, in MULTI": in_multi,
        "RESP by hand": by_hand,
        "redis-py pipeline": pipeline,
    }


async def server_cpu(redis: Redis) -> float:
    info = await redis.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


async def measure(redis: Redis, append: Append, everything: list[bytes]) -> tuple[float, float, float]:
    """Return seconds on the clock, of our CPU and of the server's."""
    await redis.delete("s")
    wall, own, theirs = time.perf_counter(), time.process_time(), await server_cpu(redis)
    for first in range(0, len(everything), BATCH):
        await append(everything[first : first + BATCH])
    return time.perf_counter() - wall, time.process_time() - own, await server_cpu(redis) - theirs


async def main() -> None:
    everything = messages(COUNT)
    print(f"{COUNT} messages in batches of {BATCH}, best of {REPEATS}")
    with server() as url:
        async with Redis.from_url(url, protocol=2) as redis:
            for name, append in ways(redis).items():
                runs = [await measure(redis, append, everything) for _ in range(REPEATS)]
                wall, own, theirs = (time / COUNT * 1e6 for time in min(runs))
                print(f"  {name:30} {1e6 / wall:9,.0f} msg/s  client {own:5.2f} us  server {theirs:5.2f} us")


if __name__ == "__main__":
    asyncio.run(main())
