"""What keeps messages, and the test that notices when it is gone."""

from __future__ import annotations

from tests.mutants.mutant import Mutant
from tests.mutants.redis_streams import REDIS_MUTANTS

RUNTIME = "aura_stream/runtime"
CODEC = "aura_stream/codec"
STORE = "aura_stream/store"
KAFKA = "connectors/aura_connectors/kafka"
REDIS = "connectors/aura_connectors/redis_streams"
FILES = "connectors/aura_connectors/files"

MUTANTS = (
    Mutant(
        "positions settle only after the publish",
        f"{RUNTIME}/ways.py",
        "                await self._write_dead(portion)\n"
        "                await self._write(portion.batches, self._sink, self._sink_outage)\n",
        "                await self._source.settle(portion.all)\n"
        "                await self._write_dead(portion)\n"
        "                await self._write(portion.batches, self._sink, self._sink_outage)\n",
        "tests/unit/runtime/test_worker.py",
    ),
    Mutant(
        "dead letters are written before their position settles",
        f"{RUNTIME}/ways.py",
        "            await self._write(portion.dead, self._dead_letters, self._dead_outage)\n",
        "            pass\n",
        "tests/unit/runtime/test_dead_letters.py",
    ),
    Mutant(
        "what is not ours any more is dropped before it is published",
        f"{RUNTIME}/portion.py",
        "lost = [part.batch for part in self.parts if not owns(part.batch)]",
        "lost: list[Batch] = []",
        "tests/unit/runtime/test_worker.py",
    ),
    Mutant(
        "frames that nothing vouches for are not published",
        f"{RUNTIME}/transform.py",
        "return _Bad(row, error, row if trusted or not made else 0, trusted)",
        "return _Bad(row, error, row)",
        "tests/unit/runtime/test_dead_letters.py",
    ),
    Mutant(
        "the check byte",
        f"{CODEC}/frames.py",
        "if check_size and self._check(message) != frame[end:]:",
        "if False:",
        "tests/unit/codec/test_hybrid.py",
    ),
    Mutant(
        "a zstd frame's declared size is judged before anything is allocated",
        f"{CODEC}/general.py",
        "if size > limit or parameters.window_size > max(_MAX_WINDOW, limit):",
        "if False:",
        "tests/unit/codec/test_general.py",
    ),
    Mutant(
        "an entry is journaled before it is used",
        f"{STORE}/promoting.py",
        "        await copies.write_journal([record.data for record in records])\n"
        "        if not copies.journaled.holds(records[-1]):\n"
        "            return False\n"
        "        return await copies.log.activate(state, draft.end, records[-1].tail)\n",
        "        activated = await copies.log.activate(state, draft.end, records[-1].tail)\n"
        "        await copies.write_journal([record.data for record in records])\n"
        "        return activated\n",
        "tests/property/test_store_protocol.py::test_no_number_is_given_twice_and_all_that_was_used_is_in_the_journal",
    ),
    Mutant(
        "an entry's digest is checked",
        f"{STORE}/entry.py",
        '            raise CodebookError("its digest does not fit")\n',
        "            return _entry(msgpack.unpackb(packed))\n",
        "tests/unit/store/test_entry.py",
    ),
    Mutant(
        "a store that was emptied is not taken for an empty one",
        f"{STORE}/promoting.py",
        '            copies.condition.fail("log and journal lack entries that are known here")\n',
        "            pass\n",
        "tests/unit/store/test_promoting.py",
    ),
    Mutant(
        "the mirror is on the disk before its entries count",
        f"{STORE}/mirror.py",
        "            file.flush()\n            os.fsync(file.fileno())\n",
        "            file.flush()\n",
        "tests/unit/connectors/test_power.py",
    ),
    Mutant(
        "the journal is on the disk before it acknowledges",
        f"{FILES}/journal.py",
        "                os.fsync(descriptor)\n",
        "                pass\n",
        "tests/unit/connectors/test_power.py",
    ),
    Mutant(
        "an output file is on the disk before it is acknowledged",
        f"{FILES}/writer.py",
        "        os.fsync(self._descriptor)\n",
        "",
        "tests/unit/connectors/test_power.py",
    ),
    Mutant(
        "a settled position is on the disk",
        f"{FILES}/durable.py",
        "        os.fsync(file.fileno())\n",
        "",
        "tests/unit/connectors/test_power.py",
    ),
    Mutant(
        "what was never acknowledged is cut off an output file",
        f"{FILES}/writer.py",
        "            os.ftruncate(self._descriptor, committed)\n",
        "            pass\n",
        "tests/unit/connectors/test_files.py",
    ),
    Mutant(
        "reading checks the lease's fencing number",
        f"{REDIS}/lua/read.lua",
        "if redis.call('GET', KEYS[2]) ~= ARGV[1] then",
        "if false then",
        "tests/integration/test_redis_fences.py",
    ),
    Mutant(
        "taking over checks the lease's fencing number",
        f"{REDIS}/lua/take_over.lua",
        "if redis.call('GET', KEYS[2]) ~= ARGV[1] then",
        "if false then",
        "tests/integration/test_redis_fences.py",
    ),
    Mutant(
        "settling checks the lease's fencing number",
        f"{REDIS}/lua/settle.lua",
        "if redis.call('GET', KEYS[2]) ~= ARGV[1] then",
        "if false then",
        "tests/integration/test_redis_fences.py",
    ),
    Mutant(
        "Kafka batches of an earlier assignment are not ours",
        f"{KAFKA}/positions.py",
        "return share is not None and share.epoch == batch.epoch",
        "return share is not None",
        "tests/unit/connectors/test_kafka_positions.py",
    ),
    Mutant(
        "records read before our position was set are dropped",
        f"{KAFKA}/positions.py",
        "        if records[0].offset < share.read:\n",
        "        if False:\n",
        "tests/unit/connectors/test_kafka_positions.py",
    ),
    Mutant(
        "a Kafka partition's former owner is fenced before its offset is read",
        f"{KAFKA}/source.py",
        "                await self._commits.begin(partitions, self)\n"
        '                async with guarded(self._options.servers, "reading the group\'s offsets"):\n'
        "                    await self._find_positions(consumer, partitions)\n",
        '                async with guarded(self._options.servers, "reading the group\'s offsets"):\n'
        "                    await self._find_positions(consumer, partitions)\n"
        "                await self._commits.begin(partitions, self)\n",
        "tests/unit/connectors/test_kafka_source.py",
    ),
    Mutant(
        "what became of a Kafka transaction is found out, not guessed",
        f"{KAFKA}/transactor.py",
        "            await self._progress.find_out(self._partition, self._attempted)\n",
        "            pass\n",
        "tests/unit/connectors/test_kafka_transactor.py",
    ),
    Mutant(
        "a transactional producer that misses an answer is not used again",
        f"{KAFKA}/transactor.py",
        "            if producer.unanswered.done():\n",
        "            if producer.unanswered.done() and not work.done():\n",
        "tests/unit/connectors/test_kafka_transactor.py",
    ),
    Mutant(
        "offsets alone are committed only for what is read as it was",
        f"{KAFKA}/transactions.py",
        "return lambda: progress.place(tp) == place",
        "return lambda: True",
        "tests/unit/connectors/test_kafka_transactions.py",
    ),
    Mutant(
        "only frames that pass in a row vouch for a codebook",
        f"{RUNTIME}/trust.py",
        "                row = 0\n",
        "                row = max(row, 0)\n",
        "tests/unit/runtime/test_transform.py",
    ),
    Mutant(
        "decoding stops once much has become of a few frames",
        f"{RUNTIME}/codec.py",
        "                if room <= 0:\n",
        "                if room <= -(1 << 60):\n",
        "tests/unit/runtime/test_transform.py",
    ),
    Mutant(
        "a place of dead letters is settled no further than what is over",
        f"{RUNTIME}/unearthing.py",
        "                if settled < len(run.letters):\n                    break\n",
        "                if settled < len(run.letters):\n                    continue\n",
        "tests/unit/runtime/test_unearthing.py",
    ),
    Mutant(
        "a replay leaves what was buried after it began",
        f"{RUNTIME}/unearthing.py",
        "        if place is None or place.reached:\n",
        "        if place is None:\n",
        "tests/unit/runtime/test_unearthing.py",
    ),
    Mutant(
        "dead letters that are not replayed are written again before they are passed",
        f"{RUNTIME}/portion.py",
        "        self.parts.append(Part(letter, dead=True))\n",
        "        self.parts.append(Part(letter, dead=True, written=True))\n",
        "tests/unit/app/test_dead_letters.py",
    ),
    Mutant(
        "of a file of dead letters only what was acknowledged is read",
        "connectors/aura_connectors/files/reader.py",
        "            most = min(most, max(0, self._size() - end))\n",
        "            pass\n",
        "tests/unit/connectors/test_file_dead_letters.py",
    ),
    Mutant(
        "one probe, and no more, tries a side that is left alone",
        f"{RUNTIME}/breaker.py",
        "if self._probe is not None or self.remaining > 0:",
        "if self.remaining > 0:",
        "tests/property/test_breaker.py",
    ),
    Mutant(
        "a message above the limit is not tried",
        f"{RUNTIME}/burying.py",
        "if value is not None and len(value) > self.max_message:",
        "if False:",
        "tests/unit/runtime/test_dead_letters.py",
    ),
    Mutant(
        "a drain insists until the worker has ended",
        f"{RUNTIME}/lifecycle.py",
        "        self._running.cancel()\n",
        "        self._running.cancel()\n        return\n",
        "tests/unit/runtime/test_lifecycle.py::test_a_worker_that_swallows_cancellations_is_cancelled_until_it_ends",
    ),
    *REDIS_MUTANTS,
)
