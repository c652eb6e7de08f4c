"""Columns that say nothing of other rows are left out, those that say all are told."""

import numpy as np
import pandas as pd
import pytest

from skorchless.comparison._columns import (
    as_pandas,
    columns_to_leave_out,
    is_frame,
    leaks,
    typed_columns,
)

N = 40


def frame(**columns):
    return pd.DataFrame({"x": np.arange(N) % 7.0, **columns})


def left_out(**columns):
    return {name: note.text for name, note in columns_to_leave_out(frame(**columns)).items()}


def test_texts_of_which_nearly_all_differ_are_left_out():
    names = [f"n{i}" for i in range(36)]
    assert left_out(id=names + names[:4]) == {"id": "36 different texts in 40 rows, left out"}
    assert left_out(id=names[:35] + names[:5]) == {}


def test_a_column_without_a_value_is_left_out():
    assert left_out(gone=[None] * N) == {"gone": "no value, left out"}


@pytest.mark.parametrize("values", [np.arange(N), np.linspace(0, 1, N), ["a"] * N])
def test_numbers_and_categories_stay(values):
    assert left_out(it=values) == {}


def test_a_few_rows_may_all_have_names():
    few = pd.DataFrame({"id": [f"n{i}" for i in range(9)]})
    assert columns_to_leave_out(few) == {}


@pytest.mark.parametrize(
    ("column", "is_leak"),
    [
        (["u", "v"] * (N // 2), True),
        ([3.5, 1.5] * (N // 2), True),
        (["u", None] * (N // 2), True),
        (["u", "v"] * (N // 2 - 1) + ["u", "u"], False),
        (["u"] * N, False),
        (["u", "v", "w", "v"] * (N // 4), False),
    ],
)
def test_a_column_that_tells_the_labels_one_to_one_is_told(column, is_leak):
    notes = leaks(frame(it=column), np.array(["a", "b"] * (N // 2)))
    assert [note.column for note in notes] == (["it"] if is_leak else [])
    assert all(note.is_loss for note in notes)


def test_a_column_that_tells_one_of_several_labels_is_told_with_its_name():
    y = np.column_stack([np.arange(N) % 2, np.arange(N) % 3 == 0])
    found = leaks(frame(it=["u", "v"] * (N // 2), x=np.arange(N)), y, ["a", "b"])
    assert [(note.column, note.text.partition(";")[0]) for note in found] == [
        ("it", "it tells label 'a' one to one")
    ]


def test_types_of_training_and_test_samples_are_decided_together():
    X, X_test, _ = typed_columns(
        pd.DataFrame({"a": ["1,5", "2"]}), pd.DataFrame({"a": ["1.000"]}, index=[9])
    )
    assert X["a"].tolist() == [1.5, 2.0]
    assert X_test["a"].tolist() == [1000.0]
    assert X_test.index.tolist() == [9]
    with pytest.raises(ValueError, match="X_test must have the columns of X, 'a', and has 'b'"):
        typed_columns(pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}))


def test_frames_of_polars_and_arrow_are_those_of_pandas():
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    expected = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    for table in (polars.DataFrame({"a": [1, 2], "b": ["x", "y"]}), pyarrow.table(expected)):
        assert is_frame(table)
        pd.testing.assert_frame_equal(as_pandas(table)[0], expected, check_dtype=False)


def test_dropped_columns_go_before_names_are_checked():
    repeated = pd.DataFrame([[1, 2, 3]], columns=["a", "b", "b"])
    assert as_pandas(repeated, ["b"])[0].columns.tolist() == ["a"]
    assert as_pandas(pd.DataFrame([[1, 2, 3]], columns=list("abc")), ["a, c"])[0].shape == (1, 1)
    with pytest.raises(ValueError, match=r"drop names 'B', which .* did you mean 'b'\? There is"):
        as_pandas(repeated, ["B"])
