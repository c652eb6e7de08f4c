"""Methods that a Dask collection makes lazy: they are run partition by partition, when asked for.

The classifiers' predictions and the scaler's transforms are such.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from skorchless.estimators._data.validation import is_dask

Method = Callable[..., Any]


def lazy_on_dask(method: Method) -> Method:
    """Return ``method``, of an estimator and X, that gives a Dask array for a Dask collection."""

    @wraps(method)
    def of_X(self: Any, X: Any, *args: Any, **options: Any) -> Any:
        if not is_dask(X):
            return method(self, X, *args, **options)
        # Imported where it is used: Dask is optional.
        from skorchless.estimators._data.dask import map_lazily

        return map_lazily(self, method.__name__, X)

    return of_X
