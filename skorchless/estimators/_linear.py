"""The predict methods of a fitted linear classifier: one product, and what is read from it.

The classifiers inherit them. The weights go to where X is. The attributes that they read, and the
engine's weights, are turned into each other here too.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn import config_context, get_config
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skorchless._arrays import Array, to_numpy
from skorchless._cores import shared_among_cores
from skorchless._engine.nll import log_proba
from skorchless._engine.placement import Placement, as_tensor, dtype_of, place, resolve_dtype
from skorchless._engine.products import Block, logits
from skorchless._engine.rows.containers import map_rows_of
from skorchless.estimators._data.lazy import lazy_on_dask
from skorchless.estimators._data.validation import check_X, is_dask
from skorchless.estimators._sklearn_private import SparseCoefMixin


class LinearPredictionMixin(SparseCoefMixin, ClassifierMixin):
    """Predictions from ``coef_``, which may be sparse, ``intercept_`` and ``classes_``."""

    coef_: Array
    intercept_: Array
    classes_: Array
    dtype: Any

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: sparse input passes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @lazy_on_dask
    @shared_among_cores
    def decision_function(self, X: Any) -> Any:
        """Return the logit of each class for each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor, Dask collection} of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            ``X @ coef_.T + intercept_``. With two classes, the logit of ``classes_[1]``,
            which is predicted where it is above 0. A tensor on the device of ``X`` where
            ``X`` is one and scikit-learn's ``array_api_dispatch`` is on. For a Dask collection a
            lazy Dask array.

        Raises
        ------
        NotFittedError
            If the classifier has not been fitted.
        ValueError
            If ``X`` has non-finite values, or another number of features than in `fit`.
        """
        logits = self._logits(X)  # (N, K)
        return _to_output(logits[:, 0] if logits.shape[1] == 1 else logits, X)

    @lazy_on_dask
    @shared_among_cores
    def predict(self, X: Any) -> Any:
        """Return the most probable class of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor, Dask collection} of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Entries of ``classes_``. A tensor on the device of ``X`` where ``X`` is one,
            ``array_api_dispatch`` is on and the classes are numbers; a lazy Dask array for a
            Dask collection.

        Raises
        ------
        NotFittedError
            If the classifier has not been fitted.
        ValueError
            If ``X`` has non-finite values, or another number of features than in `fit`.
        """
        logits = self._logits(X)  # (N, K)
        codes = (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)
        if _returns_tensors(X) and self.classes_.dtype.kind in "biuf":
            return as_tensor(self.classes_).to(codes.device)[codes]
        return self.classes_[codes.cpu().numpy()]

    @lazy_on_dask
    @shared_among_cores
    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithm of the probability of each class for each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor, Dask collection} of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            The log-softmax of the logits, finite even where the probability underflows.
            Columns are in the order of ``classes_``; a tensor or a Dask array as
            `decision_function` says.

        Raises
        ------
        NotFittedError
            If the classifier has not been fitted.
        ValueError
            If ``X`` has non-finite values, or another number of features than in `fit`.
        """
        return _to_output(log_proba(self._logits(X).T).T, X)

    @lazy_on_dask
    @shared_among_cores
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class for each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor, Dask collection} of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Rows sum to 1. Columns are in the order of ``classes_``; a tensor or a Dask array
            as `decision_function` says.

        Raises
        ------
        NotFittedError
            If the classifier has not been fitted.
        ValueError
            If ``X`` has non-finite values, or another number of features than in `fit`.
        """
        return _to_output(log_proba(self._logits(X).T).exp_().T, X)

    @shared_among_cores
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on the given samples and labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor, Dask collection} of shape (n_samples, n_features)
            The samples.
        y : {array-like, tensor, Dask collection} of shape (n_samples,)
            Their labels.
        sample_weight : {array-like, Dask collection} of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        score : float
            The weighted fraction of samples whose label is predicted.

        Raises
        ------
        NotFittedError
            If the classifier has not been fitted.
        ValueError
            If ``X`` has non-finite values, or another number of features than in `fit`;
            if ``y`` or ``sample_weight`` has another length.
        """
        if is_dask(X):
            # Imported where it is used: Dask is optional.
            from skorchless.estimators._data.dask import accuracy

            return accuracy(self, X, y, sample_weight)
        if not _returns_tensors(X):
            y, sample_weight = to_numpy(y), to_numpy(sample_weight)
        return float(super().score(X, y, sample_weight))

    def _logits(self, X: Any) -> Tensor:
        """Return the logits (N, K) on the device of ``X``: the only product."""
        if not hasattr(self, "coef_"):
            check_is_fitted(self)  # which takes 7 us to find that nothing is missing
        X = check_X(self, X, reset=False)
        W = torch.from_numpy(np.column_stack([dense_coef(self), self.intercept_]))  # (K, P + 1)
        dtype = torch.promote_types(resolve_dtype(self.dtype, dtype_of(X)), W.dtype)
        placement = place(X.device if isinstance(X, Tensor) else torch.device("cpu"), dtype)
        W = W.to(placement.device, placement.dtype)
        logits = logits_of_rows(X, W, placement)
        # Huge features times huge weights leave the range of float32, and inf - inf is no logit.
        return logits if math.isfinite(logits.sum().item()) else _logits_in_range(X, W, placement)


