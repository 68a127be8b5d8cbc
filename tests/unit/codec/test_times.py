"""Times: a text is taken only if it is printed back, byte for byte, by what a decoder does."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_stream.codec import times

FORMS = [(form, fraction) for form in range(1 << 12) for fraction in range(16) if times.exists(form, fraction)]
FORMATS = {
    times.ISO_T: "%Y-%m-%dT%H:%M:%S",
    times.ISO_SPACE: "%Y-%m-%d %H:%M:%S",
    times.ISO_COMMA: "%Y-%m-%d %H:%M:%S",
    times.ISO_SLASH: "%Y/%m/%d %H:%M:%S",
    times.CLF: "%d/%b/%Y:%H:%M:%S",
    times.DATE: "%Y-%m-%d",
    times.CTIME: "%a %b %d %H:%M:%S %Y",
    times.CTIME_PADDED: "%a %b %e %H:%M:%S %Y",
    times.TWITTER: "%a %b %d %H:%M:%S +0000 %Y",
    times.HTTP_DATE: "%a, %d %b %Y %H:%M:%S GMT",
}
SAMPLES = {
    times.ISO_T: b"2024-05-15T15:00:00",
    times.ISO_SPACE: b"2024-05-15 15:00:00",
    times.ISO_COMMA: b"2024-05-15 15:00:00",
    times.ISO_SLASH: b"2024/05/15 15:00:00",
    times.CLF: b"15/May/2024:15:00:00",
    times.SYSLOG: b"May 05 15:00:00",
    times.SYSLOG_PADDED: b"May  5 15:00:00",
    times.MONTH_DAY: b"05-15 15:00:00",
    times.SHORT_SLASH: b"24/05/15 15:00:00",
    times.SHORT: b"240515 150000",
    times.DATE: b"2024-05-15",
    times.CLOCK: b"15:00:00",
    times.CTIME: b"Wed May 15 15:00:00 2024",
    times.CTIME_PADDED: b"Sun May  5 15:00:00 2024",
    times.TWITTER: b"Wed May 15 15:00:00 +0000 2024",
    times.HTTP_DATE: b"Wed, 15 May 2024 15:00:00 GMT",
    times.EPOCH: b"1715785200",
    times.EPOCH_POINT: b"1715785200",
}


def _sample(form: int, fraction: int) -> bytes:
    text = SAMPLES[form]
    if not fraction:
        return text
    part = b"%0*d" % (fraction, 7)
    return text + (b"" if form == times.EPOCH else b"," if form == times.ISO_COMMA else b".") + part


@pytest.mark.parametrize(("form", "fraction"), FORMS)
def test_each_form_reads_its_text_and_prints_it_back(form: int, fraction: int) -> None:
    text = _sample(form, fraction)
    value = times.read(form, fraction, text)
    assert value is not None
    assert times.show(form, fraction, value) == text


def test_the_forms_are_those_of_the_wire_format() -> None:
    assert {form for form, _ in FORMS} == {*range(1, 13), *range(16, 22)}
    with_fraction = {form for form, fraction in FORMS if fraction}
    assert with_fraction == {1, 2, 3, 4, 8, 12, 20, 21}
    assert (times.EPOCH_POINT, 0) not in FORMS
    assert max(fraction for _, fraction in FORMS) == 9


@pytest.mark.parametrize(("form", "fraction"), FORMS)
def test_a_text_with_one_byte_changed_added_or_removed_is_never_shown_as_another(form: int, fraction: int) -> None:
    text = _sample(form, fraction)
    for at in range(len(text) + 1):
        for put in (b"", *(bytes((byte,)) for byte in b"0123456789 :-/.,+_TXZ\n\xff")):
            for changed in (text[:at] + put + text[at:], text[:at] + put + text[at + 1 :]):
                value = times.read(form, fraction, changed)
                if value is not None:
                    assert times.show(form, fraction, value) == changed


@pytest.mark.parametrize("form", FORMATS)
def test_every_day_of_four_hundred_years_is_read_as_the_calendar_counts(form: int) -> None:
    day = datetime(1970, 1, 1, 23, 59, 59, tzinfo=UTC)
    for days in [*range(0, 146_100, 61), *(365 * n + n // 4 for n in range(400)), 789, 11_016, 47_540]:
        moment = day + timedelta(days=days)
        text = moment.strftime(FORMATS[form]).encode()
        value = times.read(form, 0, text)
        assert value == (days if form == times.DATE else days * times.DAY + 86_399)
        assert times.show(form, 0, value) == text


@pytest.mark.parametrize("year", [1, 4, 100, 400, 1600, 1900, 1969, 1970, 1999, 2000, 2023, 2024, 2100, 9999])
def test_every_day_of_a_year_exists_and_no_other(year: int) -> None:
    for month in range(14):
        for day in range(33):
            text = b"%04d-%02d-%02d" % (year, month, day)
            exists = 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
            value = times.read(times.DATE, 0, text)
            assert (value is not None) == exists
            if value is not None:
                assert times.show(times.DATE, 0, value) == text


@pytest.mark.parametrize("form", [times.SYSLOG, times.SYSLOG_PADDED, times.MONTH_DAY])
def test_yearless_dates_know_the_29th_of_february_and_no_30th(form: int) -> None:
    space = b"%2d" if form == times.SYSLOG_PADDED else b"%02d"
    month = b"02-" if form == times.MONTH_DAY else b"Feb "
    assert times.read(form, 0, month + space % 29 + b" 00:00:00") == 59 * times.DAY
    assert times.read(form, 0, month + space % 30 + b" 00:00:00") is None
    assert times.read(form, 0, month + space % 0 + b" 00:00:00") is None


@pytest.mark.parametrize(
    ("form", "fraction", "text"),
    [
        (times.CLOCK, 0, b"24:00:00"),
        (times.CLOCK, 0, b"99:59:59"),
        (times.CLOCK, 0, b"23:60:00"),
        (times.CLOCK, 0, b"23:59:60"),
        (times.CLOCK, 3, b"24:00:00.000"),
        (times.CLOCK, 3, b"12:00:00.00a"),
        (times.CLOCK, 3, b"12:00:00,000"),
        (times.CLOCK, 3, b"12:00:00.0000"),
        (times.ISO_T, 0, b"2024-05-15T24:00:00"),
        (times.ISO_T, 0, b"2024-05-15 15:00:00"),
        (times.ISO_T, 0, b"0000-01-01T00:00:00"),
        (times.ISO_COMMA, 3, b"2024-05-15 15:00:00.123"),
        (times.DATE, 0, b"0000-12-31"),
        (times.DATE, 0, b"2024-05-151"),
        (times.DATE, 0, b"2024-05-1"),
        (times.DATE, 0, b"12024-05-15"),
        (times.SHORT, 0, b"081109X203615"),
        (times.SHORT, 0, b"081109 240000"),
        (times.SHORT, 0, b"081109 2036155"),
        (times.SHORT, 0, b"081132 203615"),
        (times.HTTP_DATE, 0, b"Tue, 15 May 2024 15:00:00 GMT"),
        (times.HTTP_DATE, 0, b"Wed, 15 May 2024 24:00:00 GMT"),
        (times.HTTP_DATE, 0, b"Wed, 31 Dec 1969 23:59:59 GMT"),
        (times.CTIME, 0, b"Wed Xay 15 15:00:00 2024"),
        (times.CTIME, 0, b"Wed May  5 15:00:00 2024"),
        (times.EPOCH, 0, b"-1"),
        (times.EPOCH, 0, b"01"),
        (times.EPOCH, 0, b"1_0"),
        (times.EPOCH, 0, b""),
        (times.EPOCH, 0, b"18446744073709551616"),
        (times.EPOCH, 9, b"253402300799000000000"),
        (times.EPOCH, 0, b"9" * 5000),
        (times.EPOCH_POINT, 3, b"1715785200.12"),
        (times.EPOCH_POINT, 3, b"1715785200123"),
        (times.EPOCH_POINT, 9, b"253402300799.000000000"),
    ],
)  # fmt: skip
def test_what_would_not_print_back_is_not_taken(form: int, fraction: int, text: bytes) -> None:
    assert times.read(form, fraction, text) is None


@pytest.mark.parametrize(
    ("form", "fraction", "value"),
    [
        (times.EPOCH, 0, -1),
        (times.EPOCH, 0, 1 << 64),
        (times.EPOCH_POINT, 3, -1),
        (times.CLOCK, 0, -1),
        (times.CLOCK, 3, 86_400_000),
        (times.SYSLOG, 0, 366 * 86_400),
        (times.SHORT, 0, 0),
        (times.SHORT_SLASH, 0, 5_000_000_000),
        (times.DATE, 0, 1 << 62),
        (times.DATE, 0, -719_163),
        (times.ISO_T, 9, 1 << 80),
        (times.HTTP_DATE, 0, -(1 << 40)),
    ],
)
def test_a_moment_that_a_form_cannot_show_is_a_value_error(form: int, fraction: int, value: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        times.show(form, fraction, value)


@given(st.sampled_from(FORMS), st.integers(-(1 << 70), 1 << 70))
def test_what_is_shown_is_read_back_and_nothing_else_is_raised(form_fraction: tuple[int, int], value: int) -> None:
    form, fraction = form_fraction
    try:
        text = times.show(form, fraction, value)
    except ValueError:
        return
    read = times.read(form, fraction, text)
    named = form in (times.CTIME, times.CTIME_PADDED, times.TWITTER, times.HTTP_DATE)
    assert read == value or (named and value < 0 and read is None)


def test_the_base_of_a_form_is_what_it_would_read_for_the_moment() -> None:
    moment = 1_715_785_200 * 10**9 + 123_456_789
    assert times.base(times.CLOCK, 3, moment) == 15 * 3_600_000 + 123
    assert times.base(times.SYSLOG, 0, moment) == times.read(times.SYSLOG, 0, b"May 15 15:00:00")
    assert times.base(times.MONTH_DAY, 0, moment) == times.read(times.MONTH_DAY, 0, b"05-15 15:00:00")
    assert times.base(times.DATE, 0, moment) == times.read(times.DATE, 0, b"2024-05-15")
    assert times.base(times.ISO_T, 0, -1) == -1


def test_forms_of_a_part_of_the_year_or_day_are_not_absolute() -> None:
    relative = {form for form, _ in FORMS if not times.is_absolute(form)}
    assert relative == {times.SYSLOG, times.SYSLOG_PADDED, times.MONTH_DAY, times.CLOCK}
