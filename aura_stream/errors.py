"""Every error a caller can meet, one leaf for each decision it can take.

AuraError
├── ConfigError              the configuration must be edited          exit 78
├── CodebookError            a codebook file or entry is damaged       exit 1
├── DecodeError              a frame gave no message; `.index` in a batch
│   ├── CorruptFrameError        damaged, or not a frame at all
│   ├── LimitExceededError       asks for more than the limits allow
│   ├── UnknownTemplateError     the book is older than the frame: `.generation`, `.number`
│   └── UnknownDictionaryError   the same, for a dictionary
├── RefusedMessageError      larger than the limit, or handed out too often: a dead letter, or stop
├── BrokenCodecError         the codec itself failed at a message: the same; `.index`
├── StoreLostError           the template store is not the one we knew: rebuild it      exit 1
├── MessageError             one message stops the worker: `.partition`, `.position`    exit 1
├── NotDrainedError          a drain was cut short: `.messages` come again     exit 75
└── ConnectorError           a source or a sink
    ├── UnavailableError         the other side does not answer: pause and retry; exit 75 at start
    └── UnwritableMessageError   this sink can never take this message: `.index`, `.batch`
"""

from __future__ import annotations


class AuraError(Exception):
    """Base of all errors raised by AURA Stream."""


class ConfigError(AuraError):
    """The configuration asks for something that cannot be; editing it is the remedy."""


class CodebookError(AuraError):
    """A codebook file or one of its entries is damaged; `entry` names which, if one is to blame."""

    def __init__(self, message: str, entry: str | None = None) -> None:
        super().__init__(message)
        self.entry = entry


class StoreLostError(AuraError):
    """The template store is emptied, rolled back or another one; a promoter (or `templates rebuild`) mends it."""


class DecodeError(AuraError):
    """A frame that gives no message. `index` is its place in the batch, None outside of one."""

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class CorruptFrameError(DecodeError):
    """The frame is damaged, or was never a frame."""


class LimitExceededError(DecodeError):
    """The frame asks for more output or work than the decoder's limits allow."""


class _UnknownEntryError(DecodeError):
    def __init__(self, message: str, generation: int, number: int | None = None, index: int | None = None) -> None:
        super().__init__(message, index)
        self.generation = generation
        self.number = number


class UnknownTemplateError(_UnknownEntryError):
    """The frame names a template that this codebook does not hold (yet)."""


class UnknownDictionaryError(_UnknownEntryError):
    """The frame names a generation whose dictionary this codebook does not hold (yet)."""


class RefusedMessageError(AuraError):
    """A message that is not even tried: larger than `limits.message`, or handed out too often without being settled."""


class BrokenCodecError(AuraError):
    """The codec failed at message `index` of a batch in a way that it never should; the cause is attached."""

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


class MessageError(AuraError):
    """One message can be neither transformed nor written; `partition` and `position` tell where it stands."""

    def __init__(self, message: str, partition: str, position: int | str) -> None:
        super().__init__(message)
        self.partition = partition
        self.position = position


class NotDrainedError(AuraError):
    """The worker was told to stop and could not settle all it had fetched; `messages` will come again."""

    def __init__(self, message: str, messages: int) -> None:
        super().__init__(message)
        self.messages = messages


class ConnectorError(AuraError):
    """A source or a sink failed."""


class UnavailableError(ConnectorError):
    """The other side does not answer; the engine pauses and tries again."""


class UnwritableMessageError(ConnectorError):
    """This sink can never take this message; it is message `index` of batch `batch` of those given to `publish`."""

    def __init__(self, message: str, index: int, batch: int = 0) -> None:
        super().__init__(message)
        self.index = index
        self.batch = batch
