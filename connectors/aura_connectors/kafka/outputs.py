"""The topics that a sink's options name: found or made, and which record goes to which of their partitions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from aura_connectors.feedback import PLACE, refuse_feedback
from aura_connectors.kafka.client import admin, guarded, probe
from aura_connectors.kafka.options import SOURCE_PLACEHOLDER, BurialOptions, SinkOptions
from aura_connectors.kafka.records import Row, Target, place, to_rows
from aura_connectors.kafka.topics import (
    check_partitions,
    cluster_of,
    create,
    describe,
    harm,
    keeping,
    missing,
    output_like,
)
from aura_stream.errors import ConfigError
from aura_stream.model import Batch, Topic
from aura_stream.ports import Context

log = logging.getLogger(__name__)

Where = tuple[Target, int]  # an output topic, and one of its partitions


class Outputs:
    """The output topics of some inputs; `open` comes first. `one_cluster`: only in the cluster of their inputs."""

    def __init__(
        self,
        options: SinkOptions,
        context: Context,
        clock: Callable[[], float] = time.time,
        one_cluster: bool = False,
    ) -> None:
        self._options = options
        self._context = context
        self._clock = clock
        self._one_cluster = one_cluster
        self._inputs: Sequence[Topic] = ()
        self._targets: dict[str, Target] = {}

    async def open(self, inputs: Sequence[Topic]) -> None:
        """Find or make the outputs of these inputs, and tell what would become of old records there.

        Raises ConfigError if an output is missing or unfit, UnavailableError.
        """
        self._inputs = inputs
        for name, output in (await self._prepare()).items():
            for source in self._sources_of(name):
                for warning in harm(output, source):
                    log.warning(warning)

    async def reopen(self) -> None:
        """Find or make them once more, after an outage. Errors as for `open`."""
        await self._prepare()

    def placed(self, batch: Batch, number: int) -> Iterator[tuple[Where, list[Row]]]:
        """Yield the batch's records by the output partition they go to, each partition's in order.

        Raises UnwritableMessageError, for batch `number`, before anything else.
        """
        target = self._target(batch)
        rows, partitions = to_rows(batch, self._options.metadata, self._clock)
        target.check(rows, number)
        for index, part in place(rows, partitions, target, self._options.partition):
            yield (target, index), part

    async def _prepare(self) -> Mapping[str, Topic]:
        """Return the outputs of all inputs by name."""
        await probe(self._options)
        servers = self._options.servers
        names = {self._output_of(source.name): source for source in reversed(self._inputs)}
        async with admin(self._options) as client:
            outputs = await describe(client, names, servers)
            if self._one_cluster:
                async with guarded(servers, "asking for the cluster's id"):
                    require_one_cluster(self._inputs, await cluster_of(client))
            absent = [name for name in names if name not in outputs]
            if absent and not self._options.create:
                raise missing(absent, servers)
            wanted = [self._like_its_inputs(name) for name in absent]
            self._check([*outputs.values(), *wanted])  # before anything is created
            if wanted and self._context.probe:
                log.info("to be created: %s", ", ".join(f"{new.name} ({new.partitions} partitions)" for new in wanted))
            elif wanted:
                for topic in wanted:
                    await create(client, topic, servers)
                    log.info("created topic %s", topic.name)
                outputs = await describe(client, names, servers)
                self._check(list(outputs.values()))  # another worker may have been faster
        self._targets = {name: Target.of(output, self._options.compression) for name, output in outputs.items()}
        return outputs

    def _like_its_inputs(self, name: str) -> Topic:
        output = output_like(name, self._sources_of(name), self._options.partitions, self._options.replication)
        return keeping(output) if isinstance(self._options, BurialOptions) else output

    def _check(self, outputs: Sequence[Topic]) -> None:
        for output in outputs:
            refuse_feedback(output.name, output.settings.get(PLACE), self._inputs)
            if self._options.partition == "same":
                for source in self._sources_of(output.name):
                    check_partitions(output, source)

    def _output_of(self, source: str) -> str:
        return self._options.topic.replace(SOURCE_PLACEHOLDER, source)

    def _sources_of(self, output: str) -> list[Topic]:
        return [source for source in self._inputs if self._output_of(source.name) == output]

    def _target(self, batch: Batch) -> Target:
        name = self._output_of(batch.partition.topic)
        if name not in self._targets:
            raise ConfigError(f"output topic {name} was not prepared: {batch.partition.topic} is none of the inputs")
        return self._targets[name]


def require_one_cluster(inputs: Sequence[Topic], cluster: str | None) -> None:
    """Raise ConfigError if no transaction spans these inputs and that cluster."""
    if not cluster or not all(topic.settings.get(PLACE) == cluster for topic in inputs):
        raise ConfigError(
            "delivery: exactly_once: input and output are in different Kafka clusters (their ids differ), and no "
            "transaction spans two; set delivery: at_least_once, or bridge within one cluster"
        )
