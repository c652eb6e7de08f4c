"""Dates and times as people write them: 31.01.2024, Jan 3, 2024 1:30 PM, 2024-01-31T12:00:00Z.

pandas parses them; here it is decided by which of its formats, for a column as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from skorchless._arrays import Array
from skorchless._tables.notes import quote

# The languages' names of months by their first letters, as strptime's %b wants them.
ENGLISH = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
GERMAN = ["jan", "feb", "mär", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez"]
FRENCH = ["jan", "fév", "mar", "avr", "mai", "juin", "juil", "aoû", "sep", "oct", "nov", "déc"]
SPANISH = ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"]
MONTHS = {"mrz": "Mar", "fev": "Feb", "aou": "Aug", "dec": "Dec"} | {
    name.lower(): english
    for names in (ENGLISH, GERMAN, FRENCH, SPANISH)
    for name, english in zip(names, ENGLISH, strict=True)
}
MONTH = re.compile(
    rf"({'|'.join(sorted(MONTHS, key=len, reverse=True))})[^\W\d_]*\.?", re.IGNORECASE
)
WEEKDAY = r"(?:[^\W\d_]{2,10}\.?,?\s+)?"
CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s*(?:[AaPp]\.?[Mm]\.?)?"
ZONE = r"Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?"
NAME = r"[^\W\d_]{3,10}\.?"
DATE = (
    r"\d{1,4}[-/.]\s?\d{1,2}[-/.]\s?\d{1,4}"  # numbers alone
    r"|\d{4}[-/]\d{1,2}|\d{1,2}/\d{4}"  # a month
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.)?[-/ ]*{NAME},?[-/ ]*\d{{2,4}}"
    rf"|{NAME}[- ]*\d{{1,2}}(?:st|nd|rd|th)?,?[- ]+\d{{2,4}}"
    rf"|{NAME}[-/ ]+\d{{4}}|{NAME}[-/]\d{{2}}|\d{{4}}[-/ ]*{NAME}[-/ ]*\d{{1,2}}"
)
TIMESTAMP = rf"^{WEEKDAY}({DATE})(?:(?:[T,:]|\s)\s*({CLOCK}))?\s*({ZONE})?$"
DATE_AND_TIME = re.compile(TIMESTAMP, re.IGNORECASE)
COMPACT_DATE = r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
# By whose words a column of eight digits is one of dates.
DATE_NAME = re.compile(r"date|datum|(?:^|_)(?:day|tag|fecha|data|dt)(?:_|$)", re.IGNORECASE)
# What can be read in one way, by what it looks like with hyphens for all marks and blanks.
FORMATS = {
    r"\d{4}-\d+-\d+": ("%Y-%m-%d",),
    r"\d{4}-\d+": ("%Y-%m",),
    r"\d{1,2}-\d{4}": ("%m-%Y",),
    r"\d*-?[^\W\d_]+-.*": (
        *("%d-%b-%Y", "%b-%d-%Y", "%Y-%b-%d", "%d-%b-%y", "%b-%d-%y", "%b-%Y", "%b-%y"),
    ),
}
DAY_FIRST, MONTH_FIRST = ("%d-%m-%Y", "%d-%m-%y"), ("%m-%d-%Y", "%m-%d-%y")
YEAR_FIRST = ("%y-%m-%d",)
# A year of two digits that is further ahead was in the century before.
MOST_YEARS_AHEAD = 15


@dataclass(frozen=True)
class Dates:
    """The dates of a column's texts (n_texts,), NaT for others, and how they were read."""

    values: pd.Series[Any]
    remarks: list[str]
    day_first: bool | None  # None where no text tells
    is_ambiguous: bool = False


