"""Time slots: how the usual timestamps are read and printed, and what their payload is measured against.

A format reads its text to a whole number of its own units (seconds, milliseconds, …) and prints it back; only
a text that prints back to the same bytes is taken. A payload is the distance to a base: the last time slot of
the frame that names an absolute moment, else the generation's birth time. Calendar arithmetic is proleptic
Gregorian, in UTC, on the text as it stands: no time zone is applied, for none is needed to give it back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

DAY: Final = 86_400
_MONTHS: Final = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_MONTH_OF: Final = {name: index + 1 for index, name in enumerate(_MONTHS)}
_WEEKDAYS: Final = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_LEAP_YEAR: Final = 2000  # the year that yearless formats are read in: it has all 366 days
_CACHE: Final = 4096
_SHORT_CLOCK: Final = 6  # bytes of 150000, where 15:00:00 has 8
_EPOCH_END: Final = 1 << 64


def _days(year: int, month: int, day: int) -> int:
    """Return days since 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms")."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _civil(days: int) -> tuple[int, int, int]:
    """Return (year, month, day) of a day number; the inverse of `_days`."""
    days += 719_468
    era = days // 146_097
    of_era = days - era * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


_LEAP_START: Final = _days(_LEAP_YEAR, 1, 1)


# One small reader and one printer per kind of date. A reader returns a day number; whatever it takes wrongly
# (a 31st of February) fails the comparison with what the printer makes of it.
def _read_ymd(text: bytes) -> int:
    return _days(int(text[0:4]), int(text[5:7]), int(text[8:10]))


def _read_dmy(text: bytes) -> int:
    return _days(int(text[7:11]), _MONTH_OF[text[3:6]], int(text[0:2]))


def _read_month_day(text: bytes) -> int:
    return _days(_LEAP_YEAR, _MONTH_OF[text[0:3]], int(text[4:6])) - _LEAP_START


def _read_numeric_month_day(text: bytes) -> int:
    return _days(_LEAP_YEAR, int(text[0:2]), int(text[3:5])) - _LEAP_START


def _read_short_slash(text: bytes) -> int:
    return _days(2000 + int(text[0:2]), int(text[3:5]), int(text[6:8]))


def _read_short(text: bytes) -> int:
    return _days(2000 + int(text[0:2]), int(text[2:4]), int(text[4:6]))


def _print_dash(day: int) -> bytes:
    return b"%04d-%02d-%02d" % _civil(day)


def _print_slash(day: int) -> bytes:
    return b"%04d/%02d/%02d" % _civil(day)


def _print_dmy(day: int) -> bytes:
    year, month, of_month = _civil(day)
    return b"%02d/%b/%04d" % (of_month, _MONTHS[month - 1], year)


def _print_month_day(day: int) -> bytes:
    _, month, of_month = _civil(day + _LEAP_START)
    return b"%b %02d" % (_MONTHS[month - 1], of_month)


def _print_month_padded_day(day: int) -> bytes:
    _, month, of_month = _civil(day + _LEAP_START)
    return b"%b %2d" % (_MONTHS[month - 1], of_month)


def _print_numeric_month_day(day: int) -> bytes:
    return b"%02d-%02d" % _civil(day + _LEAP_START)[1:]


def _print_short_slash(day: int) -> bytes:
    year, month, of_month = _civil(day)
    return b"%02d/%02d/%02d" % (year - 2000, month, of_month)


def _print_short(day: int) -> bytes:
    year, month, of_month = _civil(day)
    return b"%02d%02d%02d" % (year - 2000, month, of_month)


def _read_clock(text: bytes) -> int:
    return int(text[0:2]) * 3600 + int(text[3:5]) * 60 + int(text[6:8])


