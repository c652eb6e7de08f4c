"""Numbers as people and spreadsheets write them: 1.234,56; (1,200); € 5; 12 %; 1,5E-05.

One function decides how the texts of a column are written, another one reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from skorchless._arrays import Array
from skorchless._tables.notes import quote

OTHER_MARK = {",": ".", ".": ","}
# Currencies by sign, and by code where a number stands beside: "12 USD".
CURRENCY_SIGNS = "€$£¥₹₽₩₺₴₪₫฿"
CURRENCY_CODES = (
    "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF INR JPY MXN NOK NZD PLN RUB SEK USD ZAR"
)
CURRENCY = rf"(?:[A-Za-z]{{0,2}}[{CURRENCY_SIGNS}]|{'|'.join(CURRENCY_CODES.split())}|Fr\.|Rs\.?)"
# What multiplies the number before it; "m" is a metre as often as a million.
FACTORS = {
    **dict.fromkeys(("k", "K", "tsd", "Tsd"), 1e3),
    **dict.fromkeys(("M", "mn", "Mn", "mio", "Mio", "mln", "million", "millions"), 1e6),
    **dict.fromkeys(("B", "bn", "Bn", "mrd", "Mrd", "billion", "billions"), 1e9),
    **dict.fromkeys(("T", "tn", "trn", "trillion", "trillions"), 1e12),
}
FACTOR = rf"(?:{'|'.join(sorted(FACTORS, key=len, reverse=True))})(?![^\W\d_])\.?"
# Behind a number any one word may be its unit, as in "12 kg", "3 km/h", "5 m²", "7 %".
UNIT = rf"(?:{CURRENCY}|[%‰°]|°?[^\W\d_][^\s\d,;()]{{0,9}}[²³]?)"
NUMBER = (
    rf"(\()?\s*([+-])?\s*(?:({CURRENCY})\s*([+-])?)?\s*"
    r"((?:\d[\d.,' ]*)?\d[.,]?|[.,]\d+)"
    rf"([eE][+-]?\d+)?\s*({FACTOR})?\s*({UNIT})?\s*(-)?\s*\)?"
)
PARTS = [
    *("opening", "sign", "before", "sign_behind"),
    *("digits", "exponent", "factor", "unit", "minus_behind"),
]
# Typographic signs, and what a number has in their place.
PLAIN_SIGNS = str.maketrans(
    {"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2212": "-", "\u2013": "-"} | {"\u2019": "'"}
)
# 1,234: a thousand and more, or one and a part of it.
AMBIGUOUS = r"[1-9]\d{0,2}[.,]\d{3}"


@dataclass(frozen=True)
class NumberStyle:
    """How the numbers of a column are written."""

    decimal: str = "."  # "." or ","
    unit: str = ""
    is_ambiguous: bool = False  # which mark is the decimal one, no text of the column tells
    example: str = ""  # an ambiguous text
    remarks: list[str] = field(default_factory=list)


def plain_signs(texts: pd.Series[Any]) -> pd.Series[Any]:
    """Return texts with plain blanks, hyphens and apostrophes, none of the former around them."""
    if not texts.str.isascii().all():
        texts = texts.str.translate(PLAIN_SIGNS)
    return texts.str.strip()


def plain_numbers(texts: pd.Series[Any]) -> Array:
    """Return the numbers (n_texts,) that are written as programs write them; NaN for others."""
    return pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def number_parts(texts: pd.Series[Any]) -> pd.DataFrame:
    """Return the parts of numbers in texts, a row each; of what is no number, no digits."""
    parts = texts.str.extract(f"^(?:{NUMBER})$").fillna("")
    parts.columns = pd.Index(PARTS)
    return parts


def number_style(
    parts: pd.DataFrame, counts: Array, decimal_elsewhere: str | None, separator: str
) -> NumberStyle:
    """Return how the numbers of a column are written, by those that leave no doubt.

    Where all of them do, the other columns decide (``decimal_elsewhere``), or the language that
    the table's separator speaks of: a semicolon separates where the comma is a decimal mark.
    """
    digits = parts["digits"]
    are_ambiguous = (digits.str.fullmatch(AMBIGUOUS) & (parts["exponent"] == "")).to_numpy(bool)
    votes = {mark: int(counts[_tells(parts, mark, are_ambiguous)].sum()) for mark in ",."}
    units = _units(parts)
    unit = _commonest(units, counts)
    is_ambiguous, example = False, ""
    if votes[","] != votes["."]:
        decimal = max(votes, key=votes.__getitem__)
    elif are_ambiguous.any():
        is_ambiguous = decimal_elsewhere is None
        example = str(digits[are_ambiguous].iloc[0])
        # Programs write 1.234 with a point wherever they run.
        decimal = decimal_elsewhere or ("," if "," in example and separator == ";" else ".")
        if decimal_elsewhere is None and _are_grouped(digits, are_ambiguous):
            decimal = OTHER_MARK[example[-4]]
    else:
        decimal = "."
    return NumberStyle(
        decimal,
        unit,
        is_ambiguous,
        example,
        _remarks(parts, decimal, unit, votes, example, is_told=separator == ";"),
    )


def read_numbers(parts: pd.DataFrame, style: NumberStyle) -> Array:
    """Return numbers (n_texts,) by their parts; NaN for what is none, or of another unit."""
    values = _values(parts, style.decimal)
    # A text that the column's marks leave no sense to may have one by the others: 1.5 among 2,5.
    others = np.isnan(values)
    if others.any():
        values[others] = _values(parts[others], OTHER_MARK[style.decimal])
    units = _units(parts)
    values[((units != "") & (units != style.unit)).to_numpy(bool)] = np.nan
    values *= _factors(parts)
    is_negative = (
        (parts["sign"] == "-")
        ^ (parts["sign_behind"] == "-")
        ^ _are_minus_behind(parts)
        ^ (parts["opening"] == "(")
    )
    return np.where(is_negative, -values, values)


def _tells(parts: pd.DataFrame, decimal: str, are_ambiguous: Array) -> Array:
    """Tell which texts (n_texts,) have a sense with one decimal mark alone."""
    group = rf"\{OTHER_MARK[decimal]}"
    with_part = rf"(?:\d*|\d{{1,3}}(?:[{group}' ]\d{{2,3}})+)\{decimal}\d*"
    pattern = rf"{with_part}|\d{{1,3}}(?:{group}\d{{3}}){{2,}}"
    tells: Array = parts["digits"].str.fullmatch(pattern).to_numpy(bool)
    return tells & ~are_ambiguous


def _values(parts: pd.DataFrame, decimal: str) -> Array:
    """Return the absolute values (n_texts,) that digits and exponents have with a decimal mark."""
    digits = parts["digits"]
    group = rf"[\{OTHER_MARK[decimal]}' ]"
    # In groups of three; of two or three, as in India, with the last one of three. Without a
    # lookahead, which pandas 3.0 hands to Arrow, whose expressions have none.
    grouped = rf"(?:0|[1-9]\d{{0,2}})(?:{group}\d{{2,3}})*{group}\d{{3}}"
    pattern = rf"(?:\d+|{grouped})?(?:\{decimal}\d*)?"
    is_number = digits.str.fullmatch(pattern).to_numpy(bool) & (digits != "").to_numpy(bool)
    plain = digits.str.replace(group, "", regex=True).str.replace(decimal, ".", regex=False)
    return np.where(is_number, plain_numbers(plain + parts["exponent"]), np.nan)


def _units(parts: pd.DataFrame) -> pd.Series[Any]:
    """Return the currency or unit of each number, in the singular; empty without one."""
    units = parts["unit"].mask(_are_millions(parts), "")
    units = units.mask(units.str.len() > 2, units.str.removesuffix("s"))
    return (parts["before"] + " " + units).str.strip()


def _factors(parts: pd.DataFrame) -> Array:
    """Return what the words behind numbers multiply them by (n_texts,)."""
    factors = parts["factor"].map(lambda word: FACTORS.get(word.rstrip("."), 1.0))
    return factors.mask(_are_millions(parts), 1e6).to_numpy(dtype=np.float64)


def _are_millions(parts: pd.DataFrame) -> pd.Series[bool]:
    """Tell numbers with an "m" behind that is no metre, because a currency stands before."""
    return (parts["unit"] == "m") & (parts["before"] != "")


def _are_minus_behind(parts: pd.DataFrame) -> pd.Series[bool]:
    """Tell negative numbers with their sign behind; "5,-" and "5.-" have no cents."""
    return (parts["minus_behind"] == "-") & ~parts["digits"].str.contains("[.,]$", regex=True)


def _commonest(units: pd.Series[Any], counts: Array) -> str:
    """Return the commonest of units; empty where no number has one."""
    totals = pd.Series(counts, index=pd.Index(units)).groupby(level=0).sum()
    totals = totals.drop("", errors="ignore")
    return str(totals.idxmax()) if len(totals) else ""


def _are_grouped(digits: pd.Series[Any], are_ambiguous: Array) -> bool:
    """Tell thousands: of the numbers without a mark none has four digits, as 950 beside 1.234."""
    others = digits[~are_ambiguous & (digits != "").to_numpy(bool)]
    return bool(len(others) and others.str.fullmatch(r"\d{1,3}").all())


def _remarks(
    parts: pd.DataFrame,
    decimal: str,
    unit: str,
    votes: dict[str, int],
    example: str,
    *,
    is_told: bool,
) -> list[str]:
    """Return what is to be said of the numbers of a column."""
    remarks, digits = [], parts["digits"]
    has_commas = digits.str.contains(",", regex=False).any()
    if votes[","] and votes["."]:
        remarks.append("decimal commas and decimal points")
    elif decimal == "," and votes[","] and has_commas:
        remarks.append("decimal commas")
    if example and not votes[","] and not votes["."]:
        if decimal == "." and "." in example and not is_told:
            return remarks  # as programs write it
        value = _values(parts[digits == example].iloc[:1], decimal)[0]
        remarks.append(f"{quote(example)} is taken for {value:.15g}")
    else:
        groups = [mark for mark in (OTHER_MARK[decimal], "'", " ") if _has_groups(digits, mark)]
        names = {",": "commas", ".": "points", "'": "apostrophes", " ": "blanks"}
        remarks += [f"thousands separated by {names[mark]}" for mark in groups]
    if (parts["opening"] == "(").any():
        remarks.append("parentheses for negative numbers")
    n_with = int((_units(parts) != "").sum())
    some = "" if n_with == (digits != "").sum() else "some "
    if unit == "%":
        remarks.append(f"{some}numbers of per cent")
    elif unit:
        remarks.append(f"{some}numbers with {quote(unit)} beside them")
    if _are_minus_behind(parts).any():
        remarks.append("a minus behind a number is its sign")
    if (_factors(parts) != 1.0).any():
        remarks.append("words such as 'k' and 'M' multiply")
    return remarks


def _has_groups(digits: pd.Series[Any], mark: str) -> bool:
    """Tell whether a mark separates thousands in any of the digits."""
    return bool(digits.str.contains(rf"\d\{mark}\d{{2,3}}", regex=True).any())