def read_dates(
    texts: pd.Series[Any], counts: Array, day_first_elsewhere: bool | None, separator: str
) -> Dates:
    """Return the dates of texts (n_texts,).

    Whether the day or the month comes first is what fits more rows (``counts``); where both fit,
    it is as in the other columns, or as in the languages that write semicolons or points.
    """
    parts = texts.str.extract(TIMESTAMP, flags=re.IGNORECASE)
    days, order = _days(parts[0], counts, day_first_elsewhere, separator)
    times = _clock(parts[1], missing=pd.Timedelta(0))
    values, offsets = days + times, parts[2].map(_offset, na_action="ignore")
    remarks = list(order.remarks)
    if offsets.notna().any():
        ahead = pd.to_timedelta(offsets.fillna(0).astype(float), unit="s")
        values = (values - ahead).dt.as_unit("us")
        if offsets.nunique() > 1 or offsets[values.notna()].isna().any():
            remarks.append("times of several time zones, read as UTC")
        values = values.dt.tz_localize("UTC")
    return Dates(values, remarks, order.day_first, order.is_ambiguous)


def read_times_of_day(texts: pd.Series[Any]) -> pd.Series[Any]:
    """Return times of day as durations since midnight; NaT for other texts."""
    return _clock(texts.where(texts.str.fullmatch(CLOCK)), missing=pd.NaT)


def read_compact_dates(texts: pd.Series[Any]) -> pd.Series[Any]:
    """Return dates of eight digits, as in 20240131; NaT for other texts."""
    return _parsed(texts.where(texts.str.fullmatch(COMPACT_DATE)), "%Y%m%d")


@dataclass(frozen=True)
class _Order:
    """Whether the day comes first, what is to be said of it, and whether it was a guess."""

    day_first: bool | None = None
    remarks: tuple[str, ...] = ()
    is_ambiguous: bool = False


def _days(
    texts: pd.Series[Any], counts: Array, day_first_elsewhere: bool | None, separator: str
) -> tuple[pd.Series[Any], _Order]:
    """Return the days of dates (n_texts,) without their times."""
    codes, found = pd.factorize(texts)
    unique = pd.Series(found, dtype="str")
    plain = _with_hyphens(unique)
    days = pd.Series(pd.NaT, index=plain.index, dtype="datetime64[us]")
    for pattern, formats in FORMATS.items():
        texts_of_form = plain.where(plain.str.fullmatch(pattern))
        if formats == ("%Y-%m",) and _are_seasons(texts_of_form):
            continue
        days = days.fillna(_parsed_by(texts_of_form, formats))
    left = plain.where(days.isna())
    order = _Order()
    if left.notna().any():
        by_day, by_month = _parsed_by(left, DAY_FIRST), _parsed_by(left, MONTH_FIRST)
        n_rows = np.bincount(codes[codes >= 0], counts[codes >= 0], minlength=len(unique))
        votes = [n_rows[found.notna()].sum() for found in (by_day, by_month)]
        by_year = _parsed_by(left, YEAR_FIRST)
        if n_rows[by_year.notna()].sum() >= max(votes) and _change_last(left[by_year.notna()]):
            remark = "dates of three times two digits begin with the year"
            return _spread(days.fillna(by_year), codes), _Order(remarks=(remark,))
        order = _order(unique[left.notna()], votes, day_first_elsewhere, separator)
        # A date that only the other order fits is none: it would be off by months if it were.
        days = days.fillna(by_day if order.day_first else by_month)
    return _spread(days, codes), order


def _are_seasons(texts: pd.Series[Any]) -> bool:
    """Tell years with the next ones, as 2009-10 and 2010-11."""
    parts = texts.dropna().str.split("-", expand=True)
    if len(parts) < 2:
        return False
    years, next_ones = parts[0].astype(int), parts[1].astype(int)
    return bool((next_ones == (years + 1) % 100).all())


def _change_last(texts: pd.Series[Any]) -> bool:
    """Tell dates of two digits each whose last ones change more than their first: days."""
    parts = texts.str.split("-", expand=True)
    return len(texts) > 0 and parts.shape[1] == 3 and parts[2].nunique() > parts[0].nunique()


