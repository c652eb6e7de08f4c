"""The loop that drives a solver, the record of how it ended, and what a user is told of it.

The classifiers call it. Who watches a fit is told of each iteration; the solver knows nothing of
it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from skorchless._engine.solvers.base import Progress, Status


@dataclass(frozen=True)
class FitResult:
    """The outcome of a fit of M models."""

    W: Tensor  # (M, K, D)
    n_iter: list[int]  # of each model
    status: list[Status]  # of each model
    max_violation: list[float]  # of each model: what ``tol`` is compared with
    method: str  # of the last iteration, "" where the solver has one alone
    # A callback or the validation loss ended the fit, not the solver and not max_iter.
    is_stopped_early: bool


class Watcher(Protocol):
    """Who is told of each iteration of a fit."""

    def before(self, number: int, weights: Callable[[], Tensor]) -> None:
        """Take what makes the weights (M, K, D) before iteration ``number``, from 1 on."""

    def after(self, number: int, progress: Progress, ended: list[int]) -> bool:
        """Take iteration ``number``; return whether to stop. Models have ``ended``."""


def drive(
    solver: Iterator[Progress], W: Tensor, *, max_iter: int, watcher: Watcher | None = None
) -> FitResult:
    """Drive ``solver`` from ``W`` (M, K, D) until it, ``watcher`` or ``max_iter`` ends the fit."""
    running, n_iter = list(range(len(W))), [0] * len(W)
    is_stopped, number = False, 0
    weights: Callable[[], Tensor] = lambda: W  # noqa: E731, as later ones
    while running and not is_stopped:
        number += 1
        if watcher is not None:
            watcher.before(number, weights)
        progress = next(solver)
        weights = partial(getattr, progress, "W")
        status = progress.status.tolist()
        for m in running:
            n_iter[m] = number
        is_last = number == max_iter
        ended = [m for m in running if is_last or status[m] != Status.RUNNING]
        if watcher is not None:
            is_stopped = watcher.after(number, progress, ended)
        running = [] if is_last else [m for m in running if status[m] == Status.RUNNING]
    return FitResult(
        W=progress.W,
        n_iter=n_iter,
        status=[Status(value) for value in status],
        max_violation=progress.max_violation.tolist(),
        method=progress.method,
        is_stopped_early=is_stopped,
    )


def finite_weights(W: Tensor, solver: str, dtype: torch.dtype) -> Tensor:
    """Return the weights (1, K, D) in ``dtype``; raise where they are not finite in it."""
    W = W.to(dtype)
    # Of 4 x 2**20 weights the sum takes 3 ms, isfinite of each 40 ms.
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
    # A stalled model needs another precision, one that still ran needs more iterations.
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
        # A user who asks for so few epochs does not expect convergence.
        return None
    loss = "validation" if estimator.early_stopping else "training"
    return (
        f"{estimator.solver} failed to converge after {fit.n_iter[0]} epochs: the {loss} loss was "
        "still falling. Increase max_iter or learning_rate_init."
    )
