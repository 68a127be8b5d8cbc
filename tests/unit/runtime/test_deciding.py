"""Each leaf of the error tree has one decision, and what nobody foresaw stops the worker."""

from __future__ import annotations

import asyncio

import pytest

from aura_stream import errors
from aura_stream.errors import AuraError
from aura_stream.runtime.deciding import Decision, decide

DECISIONS: dict[AuraError, Decision] = {
    errors.UnavailableError("away"): Decision.RETRY,
    errors.UnknownTemplateError("not there yet", 0, 1): Decision.PAUSE,
    errors.UnknownDictionaryError("not there yet", 1): Decision.PAUSE,
    errors.DecodeError("no message"): Decision.DEAD_LETTER,
    errors.CorruptFrameError("damaged"): Decision.DEAD_LETTER,
    errors.LimitExceededError("too much"): Decision.DEAD_LETTER,
    errors.RefusedMessageError("too large"): Decision.DEAD_LETTER,
    errors.BrokenCodecError("broken", 0): Decision.DEAD_LETTER,
    errors.UnwritableMessageError("too large", 0): Decision.DEAD_LETTER,
    errors.ConnectorError("of a kind that has no leaf"): Decision.STOP,
    errors.ConfigError("unknown key"): Decision.STOP,
    errors.CodebookError("damaged"): Decision.STOP,
    errors.StoreLostError("emptied"): Decision.STOP,
    errors.MessageError("stops here", "in 0", 7): Decision.STOP,
    errors.NotDrainedError("some are left", 3): Decision.STOP,
}


@pytest.mark.parametrize(("error", "decision"), DECISIONS.items(), ids=lambda each: type(each).__name__)
def test_each_error_has_its_decision(error: AuraError, decision: Decision) -> None:
    assert decide(error) is decision


def test_no_error_of_ours_is_left_out() -> None:
    ours = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, AuraError)}
    named = {each for each in ours if not each.__name__.startswith("_")} - {AuraError}
    assert named == set(map(type, DECISIONS))


@pytest.mark.parametrize("error", [RuntimeError(), MemoryError(), OSError(), asyncio.CancelledError()])
def test_what_nobody_foresaw_stops(error: BaseException) -> None:
    assert decide(error) is Decision.STOP
