"""A column of text is what nearly all of its texts are; the others count as missing."""

import numpy as np
import pandas as pd
import pytest

from skorchless._tables.texts import Language, TextColumn


def typed(values, missing=(), name="x", **language):
    column = pd.Series(values, dtype="str")
    return TextColumn.of(column, missing).typed(name, Language(**language))


def kind(values, **options):
    return typed(values, **options).values.dtype.kind


@pytest.mark.parametrize(("n_stray", "is_number"), [(1, True), (5, True), (6, False)])
def test_up_to_five_of_a_hundred_texts_among_numbers_count_as_missing(n_stray, is_number):
    values = [f"{i}.5" for i in range(100 - n_stray)] + [f"t{i}" for i in range(n_stray)]
    found = typed(values)
    assert (found.values.dtype.kind == "f") == is_number
    # Either way: as text it is said that most were numbers.
    assert found.is_loss
    if is_number:
        assert found.values.isna().sum() == n_stray


@pytest.mark.parametrize(("n_numbers", "is_number"), [(8, False), (9, True)])
def test_one_text_is_a_fault_where_nine_others_are_numbers(n_numbers, is_number):
    assert (kind([*map(str, range(n_numbers)), "x"]) in "if") == is_number


def test_marks_of_missing_values_count_as_missing_whatever_their_share():
    found = typed(["1.5", "?", "n.a.", "-", "#DIV/0!", "NA"])
    assert found.values.tolist()[0] == 1.5
    assert found.values.isna().sum() == 5
    assert not found.is_loss


def test_in_a_column_of_text_the_empty_text_alone_is_missing():
    found = typed(["NA", "", "Namibia", "none", "  "]).values
    assert found.isna().tolist() == [False, True, False, False, True]


def test_texts_of_the_users_are_missing_everywhere():
    assert typed(["1.5", "-999", "2"], missing={"-999"}).values.isna().tolist() == [
        *(False, True, False)
    ]
    assert typed(["a", "-999", "b"], missing={"-999"}).values.isna().tolist() == [
        *(False, True, False)
    ]


@pytest.mark.parametrize(
    "words", [("true", "false"), ("YES", "no"), ("ja", "nein"), ("T", "F"), ("oui", "non")]
)
def test_two_words_for_yes_and_no_are_booleans(words):
    assert typed([words[0], words[1], f" {words[0]} "]).values.tolist() == [True, False, True]
    with_gap = typed([*words, ""]).values
    assert with_gap.dtype == "boolean"
    assert with_gap.isna().tolist() == [False, False, True]


@pytest.mark.parametrize("words", [("yes",), ("yes", "no", "maybe"), ("red", "blue")])
def test_other_words_and_digits_are_no_booleans(words):
    assert typed(words * 2).values.dtype.kind != "b"


def test_a_column_that_is_mostly_numbers_and_stays_text_is_said():
    found = typed([f"{i}.5" for i in range(90)] + ["below limit"] * 10)
    assert found.values.iloc[0] == "0.5"
    assert found.remarks == [
        "90 of 100 values are numbers, but others are not, as 'below limit': the column stays text"
    ]
    assert found.is_loss
    assert typed(["A1", "B2", "C3"]).remarks == []


def test_one_of_many_yes_and_no_may_be_something_else():
    found = typed(["yes", "no"] * 100 + ["maybe"]).values
    assert found.dtype == "boolean"
    assert found.isna().sum() == 1


def test_marks_alone_are_no_value():
    assert typed(["?", "?", ""]).values.isna().all()


@pytest.mark.parametrize(
    ("values", "are_text"),
    [
        (["01234", "99999", "00001"], True),
        (["01", "02", "12"], True),
        (["007", "12", "5"], False),
        (["0301234567", "04012345"], True),
        (["+49891234567", "+4930123456"], True),
        (["192.168.100.101", "192.168.100.102"], True),
        (["1234567890123456789"] * 3, True),
        (["0.5", "0.25"], False),
        (["0", "1"], False),
    ],
)
def test_digits_that_are_names_stay_text(values, are_text):
    assert (kind(values) == "O") == are_text


def test_integers_beyond_floats_stay_exact():
    values = [str(2**53 + 1), str(2**53 + 3), ""]
    assert [int(v) for v in typed(values).values[:2]] == [2**53 + 1, 2**53 + 3]


def test_whole_numbers_are_integers_and_others_floats():
    assert kind(["1 kg", "2 kg"]) == "i"
    assert kind(["1,5 kg", "2 kg"]) == "f"


def test_a_column_says_what_it_means_for_the_others():
    assert typed(["1,5", "2,25"]).decimal == ","
    assert typed(["1.5", "2.25"]).decimal == "."
    assert typed(["1,234", "2,345"]).decimal is None
    assert typed(["1,234"] * 3, decimal=",").values.tolist() == [1.234] * 3
    assert typed(["31/1/2024"]).day_first is True
    assert typed(["1/2/2024"], day_first=True).values[0] == pd.Timestamp(2024, 2, 1)


def test_blanks_around_texts_go():
    assert typed([" a", "a ", "b"]).values.tolist() == ["a", "a", "b"]


def test_infinity_is_a_number():
    assert typed(["1", "inf", "-Infinity"]).values.tolist() == [1.0, np.inf, -np.inf]


@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option is deprecated")
@pytest.mark.parametrize("values", [["1.5", None, "?", "3"], ["a 1", "b", None, "?", "3"]])
def test_texts_may_be_objects_as_pandas_had_them_before_it_had_a_type_for_them(values):
    expected = typed(values).values
    with pd.option_context("future.infer_string", False):
        found = TextColumn.of(pd.Series(values), ()).typed("x", Language()).values
    assert (found.dtype.kind == "f") == (expected.dtype.kind == "f")
    assert found.isna().tolist() == expected.isna().tolist()
    assert found.dropna().tolist() == expected.dropna().tolist()
