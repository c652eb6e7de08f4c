"""A fitted classifier as a torch module or as scikit-learn's own estimator.

The classifiers inherit both methods.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
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
        """Return the fitted model as a torch module, ``Linear`` then ``LogSoftmax``.

        Returns
        -------
        module : torch.nn.Sequential
            On the CPU, in the dtype of ``coef_``; maps samples of shape
            (n_samples, n_features) to log-probabilities of shape (n_samples, n_classes). Two
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
        if len(coef) == 1:
            # log_softmax([0, z]) is the logistic model: one row of zeros makes it two rows.
            coef = np.concatenate([np.zeros_like(coef), coef])
            intercept = np.concatenate([np.zeros_like(intercept), intercept])
        weight, bias = torch.tensor(coef), torch.tensor(intercept)
        # On the meta device, because Linear draws first weights from torch's global generator.
        linear = nn.Linear(coef.shape[1], len(coef), dtype=weight.dtype, device="meta")
        linear.load_state_dict({"weight": weight, "bias": bias}, assign=True)
        return nn.Sequential(linear, nn.LogSoftmax(dim=1))

    def to_sklearn(self: Any) -> LogisticRegression:
        """Return the fitted model as scikit-learn's own ``LogisticRegression``.

        Returns
        -------
        model : sklearn.linear_model.LogisticRegression
            With copies of the fitted attributes, of the same shapes, and the parameters that
            both have: it can be saved, exported or served by whatever knows scikit-learn and
            not this package. A search gives the ``C_`` and the ``l1_ratio_`` that it has
            chosen, and the largest ``n_iter_`` of its candidates.

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
        parameters = self.get_params(deep=False)
        if hasattr(self, "C_"):
            parameters |= {"C": self.C_, "l1_ratio": self.l1_ratio_}
        parameters = {name: parameters[name] for name in SHARED_PARAMETERS if name in parameters}
        # For a new fit: 'saga' alone fits an L1 penalty to several classes.
        solver = "saga" if parameters["l1_ratio"] > 0 else "lbfgs"
        model = LogisticRegression(solver=solver, **parameters)
        model.coef_ = self.coef_.copy()
        model.intercept_ = self.intercept_.copy()
        model.classes_ = self.classes_.copy()
        model.n_iter_ = np.array([np.max(self.n_iter_)], dtype=np.int32)
        model.n_features_in_ = self.n_features_in_
        if hasattr(self, "feature_names_in_"):
            model.feature_names_in_ = self.feature_names_in_.copy()
        return model
