"""Time slots, written from docs/wire-format.md alone: a part of the independent decoder."""

from __future__ import annotations

from tests.golden.independent_book import refuse

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SECONDS_PER_DAY = 86_400
LEAP_YEAR = 2000

WITH_FRACTION = (1, 2, 3, 4, 8, 12, 20, 21)
WITHOUT_FRACTION = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 17, 18, 19, 20)
DATE, CLOCK, EPOCH, EPOCH_POINT = 11, 12, 20, 21
YEARLESS = (6, 7, 8)
TWO_DIGIT_YEAR = (9, 10)


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01, proleptic Gregorian; any year (the standard library ends at 9999)."""
    year -= month <= 2
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return 365 * year + year // 4 - year // 100 + year // 400 + day_of_year - 719_468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Year, month, day: the inverse, in eras of 400 years that begin with March."""
    era, rest = divmod(days + 719_468, 146_097)
    year = (rest - rest // 1_460 + rest // 36_524 - rest // 146_096) // 365
    rest -= 365 * year + year // 4 - year // 100
    month = (5 * rest + 2) // 153
    day = rest - (153 * month + 2) // 5 + 1
    month += 3 if month < 10 else -9
    return 400 * era + year + (month <= 2), month, day


LEAP_BEGIN = days_from_civil(LEAP_YEAR, 1, 1)


def base_of(form: int, moment: int, unit: int) -> int:
    days, time_of_day = divmod(moment, SECONDS_PER_DAY * 10**9)
    if form == CLOCK:
        return time_of_day // unit
    if form in YEARLESS:
        _, month, day = civil_from_days(days)
        days = days_from_civil(LEAP_YEAR, month, day) - LEAP_BEGIN
        return (days * SECONDS_PER_DAY * 10**9 + time_of_day) // unit
    return moment // unit


def time_text(form: int, fraction: int, distance: int, moment: int) -> tuple[bytes, int]:
    """The text of a time slot, and the current moment (ns since 1970) after it."""
    if fraction > 9 or form not in (WITH_FRACTION if fraction else WITHOUT_FRACTION):
        refuse("no such time")
    unit = SECONDS_PER_DAY * 10**9 if form == DATE else 10 ** (9 - fraction)
    value = base_of(form, moment, unit) + distance
    text = format_time(form, fraction, value).encode()
    return text, moment if form == CLOCK or form in YEARLESS else value * unit


def format_time(form: int, fraction: int, value: int) -> str:
    if form in (EPOCH, EPOCH_POINT) and not 0 <= value < 1 << 64:
        refuse("epoch out of range")
    if form == EPOCH:
        return str(value)
    seconds, part = divmod(value, 10**fraction)
    point = f"{',' if form == 3 else '.'}{part:0{fraction}}" if fraction else ""
    if form == EPOCH_POINT:
        return f"{seconds}{point}"
    days, second = (value, 0) if form == DATE else divmod(seconds, SECONDS_PER_DAY)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}{point}"
    if form == CLOCK:
        return clock if days == 0 else refuse("time of day out of range")
    if form in YEARLESS:
        days += LEAP_BEGIN
    return format_date(form, days, clock)


def format_date(form: int, days: int, clock: str) -> str:
    year, month, day = civil_from_days(days)
    if form in YEARLESS and year != LEAP_YEAR:
        refuse("time of the year out of range")
    if not 1 <= year <= 9999 or (form in TWO_DIGIT_YEAR and not 2000 <= year <= 2099):
        refuse("year out of range")
    name, weekday = MONTHS[month - 1], WEEKDAYS[(days + 3) % 7]  # 1970-01-01 was a Thursday
    forms = {
        1: f"{year:04}-{month:02}-{day:02}T{clock}",
        2: f"{year:04}-{month:02}-{day:02} {clock}",
        3: f"{year:04}-{month:02}-{day:02} {clock}",
        4: f"{year:04}/{month:02}/{day:02} {clock}",
        5: f"{day:02}/{name}/{year:04}:{clock}",
        6: f"{name} {day:02} {clock}",
        7: f"{name} {day:2} {clock}",
        8: f"{month:02}-{day:02} {clock}",
        9: f"{year % 100:02}/{month:02}/{day:02} {clock}",
        10: f"{year % 100:02}{month:02}{day:02} {clock.replace(':', '')}",
        11: f"{year:04}-{month:02}-{day:02}",
        16: f"{weekday} {name} {day:02} {clock} {year:04}",
        17: f"{weekday} {name} {day:2} {clock} {year:04}",
        18: f"{weekday} {name} {day:02} {clock} +0000 {year:04}",
        19: f"{weekday}, {day:02} {name} {year:04} {clock} GMT",
    }
    return forms[form]
