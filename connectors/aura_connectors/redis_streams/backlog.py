"""What was delivered and never settled, on its way to be handed out again.

A message that kills the process comes again with all that was handed out beside it, and nobody can tell which of them
it was. So the server keeps count of how often an entry was handed out, the count is written right before, and what was
handed out more often comes in smaller portions: 5000, 625, 78, 9, 1, 1, … After a few deaths it stands alone, and only
its own count goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgpack

from aura_connectors.redis_streams.client import Client
from aura_connectors.redis_streams.group import ConsumerGroup, order
from aura_connectors.redis_streams.membership import Member
from aura_connectors.redis_streams.searching import Search, search_for

PAGE: Final = 1000  # ids in one reply
SHRINK: Final = 3  # bits that a portion loses each time
STEP: Final = 100  # entries read between two looks at their size: so many large ones may come beyond `max_bytes`


class Row(NamedTuple):
    """An entry, and how often it was handed out, the next time included."""

    id: bytes
    fields: list[bytes]  # [field, value, field, value, …]
    times: int


def portion(times: int, most: int) -> int:
    """Return how many entries that are handed out for the n-th time may go together; `most` the first time."""
    return max(1, most >> SHRINK * (times - 1))


def goes_alone(times: int, most: int) -> bool:
    """Tell whether an entry, handed out for the n-th time, may be what kills the process: then nothing goes with it."""
    return times > 1 and portion(times, most) == 1


class Backlog:
    """Ids that are pending in our name, in the order in which they are handed out again."""

    def __init__(self, member: Member, group: ConsumerGroup) -> None:
        self._member = member
        self._search: Search = search_for(member, group)
        self._found: deque[tuple[bytes, int]] = deque()  # id, times with the next one included
        self._known: dict[bytes, int] = {}  # what this process handed out itself, and outlived
        self._claiming: Sequence[tuple[bytes, int]] = ()
        self._unseen = False  # what is found was sent to us in a reply that we never saw
        self._gone: list[bytes] = []

    def remember(self, handed_out: Mapping[bytes, int]) -> None:
        """Note how often this process handed out which entries, before it lost its lease.

        Where the server says the same, nobody else did so since: we are alive, so they are not counted again.
        """
        self._known.update(self._claiming)
        self._known.update(handed_out)
        self._claiming = ()

    def begin(self, pending: bool) -> None:
        """Begin anew, with all that is pending if anything is."""
        self._found.clear()
        self._unseen = False
        if pending:
            self._search.begin()

    def look_behind(self, entry_id: bytes) -> None:
        """Look for what was sent to us behind that entry, in a reply that we never saw."""
        self._unseen = True
        self._search.begin(entry_id)

    @property
    def over(self) -> bool:
        """Whether nothing is known to be pending."""
        return not self._found and self._search.over

    @property
    def torn(self) -> bool:
        """Whether a page may have become ours unseen, if we were cut short: only beginning anew helps."""
        return not self._search.over and not self._search.repeats

    @property
    def times(self) -> int:
        """Which time the next entry is handed out, 0 if none is known."""
        return self._found[0][1] if self._found else 0

    def gone(self) -> list[bytes]:
        """Return the ids of entries that were deleted before we got them, each once."""
        gone, self._gone = self._gone, []
        return gone

    async def look(self, client: Client) -> bool:
        """See `Search.look`."""
        return await self._search.look(client)

    async def find(self, client: Client, most: int) -> None:
        """Find pages until there are ids enough, or no more, or the lease is lost."""
        while not self._search.over and len(self._found) < most:
            page = await self._search.page(client, PAGE)
            if page is None:
                return
            self._gone += page.gone
            self._found.extend((entry, self._times(entry, times)) for entry, times in page.found)
        if self._search.over:
            self._known.clear()
            self._unseen = False

    def _times(self, entry: bytes, before: int) -> int:
        """Return which time the next one is; no new one if it was we who handed it out last, or nobody did."""
        ours = self._known.get(entry) == before or self._unseen
        return max(1, before if ours else before + 1)

    async def claim(self, client: Client, most: int, max_messages: int, max_bytes: int) -> list[Row]:
        """Return the next portion, counted on the server; [] too where all of it is gone, or the lease is lost.

        `most` messages go together the first time, `max_messages` fit now.
        """
        times = self.times
        ids = [entry for entry, _ in _head(self._found, min(max_messages, portion(times, most)))]
        self._claiming = [(entry, times) for entry in ids]
        packed = msgpack.packb(ids, use_bin_type=False)
        reply = await self._member.run(client, "claim", times, max_bytes, STEP, packed)
        if reply is None:
            return []
        self._claiming = ()
        entries, looked = reply
        there = {entry[0] for entry in entries}
        for _ in range(looked):
            entry, _ = self._found.popleft()
            if entry not in there:
                self._gone.append(entry)
        return [Row(entry, fields, times) for entry, fields in entries]


def _head(found: deque[tuple[bytes, int]], most: int) -> list[tuple[bytes, int]]:
    """Return the first ids, at most so many, that were handed out equally often and stand in order."""
    head: list[tuple[bytes, int]] = []
    for entry, times in found:
        if len(head) == most or times != found[0][1] or (head and order(entry) <= order(head[-1][0])):
            break
        head.append((entry, times))
    return head
