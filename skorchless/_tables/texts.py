"""A column of text: numbers, dates, booleans, or text after all.

Decided by its different texts, each with the number of its rows. A few that do not fit count as
missing, and are said.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from skorchless._arrays import Array
from skorchless._tables.dates import (
    DATE_AND_TIME,
    DATE_NAME,
    read_compact_dates,
    read_dates,
    read_times_of_day,
)
from skorchless._tables.notes import missing_text, quote
from skorchless._tables.numbers import (
    AMBIGUOUS,
    number_parts,
    number_style,
    plain_numbers,
    plain_signs,
    read_numbers,
)

# What stands for a missing value among numbers, dates and booleans, in lower case. In a column of
# text it is text: "NA" is Namibia, "none" an answer.
MISSING_MARKS = frozenset(
    [
        *("na", "n/a", "n.a.", "n.a", "#n/a", "#na", "<na>", "nan", "null", "(null)", "<null>"),
        *("none", "nil", "nd", "n.d.", "k.a.", "unknown", "unk"),
        *("missing", "(missing)", "(blank)"),
        *("not available", "not applicable", "keine angabe", "?", "??", "*", ".", "..", "..."),
        *("-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", "\\n", "#div/0!", "#value!", "#ref!"),
        *("#name?", "#num!", "#null!", "0000-00-00", "0000-00-00 00:00:00", "00.00.0000"),
    ]
)
# True and false.
BOOLEANS = [
    words.split("/")
    for words in (
        *("true/false", "yes/no", "y/n", "t/f", "on/off"),
        *("ja/nein", "j/n", "wahr/falsch", "oui/non", "o/n", "vrai/faux"),
        *("sí/no", "si/no", "s/n", "verdadero/falso", "sim/não", "vero/falso"),
        *("tak/nie", "ano/ne", "да/нет", "はい/いいえ", "是/否"),
    )
]
# Stray texts count as missing up to this share of a column's values, a choice: a row of units or a
# remark of whoever typed is a fault, a code of letters in every tenth row is not. One is a fault
# wherever nine other values fit.
MOST_STRAY, FEWEST_BESIDE_ONE = 0.05, 9
# Different texts of a column of booleans: True, TRUE and true, and strays among them.
MOST_WORDS = 20
# Integers of so many digits are exact as float64, and as int64.
MOST_FLOAT_DIGITS, MOST_EXACT_DIGITS = 15, 18
# Texts that are tried before all are, where a column may be no numbers or dates at all.
N_TRIED, N_LOOKED_AT = 200, 20


@dataclass(frozen=True)
class Language:
    """What the rest of a table says of a column that may be read in two ways."""

    separator: str = ""
    decimal: str | None = None
    day_first: bool | None = None


@dataclass(frozen=True)
class TypedColumn:
    """A column with its type, what is to be said of it, and what it says of the others."""

    values: pd.Series[Any]
    remarks: list[str] = field(default_factory=list)
    decimal: str | None = None
    day_first: bool | None = None
    is_ambiguous: bool = False
    is_loss: bool = False


@dataclass(frozen=True)
class TextColumn:
    """A column of text by its different texts: what is decided of one holds for all like it."""

    column: pd.Series[Any]  # (N,)
    codes: Array  # (N,), of texts; -1 for missing ones
    stripped: pd.Series[Any]  # (n_texts,), without blanks around them
    texts: pd.Series[Any]  # (n_texts,), with plain signs for typographic ones too
    counts: Array  # (n_texts,), rows
    is_empty: Array  # (n_texts,)
    is_mark: Array  # (n_texts,): stands for a missing value

    @staticmethod
    def of(column: pd.Series[Any], missing: Collection[str]) -> TextColumn:
        codes, unique = pd.factorize(column)
        found = pd.Series(unique, dtype="str")
        stripped = found.str.strip()
        is_empty = stripped.isin({"", *missing}).to_numpy(bool)
        if is_empty.any() or not (stripped == found).all():
            column = stripped.mask(is_empty).reindex(codes)
        texts = plain_signs(stripped)
        is_mark = texts.str.lower().isin(MISSING_MARKS).to_numpy(bool) & ~is_empty
        counts = np.bincount(codes[codes >= 0], minlength=len(unique))
        return TextColumn(column, codes, stripped, texts, counts, is_empty, is_mark)

    def typed(self, name: str, language: Language) -> TypedColumn:
        """Return the column as what its texts are."""
        readers = [self._booleans, self._numbers, self._dates, self._times]
        tried = self.texts[self._is_value].head(N_LOOKED_AT)
        if len(tried) < N_LOOKED_AT and not tried.str.contains(r"\d|inf", case=False).any():
            readers = [self._booleans]  # these are all texts: words alone
        if sum(map(bool, map(DATE_AND_TIME.match, tried))) > len(tried) / 2:
            readers[1:3] = self._dates, self._numbers  # half the time of the other order
        if not self._is_value.any():
            return self._of(pd.Series(np.nan, index=self.texts.index), [])
        if DATE_NAME.search(name):
            readers.insert(0, self._compact_dates)
        for read in readers:
            if (found := read(language)) is not None:
                return found
        return self._text()

    def _text(self) -> TypedColumn:
        """Return the column as text, and say so where most values could be numbers or dates."""
        texts = self.texts.where(self._is_value)
        n_values = int(self.counts[self._is_value].sum())
        has_digit = texts.str.contains(r"\d", regex=True, na=False).to_numpy(bool)
        if self.counts[has_digit].sum() < n_values / 2 or self._are_codes(texts):
            return TypedColumn(self.column)
        parts = number_parts(texts.fillna(""))
        style = number_style(parts, self.counts, None, "")
        dates = read_dates(texts, self.counts, None, "").values.notna().to_numpy()
        kinds = {"numbers": ~np.isnan(read_numbers(parts, style)), "dates": dates}
        for kind, is_read in kinds.items():
            n_read, others = int(self.counts[is_read].sum()), self._is_value & ~is_read
            if n_read >= n_values / 2 and others.any():
                other = quote(self.stripped[others].iloc[0])
                said = (
                    f"{n_read:,} of {n_values:,} values are {kind}, but others are not, as {other}"
                )
                return TypedColumn(self.column, [f"{said}: the column stays text"], is_loss=True)
        return TypedColumn(self.column)

    @property
    def _is_value(self) -> Array:
        """Tell which texts (n_texts,) are neither empty nor a mark of a missing value."""
        return ~(self.is_empty | self.is_mark)

    def _are_enough(self, is_read: Array) -> bool:
        """Tell whether texts that could be read make a column of their kind."""
        n_read = self.counts[is_read].sum()
        n_stray = self.counts[self._is_value & ~is_read].sum()
        most = max(MOST_STRAY * (n_read + n_stray), n_read >= FEWEST_BESIDE_ONE)
        return bool(n_read > 0 and n_stray <= most)

    def _of(self, values: pd.Series[Any], remarks: list[str], **told: Any) -> TypedColumn:
        """Return a column of values (n_texts,); what could not be read is missing, and said."""
        is_missing = values.isna().to_numpy() & ~self.is_empty
        if is_missing.any():
            texts, counts = self.stripped[is_missing].to_numpy(), self.counts[is_missing]
            remarks = [*remarks, missing_text(texts, counts, len(self.codes))]
        is_loss = bool((is_missing & ~self.is_mark).any())
        return TypedColumn(values.reindex(self.codes), remarks, is_loss=is_loss, **told)

    def _booleans(self, _language: Language) -> TypedColumn | None:
        """Return booleans of a column that says yes and no, in one of some languages."""
        if self._is_value.sum() > MOST_WORDS:
            return None
        words = self.texts.str.lower().where(self._is_value)
        present = set(words.dropna())
        for pair in BOOLEANS:
            if present >= {*pair} and self._are_enough(words.isin(pair).to_numpy(bool)):
                values = words.map({pair[0]: True, pair[1]: False}).astype("boolean")
                typed = self._of(values, [])
                has_missing = typed.values.isna().any()
                return typed if has_missing else replace(typed, values=typed.values.astype("bool"))
        return None

    def _numbers(self, language: Language) -> TypedColumn | None:
        """Return numbers of a column that has them, but for digits that are names."""
        texts = self.texts.where(self._is_value)
        has_digit = texts.str.contains(r"\d", regex=True, na=False).to_numpy(bool)
        is_infinite = texts.str.fullmatch(r"(?i)[+-]?inf(?:inity)?", na=False).to_numpy(bool)
        if not self._are_enough(has_digit | is_infinite) or self._are_codes(texts):
            return None
        values = plain_numbers(texts)
        with_point = texts[texts.str.contains(".", regex=False, na=False)]
        may_be_groups = len(with_point) and with_point.str.fullmatch(AMBIGUOUS).all()
        if not np.isnan(values[self._is_value]).any() and not may_be_groups:
            exact = _exact(texts)
            whole = _whole_if_they_are(values) if exact is None else exact
            return self._of(whole, [], decimal="." if len(with_point) else None)
        return self._written_numbers(texts, values, language)

    def _written_numbers(
        self, texts: pd.Series[Any], values: Array, language: Language
    ) -> TypedColumn | None:
        """Return numbers with marks and units of people."""
        tried = number_parts(texts.dropna().iloc[:N_TRIED])["digits"]
        if (tried != "").mean() < 0.5 and not self._are_enough(~np.isnan(values)):
            return None
        parts = number_parts(texts.fillna(""))
        style = number_style(parts, self.counts, language.decimal, language.separator)
        found = read_numbers(parts, style)
        if not self._are_enough(~np.isnan(found)):
            return None
        decided = style.decimal if not style.example else None
        return self._of(
            _whole_if_they_are(found),
            style.remarks,
            decimal=decided,
            is_ambiguous=style.is_ambiguous,
        )

    def _are_codes(self, texts: pd.Series[Any]) -> bool:
        """Tell postcodes and the like: digits after zeros, or more of them than a number has."""
        if texts.dropna().str.fullmatch(r"(?:\d{1,3}\.){3}\d{1,3}|\+\d{8,}").all():
            return True  # addresses of the internet, telephones
        digits = texts[texts.str.fullmatch(r"\d+", na=False)]
        if digits.empty:
            return False
        lengths = digits.str.len()
        has_zeros = digits.str.match(r"0\d").any() and lengths.nunique() == 1
        has_long = digits.str.match(r"0\d{6}").any() or lengths.max() > MOST_EXACT_DIGITS
        return bool(has_zeros or has_long)

    def _compact_dates(self, _language: Language) -> TypedColumn | None:
        """Return dates of eight digits."""
        dates = read_compact_dates(self.texts.where(self._is_value))
        return self._of(dates, []) if self._are_enough(dates.notna().to_numpy()) else None

    def _dates(self, language: Language) -> TypedColumn | None:
        """Return dates, with times or without."""
        texts = self.texts.where(self._is_value)
        tried = texts.dropna().iloc[:N_TRIED]
        if not _looks_like_dates(tried):
            return None
        dates = read_dates(texts, self.counts, language.day_first, language.separator)
        if not self._are_enough(dates.values.notna().to_numpy()):
            return None
        told = None if dates.remarks and dates.is_ambiguous else dates.day_first
        return self._of(
            dates.values, dates.remarks, day_first=told, is_ambiguous=dates.is_ambiguous
        )

    def _times(self, _language: Language) -> TypedColumn | None:
        """Return times of day as durations since midnight."""
        times = read_times_of_day(self.texts.where(self._is_value))
        return self._of(times, []) if self._are_enough(times.notna().to_numpy()) else None


def _looks_like_dates(texts: pd.Series[Any]) -> bool:
    """Tell whether half of texts have two parts of a date: digits and digits, or a name."""
    pattern = r"\d{1,4}\D+\d{1,4}|\d+\W*[^\W\d_]{3,}|[^\W\d_]{3,}\W*\d+"
    return bool(len(texts) and texts.str.contains(pattern, regex=True).mean() >= 0.5)


def _exact(texts: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return integers that float64 does not hold as such; None where there are none."""
    if not (texts.str.len() > MOST_FLOAT_DIGITS).any():
        return None
    if not texts.dropna().str.fullmatch(r"[+-]?\d{1,18}").all():
        return None
    integers = [pd.NA if pd.isna(text) else int(text) for text in texts]
    return pd.Series(integers, dtype="Int64")


def _whole_if_they_are(values: Array) -> pd.Series[Any]:
    """Return numbers as int64 where all are whole, so that they are told from measurements."""
    if len(values) and np.isfinite(values).all() and (np.abs(values) < 2**53).all():
        whole = values.astype(np.int64)
        if (whole == values).all():
            return pd.Series(whole)
    return pd.Series(values)
