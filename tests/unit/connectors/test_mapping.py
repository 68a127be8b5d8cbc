"""Metadata survives the way from Kafka to Redis and back, and from Redis to Kafka and back."""

import msgpack
import pytest
from aura_connectors.mapping import FIELDS_HEADER, METADATA_FIELD, NEW_ID, to_entries, to_records
from hypothesis import given
from hypothesis import strategies as st

from aura_stream.model import Batch, Entries, Partition, Records, TimestampType

SOURCE = Partition("orders.raw", 7)

values = st.none() | st.binary(max_size=20)
names = st.text(max_size=10) | st.just(FIELDS_HEADER)
headers = st.lists(st.tuples(names, values), max_size=4)
timestamps = st.integers(-(2**63), 2**63 - 1)
ids = st.builds(lambda ms, seq: b"%d-%d" % (ms, seq), st.integers(0, 2**63 - 1), st.integers(0, 2**64 - 1))
fields = st.lists(
    st.tuples(st.binary(max_size=8) | st.sampled_from([b"d", b"aura"]), st.binary(max_size=20)), max_size=4
)


@st.composite
def records(draw):
    """A batch as a Kafka source gives it."""
    rows = draw(st.lists(st.tuples(values, values, headers, timestamps, st.sampled_from(TimestampType)), max_size=5))
    value, key, header, timestamp, kind = (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 5
    return Batch(SOURCE, value, list(range(len(rows))), Records(key, header, timestamp, [int(k) for k in kind]))


@st.composite
def entries(draw, other_fields=fields):
    """A batch as a Redis source gives it: `place` is where the first field `d` stood."""
    rows = []
    for value, entry_id, other in draw(st.lists(st.tuples(values, ids, other_fields), max_size=5)):
        if value is None and not other:
            continue  # no entry is without fields
        rows.append((value, entry_id, other, -1 if value is None else draw(st.integers(0, len(other)))))
    value, entry_id, other, place = (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 4
    return Batch(Partition("orders.raw"), value, entry_id, Entries(entry_id, other, place))


def as_read_back(batch: Batch, written: Entries, ids: list[bytes] | None = None) -> Batch:
    """Return what a source reads where a sink wrote these entries under these ids."""
    new = ids or [b"1700000000000-%d" % row for row in range(len(batch))]
    return Batch(Partition("orders.aura"), batch.values, new, Entries(new, written.fields, written.places))


def rows(metadata: Records | Entries):
    if isinstance(metadata, Entries):
        columns = (metadata.fields, metadata.places)
    else:
        columns = (metadata.keys, metadata.headers, metadata.timestamps, metadata.timestamp_types)
    return [
        [list(cell) if isinstance(cell, (list, tuple)) else cell for cell in row] for row in zip(*columns, strict=True)
    ]


def looks_like_an_entry(key, header_list) -> bool:
    return key is None and len(header_list) == 1 and header_list[0][0] == FIELDS_HEADER


@given(records())
def test_records_come_back_from_redis_as_they_were(batch):
    restored, partitions = to_records(as_read_back(batch, to_entries(batch)))
    assert list(partitions) == [SOURCE.index] * len(batch)
    assert rows(restored) == rows(batch.metadata)


@given(entries())
def test_entries_come_back_from_kafka_as_they_were(batch):
    record_columns, _ = to_records(batch)
    again = to_entries(Batch(SOURCE, batch.values, range(len(batch)), record_columns))
    expected = rows(batch.metadata)
    for row, (other, place) in enumerate(expected):
        if len(other) == 1 and other[0][0] == METADATA_FIELD and place <= 0:
            continue  # shaped like a record; the next test
        assert rows(again)[row] == [other, place]


@given(entries(st.lists(st.tuples(st.just(METADATA_FIELD), st.binary(max_size=40)), min_size=1, max_size=2)))
def test_any_bytes_in_the_metadata_field_are_an_ordinary_field(batch):
    record_columns, _ = to_records(batch)
    again = to_entries(Batch(SOURCE, batch.values, range(len(batch)), record_columns))
    assert rows(again) == rows(batch.metadata)


@given(st.binary(max_size=60), values)
def test_any_bytes_in_the_fields_header_are_an_ordinary_header(data, value):
    batch = Batch(SOURCE, [value], [0], Records([None], [[(FIELDS_HEADER, data)]], [5], [0]))
    written = to_entries(batch)
    restored, _ = to_records(as_read_back(batch, written))
    if written.fields[0] and written.fields[0][0][0] == METADATA_FIELD:
        assert rows(restored) == rows(batch.metadata)


def test_a_record_in_redis_is_spelled_as_documented():
    batch = Batch(SOURCE, [b"v"], [0], Records([b"k"], [[("h", None)]], [1700000000000], [1]))
    written = to_entries(batch)
    assert written.ids == [NEW_ID]
    ((name, packed),) = written.fields[0]
    assert (name, written.places) == (b"aura", [0])
    assert msgpack.unpackb(packed) == [1, b"k", 1700000000000, 1, [["h", None]], 7]


@pytest.mark.parametrize(("place", "shape"), [(0, [b"9-1", [[b"x", b"y"]]]), (1, [b"9-1", [[b"x", b"y"]], 1])])
def test_an_entry_in_kafka_is_spelled_as_documented(place, shape):
    batch = Batch(Partition("s"), [b"v"], ["9-1"], Entries([b"9-1"], [[(b"x", b"y")]], [place]))
    written, partitions = to_records(batch)
    ((name, packed),) = written.headers[0]
    assert (name, msgpack.unpackb(packed)) == ("aura.fields", shape)
    assert (written.keys[0], written.timestamps[0], written.timestamp_types[0], partitions[0]) == (None, 9, 0, 0)


def test_without_metadata_only_a_null_keeps_the_metadata_field():
    batch = Batch(SOURCE, [b"v", None, b""], range(3), Records([b"k"] * 3, [[]] * 3, [5] * 3, [0] * 3))
    written = to_entries(batch, metadata=False)
    assert [[name for name, _ in row] for row in written.fields] == [[], [b"aura"], []]
    assert written.places == [0, -1, 0]


def test_values_without_metadata_become_entries_of_one_field():
    written = to_entries(Batch(Partition("day1.log"), [b"v", None], [1, 2]))
    assert written.places == [0, -1]
    assert [[name for name, _ in row] for row in written.fields] == [[], [b"aura"]]


def test_values_without_metadata_are_no_records():
    with pytest.raises(TypeError):
        to_records(Batch(Partition("day1.log"), [b"v"], [1]))


@pytest.mark.parametrize(
    "shape",
    [
        [2, None, 5, 0, [], 0],  # another version
        [True, None, 5, 0, [], 0],
        [1, "key", 5, 0, [], 0],
        [1, None, 2**63, 0, [], 0],
        [1, None, 5, 2, [], 0],
        [1, None, 5, 0, [["h"]], 0],
        [1, None, 5, 0, [[b"h", b"v"]], 0],
        [1, None, 5, 0, [], -1],
        [1, None, 5, 0, [], 2**31],
        [1, None, 5, 0, []],
        [1, None, 5, 0, [], 0, 0],
        [1, None, 5, 0, [[FIELDS_HEADER, msgpack.packb([b"1-1", []])]], 0],  # would not come back as a record
    ],
)
def test_what_is_not_of_our_making_stays_an_ordinary_field(shape):
    field = (METADATA_FIELD, msgpack.packb(shape))
    batch = Batch(Partition("s"), [b"v"], ["9-1"], Entries([b"9-1"], [[field]], [0]))
    written, _ = to_records(batch)
    assert looks_like_an_entry(written.keys[0], written.headers[0])
    assert rows(to_entries(Batch(SOURCE, [b"v"], [0], written))) == rows(batch.metadata)


@pytest.mark.parametrize("value", [b"v", None])
@pytest.mark.parametrize(
    "shape",
    [
        [b"9-1", [[b"x", b"y"]], 0],  # a place that is left out otherwise
        [b"9-1", [[b"x", b"y"]], True],
        [b"9-1", [[b"x", b"y"]], 2],
        [b"9-1", [[b"x", b"y"]], -2],
        [b"9-1", [["x", b"y"]]],
        [b"9-1", [[b"x"]]],
        ["9-1", []],
        [b"9-1", [], -1],
        [b"9-1"],
        b"9-1",
    ],
)
def test_what_is_no_entry_stays_an_ordinary_header(shape, value):
    records = Records([None], [[(FIELDS_HEADER, msgpack.packb(shape))]], [5], [0])
    batch = Batch(SOURCE, [value], [0], records)
    written = to_entries(batch)
    assert [name for name, _ in written.fields[0]] == [METADATA_FIELD]
    assert rows(to_records(as_read_back(batch, written))[0]) == rows(records)


def test_records_pass_as_they_are():
    records = Records([b"k"], [[]], [5], [0])
    assert to_records(Batch(SOURCE, [b"v"], [0], records)) == (records, [SOURCE.index])


def test_a_batch_of_nothing_has_no_rows():
    for batch in (Batch(SOURCE, [], [], Records([], [], [], [])), Batch(SOURCE, [], [], Entries([], [], []))):
        assert rows(to_entries(batch)) == rows(to_records(batch)[0]) == []


def test_an_id_beyond_the_timestamps_of_kafka_is_kept_in_the_header():
    batch = Batch(Partition("s"), [b"v"], ["x"], Entries([b"%d-0" % (2**64 - 1)], [[]], [0]))
    written, _ = to_records(batch)
    assert written.timestamps[0] == 2**63 - 1
    assert msgpack.unpackb(written.headers[0][0][1])[0] == b"%d-0" % (2**64 - 1)


def test_arrays_that_claim_more_than_they_hold_are_ordinary_bytes():
    hostile = b"\xdd\x00\x0f\xff\xff" * 1000
    batch = Batch(Partition("s"), [b"v"], ["9-1"], Entries([b"9-1"], [[(METADATA_FIELD, hostile)]], [0]))
    assert looks_like_an_entry(None, to_records(batch)[0].headers[0])
