"""The oracle, a process that no fault touches: it writes the messages of a plan directly to the input, notes what the
input acknowledged, and looks whether fresh messages come through: `python -m tests.faults.oracle PLAN`.

Commands come as lines of JSON on stdin, `{"id": 1, "do": "send", "count": 500}`; each is answered by a line on stdout
that carries its id. It ends with stdin.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aura_stream import Codebook, HybridCodec
from tests.faults.inlets import inlet_to
from tests.faults.ledger import Ledger
from tests.faults.outlets import Outlet, Position, outlet_of
from tests.faults.payloads import damage
from tests.faults.plan import Plan

TICK = 0.05  # seconds between two portions of a load
AT_ONCE = 500  # messages of a lane in one portion
RETRY = 0.1


class Oracle:
    """Writes and watches. The commands are its methods."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._inlet = inlet_to(plan.source)
        self._outlet = outlet_of(plan.output)
        self._outlets = [outlet_of(place) for place in (plan.output, plan.dead) if place is not None]
        self._ledger = Ledger(plan.ledger)
        lanes = plan.traffic.lanes
        self._sent = [0] * lanes
        self._locks = [asyncio.Lock() for _ in range(lanes)]
        self._load: asyncio.Task[None] | None = None
        self._codec = HybridCodec(Codebook.load(plan.book)) if plan.decoding else None

    async def load(self, rate: float) -> dict[str, Any]:
        """Write so many messages a second from now on; a server that is away holds that up."""
        await self.pause()
        self._load = asyncio.create_task(self._go_on(rate))
        return {}

    async def pause(self) -> dict[str, Any]:
        """Write no more; all that was sent is acknowledged."""
        load, self._load = self._load, None
        if load is not None:
            await load  # it raises what stopped it
        return {"sent": sum(self._sent)}

    async def send(self, count: int) -> dict[str, Any]:
        """Write so many messages as fast as it goes."""
        lanes = len(self._sent)
        shares = [count // lanes + (lane < count % lanes) for lane in range(lanes)]
        await asyncio.gather(*(self._append_all(lane, share) for lane, share in enumerate(shares)))
        return {"sent": sum(self._sent)}

    async def probe(self, patience: float) -> dict[str, Any]:
        """Write a fresh message to each lane; return the seconds until all stood in the output, null if they did not.

        Where there is a place for dead letters, one that became one has passed as well.
        """
        started = time.monotonic()
        try:
            async with asyncio.timeout(patience):
                starts = [await self._answered(outlet.end) for outlet in self._outlets]
                numbers = await asyncio.gather(*(self._append(lane, 1) for lane in range(len(self._sent))))
                await self._answered(lambda: self._seen(dict(enumerate(numbers)), starts))
        except TimeoutError:
            return {"seconds": None}
        return {"seconds": time.monotonic() - started}

    async def count(self) -> dict[str, Any]:
        """Tell how much was sent, and about how much stands in the output."""
        return {"sent": sum(self._sent), "arrived": await self._answered(self._outlet.count)}

    async def close(self) -> None:
        """Stop and let go."""
        await self.pause()
        await self._inlet.close()
        self._ledger.close()

    async def _go_on(self, rate: float) -> None:
        lanes, owed = len(self._sent), 0.0
        while self._load is asyncio.current_task():
            owed = min(owed + rate * TICK / lanes, AT_ONCE)
            if owed >= 1:
                await asyncio.gather(*(self._append(lane, int(owed)) for lane in range(lanes)))
            owed -= int(owed)
            await asyncio.sleep(TICK)

    async def _append_all(self, lane: int, count: int) -> None:
        for first in range(0, count, AT_ONCE):
            await self._append(lane, min(AT_ONCE, count - first))

    async def _append(self, lane: int, count: int) -> int:
        """Write the next messages of a lane, until all are acknowledged; return the number of the first."""
        async with self._locks[lane]:
            first = start = self._sent[lane]
            values = self._values(lane, first, count)
            while start < first + count:
                try:
                    await self._inlet.write(lane, start, values[start - first :])
                    break
                except Exception:  # noqa: BLE001  a server that was taken away; what it has taken is looked up
                    start = await self._answered(lambda: self._inlet.length(lane))
                if start < first:
                    raise RuntimeError(f"the input lost acknowledged messages of lane {lane}: {start}..{first}")
            self._sent[lane] = first + count
            self._ledger.acknowledged(lane, first, count)
            return first

    def _values(self, lane: int, first: int, count: int) -> list[bytes]:
        traffic = self._plan.traffic
        values = traffic.payloads(lane, first, count)
        if self._codec is None:
            return values
        frames = self._codec.encode_batch(values)
        return [damage(frame) if traffic.is_damaged(first + at) else frame for at, frame in enumerate(frames)]

    async def _seen(self, wanted: dict[int, int], starts: Sequence[Position]) -> None:
        left = set(wanted.items())

        async def look(outlet: Outlet, start: Position) -> None:
            async for arrived in outlet.read(start, follow=True):
                left.difference_update(each.which for each in arrived if each.which is not None)
                if not left:
                    return

        async with asyncio.TaskGroup() as tasks:
            for outlet, start in zip(self._outlets, starts, strict=True):
                tasks.create_task(look(outlet, start))

    @staticmethod
    async def _answered(ask: Any) -> Any:
        """Return what a server answers, which may be away."""
        while True:
            try:
                return await ask()
            except Exception:  # noqa: BLE001  the client's words for a server that was taken away; others end by time-out
                await asyncio.sleep(RETRY)


async def serve(oracle: Oracle) -> None:
    """Answer commands until stdin ends; several at a time."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks: set[asyncio.Task[None]] = set()

    async def answer(request: dict[str, Any]) -> None:
        try:
            found = await getattr(oracle, request.pop("do"))(**request["with"])
        except Exception as error:  # noqa: BLE001  the scenario raises it
            found = {"error": repr(error)}
        print(json.dumps({"id": request["id"], **found}), flush=True)

    while line := await reader.readline():
        task = asyncio.create_task(answer(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await oracle.close()


async def main() -> None:
    await serve(Oracle(Plan.load(sys.argv[1])))


if __name__ == "__main__":
    if not Path(sys.argv[1]).is_file():
        sys.exit(__doc__)
    asyncio.run(main())
