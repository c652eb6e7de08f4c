"""The loop that drives a solver, iteration by iteration, and the record of what comes of it.

The classifiers call it. Who watches a fit (callbacks, validation samples, `verbose`) is told of
each iteration by a `Watcher`; the solver knows nothing of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from skorchless._engine.solvers.base import Progress, Status
from skorchless.estimators._fit.callbacks import CallbackTasks
from skorchless.estimators._fit.validation import Validation


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
    """Drive ``solver`` from the weights ``W`` (M, K, D) to its end.

    That is its own, or set by the watcher or by ``max_iter``.
    """
    running, n_iter = list(range(len(W))), [0] * len(W)
    is_stopped, number = False, 0
    while running and not is_stopped and number < max_iter:
        number += 1
        if watcher is not None:
            watcher.before(W)
        progress = next(solver)
        W, status = progress.W, progress.status.tolist()
        is_last = number == max_iter
        ended = [m for m in running if is_last or status[m] != Status.RUNNING]
        if watcher is not None:
            is_stopped = watcher.after(number, progress, ended)
        for m in ended:
            n_iter[m] = number
        running = [] if is_last else [m for m in running if status[m] == Status.RUNNING]
    for m in running:
        n_iter[m] = number
    return FitResult(
        W,
        n_iter,
        [Status(value) for value in status],
        progress.max_violation.tolist(),
        progress.method,
        is_stopped,
    )


class ProgressTable:
    """The table that ``verbose`` prints: one row an iteration, its seconds and method last."""

    def __init__(self, *names: str) -> None:
        self._names = [*names, "seconds"]
        self._start = time.perf_counter()

    def add_row(self, *values: float, method: str = "") -> None:
        """Print a row: whole numbers as they are, others to 5 digits; names before the first."""
        if values[0] == 1:
            names = "".join(f"{name:>12}" for name in self._names)
            print(f"{names}  {'solver':<15}" if method else names)  # noqa: T201, verbose prints
        cells = [
            f"{value:12d}" if isinstance(value, int) else f"{value:12.5f}" for value in values
        ]
        seconds = time.perf_counter() - self._start
        of_method = f"  {method:<15}" if method else ""
        print(f"{''.join(cells)}{seconds:12.2f}{of_method}", flush=True)  # noqa: T201


class ModelWatcher:
    """Watches one model: each iteration is a task, scored on validation samples."""

    def __init__(
        self, tasks: CallbackTasks, validation: Validation | None, *, verbose: int
    ) -> None:
        self.losses: list[float] = []
        self._tasks = tasks
        self._validation = validation
        self._verbose = verbose
        # Not "train loss": it has the penalty in it, which the validation loss has not.
        of_validation = () if validation is None else ("valid loss", "valid acc")
        self._table = ProgressTable("iter", "objective", *of_validation)

    def before(self, W: Tensor) -> None:
        """Take the weights (1, K, D) before an iteration."""
        self._tasks.begin(W)

    def after(self, number: int, progress: Progress, ended: list[int]) -> bool:  # noqa: ARG002
        """Take an iteration; return whether to stop."""
        self.losses.append(float(progress.value))
        scores = () if self._validation is None else self._validation.score(progress.W)
        if self._verbose:
            self._table.add_row(number, self.losses[-1], *scores, method=progress.method)
        is_stopped = self._tasks.end(progress.W)
        return is_stopped or (self._validation is not None and self._validation.is_exhausted)


class CandidatesWatcher:
    """Watches a batch of candidates: each is a task, from its first weights to its last.

    Both ends are announced when it has finished.
    """

    def __init__(self, tasks: CallbackTasks, n_candidates: int, *, verbose: int) -> None:
        self._tasks = tasks
        self._n_candidates = n_candidates
        self._n_finished = 0
        self._verbose = verbose
        self._first_W: Tensor | None = None
        self._table = ProgressTable("iter", "finished", "of", "violation")

    def before(self, W: Tensor) -> None:
        """Take the weights (M, K, D) before an iteration."""
        self._first_W = W if self._first_W is None else self._first_W

    def after(self, number: int, progress: Progress, ended: list[int]) -> bool:
        """Take an iteration; return whether to stop."""
        assert self._first_W is not None  # noqa: S101
        is_stopped = False
        for m in ended:
            self._tasks.begin(self._first_W[m : m + 1], "candidate", m)
            is_stopped |= self._tasks.end(progress.W[m : m + 1])
        self._n_finished += len(ended)
        if self._verbose:
            violation = float(progress.max_violation.max())
            counts = (number, self._n_finished, self._n_candidates)
            self._table.add_row(*counts, violation, method=progress.method)
        return is_stopped
