"""Finds what was delivered and never settled, page by page, and makes it ours."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from aura_connectors.redis_streams.client import Client
from aura_connectors.redis_streams.group import ZERO, ConsumerGroup, after
from aura_connectors.redis_streams.lease import LEASE_ROUNDS
from aura_connectors.redis_streams.membership import Member

FIRST = b"-"


class Page(NamedTuple):
    """Entries that are ours now, each with how often it was handed out so far; and ids of such that are gone."""

    found: Sequence[tuple[bytes, int]]
    gone: Sequence[bytes]


class Search(Protocol):
    """Whose entries are looked for, and when. `repeats`: a page whose reply nobody saw can be taken again."""

    repeats: bool

    @property
    def over(self) -> bool:
        """Whether there is nothing more to page through."""
        ...

    def begin(self, behind: bytes | None = None) -> None:
        """Page through what is pending; with `behind` only through what we were sent behind that entry."""
        ...

    async def look(self, client: Client) -> bool:
        """Look in time whether there is more to page through, and tell whether it was time."""
        ...

    async def page(self, client: Client, count: int) -> Page | None:
        """Take over the next page; None if the lease is lost."""
        ...


class WholeGroup:
    """Everything that is pending in the group, whoever had it: for the one worker that reads it."""

    repeats = True

    def __init__(self, member: Member) -> None:
        self._member = member
        self._cursor: bytes | None = None

    @property
    def over(self) -> bool:
        return self._cursor is None

    def begin(self, behind: bytes | None = None) -> None:
        self._cursor = after(behind) if behind else ZERO

    async def look(self, client: Client) -> bool:
        return False

    async def page(self, client: Client, count: int) -> Page | None:
        assert self._cursor is not None, "the search is not over"
        reply = await self._member.run(client, "take_over", self._cursor, count)
        if reply is None:
            return None
        cursor, found, gone = reply
        self._cursor = None if cursor == ZERO else cursor
        return Page([(entry, times) for entry, times in found], gone)


class SilentConsumers:
    """What was ours before the lease was lost, and then, now and again, what consumers left behind that are silent."""

    repeats = False

    def __init__(self, member: Member, group: ConsumerGroup) -> None:
        self._member = member
        self._group = group
        self._every = member.silence / 1000 / LEASE_ROUNDS
        self._next_look = 0.0
        self._left: deque[tuple[bytes, bytes]] = deque()  # consumer, first id to look at

    @property
    def over(self) -> bool:
        return not self._left

    def begin(self, behind: bytes | None = None) -> None:
        if behind is None:
            self._left.clear()
            self._next_look = 0.0
        self._left.appendleft((self._member.consumer, b"(" + behind if behind else FIRST))

    async def look(self, client: Client) -> bool:
        if time.monotonic() < self._next_look:
            return False
        for consumer in await self._group.consumers(client):
            worth = consumer.pending or consumer.silent >= self._member.silence  # the script looks closer
            if worth and consumer.name != self._member.consumer:
                self._left.append((consumer.name, FIRST))
        self._next_look = time.monotonic() + self._every
        return True

    async def page(self, client: Client, count: int) -> Page | None:
        consumer, first = self._left[0]
        words = (consumer, self._member.silence, first, count)
        reply = await self._member.run(client, "take_over_from", *words, keys=[self._member.lease_of(consumer)])
        if reply is None:
            return None
        following, found, gone = reply
        self._left.popleft()
        if following:
            self._left.appendleft((consumer, following))
        return Page([(entry, times) for entry, times in found], gone)


def search_for(member: Member, group: ConsumerGroup) -> Search:
    """Return the search that the ordering asks for."""
    return SilentConsumers(member, group) if member.shares else WholeGroup(member)
