"""What to do about an error: the one place that says so, by leaf of the error tree."""

from __future__ import annotations

from enum import Enum

from aura_stream.errors import (
    BrokenCodecError,
    DecodeError,
    RefusedMessageError,
    UnavailableError,
    UnknownDictionaryError,
    UnknownTemplateError,
    UnwritableMessageError,
)


class Decision(Enum):
    """Who is at fault decides: the other side, the book, one message, or the person who runs this."""

    RETRY = "the other side does not answer: wait, and try again"
    PAUSE = "the book lacks something: its partition waits, the others go on"
    DEAD_LETTER = "one message is at fault: it is kept aside, its neighbours go on"
    STOP = "only a person can mend it"


def decide(error: BaseException) -> Decision:
    """Return what to do. Whatever nobody foresaw stops the worker: nothing is settled by that."""
    match error:
        case UnavailableError():
            return Decision.RETRY
        case UnknownTemplateError() | UnknownDictionaryError():
            return Decision.PAUSE
        case DecodeError() | BrokenCodecError() | RefusedMessageError() | UnwritableMessageError():
            return Decision.DEAD_LETTER
        case _:
            return Decision.STOP
