"""The rules by which the journal decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_stream.codec import Codebook, Generation, Proposal, Template
from aura_stream.model import BEGINNING, LogRecord, Position
from aura_stream.store import ledger as module
from aura_stream.store.bodies import Namespace, NewerFormatError, pack_opening
from aura_stream.store.drafting import Draft, additions, founding, reopening
from aura_stream.store.entry import Entry
from aura_stream.store.ledger import Ledger, retirements
from tests.unit.codec.books import DICTIONARY
from tests.unit.store.world import FIRST, ONE, SECOND, THREE, TWO

FOUR = Template((b"four",))
NAMESPACE = Namespace("orders", 1, "plain", "id")


def _apply(ledger: Ledger, entries: Sequence[Entry]) -> list[str]:
    return [ledger.apply(entry.to_bytes()).verdict for entry in entries]


def _founded() -> Ledger:
    ledger = Ledger()
    assert _apply(ledger, founding(NAMESPACE).entries) == ["applied"]
    return ledger


def _filled() -> Ledger:
    """Generation 0 opens with two templates, a third follows."""
    ledger = _founded()
    for proposal in (FIRST, SECOND):
        assert set(_apply(ledger, additions(ledger, proposal).entries)) == {"applied"}
    return ledger


def _template(ledger: Ledger, template: Template = FOUR, **changes: object) -> Entry:
    draft = Draft(ledger)
    draft.templates([template])
    return replace(draft.entries[0], **changes)  # type: ignore[arg-type]


def _opening(ledger: Ledger, **changes: object) -> Entry:
    draft = Draft(ledger)
    draft.opening(Generation((FOUR,)))
    return replace(draft.entries[0], **changes)  # type: ignore[arg-type]


def test_an_empty_ledger_makes_the_empty_book() -> None:
    ledger = Ledger()
    assert (ledger.book, ledger.end, ledger.tail, ledger.store_id) == (Codebook(), BEGINNING, b"", "")
    assert list(ledger.records()) == []


def test_records_make_the_book_and_the_end() -> None:
    ledger = _filled()
    assert ledger.book == Codebook().extended(FIRST).extended(SECOND)
    assert (ledger.end, ledger.epoch, ledger.store_id) == (Position(0, 3), 0, "id")
    assert ledger.book is ledger.book


def test_a_second_time_everything_is_known() -> None:
    ledger = _filled()
    book = ledger.book
    assert [ledger.apply(record.data).verdict for record in ledger.records()] == ["known"] * 3
    assert ledger.book is book


def test_the_first_namespace_wins() -> None:
    ledger = _founded()
    other = founding(replace(NAMESPACE, store_id="other")).entries[0]
    outcome = ledger.apply(other.to_bytes())
    assert (outcome.verdict, outcome.reason) == ("void", "another namespace came first")
    assert ledger.store_id == "id"


def test_nothing_counts_before_the_namespace() -> None:
    filled = _filled()
    ledger = Ledger()
    assert [ledger.apply(record.data).verdict for record in filled.records(Position(-1, 1))] == ["void"] * 2


@pytest.mark.parametrize(
    "changes",
    [{"number": 2}, {"number": 4}, {"generation": 1, "number": 0}, {"generation": -1, "number": 1}, {"epoch": 1}],
    ids=str,
)
def test_a_template_that_does_not_follow_on_is_void(changes: dict[str, object]) -> None:
    ledger = _filled()
    assert _apply(ledger, [_template(ledger, **changes)]) == ["void"]
    assert _apply(ledger, [_template(ledger)]) == ["applied"]


def test_an_entry_that_follows_on_another_is_void() -> None:
    """Whoever wrote it knew another log."""
    ledger = _filled()
    for entry in (_template(ledger, previous=b"other" + bytes(11)), _opening(ledger, previous=b"")):
        assert _apply(ledger, [entry]) == ["void"]


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_generation_is_opened_in_this_epoch_or_the_next(epoch: int) -> None:
    ledger = _filled()
    assert _apply(ledger, [_opening(ledger, epoch=epoch)]) == ["applied"]
    assert (ledger.epoch, ledger.end) == (epoch, Position(1, 1))


@pytest.mark.parametrize("changes", [{"generation": 0}, {"generation": 2}, {"epoch": 2}, {"number": 0}], ids=str)
def test_an_opening_that_does_not_follow_on_is_void(changes: dict[str, object]) -> None:
    ledger = _filled()
    assert _apply(ledger, [_opening(ledger, **changes)]) == ["void"]


def test_nothing_of_an_older_epoch_counts_behind_a_rebuild() -> None:
    ledger = _filled()
    late = _template(ledger)
    assert _apply(ledger, reopening(ledger).entries) == ["applied"]
    assert _apply(ledger, [late, _opening(ledger, epoch=0)]) == ["void", "void"]


def test_a_damaged_record_changes_nothing_and_what_follows_it_is_void() -> None:
    ledger = _filled()
    draft = Draft(ledger)
    draft.templates([FOUR, Template((b"five",))])
    fourth, fifth = (entry.to_bytes() for entry in draft.entries)
    damaged = ledger.apply(fourth[:-1] + b"\0")
    assert (damaged.verdict, damaged.reason) == ("damaged", "its digest does not fit")
    assert ledger.apply(fifth).verdict == "void"
    assert [ledger.apply(each).verdict for each in (fourth, fifth)] == ["applied", "applied"]


def test_a_body_that_cannot_be_is_damage_with_a_name() -> None:
    ledger = _filled()
    for entry, name in (
        (_template(ledger, body=b"no template"), "template 0-3"),
        (_opening(ledger, body=b"no opening"), "generation 1"),
        (_template(ledger, template=ONE), "template 0-3"),  # which has a number
        (Entry("retire", 0, -1, -1, b"", b"short"), "retire"),
        (Entry("retire", 1, -1, -1, b"", ONE.digest), "retire"),
    ):
        outcome = ledger.apply(entry.to_bytes())
        assert (outcome.verdict, outcome.name) == ("damaged", name)
    assert ledger.end == Position(0, 3)
    assert ledger.book == _filled().book


def test_a_store_of_a_later_format_is_not_taken_for_damage() -> None:
    body = NAMESPACE.to_body()
    later = Entry("namespace", 0, -1, 0, b"", body[:1] + b"\x02" + body[2:])
    with pytest.raises(NewerFormatError):
        Ledger().apply(later.to_bytes())


def test_there_are_no_more_numbers_than_a_codebook_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = _filled()
    monkeypatch.setattr(module, "MAX_TEMPLATES", 3)
    monkeypatch.setattr(module, "MAX_GENERATIONS", 1)
    assert _apply(ledger, [_template(ledger), _opening(ledger)]) == ["damaged", "damaged"]


def test_retired_templates_stand_beside_the_chain() -> None:
    ledger = _filled()
    (record,) = retirements([ONE.digest, TWO.digest])
    tail = ledger.tail
    assert [ledger.apply(record).verdict for _ in range(2)] == ["applied", "known"]
    assert (ledger.tail, ledger.end) == (tail, Position(0, 3))
    assert ledger.book == _filled().book.without([ONE.digest, TWO.digest])
    assert ledger.retire([TWO.digest, THREE.digest]) == {THREE.digest}


def test_many_retired_templates_take_several_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RETIRED", 2)
    digests = [bytes([number]) * 16 for number in range(5)]
    ledger = Ledger()
    assert [ledger.apply(record).verdict for record in retirements(digests)] == ["applied"] * 3
    assert ledger.retired == frozenset(digests)


def test_the_book_up_to_a_position_is_the_one_there_was() -> None:
    ledger = _founded()
    before = {ledger.end: ledger.book}
    for proposal in (FIRST, SECOND, Proposal((FOUR,), dictionary=DICTIONARY), Proposal((ONE,), opens=True)):
        for entry in additions(ledger, proposal).entries:
            assert _apply(ledger, [entry]) == ["applied"]
            before[ledger.end] = ledger.book
    assert {end: ledger.book_at(end) for end in before} == before
    assert ledger.book_at(BEGINNING) == Codebook()


def test_records_behind_any_position_make_the_same_ledger() -> None:
    ledger = _filled()
    _apply(ledger, reopening(ledger).entries)
    _apply(ledger, [_template(ledger)])
    records = list(ledger.records())
    assert [(record.generation, record.number) for record in records] == [(-1, 0), (0, -1), (0, 2), (1, -1), (1, 3)]
    ends = [BEGINNING, Position(-1, 1), Position(0, 2), Position(0, 3), Position(1, 3), Position(1, 4)]
    for skipped, end in enumerate(ends):
        assert list(ledger.records(end)) == records[skipped:]
        assert ledger.tail_at(end) == (records[skipped - 1].tail if skipped else b"")
    assert [ledger.tail_at(Position(*place)) for place in ((0, 1), (1, 0), (1, 5), (2, 0))] == [None] * 4


def test_a_record_is_found_by_its_number_unless_it_is_in_an_opening() -> None:
    ledger = _filled()
    namespace, opening, third = ledger.records()
    assert [ledger.at(-1, 0), ledger.at(0, -1), ledger.at(0, 2)] == [namespace, opening, third]
    assert [ledger.at(0, 0), ledger.at(0, 1), ledger.at(0, 3), ledger.at(1, -1), ledger.at(1, 0)] == [None] * 5
    assert ledger.holds(third)
    assert not ledger.holds(replace(third, data=opening.data))


def test_one_ledger_begins_with_another_or_not() -> None:
    ledger, shorter, other = _filled(), _founded(), _filled()
    _apply(other, [_template(other)])
    _apply(ledger, [_template(ledger, template=Template((b"else",)))])
    assert ledger.begins_with(shorter)
    assert ledger.begins_with(Ledger())
    assert not shorter.begins_with(ledger)
    assert not ledger.begins_with(other)


def test_a_record_of_a_log_must_be_where_the_log_says() -> None:
    ledger = _filled()
    record = _template(ledger).record
    (retiring,) = retirements([ONE.digest])
    for wrong, reason in (
        (replace(record, number=4), "it is template 0-3"),
        (replace(record, generation=1), "it is template 0-3"),
        (replace(record, data=record.data[1:]), "its digest does not fit"),
        (LogRecord(-1, -1, retiring), "it is retire"),
    ):
        outcome = ledger.apply_record(wrong)
        assert (outcome.verdict, outcome.reason) == ("damaged", reason)
    assert ledger.apply_record(record).verdict == "applied"
    assert ledger.apply_record(record).name == "log entry 0-3"


texts = st.lists(st.sampled_from([ONE, TWO, THREE, FOUR]), max_size=4)
dictionaries = st.sampled_from([b"", b"", b"", DICTIONARY, DICTIONARY + b"2"])
proposals = st.lists(st.builds(Proposal, texts, st.booleans(), dictionaries, st.integers(0, 3)), max_size=5)


@given(proposals, st.integers(20, 400))
def test_drafts_make_what_extending_the_book_makes(several: list[Proposal], room: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("aura_stream.store.bodies.MAX_OPENING", room)  # so that templates follow openings too
        ledger, book = _founded(), Codebook()
        for proposal in several:
            draft = additions(ledger, proposal)
            assert bool(draft) == (book.extended(proposal) is not book)
            assert set(_apply(ledger, draft.entries)) <= {"applied"}
            book = book.extended(proposal)
            assert ledger.book == book
            assert ledger.end == draft.end


def test_a_reopened_generation_holds_what_the_last_one_held() -> None:
    ledger = _founded()
    for expected in (Generation(), Generation((THREE, FOUR), DICTIONARY, 7)):
        if expected.templates:
            _apply(ledger, additions(ledger, Proposal(expected.templates, True, DICTIONARY, 7)).entries)
        epoch = ledger.epoch
        assert set(_apply(ledger, reopening(ledger).entries)) == {"applied"}
        assert ledger.book.newest == expected
        assert ledger.epoch == epoch + 1


def test_an_opening_names_its_templates_once() -> None:
    ledger = _filled()
    body, _ = pack_opening(Generation((ONE, ONE)))
    assert _apply(ledger, [_opening(ledger, body=body)]) == ["damaged"]
