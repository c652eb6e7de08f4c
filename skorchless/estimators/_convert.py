"""A fitted classifier as a torch module or as scikit-learn's own estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from torch import nn

from skorchless.estimators._linear import dense_coef


def to_module(estimator: Any) -> nn.Sequential:
    """Return ``Linear`` and ``LogSoftmax`` with the weights of ``estimator``."""
    coef, intercept = dense_coef(estimator), estimator.intercept_
    if len(coef) == 1:
        # log_softmax([0, z]) is the logistic model: one row of zeros makes it two rows.
        coef = np.concatenate([np.zeros_like(coef), coef])
        intercept = np.concatenate([np.zeros_like(intercept), intercept])
    weight, bias = torch.tensor(coef), torch.tensor(intercept)
    # On the meta device, because Linear draws first weights from torch's global generator.
    linear = nn.Linear(coef.shape[1], len(coef), dtype=weight.dtype, device="meta")
    linear.load_state_dict({"weight": weight, "bias": bias}, assign=True)
    return nn.Sequential(linear, nn.LogSoftmax(dim=1))


SHARED_PARAMETERS = (
    *("C", "l1_ratio", "fit_intercept", "class_weight", "tol", "max_iter", "warm_start"),
    *("random_state", "verbose"),
)


def to_sklearn(estimator: BaseEstimator) -> LogisticRegression:
    """Return a fitted ``LogisticRegression`` with the weights of ``estimator``."""
    parameters = estimator.get_params(deep=False)
    # The one solver that fits an L1 penalty to several classes, where the model is fitted again.
    solver = "saga" if parameters["l1_ratio"] > 0 else "lbfgs"
    shared = {name: parameters[name] for name in SHARED_PARAMETERS}
    model = LogisticRegression(solver=solver, **shared)
    model.coef_ = estimator.coef_.copy()
    model.intercept_ = estimator.intercept_.copy()
    model.classes_ = estimator.classes_.copy()
    model.n_iter_ = np.array([estimator.n_iter_], dtype=np.int32)
    model.n_features_in_ = estimator.n_features_in_
    if hasattr(estimator, "feature_names_in_"):
        model.feature_names_in_ = estimator.feature_names_in_.copy()
    return model
