"""The predict methods of a fitted linear classifier: one product, and what is read from it.

The classifiers inherit them. The weights go to where X is.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from sklearn import get_config
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skorchless._arrays import Array
from skorchless._cores import shared_among_cores
from skorchless._engine.nll import log_proba
from skorchless._engine.placement import Placement, as_tensor, dtype_of, place, resolve_dtype
from skorchless._engine.products import Block, logits
from skorchless._engine.rows.containers import map_rows_of
from skorchless.estimators._data.lazy import lazy_on_dask
from skorchless.estimators._data.validation import check_X
from skorchless.estimators._docs import documented
from skorchless.estimators._sklearn_private import Interval, SparseCoefMixin, StrOptions
from skorchless.estimators._weights import logits_of_rows, weights_of_predictions

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
    multilabel_: bool = False  # also of a model that an earlier version has pickled
    dtype: Any

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: sparse input passes, and several labels."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags

    @property
    def penalty(self) -> str:
        """The kind of penalty, 'l1', 'l2' or 'elasticnet'; of a search, that which was chosen.

        :class:`~sklearn.feature_selection.SelectFromModel` reads it, and keeps by default the
        features that an L1 penalty has left.
        """
        l1_ratio = self.l1_ratio if hasattr(self, "l1_ratio") else self.l1_ratio_
        kinds = {{0.0: "l2", 1.0: "l1"}.get(each, "elasticnet") for each in np.ravel(l1_ratio)}
        return kinds.pop() if len(kinds) == 1 else "elasticnet"

    @lazy_on_dask
    @shared_among_cores
    def decision_function(self, X: Any) -> Any:
        """Return the logit of each class for each sample.

        {takes_X}

        Returns
        -------
        scores : ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            ``X @ coef_.T + intercept_``. With two classes, the logit of ``classes_[1]``,
            which is predicted where it is above 0; with several labels, that of each. A tensor
            on the device of ``X`` where ``X`` is one and scikit-learn's ``array_api_dispatch`` is
            on. For a Dask collection a lazy Dask array.

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
        labels : {ndarray, CSR matrix} of shape (n_samples,) or (n_samples, n_labels)
            Entries of ``classes_``; of several labels 0 or 1, sparse where those of the fit were.
            A tensor on the device of ``X`` where ``X`` is one,
            ``array_api_dispatch`` is on and the classes are numbers; a lazy Dask array for a
            Dask collection.

        {raises}
        """
        if self.multilabel_:
            return self._predict_labels(X)
        codes = _most_probable(self._logits(X))
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
        log_proba : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            The log-softmax of the logits, finite even where the probability underflows; of
            several labels, that of a 1. Columns are in the order of ``classes_``; a tensor or a
            Dask array as `decision_function` says.

        {raises}
        """
        return _to_output(self._log_proba(X), X)

    @lazy_on_dask
    @shared_among_cores
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class for each sample.

        {takes_X}

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            Rows sum to 1, unless they are the probabilities of several labels to be 1. Columns
            are in the order of ``classes_``; a tensor or a Dask array
            as `decision_function` says.

        {raises}
        """
        return _to_output(self._log_proba(X).exp_(), X)

    def _log_proba(self, X: Any) -> Tensor:
        """Return the log-probabilities (N, classes) of classes, or (N, L) of labels to be 1."""
        logits = self._logits(X)
        if self.multilabel_:
            return torch.nn.functional.logsigmoid(logits)
        return log_proba(logits.T).T

    def _predict_labels(self, X: Any) -> Any:
        """Return the labels (N, L), 0 or 1, in the container that predictions are in."""
        labels = _to_output(self._are_positive(X), X)
        if returns_tensors(X):
            return labels.long()
        return (
            csr_array(labels, dtype=np.int64) if self.sparse_labels_ else labels.astype(np.int64)
        )

    def _are_positive(self, X: Any) -> Tensor:
        """Return the labels (N, L) as bytes: block by block, without the logits of all rows."""
        checked, W, placement = self._placed(X)
        are_beyond: list[bool] = []  # the range of the dtype, blocks of logits

        def are_positive(block: Block) -> Tensor:
            of_rows = logits(block, W)
            if not math.isfinite(of_rows.sum().item()):
                are_beyond.append(True)
            return (of_rows > 0).T.to(torch.uint8)  # (B, L)

        labels = map_rows_of(are_positive, checked, placement, values_per_row=len(W))
        return (self._logits(X) > 0).to(torch.uint8) if are_beyond else labels

    def _logits(self, X: Any) -> Tensor:
        """Return the logits (N, K) on the device of ``X``: the only product."""
        X, W, placement = self._placed(X)
        logits = logits_of_rows(X, W, placement)
        # Huge features times huge weights leave the range of float32, and inf - inf is no logit.
        return logits if math.isfinite(logits.sum().item()) else _logits_in_range(X, W, placement)

    def _placed(self, X: Any) -> tuple[Any, Tensor, Placement]:
        """Return X, checked, the weights (K, P + 1) beside it, and where they are."""
        if not hasattr(self, "coef_"):
            check_is_fitted(self)  # raises; for a fitted one it would take 7 us
        X = check_X(self, X, reset=False)
        W = weights_of_predictions(self)
        dtype = torch.promote_types(resolve_dtype(self.dtype, dtype_of(X)), W.dtype)
        placement = place(X.device if isinstance(X, Tensor) else torch.device("cpu"), dtype)
        return X, W.to(placement.device, placement.dtype), placement


def _logits_in_range(X: Any, W: Tensor, placement: Placement) -> Tensor:
    """Return the logits (N, K) from a wider type, rows beyond the range scaled into it."""
    wide = place(placement.device, placement.sum_dtype)
    logits = logits_of_rows(X, W.to(wide.dtype), wide)
    # A quarter, so that differences are in the range too. Scaling keeps the order of classes.
    limit = torch.finfo(placement.dtype).max / 4
    largest = logits.abs().amax(1, keepdim=True)
    return (logits * (limit / largest).clamp(max=1.0)).to(placement.dtype)


def _most_probable(logits: Tensor) -> Tensor:
    """Return the code (N,) of the most probable class, from the logits (N, K)."""
    if logits.shape[1] == 1:
        return (logits[:, 0] > 0).long()
    # Of ten classes NumPy's takes half of the time of torch's.
    return torch.from_numpy(logits.numpy().argmax(1)) if logits.is_cpu else logits.argmax(1)


def returns_tensors(X: Any) -> bool:
    """Return whether predictions for ``X`` are tensors."""
    return isinstance(X, Tensor) and get_config()["array_api_dispatch"]


def _to_output(predictions: Tensor, X: Any) -> Any:
    """Return ``predictions`` as the caller of ``X`` wants them."""
    if returns_tensors(X):
        return predictions.contiguous()
    # NumPy copies a transposed matrix in half the time that torch takes.
    return np.ascontiguousarray(predictions.cpu().numpy())
