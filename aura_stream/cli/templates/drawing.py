"""Drawing templates: literals as they stand, slots as `<int>` or `<time iso>`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.text import Text

from aura_stream.codec import Template, times
from aura_stream.codec.explain import slot_name
from aura_stream.codec.slots import REPEAT, TIME, UUID, SlotType, kind_of, parameter_of
from aura_stream.codec.template import Enum

_TIMES: Final = {
    times.ISO_T: "iso",
    times.ISO_SPACE: "iso space",
    times.ISO_COMMA: "iso comma",
    times.ISO_SLASH: "iso slash",
    times.CLF: "clf",
    times.SYSLOG: "syslog",
    times.SYSLOG_PADDED: "syslog padded",
    times.MONTH_DAY: "month-day",
    times.SHORT_SLASH: "short slash",
    times.SHORT: "short",
    times.DATE: "date",
    times.CLOCK: "clock",
    times.CTIME: "ctime",
    times.CTIME_PADDED: "ctime padded",
    times.TWITTER: "twitter",
    times.HTTP_DATE: "http",
    times.EPOCH: "epoch",
    times.EPOCH_POINT: "epoch point",
}
_SLOT_STYLE: Final = "cyan"
_SHOWN_VALUES: Final = 4  # of an enum, where all of them would drown the rest


def draw(template: Template, with_values: bool = False) -> str:
    """Return a template as one line of text; `with_values`: with all values of its enums."""
    return "".join(text for text, _ in _pieces(template, with_values))


def draw_styled(template: Template, with_values: bool = False) -> Text:
    """Return the same with the slots in a colour of their own."""
    text = Text()
    for piece, is_slot in _pieces(template, with_values):
        text.append(piece, style=_SLOT_STYLE if is_slot else "")
    return text


def slot_of(slot: SlotType | Enum, with_values: bool = False) -> str:
    """Return a slot in angle brackets."""
    if isinstance(slot, tuple):
        shown = slot if with_values else slot[:_SHOWN_VALUES]
        more = "" if len(shown) == len(slot) else "|..."
        return f"<enum {'|'.join(map(printable, shown))}{more}>"
    kind, parameter = kind_of(slot), parameter_of(slot)
    if kind == TIME:
        fraction = f" .{parameter & 15}" if parameter & 15 else ""
        return f"<time {_TIMES[parameter >> 4]}{fraction}>"
    if kind == UUID:
        return "<UUID>" if parameter else "<uuid>"
    if kind == REPEAT and parameter:
        return f"<repeat {parameter} back>"
    return f"<{slot_name(slot).replace('/', ' ')}>"


def printable(literal: bytes) -> str:
    """Return bytes as text in which nothing moves the cursor or ends the line."""
    text = literal.decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _pieces(template: Template, with_values: bool) -> Iterator[tuple[str, bool]]:
    for symbol in template.symbols:
        if isinstance(symbol, bytes):
            yield printable(symbol), False
        else:
            yield slot_of(symbol, with_values), True