def _print_clock(second: int) -> bytes:
    return b"%02d:%02d:%02d" % (second // 3600, second // 60 % 60, second % 60)


def _read_short_clock(text: bytes) -> int:
    return int(text[0:2]) * 3600 + int(text[2:4]) * 60 + int(text[4:6])


def _print_short_clock(second: int) -> bytes:
    return b"%02d%02d%02d" % (second // 3600, second // 60 % 60, second % 60)


@dataclass(frozen=True, slots=True)
class _Calendar:
    """A format made of a date and a clock, cut at fixed places: `date``between``clock`[`point``fraction`]."""

    date_size: int
    read_date: Callable[[bytes], int]
    print_date: Callable[[int], bytes]
    between: bytes = b""
    clock_size: int = 8
    point: bytes = b"."
    absolute: bool = True


# Format numbers are frozen: they stand in codebooks.
ISO_T: Final = 1  # 2024-05-15T15:00:00[.f]
ISO_SPACE: Final = 2  # 2024-05-15 15:00:00[.f]
ISO_COMMA: Final = 3  # 2015-07-29 17:41:44,747
ISO_SLASH: Final = 4  # 2015/07/29 17:41:44[.f]
CLF: Final = 5  # 17/May/2015:10:05:03
SYSLOG: Final = 6  # Dec 01 06:55:46
SYSLOG_PADDED: Final = 7  # Dec  1 06:55:46
MONTH_DAY: Final = 8  # 03-17 16:13:38[.f]
SHORT_SLASH: Final = 9  # 17/06/09 20:10:40
SHORT: Final = 10  # 081109 203615
DATE: Final = 11  # 2021-07-21
CLOCK: Final = 12  # 10:05:03[.f]
CTIME: Final = 16  # Sun Dec 04 04:47:44 2005
CTIME_PADDED: Final = 17  # Sun Dec  4 04:47:44 2005
TWITTER: Final = 18  # Sun Aug 31 00:29:15 +0000 2014
HTTP_DATE: Final = 19  # Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110, section 5.6.7)
EPOCH: Final = 20  # 1661140374, and with 3, 6, 9 fractional digits in one number
EPOCH_POINT: Final = 21  # 1588205199.82437

_CALENDARS: Final[dict[int, _Calendar]] = {
    ISO_T: _Calendar(10, _read_ymd, _print_dash, b"T"),
    ISO_SPACE: _Calendar(10, _read_ymd, _print_dash, b" "),
    ISO_COMMA: _Calendar(10, _read_ymd, _print_dash, b" ", point=b","),
    ISO_SLASH: _Calendar(10, _read_ymd, _print_slash, b" "),
    CLF: _Calendar(11, _read_dmy, _print_dmy, b":"),
    SYSLOG: _Calendar(6, _read_month_day, _print_month_day, b" ", absolute=False),
    SYSLOG_PADDED: _Calendar(6, _read_month_day, _print_month_padded_day, b" ", absolute=False),
    MONTH_DAY: _Calendar(5, _read_numeric_month_day, _print_numeric_month_day, b" ", absolute=False),
    SHORT_SLASH: _Calendar(8, _read_short_slash, _print_short_slash, b" "),
    SHORT: _Calendar(6, _read_short, _print_short, b" ", clock_size=_SHORT_CLOCK),
    DATE: _Calendar(10, _read_ymd, _print_dash, clock_size=0),
    CLOCK: _Calendar(0, lambda _: 0, lambda _: b"", absolute=False),
}
EPOCH_DIGITS: Final = {10: 0, 13: 3, 16: 6, 19: 9}  # length of the number: power of ten of its unit
MAX_FRACTION: Final = 9
_WITH_FRACTION: Final = frozenset({ISO_T, ISO_SPACE, ISO_COMMA, ISO_SLASH, MONTH_DAY, CLOCK, EPOCH})
_WITHOUT: Final = frozenset({*_CALENDARS, CTIME, CTIME_PADDED, TWITTER, HTTP_DATE, EPOCH})


@lru_cache(maxsize=_CACHE)
def _day_of(form: int, text: bytes) -> int:
    calendar = _CALENDARS[form]
    day = calendar.read_date(text)
    first, last = _LIMITS.get(form, _YEARS)
    if calendar.print_date(day) != text or not first <= day < last:
        raise ValueError("no such date")
    return day


@lru_cache(maxsize=_CACHE)
def _date_text(form: int, day: int) -> bytes:
    return _CALENDARS[form].print_date(day)


def _short_second_of(text: bytes) -> int:
    second = _read_short_clock(text)
    if _print_short_clock(second) != text or not 0 <= second < DAY:
        raise ValueError("no such time of day")
    return second


@lru_cache(maxsize=_CACHE)
def _second_of(text: bytes) -> int:
    second = _read_clock(text)
    if _print_clock(second) != text or not 0 <= second < DAY:
        raise ValueError("no such time of day")
    return second


_clock_text = lru_cache(maxsize=_CACHE)(_print_clock)


def _read_calendar(form: int, fraction: int, text: bytes) -> int:
    calendar = _CALENDARS[form]
    size = calendar.date_size
    day = _day_of(form, text[:size])
    start = size + len(calendar.between)
    end = start + calendar.clock_size
    if text[size:start] != calendar.between or len(text) != end + (1 + fraction if fraction else 0):
        raise ValueError("another format")
    if not calendar.clock_size:
        return day
    second = _short_second_of(text[start:end]) if calendar.clock_size == _SHORT_CLOCK else _second_of(text[start:end])
    moment = day * DAY + second
    if fraction:
        part = text[end + 1 :]
        if text[end : end + 1] != calendar.point or not part.isdigit():
            raise ValueError("another format")
        moment = moment * 10**fraction + int(part)
    return moment


def _print_calendar(form: int, fraction: int, value: int) -> bytes:
    calendar = _CALENDARS[form]
    if not calendar.clock_size:
        return _date_text(form, value)
    part = 0
    if fraction:
        value, part = divmod(value, 10**fraction)
    day, second = divmod(value, DAY)
    clock = _print_short_clock(second) if calendar.clock_size == _SHORT_CLOCK else _clock_text(second)
    text = _date_text(form, day) + calendar.between + clock
    return b"%b%b%0*d" % (text, calendar.point, fraction, part) if fraction else text


def _read_named(form: int, text: bytes) -> int:
    """Read the formats with a weekday's name; `read` compares with the printer what is not looked at here."""
    if form == HTTP_DATE:
        return _days(int(text[12:16]), _MONTH_OF[text[8:11]], int(text[5:7])) * DAY + _second_of(text[17:25])
    return _days(int(text[-4:]), _MONTH_OF[text[4:7]], int(text[8:10])) * DAY + _second_of(text[11:19])


def _print_named(form: int, value: int) -> bytes:
    day, second = divmod(value, DAY)
    year, month, of_month = _civil(day)
    weekday, name, clock = _WEEKDAYS[(day + 3) % 7], _MONTHS[month - 1], _clock_text(second)
    if form == HTTP_DATE:
        return b"%b, %02d %b %04d %b GMT" % (weekday, of_month, name, year, clock)
    if form == TWITTER:
        return b"%b %b %02d %b +0000 %04d" % (weekday, name, of_month, clock, year)
    if form == CTIME:
        return b"%b %b %02d %b %04d" % (weekday, name, of_month, clock, year)
    return b"%b %b %2d %b %04d" % (weekday, name, of_month, clock, year)


def _print(form: int, fraction: int, value: int) -> bytes:
    if form in _CALENDARS:
        return _print_calendar(form, fraction, value)
    if form == EPOCH:
        return b"%d" % value
    if form == EPOCH_POINT:
        whole, part = divmod(value, 10**fraction)
        return b"%d.%0*d" % (whole, fraction, part)
    return _print_named(form, value)


def exists(form: int, fraction: int) -> bool:
    """Tell whether there is such a format, with so many fractional digits."""
    if fraction:
        return fraction <= MAX_FRACTION and (form in _WITH_FRACTION or form == EPOCH_POINT)
    return form in _WITHOUT


def read(form: int, fraction: int, text: bytes) -> int | None:
    """Return the moment that a text names, in units of the format; None if it would not print back the same."""
    try:
        if form in _CALENDARS:
            return _read_calendar(form, fraction, text)  # compares each part with its printer by itself
        if form == EPOCH:
            value = int(text)
        elif form == EPOCH_POINT:
            value = int(text.replace(b".", b""))
        else:
            value = _read_named(form, text)
    except (ValueError, KeyError, IndexError):
        return None
    return value if 0 <= value < _EPOCH_END and _print(form, fraction, value) == text else None


def is_absolute(form: int) -> bool:
    """Tell whether a format names a moment, and not just a time of the year or day."""
    calendar = _CALENDARS.get(form)
    return calendar is None or calendar.absolute


def unit(form: int, fraction: int) -> int:
    """Return the length of a format's unit in nanoseconds."""
    return DAY * 10**9 if form == DATE else int(10 ** (9 - fraction))


def base(form: int, fraction: int, moment: int) -> int:
    """Return what a format would read for a moment (nanoseconds since the epoch)."""
    if form == CLOCK:
        return moment % (DAY * 10**9) // unit(form, fraction)
    calendar = _CALENDARS.get(form)
    if calendar is not None and not calendar.absolute:
        day, rest = divmod(moment, DAY * 10**9)
        _, month, of_month = _civil(day)
        return ((_days(_LEAP_YEAR, month, of_month) - _LEAP_START) * DAY * 10**9 + rest) // unit(form, fraction)
    return moment // unit(form, fraction)


_LIMITS: Final = {
    SHORT_SLASH: (_days(2000, 1, 1), _days(2100, 1, 1)),
    SHORT: (_days(2000, 1, 1), _days(2100, 1, 1)),
    CLOCK: (0, 1),
    **dict.fromkeys((SYSLOG, SYSLOG_PADDED, MONTH_DAY), (0, 366)),
}
_YEARS: Final = (_days(1, 1, 1), _days(10_000, 1, 1))


def show(form: int, fraction: int, value: int) -> bytes:
    """Print a moment in a format. Raises ValueError for one that the format cannot show."""
    if form in (EPOCH, EPOCH_POINT):
        if not 0 <= value < _EPOCH_END:
            raise ValueError("moment out of range")
    else:
        first, last = _LIMITS.get(form, _YEARS)
        day = value if form == DATE else value // (DAY * 10**fraction)
        if not first <= day < last:
            raise ValueError("moment out of range")
    return _print(form, fraction, value)
