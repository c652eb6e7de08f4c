"""Which column has labels, what they are, and what is said of one that has none."""

import numpy as np
import pandas as pd
import pytest

from skorchless.comparison._target import take_target

N = 60


def table(**columns):
    return pd.DataFrame({"x": np.arange(N), **columns})


def labels_of(values, dtype=None):
    X, y = take_target(table(y=pd.Series(values, dtype=dtype)), "y")
    assert X.columns.tolist() == ["x"]
    assert len(X) == len(y)
    return y


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (["a", "b"], "object", {"a", "b"}),
        (["a", "b"], "str", {"a", "b"}),
        (["a", "b"], "category", {"a", "b"}),
        ([0, 1], "int64", {0, 1}),
        ([0, 1], "Int64", {0, 1}),
        ([0, 1], "float64", {0, 1}),
        ([True, False], "bool", {"True", "False"}),
        ([True, False], "boolean", {"True", "False"}),
        ([True, "b"], "object", {"True", "b"}),
    ],
)
def test_labels_of_every_kind_are_plain(values, dtype, expected):
    y = labels_of(values * (N // 2), dtype)
    assert set(y.tolist()) == expected
    assert y.dtype.kind in "iU"


def test_rows_without_a_label_are_left_out():
    values = [0.0, 1.0, None] * (N // 3)
    X, y = take_target(table(y=values), "y")
    assert X["x"].tolist() == [i for i in range(N) if i % 3 != 2]
    assert y.tolist() == [0, 1] * (N // 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.linspace(0, 1, N), "'y' has 60 different numbers in 60 rows: that is a regression"),
        (np.arange(N), "'y' has 60 different numbers in 60 rows: that is a regression"),
        ([0.5, 1.5] * (N // 2), "'y' has 2 different numbers in 60 rows: that is a regression"),
        (["a"] * N, "'y' needs at least two classes, but has only a"),
        ([None] * N, "but has no value beside 60 rows without a value"),
        (["a"] * 9 + [None] * 51, "but has only a beside 51 rows without a value"),
        ([np.inf, 1.0] * (N // 2), "that is a regression"),
        ([1e300, 1.0] * (N // 2), "that is a regression"),
        (np.arange(N) // 2 % 18, "'y' has 18 classes in 60 rows: too few rows to set a quar"),
        (["a"] * (N - 1) + ["b"], "'y' has a single row of 'b'; a split .* needs two"),
        (pd.date_range("2024-01-01", periods=N), "'y' has dates or durations, not classes"),
    ],
)
def test_what_is_no_class_is_said(values, message):
    with pytest.raises(ValueError, match=message):
        labels_of(values)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([2**53, 2**53 + 1], "int64"),
        ([2**53, 2**53 + 1], "Int64"),
        ([2**63, 2**64 - 1], "uint64"),
        ([2**63, 2**64 - 1], "UInt64"),
    ],
)
def test_large_whole_numbers_are_kept_apart(values, dtype):
    assert set(labels_of(values * (N // 2), dtype).tolist()) == set(values)


def test_many_whole_numbers_are_classes_where_each_has_many_rows():
    frame = pd.DataFrame({"x": np.arange(3000), "y": np.arange(3000) % 100})
    with pytest.warns(UserWarning, match="'y' has 100 different whole numbers; each is taken"):
        assert len(np.unique(take_target(frame, "y")[1])) == 100


def test_a_missing_column_is_named_with_those_that_there_are():
    with pytest.raises(ValueError, match="there is no column 'z'. There is 'x', 'y'"):
        take_target(table(y=0), "z")
    with pytest.raises(ValueError, match=r"no column 'Lable'; did you mean 'label'\? There is"):
        take_target(table(label=0), "Lable")
    wide = pd.DataFrame(np.zeros((2, 30)), columns=[f"c{i}" for i in range(30)])
    with pytest.raises(ValueError, match="'c8', 'c9' and 20 more"):
        take_target(wide, "z")


def test_there_has_to_be_another_column():
    with pytest.raises(ValueError, match="no column beside 'x' to predict it from"):
        take_target(table(), "x")
