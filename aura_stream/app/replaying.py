"""Dead letters over the bridge once more: through the same transform to the same output."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from aura_stream.app.bridge import assemble, build_transform
from aura_stream.app.dead_letters import DeadLetters, Letter, dead_letters_of, inputs_of
from aura_stream.app.ends import dead_letter_context, ends_from
from aura_stream.app.output import read_last_frames
from aura_stream.app.stores import open_store
from aura_stream.config import Config
from aura_stream.errors import NotDrainedError
from aura_stream.model import Batch, Note, Partition, Topic
from aura_stream.observe import Reporter
from aura_stream.ports import Connector, Context
from aura_stream.runtime import Heartbeat, Refusals, Screen, Transform, run_until_stopped
from aura_stream.runtime.unearthing import Plan, Unearthed, as_they_came

WITNESSES: Final = 100  # frames of each input that may vouch for the codebook
MIRROR: Final = "replay"  # names a mirror of our own: a worker may use its own at the same time

Connectors = Mapping[str, Connector]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of dead letters: `over` the bridge; dead letters `again`; `left` as they are, for they were not asked
    for, or are not this bridge's."""

    over: int = 0
    again: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What would become of them. `again` are the notes that they would get, `waiting` would wait for a template."""

    over: int
    again: Sequence[Note]
    waiting: int
    left: int


async def replay(config: Config, connectors: Connectors, only: Collection[str] = ()) -> Replayed:
    """Replay all dead letters that lie there now, or `only` those of messages with these names; at least once.

    What fails again becomes a dead letter again, with one attempt more. Raises LookupError for a name that no letter
    has, NotDrainedError if it is told to stop before it is through, and what `Worker.run` raises.
    """
    dead = dead_letters_of(config, connectors)
    inputs = await inputs_of(config, connectors)
    plan = await _plan(dead, [topic.name for topic in inputs], _Choice(config, inputs, only))
    if not plan.ends:
        return Replayed()
    source = _source(config, connectors, dead, inputs, plan)
    transform = await _transform(config, connectors, source.passes)
    ends = ends_from(source, config, connectors, Context(config.namespace, True, config.codec.direction))
    worker = assemble(config, ends, transform, open_store(config, connectors, MIRROR), Heartbeat(None), once=True)
    async with Reporter(worker.statistics, transform.decoding, config.logging.format).running():
        await run_until_stopped(worker, config.drain_timeout)
    if not source.through:
        left = source.remaining
        raise NotDrainedError(f"stopped with {left} dead letters not replayed; they stay where they are", left)
    again = worker.statistics.dead_letters - source.laid_aside
    return Replayed(worker.statistics.published, again, source.laid_aside)


async def rehearse(config: Config, connectors: Connectors, only: Collection[str] = ()) -> Rehearsed:
    """Transform what `replay` would, and write and settle nothing: the output may still refuse what passes here.

    Raises LookupError, and what ends a replay: MessageError for letters that nothing vouches for the codebook of,
    and the errors of store and servers.
    """
    dead = dead_letters_of(config, connectors)
    inputs = await inputs_of(config, connectors)
    choice = _Choice(config, inputs, only)
    transform = await _transform(config, connectors, told=False)
    store = open_store(config, connectors, MIRROR)
    counts: Counter[str] = Counter()
    again: list[Note] = []
    try:
        transform.offer(await store.start())
        async for _, batch in dead.look([topic.name for topic in inputs]):
            letters = dead.opened(batch)
            counts["left"] += sum(not choice.takes(letter.note) for letter in letters)
            again += await asyncio.to_thread(_try, transform, dead, letters, choice, counts)
    finally:
        transform.close()
        await store.stop()
    choice.require_found()
    return Rehearsed(counts["over"], again, counts["waiting"], counts["left"])


def _try(
    transform: Transform, dead: DeadLetters, letters: Sequence[Letter], choice: _Choice, counts: Counter[str]
) -> list[Note]:
    """Transform letters, count what would become of them, and return the notes of those that would fail again."""
    queue: deque[Batch] = deque()
    for letter in letters:
        if letter.note is not None and choice.takes(letter.note):
            queue.append(as_they_came(letter.message, [letter.note]))
    notes: list[Note] = []
    while queue:
        portion = transform.transform(queue)
        if portion.failure is not None:
            raise portion.failure
        counts["over"] += sum(map(len, portion.batches))
        counts["waiting"] += sum(map(len, portion.stuck))
        notes += [letter.note for each in portion.dead for letter in dead.opened(each) if letter.note is not None]
    return notes


class _Choice:
    """Which letters are to be replayed: those that came from this bridge's inputs, and were asked for."""

    def __init__(self, config: Config, inputs: Sequence[Topic], only: Collection[str]) -> None:
        self._direction = config.codec.direction
        self._inputs = {topic.name for topic in inputs}
        self._only = frozenset(only)
        self._found: set[str] = set()

    def takes(self, note: Note | None) -> bool:
        """Tell whether the letter with this note is to be replayed."""
        if note is None or note.topic not in self._inputs or note.direction != self._direction:
            return False
        if self._only and note.message not in self._only:
            return False
        self._found.add(note.message) if self._only else None
        return True

    def require_found(self) -> None:
        """Raise LookupError if something was asked for that was not there."""
        if missing := self._only - self._found:
            raise LookupError(f"no dead letter here is message {', '.join(sorted(missing))} of this bridge")


async def _plan(dead: DeadLetters, inputs: Sequence[str], choice: _Choice) -> Plan:
    """Look at all that lies there, and note the last letter of each place that is to be replayed."""
    ends: dict[Partition, int | str] = {}
    names: dict[str, str] = {}
    counts: Counter[Partition] = Counter()
    up_to_end: Counter[Partition] = Counter()
    async for name, batch in dead.look(inputs):
        names[batch.partition.topic] = name
        for letter in dead.opened(batch):
            counts[letter.place] += 1
            if choice.takes(letter.note):
                ends[letter.place] = letter.position
                up_to_end[letter.place] = counts[letter.place]
    choice.require_found()
    return Plan(ends, up_to_end.total(), names, choice.takes)


def _source(
    config: Config, connectors: Connectors, dead: DeadLetters, inputs: Sequence[Topic], plan: Plan
) -> Unearthed:
    """Build the source of what the plan names."""
    names = list(dict.fromkeys(plan.names[place.topic] for place in plan.ends))
    context = dead_letter_context(Context(config.namespace, False, config.codec.direction))
    source = connectors[config.output.connector].source(dead.unearthing(names), context)

    async def still_there() -> set[Partition]:
        return {
            batch.partition
            async for _, batch in dead.look(names)
            if batch.partition in plan.ends and plan.ends[batch.partition] in batch.positions
        }

    return Unearthed(source, dead.keeper.unmarked, plan, inputs, still_there)


async def _transform(
    config: Config,
    connectors: Connectors,
    passes: Callable[[Batch], Batch | None] = lambda _batch: None,
    told: bool = True,
) -> Transform:
    """Build a transform that does not count how often a letter was tried, and lets the input vouch for the codebook."""
    witnesses: list[bytes] = []
    if config.codec.direction == "decode":
        last = await read_last_frames(config, connectors, WITNESSES)
        witnesses = [frame for frames in last.frames.values() for frame in frames]

    def refined(usual: Refusals) -> Refusals:
        assert usual.burial is not None, "there is a place for dead letters"
        usual.burial.told = told
        return replace(usual, screen=Screen(config.limits.message), passes=passes, witnesses=witnesses)

    return build_transform(config, connectors, refined)
