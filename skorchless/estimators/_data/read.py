"""Samples read from what a caller gave, checked against each other, and where to fit them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from skorchless._engine.placement import Placement, dtype_of, place, resolve_device, resolve_dtype
from skorchless.estimators._data.samples import Samples
from skorchless.estimators._data.validation import check_sample_weight, check_X_y, is_dask

if TYPE_CHECKING:
    from skorchless.estimators._data.dask import DaskSamples

AnySamples: TypeAlias = "Samples | DaskSamples"


def read_samples(
    estimator: Any, X: Any, y: Any, sample_weight: Any = None, *, reset: bool
) -> AnySamples:
    """Return the samples that a caller gave, checked against each other."""
    if is_dask(X):
        # Imported where it is used: Dask is optional.
        from skorchless.estimators._data.dask import read_dask_samples

        return read_dask_samples(estimator, X, y, sample_weight, reset=reset)
    X, y = check_X_y(estimator, X, y, reset=reset)
    return Samples(X, y, check_sample_weight(sample_weight, len(y)))


def resolve_placement(estimator: Any, X: Any) -> Placement:
    """Return where and in which precision ``estimator`` computes with ``X``."""
    return place(resolve_device(estimator.device, X), resolve_dtype(estimator.dtype, dtype_of(X)))
