"""The slow obvious truth: float64 autograd through torch's own layers, and scikit-learn."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn


def penalized_nll(W, X, codes, weights, alpha, *, n_classes, fit_intercept, l1_ratio=0.0):
    """Return the objective of one model with weights W (K, D), a float64 scalar with a graph."""
    X = X.to(torch.float64)
    n_features = X.shape[1]
    coef = W[:, :n_features]
    bias = W[:, n_features] if fit_intercept else None
    scores = nn.functional.linear(X, coef, bias)  # (N, K)
    if n_classes == 2:
        loss = nn.functional.binary_cross_entropy_with_logits(
            scores[:, 0], codes.double(), reduction="none"
        )
    else:
        loss = nn.NLLLoss(reduction="none")(nn.LogSoftmax(dim=1)(scores), codes)
    weights = weights.to(torch.float64)
    penalty = (1 - l1_ratio) / 2 * (coef**2).sum() + l1_ratio * coef.abs().sum()
    return (weights * loss).sum() / weights.sum() + alpha * penalty


def value_and_grad(W, *args, **kwargs):
    """Return the objective and its gradient (K, D) by autograd."""
    W = W.detach().to(torch.float64).clone().requires_grad_()
    value = penalized_nll(W, *args, **kwargs)
    value.backward()
    return value.detach(), W.grad


def smallest_subgradient(W, *args, **kwargs):
    """Return the subgradient (K, D) nearest to 0, from autograd on either side of each 0."""
    below, above = (
        value_and_grad(torch.where(W == 0, side, W.double()), *args, **kwargs)[1]
        for side in (-1e-200, 1e-200)
    )
    return torch.where(below > 0, below, torch.where(above < 0, above, 0.0))


def hessian(W, *args, **kwargs):
    """Return the Hessian (K * D, K * D) by autograd."""

    def value(flat):
        return penalized_nll(flat.view_as(W), *args, **kwargs)

    return torch.autograd.functional.hessian(value, W.to(torch.float64).flatten())


def optimum(X, codes, weights, alpha, *, fit_intercept):
    """Return the weights (K, D) of one model that scikit-learn's Newton solver finds."""
    clf = LogisticRegression(
        C=1.0 / (alpha * float(weights.sum())),
        fit_intercept=fit_intercept,
        solver="newton-cholesky",
        tol=1e-11,
    )
    clf.fit(X.numpy(), codes.numpy(), sample_weight=weights.double().numpy())
    W = clf.coef_
    if fit_intercept:
        # Of several classes any shift of all intercepts will do.
        shift = clf.intercept_.mean() if len(W) > 1 else 0.0
        W = np.column_stack([W, clf.intercept_ - shift])
    return torch.from_numpy(W)