def _order(
    texts: pd.Series[Any], votes: list[Any], day_first_elsewhere: bool | None, separator: str
) -> _Order:
    """Return which of day and month comes first, by the rows that fit (day first, month first)."""
    by_day, by_month = votes
    if not (by_day or by_month):
        return _Order()
    if by_day != by_month:
        return _Order(day_first=bool(by_day > by_month))
    # With points, the day comes first in every language.
    if texts.str.fullmatch(r"\d{1,2}\.\s?\d{1,2}\.\s?\d{2,4}").all():
        return _Order(day_first=True)
    day_first = separator == ";" if day_first_elsewhere is None else day_first_elsewhere
    word = "day" if day_first else "month"
    remark = (
        f"dates that may begin with the day or the month, as {quote(texts.iloc[0])}, begin with "
        f"the {word}"
    )
    return _Order(day_first, (remark,), is_ambiguous=day_first_elsewhere is None)


def _with_hyphens(texts: pd.Series[Any]) -> pd.Series[Any]:
    """Return dates with hyphens between their parts and English names of months."""
    if texts.str.contains(r"[^\W\d_]", regex=True).any():
        texts = texts.str.replace(r"(?<=\d)(?:st|nd|rd|th)\b", "", regex=True, flags=re.IGNORECASE)
        texts = texts.str.replace(MONTH, lambda found: f"-{MONTHS[found[1].lower()]}-", regex=True)
    return texts.str.replace(r"[-/., ]+", "-", regex=True).str.strip("-")


def _parsed_by(texts: pd.Series[Any], formats: tuple[str, ...]) -> pd.Series[Any]:
    """Return the dates that any of the formats fits, the first one first; NaT for other texts."""
    found = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us]")
    for date_format in formats:
        left = texts[found.isna() & texts.notna()]
        if len(left):
            found = found.fillna(_parsed(left, date_format))
    return found


def _parsed(texts: pd.Series[Any], date_format: str) -> pd.Series[Any]:
    """Return the dates that a format fits; NaT for other texts."""
    dates = pd.to_datetime(texts, format=date_format, errors="coerce").astype("datetime64[us]")
    if "%y" in date_format:
        is_ahead = dates > pd.Timestamp.now() + pd.DateOffset(years=MOST_YEARS_AHEAD)
        dates = dates.mask(is_ahead, dates - pd.DateOffset(years=100))
    return dates


def _clock(texts: pd.Series[Any], missing: Any) -> pd.Series[Any]:
    """Return times of day as durations since midnight; ``missing`` without one."""
    codes, unique = pd.factorize(texts)
    parts = pd.Series(unique, dtype="str").str.extract(
        r"(\d+):(\d+)(?::(\d+(?:[.,]\d+)?))?\s*(?:([AaPp])\.?[Mm])?"
    )
    hour, minute = pd.to_numeric(parts[0]), pd.to_numeric(parts[1])
    second = pd.to_numeric(parts[2].str.replace(",", ".")).fillna(0.0)
    half = parts[3].str.upper()
    hour = hour.where(half.isna(), hour % 12 + 12 * (half == "P"))
    is_time = (hour < 24) & (minute < 60) & (second < 61)
    times = pd.to_timedelta((hour * 3600 + minute * 60 + second).where(is_time), unit="s")
    return _spread(times.dt.as_unit("us"), codes).where(codes >= 0, missing)


def _spread(values: pd.Series[Any], codes: Array) -> pd.Series[Any]:
    """Return the values of unique texts for all texts, by their codes; NaT for a code of -1."""
    return values.reindex(codes).reset_index(drop=True)


def _offset(zone: str) -> float:
    """Return the seconds by which a time zone is ahead of UTC."""
    sign, digits = zone[0], zone[1:].replace(":", "")
    if sign not in "+-":
        return 0.0
    return float(f"{sign}1") * (int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60)
