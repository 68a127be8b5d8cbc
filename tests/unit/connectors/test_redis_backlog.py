"""How what comes again is cut into portions, and which of it is counted."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgpack
from aura_connectors.redis_streams.backlog import Backlog, goes_alone, portion
from aura_connectors.redis_streams.group import ConsumerGroup
from aura_connectors.redis_streams.membership import Member
from aura_connectors.redis_streams.options import SourceOptions


class Server:
    """Pending entries, and how often each was handed out."""

    def __init__(self, *times: int) -> None:
        self.times = {b"1-%d" % number: count for number, count in enumerate(times)}
        self.gone: set[bytes] = set()

    async def run(self, name: str, _keys: list[bytes], *words: Any) -> Any:
        if name == "take_over":
            return [b"0-0", [[entry, count] for entry, count in self.times.items()], []]
        assert name == "claim"
        ids = msgpack.unpackb(words[-1], raw=True)
        self.times.update(dict.fromkeys(ids, words[3]))
        return [[[entry, [b"d", b"m"]] for entry in ids if entry not in self.gone], len(ids)]


def backlog() -> Backlog:
    options = SourceOptions.model_validate({"url": "redis://localhost", "streams": ["s"], "group": "g"})
    return Backlog(Member("s", options, "me"), ConsumerGroup(b"s", b"g", b"0"))


async def portions(made: Backlog, server: Server, most: int) -> list[tuple[int, int]]:
    """Hand everything out; return the size of each portion, and which time it was."""
    cut: deque[tuple[int, int]] = deque()
    await made.find(server, most)  # type: ignore[arg-type]
    while made.times:
        rows = await made.claim(server, most, most, 1 << 20)  # type: ignore[arg-type]
        cut.append((len(rows), rows[0].times if rows else 0))
    return list(cut)


def test_portions_shrink_with_each_time_until_a_message_stands_alone() -> None:
    assert [portion(times, 5000) for times in range(1, 8)] == [5000, 625, 78, 9, 1, 1, 1]
    assert [goes_alone(times, 5000) for times in range(1, 7)] == [False, False, False, False, True, True]
    assert not goes_alone(1, 1)
    assert portion(10**9, 5000) == 1


async def test_only_what_was_handed_out_equally_often_goes_together() -> None:
    made, server = backlog(), Server(0, 0, 1, 1, 2, 1)
    made.begin(pending=True)
    assert await portions(made, server, 1000) == [(2, 1), (2, 2), (1, 3), (1, 2)]


async def test_what_several_consumers_left_behind_is_cut_where_the_order_of_ids_ends() -> None:
    made, server = backlog(), Server()
    server.times = {b"1-5": 0, b"1-6": 0, b"1-2": 0, b"1-9": 0}
    made.begin(pending=True)
    assert await portions(made, server, 1000) == [(2, 1), (2, 1)]


async def test_what_this_process_handed_out_and_outlived_is_not_counted_again() -> None:
    made, server = backlog(), Server(3, 3, 1)
    made.remember({b"1-0": 3, b"1-1": 2, b"1-2": 1})  # another handed out the second meanwhile
    made.begin(pending=True)
    assert await portions(made, server, 100_000) == [(1, 3), (1, 4), (1, 1)]
    assert server.times == {b"1-0": 3, b"1-1": 4, b"1-2": 1}


async def test_what_was_sent_in_a_reply_that_nobody_saw_is_not_counted_again() -> None:
    made, server = backlog(), Server(1, 1)
    made.begin(pending=False)
    made.look_behind(b"0-9")
    assert await portions(made, server, 1000) == [(2, 1)]


async def test_what_is_gone_is_told_once() -> None:
    made, server = backlog(), Server(1, 1, 1)
    server.gone = {b"1-1"}
    made.begin(pending=True)
    assert await portions(made, server, 1000) == [(2, 2)]
    assert (made.gone(), made.gone()) == ([b"1-1"], [])
