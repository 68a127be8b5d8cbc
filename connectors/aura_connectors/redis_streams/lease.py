"""The right to read one stream for one group, held by one worker at a time.

A key that expires holds "fence holder". Whoever has it renews it in the background; every script that reads or
settles compares it first, so a worker that was paused past its expiry can do no harm (Kleppmann, "How to do
distributed locking", 2016: the fencing number).
"""

from __future__ import annotations

import time

from aura_connectors.redis_streams.client import Client

LEASE_ROUNDS = 4  # renewals, or attempts to take it, in one time to live


def lease_key(stream: str, group: str) -> bytes:
    """Return the lease's key, in the same cluster slot as the stream: the slot hashes the first {tag} of a name.

    `aura:lease:{stream}:group`; a stream that brings a tag of its own keeps it. Groups hold no braces, so no two
    pairs share a key.
    """
    _, _, rest = stream.partition("{")
    tag, closed, _ = rest.partition("}")
    key = f"aura:lease:tagged:{stream}}}:{group}" if tag and closed else f"aura:lease:{{{stream}}}:{group}"
    return key.encode()


class Lease:
    """One stream's lease. `ttl` in seconds; `clock` counts seconds and never goes back."""

    def __init__(self, key: bytes, holder: str, ttl: float) -> None:
        self.key = key
        self.fence = 0  # the number under which it is held; 0: it is not
        self._holder = holder
        self._token = ""
        self._ttl = ttl
        self._expires = 0.0
        self._clock = time.monotonic

    @property
    def held(self) -> bool:
        """Whether it is ours as far as can be known without asking."""
        return self.fence > 0 and self._clock() < self._expires

    @property
    def token(self) -> str:
        """What the key holds while it is ours."""
        return self._token

    async def take(self, client: Client) -> bool:
        """Take the lease, with a new fencing number, if no other worker holds it."""
        asked = self._clock()  # before the server's clock starts, so that we never think it longer than it is
        fence = int(await client.run("lease_take", [self.key], self._holder, self._milliseconds))
        if fence:
            self.fence, self._token = fence, f"{fence} {self._holder}"
            self._expires = asked + self._ttl
        return bool(fence)

    async def renew(self, client: Client) -> None:
        """Lengthen the lease, or notice that it is lost.

        One that ran out here while the answer was on its way counts as lost, whatever the answer: batches may have
        been dropped meanwhile, which only taking it anew brings back.
        """
        asked, fence = self._clock(), self.fence
        kept = await client.run("lease_renew", [self.key], self._token, self._milliseconds)
        if fence != self.fence:
            return  # lost or taken anew while we asked
        if kept and self.held:
            self._expires = asked + self._ttl
        else:
            self.lose()

    def lose(self) -> None:
        """Note that it is lost, or not to be relied on: what was read under its number is no longer ours."""
        self.fence = 0

    async def release(self, client: Client) -> None:
        """Give it back, if it is ours."""
        self.lose()
        if self._token:
            await client.run("lease_release", [self.key], self._token)

    @property
    def _milliseconds(self) -> int:
        return int(self._ttl * 1000)
