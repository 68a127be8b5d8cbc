"""The ledger of positions: what is owned, read, handed out and settled."""

from __future__ import annotations

from types import SimpleNamespace

from aiokafka import TopicPartition
from aura_connectors.kafka.positions import Positions

from aura_stream.model import Batch, Partition

TP = TopicPartition("orders", 0)


def records(*offsets: int) -> list[SimpleNamespace]:
    return [SimpleNamespace(offset=offset) for offset in offsets]


def batch(first: int, last: int, epoch: int) -> Batch:
    offsets = range(first, last + 1)
    return Batch(Partition("orders"), [b"x"] * len(offsets), offsets, None, epoch)


def assigned(start: int = 10) -> Positions:
    positions = Positions()
    positions.assign({TP: start})
    return positions


def test_records_are_accepted_once_and_only_from_the_position_on() -> None:
    positions = assigned(10)
    assert [r.offset for r in positions.accept(TP, records(8, 9, 10, 12))] == [10, 12]
    assert positions.accept(TP, records(10, 11, 12)) == []
    assert [r.offset for r in positions.accept(TP, records(13))] == [13]
    assert positions.read(TP) == 14


def test_records_of_a_partition_that_is_not_owned_are_not_accepted() -> None:
    assert assigned().accept(TopicPartition("orders", 1), records(0)) == []


def test_a_batch_is_owned_under_its_own_assignment_only() -> None:
    positions = assigned()
    old = batch(10, 12, positions.epoch)
    assert positions.owns(old)
    positions.clear()
    assert not positions.owns(old)
    positions.assign({TP: 10})
    assert not positions.owns(old)
    assert positions.to_commit([old]) == {}
    assert positions.owns(batch(10, 12, positions.epoch))


def test_what_settles_several_batches_is_the_offset_behind_the_last() -> None:
    positions = assigned()
    batches = [batch(10, 12, positions.epoch), batch(13, 20, positions.epoch)]
    assert positions.to_commit(batches) == {TP: 21}
    assert positions.to_commit([*batches, batch(21, 20, positions.epoch)]) == {TP: 21}
    positions.committed({TP: 21})
    assert positions.to_commit(batches) == {}
    assert positions.settled(TP) == 21


def test_a_partition_is_unsettled_while_the_engine_holds_messages_of_it() -> None:
    positions = assigned()
    positions.accept(TP, records(10, 11))
    assert (positions.idle(), positions.unsettled()) == ([], [])
    positions.hand_out(batch(10, 11, positions.epoch))
    assert positions.unsettled() == [TP]
    positions.committed({TP: 12})
    assert (positions.idle(), positions.unsettled()) == ([TP], [])


def test_a_position_may_pass_what_no_reader_sees() -> None:
    positions = assigned()
    positions.committed({TP: 15})
    assert (positions.read(TP), positions.idle()) == (15, [TP])


def test_a_forgotten_partition_is_not_owned_any_more() -> None:
    positions = assigned()
    positions.forget([TP, TopicPartition("orders", 7)])
    positions.committed({TP: 99})
    assert list(positions) == []
    assert TP not in positions


def test_a_partition_that_is_read_anew_owns_nothing_of_before_and_the_others_keep_theirs() -> None:
    other = TopicPartition("orders", 1)
    positions = Positions()
    positions.assign({TP: 10, other: 0})
    before = positions.epoch
    mine, theirs = batch(10, 12, before), Batch(Partition("orders", 1), [b"x"], [0], None, before)
    positions.hand_out(mine)
    positions.reset(TP, 5)
    assert (positions.owns(mine), positions.owns(theirs)) == (False, True)
    assert (positions.settled(TP), positions.read(TP), positions.unsettled()) == (5, 5, [])
    assert positions.epoch_of(TP) == positions.epoch > positions.epoch_of(other) == before
    assert positions.owns(batch(5, 6, positions.epoch))


def test_a_batch_is_awaited_until_it_is_settled() -> None:
    positions = assigned()
    ours = batch(10, 12, positions.epoch)
    assert positions.awaits(ours)
    positions.committed({TP: 13})
    assert (positions.owns(ours), positions.awaits(ours)) == (True, False)
