"""Port: a look at what was written last, by a connector that can give one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Tail(Protocol):
    """A connector that shows the last values of its topics, streams or files; it joins no group and changes nothing."""

    async def tail(self, options: Any, inputs: Sequence[str], limit: int) -> Mapping[str, Sequence[bytes]]:
        """Return up to `limit` of the last values of each output, oldest first, nulls left out; by the output's name.

        `options` are those of a sink, whose outputs follow from the names of its `inputs`, or those of a source,
        which names its own. What does not exist is left out. Bounded in time unless `limit` asks for much.

        Raises UnavailableError, ConfigError, MessageError for what cannot even be split into values.
        """
        ...
