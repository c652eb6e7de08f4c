"""column_preprocessor: what turns the columns of a data frame into features of every model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skorchless._arrays import Array

# A category of fewer training rows shares one column with the others like it: so few rows say
# little of it, and an identifier would otherwise be a column for each row. Of a small table ten
# rows may be all that a category can have.
LARGEST_MIN_FREQUENCY, SMALLEST_MIN_FREQUENCY, MIN_SHARE = 10, 2, 0.01
# Squares of larger numbers may be infinite.
LARGEST_NUMBER = 1e150
NUMBERS, CATEGORIES = "numbers", "categories"
# Between the name of a column and a category of it.
IS = " = "
MISSING_INDICATOR = "missingindicator_"  # what SimpleImputer calls its marks


def column_preprocessor(frame: pd.DataFrame) -> ColumnTransformer:
    """Return a transformer of frames like ``frame``: numbers scaled, categories one-hot.

    It is what `compare` puts before its default models where samples are a frame; put it before
    your own to compare them on the same features.

    Parameters
    ----------
    frame : pandas.DataFrame
        The training samples. Numbers, dates and durations (in seconds) are scaled column by
        column; a missing one becomes the median and is marked in a column of its own. Anything
        else is a category, a missing value too; categories of few rows share one column: fewer
        than ten, or than 1 % of the rows of a small table.

    Returns
    -------
    transformer : sklearn.compose.ColumnTransformer
        Unfitted. What it gives is sparse where most of it is zeros.

    See Also
    --------
    default_models : The models that take it as ``preprocessor``.
    sklearn.preprocessing.OneHotEncoder : Encodes the categories.

    Examples
    --------
    >>> import pandas as pd
    >>> from skorchless.comparison import column_preprocessor
    >>> frame = pd.DataFrame({"age": [20, 40, None], "city": ["Bern", "Chur", "Bern"]})
    >>> column_preprocessor(frame).fit_transform(frame).round(2)
    array([[-1.22, -0.71,  1.  ,  0.  ],
           [ 1.22, -0.71,  0.  ,  1.  ],
           [ 0.  ,  1.41,  1.  ,  0.  ]])
    """
    # By place: names may be numbers, or stand there twice.
    are_numbers = [_is_number(column) for _, column in frame.items()]
    numbers = np.flatnonzero(are_numbers).tolist()
    categories = np.flatnonzero(np.logical_not(are_numbers)).tolist()
    by_share = math.ceil(MIN_SHARE * len(frame))
    min_frequency = min(LARGEST_MIN_FREQUENCY, max(SMALLEST_MIN_FREQUENCY, by_share))
    transformer = ColumnTransformer(
        [
            (NUMBERS, _of_numbers(), numbers),
            (CATEGORIES, _of_categories(min_frequency), categories),
        ]
    )
    # Whatever scikit-learn is set to: frames cannot be sparse.
    return transformer.set_output(transform="default")


def feature_name(name: str) -> str:
    """Return what people call a feature that the transformer names."""
    name = name.removeprefix(f"{NUMBERS}__").removeprefix(f"{CATEGORIES}__")
    if name.startswith(MISSING_INDICATOR):
        return category_name(name.removeprefix(MISSING_INDICATOR), "missing")
    return name.replace("infrequent_sklearn", "other")


def describe_columns(frame: pd.DataFrame) -> dict[str, str]:
    """Return the names of columns by how they are read."""
    columns = [column for _, column in frame.items()]
    kinds = {
        "numbers": [
            c.name for c in columns if _is_number(c) and not (_is_time(c) or _is_boolean(c))
        ],
        "booleans": [c.name for c in columns if _is_boolean(c)],
        "dates, durations": [c.name for c in columns if _is_time(c)],
        "categories": [c.name for c in columns if not _is_number(c)],
    }
    return {kind: ", ".join(map(str, names)) for kind, names in kinds.items() if names}


def category_name(column: Any, category: Any) -> str:
    """Return the name of the feature that tells one category of a column."""
    return f"{column}{IS}{category}"


def column_of(feature: str) -> str:
    """Return the column that a feature is a category of, or is itself."""
    return feature.partition(IS)[0]


def check_numbers(frame: pd.DataFrame) -> None:
    """Raise for a column of numbers that are infinite, or so large that their squares are."""
    for name, column in frame.items():
        if _is_number(column) and np.nanmax(np.abs(_as_float(column)), initial=0) > LARGEST_NUMBER:
            raise ValueError(
                f"column {name!r} has a number that is infinite or beyond {LARGEST_NUMBER:g}."
            )


def _of_numbers() -> Pipeline:
    """Return the transformer of columns of numbers and times."""
    return make_pipeline(
        FunctionTransformer(_as_numbers, feature_names_out="one-to-one"),
        # A column without any number stays, as zeros, so that no split changes the features.
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )


def _of_categories(min_frequency: int) -> Pipeline:
    """Return the transformer of all other columns."""
    return make_pipeline(
        FunctionTransformer(_as_texts, feature_names_out="one-to-one"),
        OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            min_frequency=min_frequency,
            feature_name_combiner=category_name,
        ),
    )


def _is_time(column: pd.Series[Any]) -> bool:
    """Tell a column of dates or durations."""
    return column.dtype.kind in "mM"


def _is_boolean(column: pd.Series[Any]) -> bool:
    """Tell a column of booleans."""
    return pd.api.types.is_bool_dtype(column) and not isinstance(column.dtype, pd.CategoricalDtype)


def _is_number(column: pd.Series[Any]) -> bool:
    """Tell a column that has an order and distances."""
    is_numeric = pd.api.types.is_numeric_dtype(column) and column.dtype.kind != "c"
    return is_numeric or _is_time(column)


def _as_numbers(frame: pd.DataFrame) -> Array:
    """Return columns as float64 (N, n_columns), times as seconds, missing values as NaN."""
    values = [_as_float(column) for _, column in frame.items()]
    return np.column_stack(values) if values else np.empty((len(frame), 0))


def _as_float(column: pd.Series[Any]) -> Array:
    """Return numbers, or times in seconds, as float64 (N,)."""
    if not _is_time(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    # Of a time zone, in UTC.
    times = column.to_numpy("datetime64[us]" if column.dtype.kind == "M" else "timedelta64[us]")
    return np.where(np.isnat(times), np.nan, times.astype(np.int64) / 1e6)


def _as_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return columns as text, so that values of any kind can be sorted; missing ones as NaN."""
    return frame.apply(lambda column: column.map(str, na_action="ignore").astype(object))
