"""Row 31: offsets that are gone from the log are named; the worker stops, or goes on and counts them. Nobody is silent."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Mapping
from signal import SIGTERM

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import RecordsToDelete

from tests.faults.chaos import FULL, Chaos
from tests.faults.plan import Plan
from tests.faults.processes import Worker
from tests.faults.scenario import Scenario
from tests.faults.toolbox import paused
from tests.infra.kafka.tools import administering, committed_of, create_topic, topics_of

DELIVERIES = ["exactly_once", "at_least_once"]
GAP = re.compile(r"offsets (\d+) to (\d+) of \S+ are gone: (\d+) messages lost")


@pytest.mark.parametrize("delivery", DELIVERIES if FULL else DELIVERIES[:1])
async def test_a_gap_stops_the_worker_or_is_counted_exactly(chaos: Chaos, delivery: str) -> None:
    chance = random.Random(chaos.seed)
    config = {"logging": {"format": "json"}}
    async with chaos.scenario("kafka-kafka", delivery=delivery, config=config, may_lose=True) as run:
        await _bring(run, await run.start(), 3000)
        run.plan("records deleted", 2)

        await run.send(2000)
        gone = await _delete_some(run, chance.randint(100, 900))
        stopped = await run.start()
        assert await stopped.ended() == 1
        first, last = re.search(r"offsets (\d+) to (\d+) are gone from the log, unread", stopped.log).groups()  # type: ignore[union-attr]
        assert range(int(first), int(last) + 1) in gone.values()
        run.happened("records deleted")

        run.config["input"]["kafka"]["gap"] = "go"
        worker = await run.start()
        await run.recovered("records deleted")
        assert Counter(_gaps(worker)) == Counter(gone.values()), "each is named once"

        async with run.fault("records deleted", paused(worker)):
            await run.send(3000)
            await _delete_some(run, chance.randint(1000, 1400))  # a part of which is on its way already
        named = sum(map(len, _gaps(worker)))
        assert named > sum(map(len, gone.values())), "a gap in mid-run"
        await run.until("the counter", lambda: _counts(worker, named))
        run.result.notes["deleted by the fault, and counted"] = named
        run.expect(f"{named} are lost, as the log says", lambda verdict: verdict.lost == named)


@pytest.mark.parametrize("delivery", DELIVERIES if FULL else DELIVERIES[1:])
async def test_a_topic_that_is_made_anew_is_read_from_its_start(chaos: Chaos, delivery: str) -> None:
    async with chaos.scenario("kafka-kafka", delivery=delivery) as run:
        run.plan("topic made anew", 3)
        worker = await run.start()
        await run.send(2000)
        await run.caught_up()

        await _delete(run)  # while it is read
        await worker.logged("is gone, with all that was not read of it")
        await _create(run)
        run.happened("topic made anew")
        await run.recovered("topic made anew")
        await _bring(run, worker, 1500)

        await _delete(run)  # while nobody reads it: the broker forgets the group's offsets too
        await _create(run)
        run.happened("topic made anew")
        await _bring(run, await run.start(), 1500)

        left = await _committed(run)
        await _delete(run)
        await _create(run)
        await _commit(run, left)  # as a worker does that settles what it has read when the new topic is there
        run.happened("topic made anew")
        await run.send(500)
        stopped = await run.start()
        assert await stopped.ended() == 1
        assert "before the group's offset" in stopped.log
        run.config["input"]["kafka"]["gap"] = "go"
        worker = await run.start()
        await run.recovered("topic made anew")
        assert worker.log.count("(was the topic made anew?): reading it from offset 0") == 2


async def _bring(run: Scenario, worker: Worker, count: int) -> None:
    """Let a worker bring so many messages, and end."""
    await run.send(count)
    await run.caught_up()
    worker.send(SIGTERM)
    assert await worker.ended() == 0


def _topic(run: Scenario) -> tuple[str, str, int]:
    """Return the server, the input topic and its partitions."""
    place = Plan.load(str(run.plan_file)).source
    return place.address, place.names[0], place.partitions


async def _committed(run: Scenario) -> Mapping[int, int]:
    servers, topic, _ = _topic(run)
    return await committed_of(servers, run.config["input"]["kafka"]["group"], topic)


async def _delete_some(run: Scenario, count: int) -> Mapping[int, range]:
    """Delete so many records of each partition behind what is committed, as retention does; return which."""
    servers, topic, _ = _topic(run)
    gone = {}
    async with administering(servers) as client:
        for index, settled in (await _committed(run)).items():
            gone[index] = range(settled, settled + count)
            await client.delete_records({TopicPartition(topic, index): RecordsToDelete(gone[index].stop)})
    return gone


async def _delete(run: Scenario) -> None:
    servers, topic, _ = _topic(run)
    async with administering(servers) as client:
        await client.delete_topics([topic])

    async def gone() -> bool:
        return topic not in await topics_of(servers)

    await run.until("the topic is gone", gone)


async def _create(run: Scenario) -> None:
    servers, topic, partitions = _topic(run)

    async def created() -> bool:
        try:
            await create_topic(servers, topic, partitions)
        except AssertionError:  # it is still being deleted
            return False
        return True

    await run.until("the topic is made anew", created)


async def _commit(run: Scenario, offsets: Mapping[int, int]) -> None:
    """Commit for the group, which has no members."""
    servers, topic, _ = _topic(run)
    group = run.config["input"]["kafka"]["group"]
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        found = {TopicPartition(topic, index): offset for index, offset in offsets.items()}
        consumer.assign(list(found))
        await consumer.commit(found)
    finally:
        await consumer.stop()


def _gaps(worker: Worker) -> list[range]:
    """Return the gaps that a worker has told of."""
    found = [tuple(map(int, each)) for each in GAP.findall(worker.log)]
    assert all(last - first + 1 == count for first, last, count in found)
    return [range(first, last + 1) for first, last, _ in found]


async def _counts(worker: Worker, lost: int) -> bool:
    """Tell whether the last progress line counts so many."""
    lines = [json.loads(line) for line in worker.log.splitlines() if line.startswith("{") and line.endswith("}")]
    counts = [line["lost"] for line in lines if "lost" in line]
    return bool(counts) and counts[-1] == lost
