"""Predictions and transforms of a Dask collection are lazy: computed by partition, on demand."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import wraps
from typing import Any

from sklearn.utils.validation import check_is_fitted, validate_data

from skorchless._arrays import is_dask

Method = Callable[..., Any]


def lazy_on_dask(method: Method) -> Method:
    """Return ``method``, of an estimator and X, that gives a Dask array for a Dask collection."""

    @wraps(method)
    def of_X(self: Any, X: Any, *args: Any, **options: Any) -> Any:
        if not is_dask(X):
            return method(self, X, *args, **options)
        # Imported where it is used: Dask is optional.
        from skorchless._partitions import features_of, map_lazily, row_of

        check_is_fitted(self)
        validate_data(self, features_of(X), reset=False, skip_check_array=True)
        example = getattr(self, method.__name__)(row_of(X))
        if hasattr(example, "columns"):
            raise ValueError(
                "A Dask collection is transformed to a Dask array: "
                "set_output(transform='default')."
            )
        return map_lazily(snapshot(self), method.__name__, X, example)

    return of_X


def snapshot(estimator: Any) -> Any:
    """Return a copy of ``estimator`` as it is now, with only what its predictions need.

    Tasks use it later, when the original may have been fitted to something else. Its callbacks,
    the optimiser's state and the coefficients of a grid are not sent.
    """
    result = copy(estimator)
    for name in list(vars(result)):
        if name.startswith("_") or name == "coefs_paths_":
            delattr(result, name)
    if hasattr(result, "copy"):
        result.copy = True  # a partition may be a result that Dask keeps for other tasks too
    return result
