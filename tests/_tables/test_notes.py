"""Notes: losses first, the same of several columns together, in at most twenty lines."""

import numpy as np

from skorchless._tables.notes import Note, as_lines, did_you_mean, list_names, missing_text


def test_columns_of_which_the_same_is_said_share_a_line():
    notes = [Note("a", "decimal commas"), Note(None, "of the table"), Note("b", "decimal commas")]
    assert as_lines(notes) == ["a, b: decimal commas", "of the table"]


def test_the_same_of_one_column_is_said_once():
    assert as_lines([Note("a", "decimal commas")] * 2) == ["a: decimal commas"]


def test_what_was_lost_comes_first():
    assert as_lines([Note("a", "plain"), Note("b", "left out", is_loss=True)]) == [
        "b: left out",
        "a: plain",
    ]


def test_there_are_twenty_lines_at_most():
    lines = as_lines(Note(f"c{i}", f"remark {i}") for i in range(30))
    assert len(lines) == 20
    assert lines[-1] == "11 more remarks of this kind"


def test_ten_names_are_listed_and_long_ones_are_cut():
    assert list_names(["a", 1]) == "'a', '1'"
    assert list_names(range(12), quoted=False).endswith("8, 9 and 2 more")
    assert list_names(["x" * 99]) == f"'{'x' * 39}…'"
    assert list_names(["two\nlines"]) == "'two lines'"


def test_the_nearest_name_is_a_hint():
    assert did_you_mean("Lable", ["x", "label"]) == "; did you mean 'label'?"
    assert did_you_mean("z", ["x", 1]) == "."


def test_texts_that_count_as_missing_are_named_by_their_number_of_rows():
    def said(texts, counts):
        return missing_text(np.array(texts), np.array(counts), 2000)

    assert said(["?"], [1]) == "1 of 2,000 values is '?' and counts as missing"
    assert said(["?", "-"], [2, 5]) == "7 of 2,000 values are '-' or '?' and count as missing"
    assert said(["a", "b", "c", "d"], [1, 1, 1, 1]).startswith(
        "4 of 2,000 values are 'a', 'b', 'c' or the like and count"
    )
