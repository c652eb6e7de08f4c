"""What the columns of a frame become before every model."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import clone

from skorchless.comparison import compare, default_models
from skorchless.comparison._preprocessor import (
    check_numbers,
    column_preprocessor,
    describe_columns,
    feature_name,
)


def features_of(frame, other=None):
    preprocessor = column_preprocessor(frame).fit(frame)
    found = preprocessor.transform(frame if other is None else other)
    dense = found.toarray() if issparse(found) else found
    names = [feature_name(name) for name in preprocessor.get_feature_names_out()]
    return pd.DataFrame(dense, columns=names)


def test_numbers_are_scaled_column_by_column():
    found = features_of(pd.DataFrame({"a": [1, 2, 3], "b": [0.0, 500.0, 1000.0]}))
    expected = np.array([-1, 0, 1]) * np.sqrt(1.5)
    np.testing.assert_allclose(found, np.column_stack([expected, expected]))


@pytest.mark.parametrize("dtype", ["float64", "Float64", "Int64", "float32"])
def test_a_missing_number_is_the_median_and_marked(dtype):
    column = pd.Series([1, 2, 3, 4, None], dtype=dtype)
    found = features_of(pd.DataFrame({"a": column}))
    values = np.array([1, 2, 3, 4, 2.5])
    np.testing.assert_allclose(found["a"], (values - 2.5) / values.std())
    assert found.columns.tolist() == ["a", "a = missing"]
    assert found["a = missing"].argmax() == 4


@pytest.mark.parametrize("kind", ["object", "str", "category", "boolean objects"])
def test_categories_are_one_hot_and_a_missing_one_is_a_category(kind):
    values = ["x"] * 12 + ["y"] * 12 + [None] * 12
    if kind == "boolean objects":
        column = pd.Series([{"x": True, "y": False}.get(value) for value in values], dtype=object)
    else:
        column = pd.Series(values, dtype=kind)
    found = features_of(pd.DataFrame({"c": column}))
    assert found.shape == (36, 3)
    np.testing.assert_array_equal(found.sum(axis=1), 1)
    assert found.columns[-1] == "c = nan"


@pytest.mark.parametrize(("n_rows", "min_frequency"), [(2000, 10), (500, 5), (40, 2)])
def test_infrequent_categories_share_a_column_with_unknown_ones(n_rows, min_frequency):
    seldom = [f"s{i}" for i in range(9)] + ["enough"] * min_frequency
    frame = pd.DataFrame({"c": ["x"] * (n_rows - len(seldom)) + seldom})
    found = features_of(frame, pd.DataFrame({"c": ["x", "enough", "s0", "new"]}))
    assert found.columns.tolist() == ["c = enough", "c = x", "c = other"]
    np.testing.assert_array_equal(found, [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]])


def test_many_categories_are_sparse():
    frame = pd.DataFrame({"c": np.repeat(np.arange(20).astype(str), 10), "n": np.arange(200.0)})
    assert issparse(column_preprocessor(frame).fit_transform(frame))


@pytest.mark.parametrize("tz", [None, "Europe/Vienna"])
def test_dates_and_durations_are_seconds(tz):
    dates = pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02", None, "2024-01-04"]))
    frame = pd.DataFrame(
        {"when": dates.dt.tz_localize(tz), "long": pd.to_timedelta([1, 2, 3, None], unit="h")}
    )
    found = features_of(frame)
    days = np.array([0.0, 1.0, 1.0, 3.0])  # the median of 0, 1 and 3
    np.testing.assert_allclose(found["when"], (days - days.mean()) / days.std(), atol=1e-9)
    hours = np.array([1.0, 2.0, 3.0, 2.0])
    np.testing.assert_allclose(found["long"], (hours - 2) / hours.std())


@pytest.mark.parametrize("date", ["1621-01-01", "9999-12-31"])
def test_dates_far_away_are_seconds_too(date):
    found = features_of(pd.DataFrame({"when": pd.to_datetime(["1970-01-01", date])}))
    np.testing.assert_allclose(np.abs(found["when"]), 1)


@pytest.mark.parametrize("kind", ["timestamp[ns][pyarrow]", "timestamp[us, tz=UTC][pyarrow]"])
def test_dates_of_arrow_are_dates(kind):
    pytest.importorskip("pyarrow")
    dates = pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02", None])).astype(kind)
    found = features_of(pd.DataFrame({"when": dates}))["when"]
    # The median of two dates is between them, as their mean is.
    np.testing.assert_allclose(found, np.array([-1, 1, 0]) * np.sqrt(1.5), atol=1e-9)


def test_names_that_meet_are_no_obstacle():
    # "c = x" is a column, and what category x of c becomes; so is "a = b = c" twice.
    frame = pd.DataFrame(
        {
            "c": ["x", "y"] * 9,
            "c = x": [1.0, 2.0] * 9,
            "a": ["b = c", "d"] * 9,
            "a = b": ["c", "e"] * 9,
        }
    )
    assert sorted(features_of(frame).columns)[:2] == ["a = b = c", "a = b = c"]


@pytest.mark.parametrize("labels", [[1, 0], [0, 1], [("a", 1), ("a", 2)]])
def test_columns_are_told_by_their_place_whatever_their_labels(labels):
    frame = pd.DataFrame({"n": np.arange(12.0), "c": ["x", "y"] * 6})
    frame.columns = pd.Index(labels)
    found = column_preprocessor(frame).fit_transform(frame)
    dense = found.toarray() if issparse(found) else found
    np.testing.assert_allclose(dense[:, 0], (np.arange(12.0) - 5.5) / np.arange(12.0).std())
    np.testing.assert_array_equal(dense[:, 1:], np.tile(np.eye(2), (6, 1)))


def test_frames_as_scikit_learns_output_change_nothing():
    frame = pd.DataFrame({"c": np.repeat(np.arange(20).astype(str), 10), "n": np.arange(200.0)})
    with config_context(transform_output="pandas"):
        assert issparse(column_preprocessor(frame).fit_transform(frame))


@pytest.mark.parametrize("number", [np.inf, -np.inf, 1e200])
def test_numbers_that_can_not_be_scaled_are_named_by_their_column(number):
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [number, None], "c": ["x", "y"]})
    with pytest.raises(ValueError, match="column 'b' has a number that is infinite or beyond"):
        check_numbers(frame)
    with pytest.raises(ValueError, match="column 'b' has a number"):
        compare(frame, [0, 1], X_test=frame, y_test=[0, 1])
    check_numbers(frame[["a", "c"]])


def test_a_column_with_nothing_in_it_is_a_constant():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [np.nan, np.nan]})
    found = features_of(frame)
    np.testing.assert_array_equal(found["b"], [0, 0])


@pytest.mark.parametrize("frame", [pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"c": ["x", "y"]})])
def test_columns_of_one_kind_are_enough(frame):
    assert features_of(frame).shape == (2, 1)


def test_it_goes_before_every_default_model_each_with_its_own():
    preprocessor = column_preprocessor(pd.DataFrame({"a": [1.0]}))
    models = default_models(preprocessor=preprocessor)
    first = [model[0] for model in models.values()]
    assert len({id(step) for step in (*first, preprocessor)}) == 4
    assert {repr(step) for step in first} == {repr(clone(preprocessor))}


def test_compare_puts_it_before_the_default_models_for_a_frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"n": rng.normal(size=200), "c": rng.choice(["x", "y"], 200)})
    frame.loc[::7, "n"] = None
    with pytest.warns(UserWarning, match="c: it tells the labels one to one"):
        comparison = compare(frame, (frame["c"] == "x").to_numpy(), random_state=0)
    assert comparison.table.loc["lbfgs", "accuracy"] == 1.0
    assert comparison.conditions["features"] == "2"


def test_columns_are_described_by_how_they_are_read():
    frame = pd.DataFrame({"a": [1], "b": [True], "c": ["x"], "d": pd.to_datetime(["2024-01-01"])})
    found = {"numbers": "a", "booleans": "b", "dates, durations": "d", "categories": "c"}
    assert describe_columns(frame) == found
    assert describe_columns(frame[["c"]]) == {"categories": "c"}
