"""Columns have names that are text and their own; row numbers without a name go."""

import numpy as np
import pandas as pd
import pytest

from skorchless._tables.names import at_commas, with_names


def names_of(names, first=(1.5, 2.5)):
    frame = pd.DataFrame([[first[0], "x"], [first[1], "y"]], columns=pd.Index(names, dtype=object))
    return with_names(frame)[0].columns.tolist()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        ([0, 1], ["0", "1"]),
        ([0, "b"], ["0", "b"]),
        ([" a ", "b"], ["a", "b"]),
        ([None, "b"], ["column 1", "b"]),
        ([np.nan, ""], ["column 1", "column 2"]),
        ([("a", 1), ("a", 2)], ["('a', 1)", "('a', 2)"]),
    ],
)
def test_names_become_text_and_missing_ones_are_numbered(names, expected):
    assert names_of(names) == expected


@pytest.mark.parametrize("names", [["a", "a"], ["a", " a"], [1, "1"]])
def test_a_name_that_stands_there_twice_is_an_error(names):
    with pytest.raises(ValueError, match="columns stand there twice: '(a|1)'"):
        names_of(names)


@pytest.mark.parametrize("name", ["", None, "Unnamed: 0", "__index_level_0__"])
def test_row_numbers_without_a_name_are_left_out_and_said(name):
    frame = pd.DataFrame([[7, "x"], [3, "y"]], columns=[name, "b"])
    left, notes = with_names(frame)
    assert left.columns.tolist() == ["b"]
    assert [note.text for note in notes] == [
        "the first column, without a name, numbers the rows and is left out"
    ]


@pytest.mark.parametrize("first", [(1.0, 2.0), (1, 1), ("a", "b")])
def test_other_columns_without_a_name_stay(first):
    assert names_of(["", "b"], first) == ["column 1", "b"]


def test_a_table_without_any_name_keeps_its_first_column():
    assert with_names(pd.DataFrame([[1, 2], [2, 2]], columns=["", ""]))[0].shape == (2, 2)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a,b"], ["a", "b"]),
        (["a , b", "a"], ["a", "b"]),
        (["x,y", "a,x,y"], ["x,y", "a", "x", "y"]),
        ([], []),
    ],
)
def test_several_names_have_commas_between_them_but_for_those_of_a_column(names, expected):
    assert at_commas(names, ["a", "b", "x,y"]) == expected
