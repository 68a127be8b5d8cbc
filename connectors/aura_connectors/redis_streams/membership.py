"""How a worker takes part in a group: its consumer, its lease, and scripts that compare the lease first.

ordering: strict    one lease a stream: whoever holds it reads, all in the name of one consumer; the lease tells workers
                    apart, and dead ones leave no consumers behind
ordering: none      a consumer and a lease for each worker: the lease is free to take, and tells the others that its
                    consumer lives. What a worker fetched before it was silent for too long is no longer its own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from aura_connectors.redis_streams.client import Client
from aura_connectors.redis_streams.lease import Lease, lease_key
from aura_connectors.redis_streams.options import SourceOptions

CONSUMER: Final = "aura"

log = logging.getLogger(__name__)


class Member:
    """One worker in the group of one stream. `holder` is a name that no other worker has."""

    def __init__(self, stream: str, options: SourceOptions, holder: str) -> None:
        self.shares = options.ordering == "none"
        self.name = stream
        self.stream = stream.encode()
        self.group = options.group.encode()
        self.consumer = (holder if self.shares else CONSUMER).encode()
        self.lease = Lease(self.lease_of(self.consumer), holder, options.lease)
        self.silence = int(options.lease * 1000)  # ms after which a consumer counts as dead

    def lease_of(self, consumer: bytes) -> bytes:
        """Return the key of the lease under which a consumer reads."""
        group = self.group.decode()
        whose = f"{group}:{consumer.decode('utf-8', 'replace')}" if self.shares else group
        return lease_key(self.name, whose)

    async def run(
        self, client: Client, name: str, *arguments: bytes | str | int, keys: Sequence[bytes] = ()
    ) -> Any | None:
        """Run a script that needs the lease; None, and the lease noted as lost, if it is not ours any more."""
        token = self.lease.token
        all_keys = [self.stream, self.lease.key, *keys]
        reply = await client.run(name, all_keys, token, self.group, self.consumer, *arguments)
        if reply != -1:
            return reply
        if token == self.lease.token:  # not taken anew while we asked
            log.warning("the lease of stream %s is lost", self.name)
            self.lease.lose()
        return None

    async def leave(self, client: Client) -> None:
        """Give the lease back, if it is ours."""
        if self.shares and self.lease.token:
            token = self.lease.token
            self.lease.lose()
            await client.run("leave", [self.stream, self.lease.key], token, self.group, self.consumer)
        else:
            await self.lease.release(client)
