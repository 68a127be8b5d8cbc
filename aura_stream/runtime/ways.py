"""Two ways to the other side: publish and then settle (at least once), or both in one step (exactly once)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from aura_stream.errors import UnwritableMessageError
from aura_stream.model import Batch, Topic
from aura_stream.ports import ExactlyOnceSink, Sink, Source
from aura_stream.runtime.portion import Portion
from aura_stream.runtime.retry import Outage, Sleep, StillAwayError
from aura_stream.runtime.statistics import Statistics


class Way(Protocol):
    """Brings portions to where they belong. Outlasts every outage."""

    async def start(self, inputs: Sequence[Topic]) -> None:
        """Connect. Errors as for `Sink.start`."""
        ...

    async def bring(self, portion: Portion, owned: Owned) -> None:
        """Publish the portion's batches, write its dead letters, settle both; `owned` drops what is not ours."""
        ...

    async def stop(self) -> None:
        """Close."""
        ...


class Owned(Protocol):
    """Drops from a portion what is not ours any more; asked right before each attempt to write."""

    def __call__(self, portion: Portion) -> bool:
        """Return whether anything is left."""
        ...


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of a bridge, not started yet. An exactly-once sink writes dead letters itself."""

    source: Source
    sink: Sink | ExactlyOnceSink
    dead_letters: Sink | None = None
    require: Callable[[Sequence[Topic]], None] = lambda _inputs: None  # raises ConfigError for inputs unfit for these

    def way(self, source: Source, statistics: Statistics, sleep: Sleep) -> Way:
        """Return the way that these ends allow. `source` is the one to settle at."""

        def outage(what: str) -> Outage:
            return Outage(what, sleep, statistics.side(what))

        if isinstance(self.sink, ExactlyOnceSink):
            return OneStep(self.sink, outage, self.require)
        return TwoSteps(source, self.sink, self.dead_letters, outage, self.require)


class TwoSteps:
    """Write dead letters, publish, and then settle: at least once."""

    def __init__(
        self,
        source: Source,
        sink: Sink,
        dead_letters: Sink | None,
        outage: Callable[[str], Outage],
        require: Callable[[Sequence[Topic]], None] = lambda _inputs: None,
    ) -> None:
        self._source = source
        self._sink = sink
        self._dead_letters = dead_letters
        self._source_outage = outage("the input")
        self._sink_outage = outage("the output")
        self._dead_outage = outage("the place of dead letters")
        self._require = require
        self._sink_started = False

    async def start(self, inputs: Sequence[Topic]) -> None:
        self._require(inputs)
        if not self._sink_started:  # by an attempt that did not reach the place of dead letters
            await self._sink.start(inputs)
            self._sink_started = True
        if self._dead_letters is not None:
            await self._dead_letters.start(inputs)

    async def bring(self, portion: Portion, owned: Owned) -> None:
        while owned(portion):
            try:
                await self._write_dead(portion)
                await self._write(portion.batches, self._sink, self._sink_outage)
            except UnwritableMessageError as error:
                portion.refuse(error)
            except StillAwayError:
                continue
            else:
                break
        portion.tell()
        owned(portion)  # what went to another worker meanwhile is not settled by us
        if settled := portion.all:
            await self._source_outage.outlast(lambda: self._source.settle(settled))

    async def _write_dead(self, portion: Portion) -> None:
        """Write those dead letters that are not written yet: durably, before anything is settled."""
        if not portion.dead:
            return
        assert self._dead_letters is not None, "dead letters have a place"
        try:
            await self._write(portion.dead, self._dead_letters, self._dead_outage)
        except UnwritableMessageError as error:
            raise portion.unburied(error) from error
        portion.written()

    async def _write(self, batches: Sequence[Batch], sink: Sink, outage: Outage) -> None:
        if batches:
            async with outage.attempt():
                await sink.publish(batches)

    async def stop(self) -> None:
        try:
            await self._sink.stop()
        finally:
            if self._dead_letters is not None:
                await self._dead_letters.stop()


class OneStep:
    """All in one step of the system: exactly once."""

    def __init__(
        self,
        sink: ExactlyOnceSink,
        outage: Callable[[str], Outage],
        require: Callable[[Sequence[Topic]], None] = lambda _inputs: None,
    ) -> None:
        self._sink = sink
        self._outage = outage("the output")
        self._require = require

    async def start(self, inputs: Sequence[Topic]) -> None:
        self._require(inputs)
        await self._sink.start(inputs)

    async def bring(self, portion: Portion, owned: Owned) -> None:
        while owned(portion):
            try:
                async with self._outage.attempt():
                    await self._sink.publish_and_settle(portion.batches, portion.dead)
            except UnwritableMessageError as error:
                self._refuse(portion, error)
            except StillAwayError:
                continue
            else:
                break
        owned(portion)  # what went to another worker meanwhile was not settled by us
        portion.tell()

    @staticmethod
    def _refuse(portion: Portion, error: UnwritableMessageError) -> None:
        letters = error.batch - len(portion.batches)
        if letters >= 0:
            error.batch = letters
            raise portion.unburied(error) from error
        portion.refuse(error)

    async def stop(self) -> None:
        await self._sink.stop()
