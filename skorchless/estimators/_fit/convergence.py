"""What a fit tells its user that did not converge, and what it refuses to store."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from skorchless._engine.solvers.base import Status
from skorchless.estimators._fit.loop import FitResult


def finite_weights(W: Tensor, solver: str, dtype: torch.dtype) -> Tensor:
    """Return the weights (1, K, D) in ``dtype``; raise where they are not finite in it."""
    W = W.to(dtype)
    # The sum of 4 x 2**20 weights takes 3 ms, to look at each of them 40.
    if math.isfinite(W.sum().item()) or torch.isfinite(W).all():
        return W
    if solver != "lbfgs":
        remedy = ", or lower learning_rate_init"
    else:
        remedy = "" if dtype is torch.float64 else ", or pass dtype='float64'"
    raise ValueError(
        f"solver={solver!r} ran into infinite or NaN weights. Scale the features{remedy}."
    )


def convergence_message(estimator: Any, fit: FitResult, dtype: torch.dtype) -> str | None:
    """Return why a fit did not converge, and what to do; None where it did, or was stopped."""
    if estimator.solver == "lbfgs":
        return full_batch_message(fit, estimator.tol, dtype)
    return _minibatch_message(estimator, fit)


def full_batch_message(fit: FitResult, tol: float, dtype: torch.dtype) -> str | None:
    """Return why models of a full-batch fit did not converge, and what to do; None if all did."""
    short = [m for m, status in enumerate(fit.status) if status != Status.CONVERGED]
    if fit.is_stopped_early or not short:
        return None
    n_models = len(fit.status)
    of_what = "" if n_models == 1 else f" for {len(short)} of {n_models} candidates"
    n_iter = max(fit.n_iter[m] for m in short)
    # The first words are scikit-learn's, which filters of warnings match.
    failure = f"lbfgs failed to converge{of_what} after {n_iter} iteration(s)"
    largest = max(fit.max_violation[m] for m in short)
    violation = f"the largest violation of optimality is {largest:.2g}, tol={tol:g}"
    is_single = dtype is torch.float32
    # A stalled model needs another precision, one that was still running more iterations.
    if all(fit.status[m] == Status.STALLED for m in short):
        precision = str(dtype).removeprefix("torch.")
        in_double = "Pass dtype='float64' or scale" if is_single else "Scale"
        return (
            f"{failure}: the objective cannot be lowered any further in {precision}; {violation}. "
            f"{in_double} the features."
        )
    needs_double = "; this tol may need dtype='float64'" if is_single and tol < 1e-4 else ""
    return f"{failure}: {violation}. Increase max_iter or scale the features{needs_double}."


def _minibatch_message(estimator: Any, fit: FitResult) -> str | None:
    """Return why a minibatch fit did not converge, and what to do; None as for a full batch."""
    if fit.is_stopped_early or fit.status == [Status.CONVERGED]:
        return None
    if estimator.max_iter <= estimator.n_iter_no_change:
        # So few epochs cannot show convergence: they were asked for as they are.
        return None
    loss = "validation" if estimator.early_stopping else "training"
    return (
        f"{estimator.solver} failed to converge after {fit.n_iter[0]} epochs: the {loss} loss was "
        "still falling. Increase max_iter or learning_rate_init."
    )
