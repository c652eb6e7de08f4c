"""The loop that drives a solver, iteration by iteration, and the record of what comes of it.

The classifiers call it. Who watches a fit is told of each iteration; the solver knows nothing of
it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

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

    def before(self, W: Tensor) -> None:
        """Take the weights (M, K, D) before an iteration."""

    def after(self, number: int, progress: Progress, ended: list[int]) -> bool:
        """Take iteration ``number``, from 1 on; return whether to stop. Models have ``ended``."""


def drive(
    solver: Iterator[Progress], W: Tensor, *, max_iter: int, watcher: Watcher | None = None
) -> FitResult:
    """Drive ``solver`` from ``W`` (M, K, D) until it, ``watcher`` or ``max_iter`` ends the fit."""
    running, n_iter = list(range(len(W))), [0] * len(W)
    is_stopped, number = False, 0
    while running and not is_stopped:
        number += 1
        if watcher is not None:
            watcher.before(W)
        progress = next(solver)
        W, status = progress.W, progress.status.tolist()
        for m in running:
            n_iter[m] = number
        is_last = number == max_iter
        ended = [m for m in running if is_last or status[m] != Status.RUNNING]
        if watcher is not None:
            is_stopped = watcher.after(number, progress, ended)
        running = [m for m in running if m not in ended]
    return FitResult(
        W=W,
        n_iter=n_iter,
        status=[Status(value) for value in status],
        max_violation=progress.max_violation.tolist(),
        method=progress.method,
        is_stopped_early=is_stopped,
    )
