"""Which column has labels, what they are, and what is said of one that has none."""

import numpy as np
import pandas as pd
import pytest

from skorchless.comparison._target import take_label_columns, take_target

N = 60


def table(**columns):
    return pd.DataFrame({"x": np.arange(N), **columns})


def labels_of(values, dtype=None):
    X, y, _ = take_target(table(y=pd.Series(values, dtype=dtype)), ["y"])
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
    X, y, notes = take_target(table(y=values), ["y"])
    assert X["x"].tolist() == [i for i in range(N) if i % 3 != 2]
    assert y.tolist() == [0, 1] * (N // 3)
    assert [note.text for note in notes] == ["20 rows without a label are left out"]


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
        (np.arange(N) // 2 % 18, "'y' has 18 classes in 60 rows: too few rows to set 15 aside"),
        (["a"] * (N - 1) + ["b"], "'y' needs at least two classes, but has only a"),
        ([f"l{i}" for i in range(N)], "'y' has a single row of each of its 60 labels"),
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
    _, y, notes = take_target(frame, ["y"])
    assert len(np.unique(y)) == 100
    assert [note.text for note in notes] == ["each of 100 whole numbers is taken for a class"]


@pytest.mark.parametrize("values", [np.arange(N) % 25, np.arange(N) % 10 / 2])
def test_numbers_are_classes_where_the_user_says_so(values):
    with pytest.raises(ValueError, match="say so by --classes"):
        take_target(table(y=values), ["y"], test_size=30)
    y = take_target(table(y=values), ["y"], test_size=30, classes=True)[1]
    assert set(y.tolist()) == (set(values) if values.dtype == int else {f"{v:g}" for v in values})


@pytest.mark.parametrize("label", ["None", "NA", "null", "nan", "-", "007", "1,5"])
def test_labels_are_the_text_as_it_stands(label):
    assert set(labels_of([label, "b"] * (N // 2), "str")) == {label, "b"}


def test_a_blank_label_is_none():
    _, y, notes = take_target(table(y=["a", "b", " "] * (N // 3)), ["y"])
    assert set(y.tolist()) == {"a", "b"}
    assert notes[0].text == "20 rows without a label are left out"


@pytest.mark.parametrize("text", ["{},5", "{}.25", "€ {},50", "{}.05.2024"])
def test_text_that_is_a_quantity_is_refused(text):
    values = [text.format(i % 12 + 1) for i in range(N)]
    with pytest.raises(ValueError, match="that is a regression|has dates or durations"):
        labels_of(values, "str")


@pytest.mark.parametrize("stray", ["?", "NA", "unknown", "see below"])
@pytest.mark.parametrize("text", ["{}.5", "{}", "{}.0", "{} km"])
def test_a_quantity_with_a_stray_text_is_one(stray, text):
    values = [text.format(i) for i in range(N - 1)] + [stray]
    with pytest.raises(ValueError, match="'y' has 59 different numbers in 59 rows: that is a reg"):
        labels_of(values, "str")


def test_a_few_numbers_as_text_are_classes_as_they_stand():
    assert set(labels_of(["1.0", "2.0"] * (N // 2), "str")) == {"1.0", "2.0"}


def test_a_class_of_one_row_is_left_out_and_said():
    X, y, notes = take_target(table(y=["a", "b"] * (N // 2 - 1) + ["total", "a"]), ["y"])
    assert set(y.tolist()) == {"a", "b"}
    assert N - 2 not in X["x"]
    assert "the only row of 'total' left out" in notes[0].text


def test_labels_that_differ_in_case_or_blanks_alone_are_said():
    _, y, notes = take_target(table(y=["Yes", "yes ", "no"] * (N // 3)), ["y"])
    assert len(np.unique(y)) == 3
    assert notes[0].text == "'Yes', 'yes ' are different labels, but for case and blanks the same"


def test_a_missing_column_is_named_with_those_that_there_are():
    with pytest.raises(ValueError, match="there is no column 'z'. There is 'x', 'y'"):
        take_target(table(y=0), ["z"])
    with pytest.raises(ValueError, match=r"no column 'Lable'; did you mean 'label'\? There is"):
        take_target(table(label=0), ["Lable"])
    wide = pd.DataFrame(np.zeros((2, 30)), columns=[f"c{i}" for i in range(30)])
    with pytest.raises(ValueError, match="'c8', 'c9' and 20 more"):
        take_target(wide, ["z"])


def test_there_has_to_be_another_column():
    with pytest.raises(ValueError, match="no column beside 'x' to predict it from"):
        take_target(table(), ["x"])


@pytest.mark.parametrize(
    ("values", "dtype", "remark"),
    [
        ([1, 0, 1], "int64", None),
        ([1, 0, 1], "float64", None),
        ([1, 0, 1], "Int64", None),
        (["1", "0", "1"], "str", None),
        (["1.0", "0.0", "1.0"], "str", None),
        ([True, False, True], "bool", "'True' is 1, 'False' is 0"),
        ([True, False, True], "boolean", "'True' is 1, 'False' is 0"),
        (["yes", "no", "yes"], "str", "'yes' is 1, 'no' is 0"),
        (["Yes", "NO ", "YES"], "object", "'Yes' is 1, 'NO' is 0"),
        (["ja", "nein", "ja"], "category", "'ja' is 1, 'nein' is 0"),
        (["TRUE", "FALSE", "true"], "str", "'TRUE' is 1, 'FALSE' is 0"),
        (["spam", "ham", "Spam"], "str", "'spam' is 1, 'ham' is 0"),
        ([1, -1, 1], "int64", "'1' is 1, '-1' is 0"),
        ([10, 9, 10], "int64", "'10' is 1, '9' is 0"),
    ],
)
def test_two_values_are_zeros_and_ones_and_which_is_which_is_said(values, dtype, remark):
    frame = pd.DataFrame({"a": pd.Series(values, dtype=dtype), "b": [0, 1, 1]})
    is_kept, Y, notes = take_label_columns(frame)
    assert is_kept.all()
    assert Y.to_numpy().tolist() == [[1, 0], [0, 1], [1, 1]]
    assert Y.columns.tolist() == ["a", "b"]
    assert [(note.column, note.text) for note in notes] == [("a", remark)] * bool(remark)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["x", "y", "z"], "column 'a' must have two values .*, and has 3: 'x', 'y', 'z'.$"),
        (["yes", "no", "NA"], "and has 3: 'yes', 'no', 'NA'.$"),
        (["yes", "Yes", "yes"], "and has only 'yes'.$"),
        ([0, 0, 0], "and has only '0'.$"),
        ([0.5, 1.5, 2.5], "and has 3: '0.5', '1.5', '2.5'.$"),
    ],
)
def test_a_column_of_other_than_two_values_is_named_with_them(values, message):
    with pytest.raises(ValueError, match=message):
        take_label_columns(pd.DataFrame({"b": [0, 1, 0], "a": values}))


def test_rows_without_one_of_the_labels_are_left_out():
    frame = pd.DataFrame({"a": ["y", "n", None, "n"], "b": ["n", " ", "y", "y"]})
    is_kept, Y, notes = take_label_columns(frame)
    assert is_kept.tolist() == [True, False, False, True]
    assert Y.to_numpy().tolist() == [[1, 0], [0, 1]]
    assert notes[0].text == "2 rows without a label are left out"
    assert notes[0].is_loss


def test_rows_have_to_have_all_labels():
    with pytest.raises(ValueError, match="no row has a value in each of 'a', 'b'"):
        take_label_columns(pd.DataFrame({"a": ["y", None], "b": [None, "n"]}))


def test_several_columns_of_a_table_are_taken():
    frame = table(a=np.arange(N) % 2, b=np.arange(N) % 3 == 0)
    X, Y, _ = take_target(frame, ["b", "a"])
    assert X.columns.tolist() == ["x"]
    np.testing.assert_array_equal(Y, np.column_stack([np.arange(N) % 3 == 0, np.arange(N) % 2]))
    with pytest.raises(ValueError, match="no column 'c'. There is 'x', 'a', 'b'"):
        take_target(frame, ["a", "c"])
    with pytest.raises(ValueError, match="no column beside 'a', 'b' to predict them from"):
        take_target(frame[["a", "b"]], ["a", "b"])
