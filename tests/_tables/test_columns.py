"""Frames of Python: each dtype becomes numbers, dates, booleans, categories or text."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from skorchless._tables.columns import type_columns
from skorchless._tables.texts import Language


def typed(values, dtype=None, name="x"):
    return type_columns(pd.DataFrame({name: pd.Series(values, dtype=dtype)}))[0][name]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5, None, 2.0], "f"),
        ([1, 2, 3], "i"),
        ([1, None, 3], "f"),
        ([2**70, 1, 2], "f"),
        ([Decimal("1.5"), None], "f"),
        ([True, False], "b"),
        ([True, None], "b"),
        ([dt.date(2024, 1, 31), None], "M"),
        ([dt.datetime(2024, 1, 31, 12), None], "M"),
        ([dt.datetime(2024, 1, 31, tzinfo=dt.UTC), None], "M"),
        ([pd.Timestamp("9999-12-31").date()], "M"),
        ([dt.time(13, 45), None], "m"),
        ([dt.timedelta(hours=1)], "m"),
        ([None, None], "f"),
        (["1,5", 2, 3.0], "f"),
        (["a", 2], "O"),
    ],
)
def test_objects_of_python_have_the_type_of_what_they_are(values, kind):
    found = typed(values, object)
    assert found.dtype.kind == kind
    assert found.isna().tolist() == [value is None for value in values]


def test_numbers_of_mixed_columns_are_what_they_were():
    assert typed(["1,5", 2, 3.0, 0.25], object).tolist() == [1.5, 2.0, 3.0, 0.25]


@pytest.mark.parametrize("dtype", ["str", "string", "object", "string[python]"])
def test_texts_of_every_dtype_are_read_alike(dtype):
    assert typed(["1,5", None, "2,5"], dtype).dtype == np.float64
    assert typed(["a", None, "b"], dtype).isna().tolist() == [False, True, False]


@pytest.mark.parametrize("dtype", ["float32", "Int64", "boolean", "category", "datetime64[us]"])
def test_columns_that_have_a_type_are_left_alone(dtype):
    values = ["2024-01-31"] * 2 if dtype.startswith("date") else [1, 0]
    column = pd.Series(values).astype(dtype)
    pd.testing.assert_series_equal(typed(column), column, check_names=False)


def test_arrow_types_become_those_of_pandas():
    pa = pytest.importorskip("pyarrow")

    def of(values, kind):
        return typed(pd.array(values, dtype=pd.ArrowDtype(kind)))

    assert of(["1,5", None], pa.string()).tolist()[0] == 1.5
    assert of([Decimal("1.5"), None], pa.decimal128(5, 2)).dtype == np.float64
    assert of([dt.date(2024, 1, 31), None], pa.date32()).dtype.kind == "M"
    assert of([dt.timedelta(1), None], pa.duration("us")).dtype.kind == "m"
    frame = pd.DataFrame(
        {"v": pd.array([[1.0, 2.0]], dtype=pd.ArrowDtype(pa.list_(pa.float64())))}
    )
    assert type_columns(frame)[0].columns.tolist() == ["v[0]", "v[1]"]


def test_periods_are_dates():
    assert typed(pd.period_range("2024-01", periods=2, freq="M")).dtype.kind == "M"


@pytest.mark.parametrize(("name", "kind"), [("order_date", "M"), ("Datum", "M"), ("code", "i")])
def test_eight_digits_are_dates_in_a_column_called_so(name, kind):
    assert typed([20240131, 20240201], name=name).dtype.kind == kind


def test_a_column_that_leaves_it_open_follows_the_others():
    frame = pd.DataFrame({"open": ["1,234", "2,345"], "told": ["1,5", "2,25"]}, dtype="str")
    found, notes = type_columns(frame, language=Language(","))
    assert found["open"].tolist() == [1.234, 2.345]
    assert {note.column: note.text for note in notes} == {
        "open": "'1,234' is taken for 1.234",
        "told": "decimal commas",
    }


def test_untyped_columns_stay_as_they_are_and_the_frame_is_not_touched():
    frame = pd.DataFrame({"y": ["1,5", "2"], "x": ["1,5", "2"]}, index=[7, 7])
    before = frame.copy()
    found, _ = type_columns(frame, untyped={"y"})
    assert found["y"].tolist() == ["1,5", "2"]
    assert found["x"].tolist() == [1.5, 2.0]
    assert found.index.tolist() == [7, 7]
    pd.testing.assert_frame_equal(frame, before)
