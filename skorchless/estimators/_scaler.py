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

from skorchless._engine.moments import EMPTY, Moments, entry_moments, merge
from skorchless._engine.placement import as_tensor, place
from skorchless._engine.rows import TensorRows
from skorchless.estimators._forked import fork_safe
from skorchless.estimators._inputs import (
    Array,
    check_sample_weight,
    check_X,
    fitted_state_kept_on_error,
    is_dask,
)
from skorchless.estimators._lazy import lazy_on_dask
from skorchless.estimators._sklearn_private import _fit_context


class GlobalStandardScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Standardise all entries of a matrix by one mean and one standard deviation.

    The transform of a sample is ``z = (x - mean_) / scale_`` with two numbers for the whole
    training matrix, where :class:`~sklearn.preprocessing.StandardScaler` has two for each
    feature. It suits features that share a unit, such as pixels: their proportions are kept,
    and a pixel that is nearly always black is not blown up.

    Parameters
    ----------
    copy : bool, default=True
        Whether to leave the input of `transform` and `inverse_transform` untouched. False
        writes into float32 and float64 arrays in place.
    with_mean : bool, default=True
        Whether to subtract the mean. Sparse input needs False.
    with_std : bool, default=True
        Whether to divide by the standard deviation.

    Attributes
    ----------
    mean_ : float
        The mean of all entries of the training matrix.
    var_ : float or None
        Their population variance; None where ``with_std=False``.
    scale_ : float or None
        Its square root, or 1.0 where the entries do not vary; None where ``with_std=False``.
    n_samples_seen_ : int
        Samples seen by `fit`, or by all calls of `partial_fit` together.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where ``X`` was a frame whose column names are all strings.

    See Also
    --------
    sklearn.preprocessing.StandardScaler : One mean and one scale for each feature.
    TorchLogisticClassifier : The classifier that this goes in front of.

    Notes
    -----
    Moments are summed in float64 over blocks of rows, in two passes, without a copy of the
    matrix. NaN entries are left out of them, and stay NaN. float32 and float64 keep their
    type; everything else becomes float32. Tensors stay tensors on their device.

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

    mean_: float
    var_: float | None
    scale_: float | None
    n_samples_seen_: int

    def __init__(
        self, *, copy: bool = True, with_mean: bool = True, with_std: bool = True
    ) -> None:
        self.copy = copy
        self.with_mean = with_mean
        self.with_std = with_std

    @_fit_context(prefer_skip_nested_validation=True)
    @fork_safe
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:  # noqa: ARG002
        """Compute the mean and the standard deviation of all entries.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor, Dask collection} of shape (n_samples, n_features)
            The training matrix.
        y : None
            Ignored.
        sample_weight : {array-like, Dask collection} of shape (n_samples,), default=None
            Non-negative weights of the samples.

        Returns
        -------
        self : GlobalStandardScaler
            The fitted scaler.
        """
        return self._learn(X, sample_weight, EMPTY, 0)

    @_fit_context(prefer_skip_nested_validation=True)
    @fork_safe
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:  # noqa: ARG002
        """Take more samples into the mean and the standard deviation.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor, Dask collection} of shape (n_samples, n_features)
            A chunk of the training matrix.
        y : None
            Ignored.
        sample_weight : {array-like, Dask collection} of shape (n_samples,), default=None
            Non-negative weights of the samples.

        Returns
        -------
        self : GlobalStandardScaler
            The fitted scaler.
        """
        is_first = not hasattr(self, "n_samples_seen_")
        seen = (EMPTY, 0) if is_first else (Moments(*self._moments), self.n_samples_seen_)
        return self._learn(X, sample_weight, *seen)

    @lazy_on_dask
    @fork_safe
    def transform(self, X: Any) -> Any:
        """Standardise ``X``.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor, Dask collection} of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        X_new : {ndarray, sparse matrix, tensor, Dask array} of shape (n_samples, n_features)
            The standardised samples, float32 or float64, of the kind that ``X`` is; a lazy Dask
            array for a Dask collection.
        """
        return self._rewritten(X, self._standardise)

    @lazy_on_dask
    @fork_safe
    def inverse_transform(self, X: Any) -> Any:
        """Undo the standardisation of ``X``.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor, Dask collection} of shape (n_samples, n_features)
            Standardised samples.

        Returns
        -------
        X_original : {ndarray, sparse matrix, tensor, Dask array} of shape (n_samples, n_features)
            The samples in their own unit, float32 or float64.
        """
        return self._rewritten(X, self._restore)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: NaN passes, sparse input where nothing is subtracted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = not self.with_mean
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _learn(self, X: Any, sample_weight: Any, seen: Moments, n_seen: int) -> Self:
        """Set the fitted attributes to what was ``seen`` and ``X`` together."""
        with fitted_state_kept_on_error(self):
            n_samples, of_X = self._measure(X, sample_weight, reset=n_seen == 0)
            moments = merge(seen, of_X)
            self.mean_ = moments.mean
            self.var_ = moments.variance if self.with_std else None
            self.scale_ = _scale_of(moments) if self.with_std else None
            self.n_samples_seen_ = n_seen + n_samples
            # As plain numbers: whoever loads the model need not know the engine.
            self._moments = astuple(moments)
        return self

    def _measure(self, X: Any, sample_weight: Any, *, reset: bool) -> tuple[int, Moments]:
        """Return the number of samples in ``X``, and the moments of its entries."""
        if is_dask(X):
            # Imported where it is used: Dask is optional.
            from skorchless.estimators._dask import map_dask_samples

            of_part = partial(_moments_of_partition, self.with_mean)
            n_samples, moments = map_dask_samples(
                of_part, self, X, None, sample_weight, reset=reset, **ACCEPTED
            )
            return n_samples, reduce(merge, moments)
        X = check_X(self, X, reset=reset, **ACCEPTED)
        _check_kind(X, self.with_mean)
        return X.shape[0], _moments_of(X, check_sample_weight(sample_weight, X.shape[0]))

    def _rewritten(self, X: Any, rewrite: Callable[[Any], None]) -> Any:
        """Return ``X`` as floats after ``rewrite`` has changed its values in place."""
        check_is_fitted(self)
        X = check_X(self, X, reset=False, **ACCEPTED)
        _check_kind(X, self.with_mean)
        result = _as_own_floats(X, copy=self.copy)
        rewrite(result.data if sparse.issparse(result) else result)
        if X.dtype in KEPT_DTYPES or result.dtype in (np.float32, torch.float32):
            return result
        is_tensor = isinstance(result, Tensor)
        return result.to(torch.float32) if is_tensor else result.astype(np.float32)

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


