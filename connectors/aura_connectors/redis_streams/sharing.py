"""How many streams a worker takes: no more than its share, so that those that start later have something to do.

Workers that read the same streams as one group tell each other that they live; each takes as many leases as fall to it
if all take the same number, and gives back what it holds beyond that. `ordering: none` shares every stream anyway.
"""

from __future__ import annotations

import hashlib
from typing import Final

from aura_connectors.redis_streams.client import Client
from aura_connectors.redis_streams.lease import lease_key
from aura_connectors.redis_streams.options import SourceOptions

DIGEST_SIZE: Final = 8


class Sharing:
    """The workers of one group over one set of streams. `most` is how many of them this one may hold."""

    def __init__(self, options: SourceOptions, holder: str) -> None:
        streams = sorted(options.streams)
        digest = hashlib.blake2b("\0".join(streams).encode(), digest_size=DIGEST_SIZE).hexdigest()
        self._key = lease_key(streams[0], f"{options.group}:workers:{digest}")
        self._streams = len(streams)
        self._holder = holder
        self._ttl = int(options.lease * 1000)
        self._alone = options.ordering == "none" or self._streams == 1
        self.most = self._streams

    async def attend(self, client: Client) -> None:
        """Tell the others that we live, and learn how many they are. Errors as for `Client.command`."""
        if not self._alone:
            workers = int(await client.run("attend", [self._key], self._holder, self._ttl))
            self.most = -(-self._streams // max(workers, 1))

    async def leave(self, client: Client) -> None:
        """Tell them that we are gone."""
        if not self._alone:
            await client.run("attend", [self._key], self._holder, 0)
