"""The predict methods of a fitted linear classifier: one product, and what is read from it.

The classifiers inherit them. The weights go to where X is.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn import get_config
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skorchless._arrays import Array
from skorchless._cores import shared_among_cores
from skorchless._engine.nll import log_proba
from skorchless._engine.placement import Placement, as_tensor, dtype_of, place, resolve_dtype
from skorchless.estimators._data.lazy import lazy_on_dask
from skorchless.estimators._data.validation import check_X
from skorchless.estimators._docs import documented
from skorchless.estimators._sklearn_private import Interval, SparseCoefMixin, StrOptions
from skorchless.estimators._weights import dense_coef, logits_of_rows

# The constraints of parameters that both classifiers have, for scikit-learn's validation.
SHARED_CONSTRAINTS: dict[str, list[Any]] = {
    "fit_intercept": ["boolean"],
    "class_weight": [dict, StrOptions({"balanced"}), None],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "device": [str, torch.device],
    "dtype": [None, str, type, np.dtype, torch.dtype],
}


@documented
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

    @property
    def penalty(self) -> str:
        """The kind of penalty, 'l1', 'l2' or 'elasticnet'; of a search, that which was chosen.

        :class:`~sklearn.feature_selection.SelectFromModel` reads it, and keeps by default the
        features that an L1 penalty has left.
        """
        l1_ratio = self.l1_ratio if hasattr(self, "l1_ratio") else self.l1_ratio_
        return {0.0: "l2", 1.0: "l1"}.get(l1_ratio, "elasticnet")

    @lazy_on_dask
    @shared_among_cores
    def decision_function(self, X: Any) -> Any:
        """Return the logit of each class for each sample.

        {takes_X}

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            ``X @ coef_.T + intercept_``. With two classes, the logit of ``classes_[1]``,
            which is predicted where it is above 0. A tensor on the device of ``X`` where
            ``X`` is one and scikit-learn's ``array_api_dispatch`` is on. For a Dask collection a
            lazy Dask array.

        {raises}
        """
        logits = self._logits(X)  # (N, K)
        return _to_output(logits[:, 0] if logits.shape[1] == 1 else logits, X)

    @lazy_on_dask
    @shared_among_cores
    def predict(self, X: Any) -> Any:
        """Return the most probable class of each sample.

        {takes_X}

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Entries of ``classes_``. A tensor on the device of ``X`` where ``X`` is one,
            ``array_api_dispatch`` is on and the classes are numbers; a lazy Dask array for a
            Dask collection.

        {raises}
        """
        logits = self._logits(X)  # (N, K)
        codes = (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)
        if returns_tensors(X) and self.classes_.dtype.kind in "biuf":
            return as_tensor(self.classes_).to(codes.device)[codes]
        return self.classes_[codes.cpu().numpy()]

    @lazy_on_dask
    @shared_among_cores
    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithm of the probability of each class for each sample.

        {takes_X}

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            The log-softmax of the logits, finite even where the probability underflows.
            Columns are in the order of ``classes_``; a tensor or a Dask array as
            `decision_function` says.

        {raises}
        """
        return _to_output(log_proba(self._logits(X).T).T, X)

    @lazy_on_dask
    @shared_among_cores
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class for each sample.

        {takes_X}

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Rows sum to 1. Columns are in the order of ``classes_``; a tensor or a Dask array
            as `decision_function` says.

        {raises}
        """
        return _to_output(log_proba(self._logits(X).T).exp_().T, X)

    def _logits(self, X: Any) -> Tensor:
        """Return the logits (N, K) on the device of ``X``: the only product."""
        if not hasattr(self, "coef_"):
            check_is_fitted(self)  # raises; for a fitted one it would take 7 us
        X = check_X(self, X, reset=False)
        W = torch.from_numpy(np.column_stack([dense_coef(self), self.intercept_]))  # (K, P + 1)
        dtype = torch.promote_types(resolve_dtype(self.dtype, dtype_of(X)), W.dtype)
        placement = place(X.device if isinstance(X, Tensor) else torch.device("cpu"), dtype)
        W = W.to(placement.device, placement.dtype)
        logits = logits_of_rows(X, W, placement)
        # Huge features times huge weights leave the range of float32, and inf - inf is no logit.
        return logits if math.isfinite(logits.sum().item()) else _logits_in_range(X, W, placement)


def _logits_in_range(X: Any, W: Tensor, placement: Placement) -> Tensor:
    """Return the logits (N, K) from a wider type, rows beyond the range scaled into it."""
    wide = place(placement.device, placement.sum_dtype)
    logits = logits_of_rows(X, W.to(wide.dtype), wide)
    # A quarter, so that differences are in the range too. Scaling keeps the order of classes.
    limit = torch.finfo(placement.dtype).max / 4
    largest = logits.abs().amax(1, keepdim=True)
    return (logits * (limit / largest).clamp(max=1.0)).to(placement.dtype)


def returns_tensors(X: Any) -> bool:
    """Return whether predictions for ``X`` are tensors."""
    return isinstance(X, Tensor) and get_config()["array_api_dispatch"]


def _to_output(predictions: Tensor, X: Any) -> Any:
    """Return ``predictions`` as the caller of ``X`` wants them."""
    if returns_tensors(X):
        return predictions.contiguous()
    # NumPy copies a transposed matrix in half the time that torch takes.
    return np.ascontiguousarray(predictions.cpu().numpy())
