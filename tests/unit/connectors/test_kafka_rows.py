"""Rows: what a producer appends, where it goes, and what a topic can never take."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aura_connectors.kafka.records import Row, Target, fill, partition_of_key, place, to_rows

from aura_stream.errors import ConfigError, UnwritableMessageError
from aura_stream.model import Batch, Entries, Partition, Records, Topic

TARGET = Target.of(Topic("out", 4, {"max.message.bytes": "1000"}), "none")


def clock() -> float:
    return 1_700_000_000.5


def row(value: bytes | None, key: bytes | None = None, headers: Sequence[tuple[str, bytes | None]] = ()) -> Row:
    return (1, key, value, list(headers))


def test_messages_without_metadata_take_the_clock() -> None:
    rows, partitions = to_rows(Batch(Partition("in", 2), [b"a", None], [0, 1]), True, clock)
    assert rows == [(1_700_000_000_500, None, b"a", []), (1_700_000_000_500, None, None, [])]
    assert partitions == [2]


def test_records_keep_everything_or_values_and_times_only() -> None:
    records = Records([b"k", None], [(("h", b"1"), ("h", None)), ()], [5, 6], [0, 1])
    batch = Batch(Partition("in"), [b"a", b"b"], [0, 1], records)
    assert to_rows(batch, True, clock)[0] == [(5, b"k", b"a", [("h", b"1"), ("h", None)]), (6, None, b"b", [])]
    assert to_rows(batch, False, clock)[0] == [(5, None, b"a", []), (6, None, b"b", [])]


def test_entries_are_mapped_to_records() -> None:
    entries = Entries([b"1700000000123-0"], [[]], [0])
    rows, partitions = to_rows(Batch(Partition("stream"), [b"a"], ["1700000000123-0"], entries), True, clock)
    assert [(timestamp, value) for timestamp, _, value, _ in rows] == [(1_700_000_000_123, b"a")]
    assert list(partitions) == [0]


def test_rows_go_to_the_partition_they_came_from() -> None:
    rows = [row(b"a"), row(b"b"), row(b"c")]
    assert place(rows, [3], TARGET, "same") == [(3, rows)]
    assert place(rows, [1, 0, 1], TARGET, "same") == [(1, [rows[0], rows[2]]), (0, [rows[1]])]
    with pytest.raises(ConfigError, match="partition 4, and output topic out has 4"):
        place(rows, [0, 4, 0], TARGET, "same")


def test_rows_go_by_key_and_without_one_to_where_they_came_from() -> None:
    rows = [row(b"a", b"21"), row(b"b"), row(b"c", b"foobar")]
    placed = dict(place(rows, [6], TARGET, "by_key"))
    assert placed[partition_of_key(b"21", 4)][0] == rows[0]
    assert rows[1] in placed[2]
    assert rows[2] in placed[partition_of_key(b"foobar", 4)]


@pytest.mark.parametrize(
    "large",
    [
        row(b"x" * 1001),
        row(None, b"x" * 1001),
        row(b"", None, [("h", b"x" * 1001)]),
        row(b"", None, [("h" * 999, None)]),
    ],
    ids=["value", "key", "header value", "header name"],
)
def test_a_row_larger_than_the_limit_is_named(large: Row) -> None:
    with pytest.raises(UnwritableMessageError, match=r"max\.message\.bytes=1000 of out") as caught:
        TARGET.check([row(b"small"), large], 7)
    assert (caught.value.batch, caught.value.index) == (7, 1)


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_the_limit_is_that_of_the_compressed_batch(compression: str) -> None:
    target = Target.of(Topic("out", 1, {"max.message.bytes": "1000"}), compression)
    target.check([row(b"x" * 900, b"k", [("h", b"v")])], 0)
    if compression == "none":
        with pytest.raises(UnwritableMessageError):
            target.check([row(b"x" * 2000)], 0)
    else:
        target.check([row(b"x" * 2000)], 0)


def test_the_limit_is_exact() -> None:
    def size(value: int) -> int:
        builder = BatchBuilder(10_000, 0)
        builder.append(timestamp=1, key=None, value=b"x" * value, headers=[])
        return len(builder._build())

    most = next(value for value in range(1000) if size(value) == 1000)
    TARGET.check([row(b"x" * most)], 0)
    with pytest.raises(UnwritableMessageError):
        TARGET.check([row(b"x" * (most + 1))], 0)


def test_a_compacted_topic_takes_no_row_without_a_key() -> None:
    target = Target.of(Topic("out", 1, {"cleanup.policy": "compact,delete"}), "none")
    target.check([row(b"a", b"")], 0)
    with pytest.raises(UnwritableMessageError, match="without a key") as caught:
        target.check([row(b"a", b"k"), row(b"b")], 0)
    assert caught.value.index == 1


def test_a_batch_is_filled_up_and_the_rest_handed_back() -> None:
    builder = BatchBuilder(200, 0)
    rows = [row(b"x" * 50), row(b"y" * 50), row(b"z" * 50)]
    assert fill(builder, iter(rows)) == rows[2]
    assert builder.record_count() == 2
    assert builder.append(timestamp=1, key=None, value=b"", headers=[]) is None
    public = BatchBuilder(200, 0)
    for timestamp, key, value, headers in rows[:2]:
        public.append(timestamp=timestamp, key=key, value=value, headers=list(headers))
    assert builder._build() == public._build()
    assert fill(BatchBuilder(200, 0), iter(rows[:1])) is None
