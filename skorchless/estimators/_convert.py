"""A fitted classifier as a torch module or as scikit-learn's own estimator.

The classifiers inherit both methods.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skorchless._cores import shared_among_cores
from skorchless.estimators._weights import dense_coef

SHARED_PARAMETERS = (
    *("C", "l1_ratio", "fit_intercept", "class_weight", "tol", "max_iter", "warm_start"),
    *("random_state", "verbose"),
)


class ConversionMixin:
    """Conversions of ``coef_``, ``intercept_`` and ``classes_``, which stay as they are."""

    @shared_among_cores
    def to_module(self: Any) -> nn.Sequential:
        """Return the fitted model as a torch module, ``Linear`` and ``LogSoftmax`` or ``Sigmoid``.

        Returns
        -------
        module : torch.nn.Sequential
            On the CPU, in the dtype of ``coef_``; maps samples of shape
            (n_samples, n_features) to log-probabilities of shape (n_samples, n_classes), or,
            of several labels, to their probabilities of shape (n_samples, n_labels). Two
            classes have two rows of weights there, the first one zeros.

        Examples
        --------
        >>> import torch
        >>> from sklearn.datasets import load_iris
        >>> from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV
        >>> X, y = load_iris(return_X_y=True)
        >>> module = TorchLogisticClassifier().fit(X, y).to_module()
        >>> module(torch.tensor(X[:2])).exp().shape
        torch.Size([2, 3])

        Of a search it is the model with the penalty that was chosen.

        >>> search = TorchLogisticClassifierCV(Cs=[0.1, 10.0]).fit(X, y)
        >>> search.to_module()
        Sequential(
          (0): Linear(in_features=4, out_features=3, bias=True)
          (1): LogSoftmax(dim=1)
        )
        """
        check_is_fitted(self)
        coef, intercept = dense_coef(self), self.intercept_
        if len(coef) == 1:  # several labels have a row each
            # log_softmax([0, z]) is the logistic model: one row of zeros makes it two rows.
            coef = np.concatenate([np.zeros_like(coef), coef])
            intercept = np.concatenate([np.zeros_like(intercept), intercept])
        weight, bias = torch.tensor(coef), torch.tensor(intercept)
        # On the meta device, because Linear draws first weights from torch's global generator.
        linear = nn.Linear(coef.shape[1], len(coef), dtype=weight.dtype, device="meta")
        linear.load_state_dict({"weight": weight, "bias": bias}, assign=True)
        return nn.Sequential(linear, nn.Sigmoid() if self.multilabel_ else nn.LogSoftmax(dim=1))

    def to_sklearn(self: Any) -> LogisticRegression | OneVsRestClassifier:
        """Return the fitted model as scikit-learn's own ``LogisticRegression``.

        Returns
        -------
        model : LogisticRegression or, of several labels, OneVsRestClassifier
            With copies of the fitted attributes, of the same shapes, and the parameters that
            both have: it can be saved, exported or served by whatever knows scikit-learn and
            not this package. A search gives the ``C_`` and the ``l1_ratio_`` that it has
            chosen, and the largest ``n_iter_`` of its candidates. Several labels give a
            :class:`~sklearn.multiclass.OneVsRestClassifier` of such models, one for each.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV
        >>> X, y = load_iris(return_X_y=True)
        >>> TorchLogisticClassifier(C=10).fit(X, y).to_sklearn()
        LogisticRegression(C=10)
        >>> TorchLogisticClassifierCV(Cs=[0.1, 10.0]).fit(X, y).to_sklearn()
        LogisticRegression(C=10.0)
        """
        check_is_fitted(self)
        if self.multilabel_:
            return _one_vs_rest(self)
        return _logistic_regression(self, slice(None), self.classes_)


def _one_vs_rest(estimator: Any) -> OneVsRestClassifier:
    """Return the models of several labels as scikit-learn fits them, one after the other."""
    models = [
        _logistic_regression(estimator, slice(label, label + 1), np.arange(2))
        for label in estimator.classes_
    ]
    model = OneVsRestClassifier(clone(models[0]))
    model.estimators_ = models
    # It learns what labels are from two samples, without and with all of them.
    labels = np.repeat([[0], [1]], len(models), axis=1)
    as_fitted = csr_array(labels) if estimator.sparse_labels_ else labels
    model.label_binarizer_ = LabelBinarizer(sparse_output=True).fit(as_fitted)
    model.classes_ = model.label_binarizer_.classes_
    _copy_features(estimator, model)
    return model


def _logistic_regression(estimator: Any, rows: slice, classes: Any) -> LogisticRegression:
    """Return the model of some rows of weights as scikit-learn's."""
    parameters = estimator.get_params(deep=False)
    if hasattr(estimator, "C_"):
        C, l1_ratio = (np.atleast_1d(each) for each in (estimator.C_, estimator.l1_ratio_))
        which = rows.start if len(C) > 1 else 0
        parameters |= {"C": float(C[which]), "l1_ratio": float(l1_ratio[which])}
    parameters = {name: parameters[name] for name in SHARED_PARAMETERS if name in parameters}
    # For a new fit: 'saga' alone fits an L1 penalty to several classes.
    solver = "saga" if parameters["l1_ratio"] > 0 else "lbfgs"
    model = LogisticRegression(solver=solver, **parameters)
    model.coef_ = estimator.coef_[rows].copy()
    model.intercept_ = estimator.intercept_[rows].copy()
    model.classes_ = classes.copy()
    model.n_iter_ = np.array([np.max(estimator.n_iter_)], dtype=np.int32)
    _copy_features(estimator, model)
    return model


def _copy_features(estimator: Any, model: Any) -> None:
    """Give ``model`` the number and the names of the features."""
    model.n_features_in_ = estimator.n_features_in_
    if hasattr(estimator, "feature_names_in_"):
        model.feature_names_in_ = estimator.feature_names_in_.copy()
