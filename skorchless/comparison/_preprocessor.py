"""column_preprocessor: what turns the columns of a data frame into features of every model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skorchless.estimators._inputs import Array

# A category of fewer training rows shares one column with the others like it: so few rows say
# little of it, and an identifier would otherwise be a column for each row.
MIN_FREQUENCY = 10


def column_preprocessor(frame: pd.DataFrame) -> ColumnTransformer:
    """Return a transformer of frames like ``frame``: numbers scaled, categories one-hot.

    Dates and durations are numbers, of seconds. A missing number becomes the median and is marked
    in a column of its own; a missing category is a category. Few ones among many zeros are sparse.
    """
    numbers = [name for name in frame.columns if _is_number(frame[name])]
    categories = [name for name in frame.columns if not _is_number(frame[name])]
    return ColumnTransformer(
        [("numbers", _of_numbers(), numbers), ("categories", _of_categories(), categories)],
        verbose_feature_names_out=False,
    )


def _of_numbers() -> Pipeline:
    """Return the transformer of columns of numbers and times."""
    return make_pipeline(
        FunctionTransformer(_as_numbers, feature_names_out="one-to-one"),
        # A column without any number stays, as zeros, so that no split changes the features.
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )


def _of_categories() -> Pipeline:
    """Return the transformer of all other columns."""
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=MIN_FREQUENCY)
    texts = FunctionTransformer(_as_texts, feature_names_out="one-to-one")
    return make_pipeline(texts, encoder)


def _is_time(column: pd.Series[Any]) -> bool:
    """Tell a column of dates or durations."""
    return column.dtype.kind in "mM"


def _is_number(column: pd.Series[Any]) -> bool:
    """Tell a column that has an order and distances."""
    return pd.api.types.is_numeric_dtype(column) or _is_time(column)


def _as_numbers(frame: pd.DataFrame) -> Array:
    """Return columns as float64 (N, n_columns), times as seconds, missing values as NaN."""
    columns = [_seconds(frame[name]) if _is_time(frame[name]) else frame[name] for name in frame]
    values = [column.to_numpy(dtype=np.float64, na_value=np.nan) for column in columns]
    return np.column_stack(values) if values else np.empty((len(frame), 0))


def _seconds(times: pd.Series[Any]) -> pd.Series[Any]:
    """Return durations, or dates since 1970, in seconds; NaN where there is none."""
    if times.dtype.kind == "m":
        return times.dt.total_seconds()
    return (times - pd.Timestamp(0, tz=times.dt.tz)).dt.total_seconds()


def _as_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return columns as text, so that values of any kind can be sorted; missing ones as NaN."""
    return frame.apply(lambda column: column.map(str, na_action="ignore").astype(object))
