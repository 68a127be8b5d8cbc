"""Row 15: a transaction whose end comes too late is aborted and written anew; no reader sees a part of it."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.faults.chaos import Chaos
from tests.faults.outlets import KafkaOutlet
from tests.faults.plan import Plan
from tests.faults.scenario import Scenario
from tests.faults.transit import INIT_PRODUCER_ID, Transit, ends_a_transaction, transit_behind
from tests.infra.kafka.tools import committed_of

TIMEOUT = 1.0  # seconds of a transaction; the broker looks each half second


async def test_a_transaction_that_ends_too_late_is_aborted_and_written_again(chaos: Chaos) -> None:
    config = {"output": {"kafka": {"transaction_timeout": f"{TIMEOUT:g}s"}}}
    async with (
        chaos.scenario("kafka-kafka", delivery="exactly_once", config=config, large=0) as run,
        transit_behind(run.output) as transit,
    ):
        await run.start()
        await run.send(4000)
        await run.load(1000)
        for number in range(5 if run.full else 1):
            await run.moved(1000)
            await _hold(run, transit, beyond_the_brokers_patience=not number % 2)
        await run.moved(1000)
        await run.caught_up()
        aborted = await _records(run, "read_uncommitted") - await _records(run, "read_committed")
        run.result.notes["records of aborted transactions"] = aborted
        assert aborted > 0


async def _hold(run: Scenario, transit: Transit, *, beyond_the_brokers_patience: bool) -> None:
    """Hold all ends of transactions; see that producers are replaced, and that nothing of theirs is to be read."""
    (worker,) = run.running
    said, started, held = len(worker.log), transit.seen[INIT_PRODUCER_ID], transit.stopped
    async with run.fault("EndTxn held", transit.holds(ends_a_transaction)):
        await worker.logged("the output is unavailable, trying again: Kafka at", said)
        assert "a transaction of aura/" in worker.log[said:]

        async def rebuilt() -> bool:
            return transit.seen[INIT_PRODUCER_ID] > started and transit.stopped >= held + 2

        await run.until("another producer tries again", rebuilt)
        await _nothing_partial(run)
        if beyond_the_brokers_patience:
            await run.hold(30, 3 * TIMEOUT)
            await _nothing_partial(run)
    await worker.logged("the output is available again", said)


async def _nothing_partial(run: Scenario) -> None:
    """What a read-committed reader finds is what the group has settled, partition by partition; nothing moves now."""
    plan = Plan.load(str(run.plan_file))
    (topic,), group = plan.source.names, run.config["input"]["kafka"]["group"]
    settled = await committed_of(plan.source.address, group, topic)
    readable: dict[int, int] = dict.fromkeys(settled, 0)
    async for arrived in KafkaOutlet(plan.output).read({}):
        for each in arrived:
            readable[each.partition] += 1
    assert readable == settled


async def _records(run: Scenario, isolation: str) -> int:
    """Count the records of the output that a reader of this isolation level finds."""
    place = Plan.load(str(run.plan_file)).output
    partitions = [TopicPartition(*part) for part in place.parts]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=place.address, auto_offset_reset="earliest", isolation_level=isolation
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found = 0
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            found += sum(map(len, (await consumer.getmany(timeout_ms=200)).values()))
        return found
    finally:
        await consumer.stop()
