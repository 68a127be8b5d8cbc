"""The fault suite: every row of the matrix in docs/reliability.md is a test, against real servers and real processes.

How to write a row
==================

One file for each row, named by its number (`test_12_slow_sink.py`); the number goes into the results by itself:

    import pytest

    from tests.faults.chaos import Chaos
    from tests.faults.toolbox import throttles


    @pytest.mark.parametrize("route", ["kafka-kafka", "redis-redis"])
    async def test_a_slow_sink_holds_the_source_up_and_loses_nothing(chaos: Chaos, route: str) -> None:
        async with chaos.scenario(route) as run:
            worker = await run.start()                          # a real `aura-stream run`
            await run.load(1500)                                # messages a second, from the oracle, until the end
            await run.moved(1000)                               # so many more stand in the output
            async with run.fault("slow output", throttles(run.output.proxy, 50_000)):
                await run.hold(30)                              # seconds; scaled down in CI: 30 become 5
            await worker.logged("…")                            # what the row says must be seen

That is all: after a fault a fresh message is sent and timed (I6); at the end the workers are drained with SIGTERM and
have to exit 0, and a judge in a fresh process says what became of every message (I1 to I5); descriptors, memory and
complaints on stderr are looked at (I8). A fault that touched nobody, a run without any and one that moved fewer than
5,000 messages fail (I7). Each run appends a line to the results (results.py), passed or not.

What there is
-------------

* `chaos.scenario(route, …)`: from "kafka" or "redis" to either; `scenario.Options` says what it takes, such as
  `delivery="exactly_once"`, `dead_letters=True`, `direction="decode"`, `store="redis"`, `config={…}`, `max_copies=0`.
* `run.source`, `run.output`, `run.store`: `.proxy` (what workers go through), `.server` (the Redis), `.kafka` (the
  Broker). Oracle and judge never go through a proxy. Kafka is the session's (restart what you stop), each Redis the
  run's own, durable unless `setup={"redis": […]}` says otherwise.
* `run.start(kill="after_publish:3")` lets the worker SIGKILL itself at a point (killable.py lists them);
  `run.start(patch="tests.faults.…:function")` calls a function of yours in the worker before anything else: an encoder
  that raises, a clock that is wrong, a protection that is off. `run.start("--workers", "3", processes=3)`.
* Faults that are no block: `run.plan("kill", 3)`, then `run.happened("kill", code == -9)` for each, and
  `await run.recovered("kill")` from the moment on at which it should recover.
* `run.send(n)` for messages at once, `run.caught_up()`, `run.counts()`, `run.until(what, condition)`,
  `worker.logged(text)`, `worker.ended()`, `worker.send(SIGSTOP)`, `worker.memory`.
* A row that needs no workers (damaged frames, clocks): `with chaos.recording("frames") as result:`, fill in
  `result.fired = {"bit flip": 123}`, `result.verdict = Verdict(moved=…, wrong=…)`, and assert.
* `chaos.FULL` (the module's) tells, while tests are collected, whether `make chaos` runs: for variants that CI leaves out.
* `run.expect("no copies", lambda verdict: verdict.duplicated == 0)` asks more of the verdict than the invariants do.
  Figures that your row reports: `run.result.notes["…"] = 1.5`. A run in which a stop is the right answer: end its
  workers yourself before the block ends; what does not run is not drained.
* Poll with `run.until`, never sleep to synchronise; `run.hold` is for how long a fault lasts.

CI runs each row once, with one seed, within about 10 s; `chaos.seed` is for what you choose at random. `make chaos`
runs 20 seeds with the durations of the matrix. To run one row: `pytest tests/faults/test_12*`.

Modules: payloads (what is sent), plan, ledger, inlets and outlets (how it is written and read), oracle, judge, tally
(the counting), processes, killable, toolbox, systems, scenario, chaos, results.
"""