ACCEPTED = {"accept_sparse": ("csr", "csc"), "ensure_all_finite": "allow-nan"}
KEPT_DTYPES = (np.float32, np.float64, torch.float32, torch.float64)
# float32 has no room for these: a Unix time in seconds would be rounded to two minutes.
WIDE_INTEGERS = (torch.int32, torch.int64, torch.uint32, torch.uint64)


def _exact_float_dtype(tensor: Tensor) -> torch.dtype:
    """Return the float dtype that holds the values of ``tensor`` exactly."""
    is_wide = tensor.dtype in (torch.float64, *WIDE_INTEGERS)
    return torch.float64 if is_wide else torch.float32


def _as_own_floats(X: Any, *, copy: bool) -> Any:
    """Return ``X`` with float entries that may be overwritten: a copy if asked or needed."""
    if isinstance(X, Tensor):
        return X.detach().to(_exact_float_dtype(X), copy=copy)
    dtype = X.dtype if X.dtype in KEPT_DTYPES else np.result_type(X.dtype, np.float32)
    is_locked = not sparse.issparse(X) and not X.flags.writeable
    return X.astype(dtype, copy=copy or is_locked)


def _check_kind(X: Any, with_mean: bool) -> None:
    """Raise for sparse input where a mean is subtracted."""
    if sparse.issparse(X) and with_mean:
        raise ValueError(
            "Cannot center sparse matrices: pass `with_mean=False` instead. Subtracting a "
            "mean would fill in every zero."
        )


def _moments_of_partition(with_mean: bool, X: Any, _labels: Array, weights: Array) -> Moments:
    """Return the moments of the entries of a partition."""
    _check_kind(X, with_mean)
    return _moments_of(X, weights)


def _moments_of(X: Any, weights: Array) -> Moments:
    """Return the moments of all entries of ``X``, the zeros of a sparse matrix among them."""
    if sparse.issparse(X):
        X = X.tocsr()
        stored = _moments_of(X.data[:, None], np.repeat(weights, np.diff(X.indptr)))
        n_entries = float(weights.sum()) * X.shape[1]
        n_stored = float(weights @ np.diff(X.indptr))
        return merge(stored, Moments(n_entries - n_stored, 0.0, 0.0))
    tensor = as_tensor(X)
    if not len(tensor):
        return EMPTY
    placement = place(tensor.device, _exact_float_dtype(tensor))
    return entry_moments(TensorRows(tensor, (as_tensor(weights),), placement))


def _scale_of(moments: Moments) -> float:
    """Return the standard deviation, 1.0 where it is nothing but rounding."""
    # The error bound of a two-pass variance, by which StandardScaler tells constant features.
    rounding = moments.weight * np.finfo(np.float64).eps
    variance = moments.variance
    is_constant = variance <= rounding * variance + (rounding * moments.mean) ** 2
    return 1.0 if is_constant else float(np.sqrt(variance))
