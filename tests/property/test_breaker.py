"""The breaker behaves like a model that keeps a list of everything that happened, and reads the rules off it."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aura_stream.runtime.breaker import Attempt, Breaker

FAILURES, COOL_DOWN = 3, 10.0


class Model(RuleBasedStateMachine):
    """Several callers share a breaker; each has at most one attempt under way."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker(FAILURES, COOL_DOWN, lambda: self.now)
        self.under_way: dict[int, Attempt] = {}
        self.probe: int | None = None  # whose attempt decides
        self.row = 0  # failures in a row
        self.open_since: float | None = None

    @rule(seconds=st.floats(0, 15))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(caller=st.integers(0, 4))
    def asks(self, caller: int) -> None:
        if caller in self.under_way:
            return
        attempt = self.breaker.enter()
        if self.open_since is None:
            allowed = True
        else:
            allowed = self.now >= self.open_since + COOL_DOWN and self.probe is None
            self.probe = caller if allowed else self.probe
        assert (attempt is not None) is allowed
        if attempt is not None:
            assert attempt.probe is (self.probe == caller)
            self.under_way[caller] = attempt

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), end=st.sampled_from(["succeeded", "failed", "gave_up"]))
    def ends(self, data: st.DataObject, end: str) -> None:
        caller = data.draw(st.sampled_from(sorted(self.under_way)))
        decides = self.probe == caller
        getattr(self.breaker, end)(self.under_way.pop(caller))
        if end == "succeeded":
            self.row, self.open_since, self.probe = 0, None, None
        elif end == "failed" and (decides or self.open_since is None):
            self.row += 1
            if decides or self.row >= FAILURES:
                self.open_since = self.now
        if decides:
            self.probe = None

    @invariant()
    def states_agree(self) -> None:
        if self.open_since is None:
            expected = "closed"
        elif self.probe is not None or self.now >= self.open_since + COOL_DOWN:
            expected = "half-open"
        else:
            expected = "open"
        assert self.breaker.state == expected


TestBreaker = Model.TestCase
TestBreaker.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_a_probe_that_is_cut_short_leaves_room_for_another() -> None:
    now = 0.0
    breaker = Breaker(1, COOL_DOWN, lambda: now)
    first = breaker.enter()
    assert first is not None
    breaker.failed(first)
    assert breaker.enter() is None
    now = COOL_DOWN
    probe = breaker.enter()
    assert probe is not None
    assert breaker.enter() is None
    breaker.failed(first)  # that of long ago says nothing
    breaker.gave_up(probe)
    again = breaker.enter()
    assert again is not None
    breaker.succeeded(again)
    assert breaker.state == "closed"
