"""The optimum of `bench_ordinary`'s problems, by SciPy's L-BFGS-B in float64 and no solver timed.

Its coordinates are those in which the curvature of X is the same in all directions, so that it
converges where columns have scales apart, or are more than the rows.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, sparse
from scipy.special import log_softmax


def find_optimum(X, y):
    """Return the least mean NLL plus penalty at C=1, with an intercept that has none."""
    n_classes = len(np.unique(y))
    features, lengths = rotate(X, n_classes)
    # The second of two classes alone has weights.
    shape = (1 if n_classes == 2 else n_classes, features.shape[1] + 1)
    result = optimize.minimize(
        *(value_and_grad, np.zeros(shape).ravel(), (features, lengths, y, shape)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 5_000, "maxfun": 10_000, "gtol": 1e-7, "ftol": 1e-14, "maxls": 50},
    )
    return float(result.fun)


def rotate(X, n_classes):
    """Return X centred, by its principal axes, and the length of a unit step along each.

    The penalty stays what it is: rotations keep norms, and the optimum is in the rows' span.
    """
    if sparse.issparse(X):
        return X, np.ones(X.shape[1])
    n_samples = len(X)
    X = X - X.mean(axis=0)
    if X.shape[1] > n_samples:
        X = np.linalg.qr(X.T, mode="r").T
    squares, axes = np.linalg.eigh(X.T @ X)
    return X @ axes, 1 / np.sqrt((squares.clip(0) / n_classes + 1) / n_samples)


def value_and_grad(v, features, lengths, y, shape):
    """Return the objective and its gradient at flat weights ``v``, the intercepts last."""
    v = v.reshape(shape)
    coef, rows = v[:, :-1] * lengths, np.arange(len(y))
    logits = features @ coef.T + v[:, -1]
    if len(v) == 1:
        logits = np.hstack([0 * logits, logits])
    log_p = log_softmax(logits, axis=1)
    error = np.exp(log_p)
    error[rows, y] -= 1
    error = error[:, -len(v) :] / len(y)
    value = -log_p[rows, y].mean() + (coef**2).sum() / (2 * len(y))
    grad = ((features.T @ error).T + coef / len(y)) * lengths
    return value, np.hstack([grad, error.sum(axis=0)[:, None]]).ravel()
