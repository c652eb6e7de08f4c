"""What the columns of a frame become before every model."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn.base import clone

from skorchless.comparison import compare, default_models
from skorchless.comparison._preprocessor import MIN_FREQUENCY, column_preprocessor


def features_of(frame, other=None):
    preprocessor = column_preprocessor(frame).fit(frame)
    found = preprocessor.transform(frame if other is None else other)
    dense = found.toarray() if issparse(found) else found
    return pd.DataFrame(dense, columns=preprocessor.get_feature_names_out())


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
    assert found.columns.tolist() == ["a", "missingindicator_a"]
    assert found["missingindicator_a"].argmax() == 4


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
    assert found.columns[-1] == "c_nan"


def test_infrequent_categories_share_a_column_with_unknown_ones():
    often, seldom = ["x"] * MIN_FREQUENCY, [f"s{i}" for i in range(MIN_FREQUENCY - 1)]
    frame = pd.DataFrame({"c": often + seldom})
    found = features_of(frame, pd.DataFrame({"c": ["x", "s0", "s1", "new"]}))
    assert found.columns.tolist() == ["c_x", "c_infrequent_sklearn"]
    np.testing.assert_array_equal(found, [[1, 0], [0, 1], [0, 1], [0, 1]])


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
    comparison = compare(frame, (frame["c"] == "x").to_numpy(), random_state=0)
    assert comparison.table.loc["lbfgs", "accuracy"] == 1.0
    assert comparison.conditions["features"] == "2"
