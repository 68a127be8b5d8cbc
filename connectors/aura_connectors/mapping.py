"""Metadata from Kafka to Redis Streams and from there to Kafka, without loss.

    a Kafka record in Redis
        field `d`             the value; absent = null, empty = empty
        field `aura`          msgpack [1, key|nil, timestamp, timestamp type, [[name, value|nil]…], partition]
    a Redis entry in Kafka
        value                 the first field `d`; key nil, timestamp = milliseconds of the entry id
        header `aura.fields`  msgpack [id, [[name, value]…]], and a third element, the place of the message's
                              field, only where it is not the first

Each mapping undoes the other. An entry is taken for a record only if it has no field beside the two, in that order; a
record for an entry only if it has no key and no other header: everything else is carried as it is, so nothing is lost,
and bytes that only look like ours are ordinary fields and headers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgpack

from aura_stream.model import Batch, Entries, Records, TimestampType
from aura_stream.model.metadata import Field, Header

METADATA_FIELD = b"aura"  # in an entry: the metadata of the record it was
FIELDS_HEADER = "aura.fields"  # on a record: the other fields of the entry it was
NEW_ID = b"*"  # an entry that is not written yet: the server gives the id
NULL_PLACE = -1  # the entry has no field for the message: a null
FORMAT = 1
NO_TIMESTAMP = -1  # as Kafka spells it

_INT32 = range(-(2**31), 2**31)
_INT64 = range(-(2**63), 2**63)
_RECORD_SHAPE = 6  # elements of the field `aura`

_Record = tuple[bytes | None, Sequence[Header], int, int, int]  # key, headers, timestamp, its type, partition
_Entry = tuple[list[Field], int]  # other fields, place of the message's field


def to_entries(batch: Batch, metadata: bool = True) -> Entries:
    """Return the batch's metadata as a Redis sink writes it; entries pass as they are.

    `metadata=False` drops the keys, headers and timestamps of records (other fields of entries are kept). A null
    message without any field keeps the field `aura` all the same: Redis has no entry without a field.
    """
    match batch.metadata:
        case Entries() as entries:
            return _fill_empty(batch, entries)
        case Records() as records:
            return _from_records(batch, records, metadata)
        case _:
            return _fill_empty(batch, _bare(batch))


def to_records(batch: Batch) -> tuple[Records, Sequence[int]]:
    """Return the batch's metadata as a Kafka sink writes it, and the partition that each record belongs to.

    The partition is the one the record came from: kept in the field `aura`, else the batch's own. Raises TypeError
    for a batch without metadata: it has no timestamps.
    """
    index = batch.partition.index
    match batch.metadata:
        case Records() as records:
            return records, [index] * len(batch)
        case Entries() as entries:
            rows = [_record_of(*row, index) for row in zip(entries.ids, entries.fields, entries.places, strict=True)]
        case _:
            raise TypeError("a batch without metadata has no records")
    keys, headers, timestamps, types, partitions = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return Records(keys, headers, timestamps, types), partitions


def _bare(batch: Batch) -> Entries:
    places = [NULL_PLACE if value is None else 0 for value in batch.values]
    return Entries([NEW_ID] * len(batch), [()] * len(batch), places)


def _fill_empty(batch: Batch, entries: Entries) -> Entries:
    """Give entries that would have no field at all the field `aura`."""
    rows = zip(batch.values, entries.fields, strict=True)
    empty = [row for row, (value, fields) in enumerate(rows) if value is None and not fields]
    if not empty:
        return entries
    nothing: _Record = (None, [], NO_TIMESTAMP, int(TimestampType.CREATE), batch.partition.index)
    field = (METADATA_FIELD, _pack(msgpack.Packer(), nothing))
    filled = list(entries.fields)
    for row in empty:
        filled[row] = (field,)
    return replace(entries, fields=filled)


def _from_records(batch: Batch, records: Records, metadata: bool) -> Entries:
    packer = msgpack.Packer()
    index = batch.partition.index
    all_fields: list[Sequence[Field]] = []
    places: list[int] = []
    columns = (batch.values, records.keys, records.headers, records.timestamps, records.timestamp_types)
    for value, key, headers, timestamp, kind in zip(*columns, strict=True):
        null = value is None
        entry = _entry_of(key, headers, null)
        if entry is not None:
            fields, place = entry
        else:
            place = NULL_PLACE if null else 0
            fields = []
            if metadata or null:
                fields.append((METADATA_FIELD, _pack(packer, (key, headers, timestamp, kind, index))))
        all_fields.append(fields)
        places.append(place)
    return Entries([NEW_ID] * len(batch), all_fields, places)


def _pack(packer: msgpack.Packer, record: _Record) -> bytes:
    key, headers, timestamp, kind, partition = record
    packed: bytes = packer.pack((FORMAT, key, timestamp, kind, headers, partition))
    return packed


def _record_of(entry_id: bytes, fields: Sequence[Field], place: int, index: int) -> _Record:
    if len(fields) == 1 and fields[0][0] == METADATA_FIELD and place <= 0:
        record = _read_record(fields[0][1])
        if record is not None and _entry_of(record[0], record[1], place < 0) is None:
            return record
    shape = (entry_id, fields) if place == 0 else (entry_id, fields, place)
    milliseconds = min(int(entry_id.partition(b"-")[0]), _INT64[-1])
    return None, [(FIELDS_HEADER, msgpack.packb(shape))], milliseconds, int(TimestampType.CREATE), index


def _read_record(data: bytes) -> _Record | None:
    """Return what the field `aura` says, None if it is not of our making."""
    match _unpack(data):
        case [int(version), key, int(timestamp), int(kind), list(rows), int(partition)] as shape if (
            version == FORMAT
            and len(shape) == _RECORD_SHAPE
            and (key is None or isinstance(key, bytes))
            and timestamp in _INT64
            and kind in (TimestampType.CREATE, TimestampType.LOG_APPEND)
            and partition in _INT32
            and partition >= 0
            and not any(isinstance(number, bool) for number in (version, timestamp, kind, partition))
            and all(map(_is_header, rows))
        ):
            return key, [(name, value) for name, value in rows], timestamp, kind, partition
    return None


def _entry_of(key: bytes | None, headers: Sequence[Header], null: bool) -> _Entry | None:
    """Return the entry that a record was, None if it was none."""
    if key is not None or len(headers) != 1 or headers[0][0] != FIELDS_HEADER or headers[0][1] is None:
        return None
    match _unpack(headers[0][1]):
        case [bytes(), list(rows)]:
            place = 0
        case [bytes(), list(rows), int(place)] if place != 0 and not isinstance(place, bool):
            pass
        case _:
            return None
    if not all(map(_is_field, rows)) or not NULL_PLACE <= place <= len(rows) or null != (place == NULL_PLACE):
        return None
    if null and not rows:
        return None
    return [(name, value) for name, value in rows], place


def _is_header(row: Any) -> bool:
    match row:
        case [str(), None] | [str(), bytes()]:
            return True
    return False


def _is_field(row: Any) -> bool:
    match row:
        case [bytes(), bytes()]:
            return True
    return False


def _unpack(data: bytes) -> Any:
    """Return the value packed in `data`, None for any bytes that hold none.

    MemoryError: arrays may claim any length up to that of the data, one inside the other.
    """
    try:
        return msgpack.unpackb(data, max_map_len=0, max_ext_len=0)
    except (ValueError, TypeError, MemoryError):
        return None