def penalty_name(l1_ratio: float) -> str:
    """Return scikit-learn's name for the penalty of ``l1_ratio``."""
    return {0.0: "l2", 1.0: "l1"}.get(l1_ratio, "elasticnet")


def dense_coef(estimator: Any) -> Array:
    """Return ``coef_`` (K, P) as an array, also where `sparsify` has made it a sparse matrix."""
    return estimator.coef_.toarray() if issparse(estimator.coef_) else estimator.coef_


def pack_weights(estimator: Any) -> Tensor:
    """Return the engine's weights (1, K, D) of a fitted estimator."""
    columns = [dense_coef(estimator)]
    if estimator.fit_intercept:
        columns.append(estimator.intercept_[:, None])
    return torch.from_numpy(np.concatenate(columns, axis=1))[None]


def unpack_weights(W: Tensor, n_features: int) -> tuple[Array, Array]:
    """Return ``coef`` (K, P) and ``intercept`` (K,) of the weights (1, K, D)."""
    weights = W[0].cpu().numpy()
    coef = weights[:, :n_features]
    if not coef.flags.forc:
        coef = coef.copy()
    has_intercept = weights.shape[1] > n_features
    intercept = weights[:, -1].copy() if has_intercept else np.zeros_like(coef[:, 0])
    return coef, intercept


def linear_attributes(W: Tensor, n_features: int, classes: Array) -> dict[str, Any]:
    """Return what prediction needs of the weights (1, K, D), as NumPy of their dtype."""
    coef, intercept = unpack_weights(W, n_features)
    return {"coef_": coef, "intercept_": intercept, "classes_": classes}


def logits_of_rows(X: Any, W: Tensor, placement: Placement) -> Tensor:
    """Return the logits (N, K') of the rows ``X`` (N, P) for the weights ``W`` (K', D)."""

    def of_rows(block: Block) -> Tensor:
        return logits(block, W).T  # (B, K')

    return map_rows_of(of_rows, X, placement, values_per_row=len(W))


def _logits_in_range(X: Any, W: Tensor, placement: Placement) -> Tensor:
    """Return the logits (N, K) by a wider type, those of rows beyond the range made smaller."""
    wide = place(placement.device, placement.sum_dtype)
    logits = logits_of_rows(X, W.to(wide.dtype), wide)
    # A quarter, so that differences are within the range too. The order stays as it is.
    limit = torch.finfo(placement.dtype).max / 4
    largest = logits.abs().amax(1, keepdim=True)
    return (logits * (limit / largest).clamp(max=1.0)).to(placement.dtype)


def predictions_in_numpy() -> AbstractContextManager[None]:
    """Return a context in which predictions are NumPy whatever X is, as a scorer's labels are."""
    return config_context(array_api_dispatch=False)


def _returns_tensors(X: Any) -> bool:
    """Return whether predictions for ``X`` are tensors."""
    return isinstance(X, Tensor) and get_config()["array_api_dispatch"]


def _to_output(predictions: Tensor, X: Any) -> Any:
    """Return ``predictions`` as the caller of ``X`` wants them."""
    if _returns_tensors(X):
        return predictions.contiguous()
    # NumPy copies a transposed matrix in half the time that torch takes.
    return np.ascontiguousarray(predictions.cpu().numpy())
