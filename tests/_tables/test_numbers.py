"""How the numbers of a column are written is decided by those that leave no doubt."""

import numpy as np
import pandas as pd
import pytest

from skorchless._tables.numbers import number_parts, number_style, plain_signs, read_numbers


def read(*texts, decimal=None, separator=","):
    parts = number_parts(plain_signs(pd.Series(texts, dtype="str")))
    style = number_style(parts, np.ones(len(texts)), decimal, separator)
    return read_numbers(parts, style).tolist(), style


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["1,5", "2", "-0,25", ",5"], [1.5, 2, -0.25, 0.5]),
        (["1.234,56", "12,5", "1.000"], [1234.56, 12.5, 1000]),
        (["1,234.56", "12.5", "1,000"], [1234.56, 12.5, 1000]),
        (["1'234.5", "2.25"], [1234.5, 2.25]),
        (["1 234,5", "2,25"], [1234.5, 2.25]),
        (["12,34,567.5", "1,234.25"], [1234567.5, 1234.25]),
        (["1.234.567", "1.000.000"], [1234567, 1000000]),
        (["1,5E-05", "+2,5e3"], [1.5e-05, 2500]),
        (["(1,200.50)", "3-", "- 4", "+5"], [-1200.5, -3, -4, 5]),
        (["€ 5,25", "€1.000,50"], [5.25, 1000.5]),
        (["5.25 USD", "USD 7.5"], [5.25, 7.5]),
        (["12 %", "7.5%"], [12, 7.5]),
        (["3 km/h", "4.5km/h"], [3, 4.5]),
        (["1.5", "2,5", "3,5"], [1.5, 2.5, 3.5]),
        (["1.234", "950", "12.345"], [1234, 950, 12345]),
        (["€1.5M", "€565K", "€0"], [1.5e6, 565e3, 0]),
        (["1.2k", "950"], [1200, 950]),
        (["1 day", "3 days"], [1, 3]),
        (["$2.9T", "$300B", "£5m", "1,5 Mrd. €"][:3], [2.9e12, 3e11, np.nan]),
        (["£5m", "£300k"], [5e6, 3e5]),
        (["1,5 Mrd. €", "3 Mio. €"], [1.5e9, 3e6]),
        (["5.-", "12.50"], [5, 12.5]),
        (["€ 12,-", "€ 3,50"], [12, 3.5]),
        (["\N{EN DASH}5", "3"], [-5, 3]),
    ],
)
def test_numbers_are_what_people_mean(texts, numbers):
    np.testing.assert_allclose(read(*texts)[0], numbers)


@pytest.mark.parametrize(
    ("text", "decimal", "separator", "number"),
    [
        ("1,234", None, ",", 1234),
        ("1,234", None, ";", 1.234),
        ("1,234", None, "\t", 1234),
        ("1,234", ".", ";", 1234),
        ("1,234", ",", ",", 1.234),
        ("1.234", None, ",", 1.234),
        ("1.234", None, ";", 1.234),
        ("1.234", ",", ";", 1234),
    ],
)
def test_what_may_be_thousands_is_decided_by_the_other_columns(text, decimal, separator, number):
    (found,), style = read(text, decimal=decimal, separator=separator)
    assert found == number
    assert style.is_ambiguous == (decimal is None)


@pytest.mark.parametrize(
    "texts",
    [
        *(["a", "1.2.3"], ["12 kg", "3 m", "4 m"], ["1,2,3"], ["12:30", "10-20"], ["1..5"]),
        *(["A1"], ["1st floor"], ["€"], ["--5"], ["$ x"], ["030 123"]),
    ],
)
def test_other_texts_are_no_numbers(texts):
    assert np.isnan(read(*texts)[0][0])


def test_what_was_not_plain_is_remarked():
    assert read("1.234,5", "2,5")[1].remarks == [
        "decimal commas",
        "thousands separated by points",
    ]
    assert read("5 kg")[1].remarks == ["numbers with 'kg' beside them"]
    assert read("(5)", "7 %")[1].remarks == [
        "parentheses for negative numbers",
        "some numbers of per cent",
    ]
    assert read("1,234")[1].remarks == ["'1,234' is taken for 1234"]
    assert read("1.5", "2.25")[1].remarks == []
