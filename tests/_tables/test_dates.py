"""Dates: every common order, that of day and month decided by the whole column."""

import numpy as np
import pandas as pd
import pytest

from skorchless._tables.dates import read_compact_dates, read_dates, read_times_of_day


def read(*texts, elsewhere=None, separator=","):
    return read_dates(pd.Series(texts, dtype="str"), np.ones(len(texts)), elsewhere, separator)


@pytest.mark.parametrize(
    "text",
    [
        *("2024-02-01", "2024/2/1", "2024.02.01", "1.2.2024", "01.02.24", "1 Feb 2024"),
        *("Feb 1, 2024", "February 1st, 2024", "01-Feb-24", "1. Februar 2024", "1 févr. 2024"),
        *("Thu, 1 Feb 2024", "Thursday 1 February 2024", "2024-Feb-01", "2024-02", "02/2024"),
        *("Feb-24", "Feb 2024", "2024-02-01T00:00:00Z", "2024-02-01 00:00", "2024-02-01 12:00 AM"),
    ],
)
def test_the_first_of_february(text):
    (date,) = read(text).values
    assert date.tz_localize(None) == pd.Timestamp(2024, 2, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-01 13:45:30.25", "2024-02-01 13:45:30.25"),
        ("1/31/2024 1:45 PM", "2024-01-31 13:45"),
        ("31.01.2024, 07:05", "2024-01-31 07:05"),
        ("2024-02-01T13:45:00+02:00", "2024-02-01 11:45Z"),
        ("2024-02-01 13:45 -0500", "2024-02-01 18:45Z"),
    ],
)
def test_times_and_offsets(text, expected):
    assert read(text).values[0] == pd.Timestamp(expected)


@pytest.mark.parametrize(
    ("texts", "day_first"),
    [(["1/2/2024", "13/2/2024"], True), (["1/2/2024", "2/13/2024"], False)],
)
def test_the_order_of_day_and_month_is_the_one_that_fits(texts, day_first):
    dates = read(*texts)
    assert dates.day_first == day_first
    assert dates.values[0] == pd.Timestamp(2024, 2 if day_first else 1, 1 if day_first else 2)
    assert not dates.remarks


@pytest.mark.parametrize(
    ("elsewhere", "separator", "day_first"),
    [(None, ",", False), (None, ";", True), (True, ",", True), (False, ";", False)],
)
def test_dates_that_fit_both_orders_follow_the_table_and_are_remarked(
    elsewhere, separator, day_first
):
    dates = read("1/2/2024", "3/4/2024", elsewhere=elsewhere, separator=separator)
    assert dates.values[0] == pd.Timestamp(2024, 2 if day_first else 1, 1 if day_first else 2)
    word = "day" if day_first else "month"
    assert dates.remarks == [
        f"dates that may begin with the day or the month, as '1/2/2024', begin with the {word}"
    ]
    assert dates.is_ambiguous == (elsewhere is None)


def test_two_digits_each_begin_with_the_year_where_the_last_ones_change_most():
    dates = read("24-01-31", "24-02-01", "23-12-05", "24-02-15")
    assert dates.values[0] == pd.Timestamp(2024, 1, 31)
    assert dates.remarks == ["dates of three times two digits begin with the year"]
    assert read("31-01-24", "01-02-24", "05-12-23").values[0] == pd.Timestamp(2024, 1, 31)


def test_a_year_of_two_digits_that_is_far_ahead_was_in_the_century_before():
    assert read("13/5/60", "13/5/68").values.dt.year.tolist() == [1960, 1968]


def test_offsets_that_differ_become_utc_and_are_remarked():
    dates = read("2024-02-01T12:00:00Z", "2024-02-01T12:00:00+01:00")
    assert (dates.values[0] - dates.values[1]) == pd.Timedelta(hours=1)
    assert dates.remarks == ["times of several time zones, read as UTC"]


@pytest.mark.parametrize(
    "text",
    [
        *("2024-13-01", "31.02.2024", "never", "10-20", "1.2", "12:30", "2024", "Mayhem", "now"),
        *("2024-02-01 25:00", "1 Foo 2024", "192.168.0.1", "1-2-3-4", "2024-02-01 or so"),
    ],
)
def test_other_texts_are_no_dates(text):
    assert read(text).values.isna().all()


def test_seasons_are_no_months():
    assert read("2009-10", "2010-11").values.isna().all()
    assert read("2009-10", "2010-10").values.notna().all()


def test_years_before_and_after_those_of_nanoseconds_are_dates():
    assert read("1621-01-01", "9999-12-31").values.dt.year.tolist() == [1621, 9999]


def test_times_of_day_are_durations_since_midnight():
    found = read_times_of_day(pd.Series(["13:45", "1:05:30 PM", "24:00", "x"], dtype="str"))
    assert found[0] == pd.Timedelta(hours=13, minutes=45)
    assert found[1] == pd.Timedelta(hours=13, minutes=5, seconds=30)
    assert found[2:].isna().all()


def test_eight_digits_are_a_date_where_they_can_be_one():
    found = read_compact_dates(pd.Series(["20240131", "20241301", "12345678"], dtype="str"))
    assert found[0] == pd.Timestamp(2024, 1, 31)
    assert found[1:].isna().all()
