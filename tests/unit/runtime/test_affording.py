"""Discovery takes what it can afford, and promotes no more than its budget."""

from __future__ import annotations

import pytest

from aura_stream.codec import Codebook, Proposal
from aura_stream.runtime.affording import CPU_BURST, LONGEST_REST, Drift, Means, TemplateBudget, spread
from tests.unit.codec.books import template
from tests.unit.runtime.stores import longer

MANY = [template(b"template number %s of many" % word) for word in (b"one", b"two", b"three", b"four", b"five")]


def test_a_sample_is_spread_evenly_over_what_came() -> None:
    assert list(spread(range(100), 4)) == [0, 25, 50, 75]
    assert list(spread(range(3), 4)) == [0, 1, 2]
    assert list(spread(range(3), 0)) == []


def test_no_more_messages_are_taken_than_come_back_with_time() -> None:
    means = Means(rate=10, share=0.5, now=0.0, computed=0.0)
    assert len(means.take(range(1000))) == 20
    assert len(means.take(range(1000))) == 0
    means.refill(1.0, 0.0)
    assert len(means.take(range(1000))) == 10
    means.refill(100.0, 0.0)
    assert len(means.take(range(1000))) == 20  # what was not used is not saved up for ever


def test_nothing_is_taken_on_credit_and_the_debt_is_rested_off() -> None:
    means = Means(rate=1000, share=0.5, now=0.0, computed=0.0)
    means.refill(1.0, 1.0)
    assert (means.in_debt, means.rest) == (False, 0.0)
    means.refill(2.0, 1.0 + CPU_BURST)
    assert means.in_debt
    assert means.take(range(1000)) == []
    assert means.rest == LONGEST_REST
    means.refill(60.0, 1.0 + CPU_BURST)
    assert not means.in_debt
    assert len(means.take(range(10))) == 10


class TestTemplateBudget:
    def test_it_comes_back_with_time_and_a_clock_that_goes_back_adds_nothing(self) -> None:
        budget = TemplateBudget(3600, now=1000.0)
        budget.spend(3600)
        budget.refill(900.0)
        assert budget.left == 0
        budget.refill(910.0)
        assert budget.left == pytest.approx(10.0)
        budget.refill(1e9)
        assert budget.left == 3600

    def test_what_a_checkpoint_says_is_believed_within_limits(self) -> None:
        assert TemplateBudget(10, 0.0, 4.5).left == 4.5
        assert TemplateBudget(10, 0.0, 1e9).left == 10
        assert TemplateBudget(10, 0.0, -5.0).left == 0

    def test_templates_beyond_it_are_cut_off_and_the_first_are_kept(self) -> None:
        budget = TemplateBudget(2, 0.0)
        assert budget.cut(Proposal(MANY), None).templates == MANY[:2]

    def test_what_the_book_has_already_costs_nothing(self) -> None:
        newest = Codebook().extended(Proposal(MANY[1:4])).newest
        allowed = TemplateBudget(1, 0.0).cut(Proposal(MANY, True, b"", 7), newest)
        assert (allowed.templates, allowed.opens, allowed.birth) == (MANY[:4], True, 7)

    def test_a_dictionary_is_kept(self) -> None:
        book = longer(Codebook(), b"text")
        assert TemplateBudget(1, 0.0).cut(Proposal(MANY, False, b"d"), book.newest).dictionary == b"d"

    def test_with_none_left_nothing_is_opened_for_what_is_new(self) -> None:
        newest = Codebook().extended(Proposal(MANY[:4])).newest
        spent = TemplateBudget(1, 0.0, 0.9)
        assert not spent.cut(Proposal(MANY, True), newest)
        assert spent.cut(Proposal(MANY[:4], True), newest).opens  # ranked anew: all are known


class TestDrift:
    def test_a_fall_against_what_is_usual_is_noticed_and_accepted(self) -> None:
        drift = Drift(0.05)
        for _ in range(100):
            drift.note(100, 0.8)
        assert not drift.fell
        for _ in range(5):
            drift.note(100, 0.6)
        assert drift.fell
        drift.accept()
        assert not drift.fell

    def test_a_rise_is_none(self) -> None:
        drift = Drift(0.05)
        for saved in (0.1, 0.5, 0.9):
            drift.note(500, saved)
        assert not drift.fell

    def test_a_few_messages_say_nothing(self) -> None:
        drift = Drift(0.05)
        drift.note(0, 0.9)
        drift.note(50, 0.9)
        drift.note(50, 0.0)
        assert not drift.fell
