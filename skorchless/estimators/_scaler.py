"""GlobalStandardScaler: one mean and one standard deviation for the whole matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from functools import partial, reduce
from typing import Any, Self

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skorchless._arrays import Array, is_dask, is_foreign
from skorchless._cores import shared_among_cores
from skorchless._engine.moments import EMPTY, Moments, entry_moments, merge
from skorchless._engine.placement import as_tensor, dtype_of, exact_float_dtype, place
from skorchless._engine.products import summed
from skorchless._engine.rows.memory import TensorRows
from skorchless._engine.rows.workers import lies_by_column, row_slices, share
from skorchless.estimators._data.lazy import lazy_on_dask
from skorchless.estimators._data.read import check_sample_weight, map_partitions
from skorchless.estimators._data.validation import check_X, fitted_state_kept_on_error
from skorchless.estimators._docs import documented
from skorchless.estimators._fit.watchers import as_given
from skorchless.estimators._sklearn_private import (
    CallbackSupportMixin,
    _fit_context,
    _init_callback_context,
)

# Options of scikit-learn's check_array.
ACCEPTED = {"accept_sparse": ("csr", "csc"), "ensure_all_finite": "allow-nan"}


@documented
class GlobalStandardScaler(
    CallbackSupportMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator
):
    r"""Standardise all entries of a matrix by one mean and one standard deviation.

    The transform of a sample is ``z = (x - mean_) / scale_`` with two numbers for the whole
    training matrix, where :class:`~sklearn.preprocessing.StandardScaler` has two for each
    feature. It suits features that share a unit, such as pixels: their proportions are kept,
    and a pixel that is nearly always black is not blown up.

    Parameters
    ----------
    copy : bool, default=True
        Whether to leave the input of `transform` and `inverse_transform` untouched. False
        writes into float32 and float64 arrays in place, but never into a Dask collection.
    with_mean : bool, default=True
        Whether to subtract the mean. Sparse input needs False.
    with_std : bool, default=True
        Whether to divide by the standard deviation.

    Attributes
    ----------
    mean_ : float or None
        The mean of all entries of the training matrix; None where ``with_mean=False`` and
        ``with_std=False``.
    var_ : float or None
        Their population variance; None where ``with_std=False``.
    scale_ : float or None
        Its square root, or 1.0 where the entries do not vary; None where ``with_std=False``.
    n_samples_seen_ : int or float
        Samples seen by `fit`, or by all calls of `partial_fit` together: their number, or the
        sum of their weights, a float, once a call has had a ``sample_weight``.
    {features}

    See Also
    --------
    sklearn.preprocessing.StandardScaler : One mean and one scale for each feature.
    TorchLogisticClassifier : The classifier that this goes in front of.

    Notes
    -----
    Moments are summed in float64 over blocks of rows, in two passes, without a copy of the
    matrix. NaN entries are left out of them, and stay NaN. float32 and float64 keep their
    type, 32- and 64-bit integers become float64, everything else float32. Tensors stay tensors
    on their device; arrays of other namespaces become NumPy or, where NumPy cannot read them,
    tensors.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing the Sample
       Variance", The American Statistician 37, 1983, :doi:`10.1080/00031305.1983.10483115`.

    Examples
    --------
    >>> import numpy as np
    >>> from skorchless import GlobalStandardScaler
    >>> scaler = GlobalStandardScaler().fit(np.array([[0.0, 2.0], [4.0, 6.0]]))
    >>> scaler.mean_
    3.0
    >>> scaler.transform(np.array([[3.0, 3.0 + 5.0**0.5]])).round(6)
    array([[0., 1.]])
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012, scikit-learn's convention
        "copy": ["boolean"],
        "with_mean": ["boolean"],
        "with_std": ["boolean"],
    }

    mean_: float | None
    var_: float | None
    scale_: float | None
    n_samples_seen_: int | float
    _moments: tuple[float, ...]

    def __init__(
        self, *, copy: bool = True, with_mean: bool = True, with_std: bool = True
    ) -> None:
        self.copy = copy
        self.with_mean = with_mean
        self.with_std = with_std

    @_fit_context(prefer_skip_nested_validation=True)
    @shared_among_cores
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Compute the mean and the standard deviation of all entries.

        Parameters
        ----------
        {X}
        {y_ignored}
        {sample_weight}

        {returns_self}
        """
        return self._learn(X, y, sample_weight, is_first=True)

    @_fit_context(prefer_skip_nested_validation=True)
    @shared_among_cores
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Take more samples into the mean and the standard deviation.

        Parameters
        ----------
        {X}
        {y_ignored}
        {sample_weight}

        {returns_self}
        """
        return self._learn(X, y, sample_weight, is_first=not hasattr(self, "n_samples_seen_"))

    @lazy_on_dask
    @shared_among_cores
    def transform(self, X: Any, copy: bool | None = None) -> Any:
        """Standardise ``X``.

        Parameters
        ----------
        {X}
        {copy}

        Returns
        -------
        X_new : {ndarray, sparse matrix, tensor, Dask array} of shape (n_samples, n_features)
            The standardised samples, float32 or float64, of the kind that ``X`` is; a lazy Dask
            array for a Dask collection.

        {raises}
        """
        return self._rewritten(X, self._standardise, copy)

    @lazy_on_dask
    @shared_among_cores
    def inverse_transform(self, X: Any, copy: bool | None = None) -> Any:
        """Undo the standardisation of ``X``.

        Parameters
        ----------
        {X}
        {copy}

        Returns
        -------
        X_original : {ndarray, sparse matrix, tensor, Dask array} of shape (n_samples, n_features)
            The samples in their own unit, float32 or float64.

        {raises}
        """
        return self._rewritten(X, self._restore, copy)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: NaN passes, sparse input where nothing is subtracted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = not self.with_mean
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _learn(self, X: Any, y: Any, sample_weight: Any, *, is_first: bool) -> Self:
        """Set the fitted attributes to ``X`` and, unless it ``is_first``, what was seen before."""
        given = as_given(X, y, sample_weight)
        with fitted_state_kept_on_error(self):
            context = _init_callback_context(self)
            context.call_on_fit_task_begin(estimator=self, **given)
            n_samples, moments = self._measure(X, sample_weight, reset=is_first)
            if not is_first:
                n_samples += self.n_samples_seen_
                moments = merge(Moments(*self._moments), moments)
            self._store(n_samples, moments)
            context.call_on_fit_task_end(estimator=self, **given, reconstruction_attributes={})
        return self

    def _store(self, n_samples: float, moments: Moments) -> None:
        """Set the fitted attributes: those of StandardScaler, None where it has None."""
        self.mean_ = moments.mean if self.with_mean or self.with_std else None
        self.var_ = moments.variance if self.with_std else None
        self.scale_ = _scale_of(moments) if self.with_std else None
        self.n_samples_seen_ = n_samples
        # Plain numbers, so that a saved model does not depend on the engine's classes.
        self._moments = astuple(moments)

    def _measure(self, X: Any, sample_weight: Any, *, reset: bool) -> tuple[float, Moments]:
        """Return the number of samples in ``X``, or their weight, and the moments of entries."""
        if is_dask(X):
            of_part = partial(_weight_and_moments, self.with_mean)
            n_samples, of_parts = map_partitions(
                of_part, self, X, None, sample_weight, reset=reset, **ACCEPTED
            )
            totals, moments_of_parts = zip(*of_parts, strict=True)
            total, moments = sum(totals), reduce(merge, moments_of_parts)
        else:
            X = check_X(self, X, reset=reset, **ACCEPTED)
            n_samples = X.shape[0]
            weights = check_sample_weight(sample_weight, n_samples)
            total, moments = _weight_and_moments(self.with_mean, X, None, weights)
        return n_samples if sample_weight is None else total, moments

    def _rewritten(self, X: Any, rewrite: Callable[[Any], None], copy: bool | None) -> Any:
        """Return ``X`` as floats after ``rewrite`` has changed its values in place."""
        check_is_fitted(self)
        # Arrays of another namespace may be immutable, and a tensor of their memory hides it.
        copy = is_foreign(X) or (self.copy if copy is None else copy)
        X = check_X(self, X, reset=False, **ACCEPTED)
        X = X.detach() if isinstance(X, Tensor) else X
        _check_kind(X, self.with_mean)
        result = _float_destination(X, copy=copy)
        # The values of a sparse X have been copied by now, if they had to be.
        source, target = (result.data,) * 2 if sparse.issparse(X) else (X, result)
        is_copied = target is not source
        if lies_by_column(target):
            source, target = source.T, target.T

        def fill(rows: Any) -> None:
            part = target[rows]
            if is_copied:
                part[...] = source[rows]
            rewrite(part)

        slices = row_slices(target)
        for _ in share(fill, slices, len(slices)):
            pass
        return result

    def _standardise(self, values: Any) -> None:
        """Subtract the mean and divide by the scale, in place."""
        if self.with_mean:
            values -= self.mean_
        if self.with_std:
            values /= self.scale_

    def _restore(self, values: Any) -> None:
        """Multiply by the scale and add the mean, in place."""
        if self.with_std:
            values *= self.scale_
        if self.with_mean:
            values += self.mean_


def _float_destination(X: Any, *, copy: bool) -> Any:
    """Return ``X`` itself, or what its values are to be copied to: where asked, or needed."""
    dtype = exact_float_dtype(dtype_of(X))
    is_kept = not copy and dtype is dtype_of(X)
    if isinstance(X, Tensor):
        return X if is_kept else torch.empty_like(X, dtype=dtype)
    name = str(dtype).removeprefix("torch.")
    if sparse.issparse(X):
        return X if is_kept and X.data.flags.writeable else X.astype(name, copy=True)
    return X if is_kept and X.flags.writeable else np.empty_like(X, dtype=name, subok=False)


def _check_kind(X: Any, with_mean: bool) -> None:
    """Raise for sparse input where a mean is subtracted."""
    if sparse.issparse(X) and with_mean:
        raise ValueError(
            "Cannot center sparse matrices: pass `with_mean=False` instead. Subtracting a "
            "mean would fill in every zero."
        )


def _weight_and_moments(
    with_mean: bool, X: Any, _labels: Array | None, weights: Array
) -> tuple[float, Moments]:
    """Return the weight of all samples, and the moments of their entries."""
    _check_kind(X, with_mean)
    return float(weights.sum()), _moments_of(X, weights)


def _moments_of(X: Any, weights: Array) -> Moments:
    """Return the moments of all entries of ``X``, the zeros of a sparse matrix among them."""
    if sparse.issparse(X):
        # float64, because the sum of two int8 may exceed their range.
        X = summed(sparse.csr_array(X), np.float64).tocsr()
        stored = _moments_of(X.data[:, None], np.repeat(weights, np.diff(X.indptr)))
        n_entries = float(weights.sum()) * X.shape[1]
        n_stored = float(weights @ np.diff(X.indptr))
        return merge(stored, Moments(n_entries - n_stored, 0.0, 0.0))
    tensor, kept = as_tensor(X), np.flatnonzero(weights)
    if not len(kept):
        return EMPTY
    placement = place(tensor.device, exact_float_dtype(tensor.dtype))
    rows = TensorRows(tensor, (as_tensor(weights),), placement)
    # Rows of weight 0 are left out: squares of a sentinel value may overflow, and inf * 0 is NaN.
    return entry_moments(rows if len(kept) == len(weights) else rows.subset(as_tensor(kept)))


def _scale_of(moments: Moments) -> float:
    """Return the standard deviation, 1.0 where it is nothing but rounding."""
    # The error bound of a two-pass variance, by which StandardScaler finds constant features.
    rounding = moments.weight * np.finfo(np.float64).eps
    variance = moments.variance
    is_constant = variance <= rounding * variance + (rounding * moments.mean) ** 2
    return 1.0 if is_constant else float(np.sqrt(variance))
