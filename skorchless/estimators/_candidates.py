"""What happens between two iterations of a batch of candidates: count, print, call back.

TorchLogisticClassifierCV gives it a solver to drive; the solver knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from skorchless._engine.solvers.base import Progress, Status
from skorchless.estimators._monitor import CallbackTasks, ProgressTable, full_batch_shortfall


@dataclass(frozen=True)
class Candidates:
    """The outcome of a fit of M candidates."""

    W: Tensor  # (M, K, D)
    n_iter: Tensor  # (M,)
    status: Tensor  # (M,) of Status
    remaining: Tensor  # (M,)
    method: str  # of the last iteration
    is_stopped_early: bool


def run_candidates(
    solver: Iterator[Progress],
    W: Tensor,
    *,
    max_iter: int,
    tasks: CallbackTasks | None,
    verbose: int,
) -> Candidates:
    """Drive ``solver`` from the weights ``W`` (M, K, D) until it, a callback or ``max_iter`` ends.

    Each candidate is a task, from its first weights to its last; both ends are announced when it
    has finished.
    """
    table = ProgressTable("iter", "finished", "of", "violation")
    is_stopped = False
    for number in range(1, max_iter + 1):
        progress = next(solver)
        if number == 1:
            is_running = torch.ones_like(progress.status, dtype=torch.bool)
            n_iter = torch.zeros_like(progress.status)
        n_iter += is_running
        goes_on = (progress.status == Status.RUNNING) & (number < max_iter)
        for m in (is_running & ~goes_on).nonzero()[:, 0].tolist():
            if tasks is not None:
                tasks.begin(W[m : m + 1], "candidate", m)
                is_stopped |= tasks.end(progress.W[m : m + 1])
        is_running = goes_on
        if verbose:
            n_candidates, n_running = len(is_running), int(is_running.sum())
            violation = float(progress.remaining.max())
            n_finished = n_candidates - n_running
            table.add_row(number, n_finished, n_candidates, violation, method=progress.method)
        if is_stopped or not is_running.any():
            break
    return Candidates(
        progress.W, n_iter, progress.status, progress.remaining, progress.method, is_stopped
    )


def candidates_shortfall(candidates: Candidates, tol: float, dtype: torch.dtype) -> str | None:
    """Return what candidates that did not converge have to tell their user; None if all did."""
    is_short = candidates.status != Status.CONVERGED
    if candidates.is_stopped_early or not is_short.any():
        return None
    n_short, n_candidates = int(is_short.sum()), len(is_short)
    return full_batch_shortfall(
        "" if n_candidates == 1 else f" for {n_short} of {n_candidates} candidates",
        # One that has stalled needs another precision, one that was still running iterations.
        Status(int(candidates.status[is_short].min())),
        int(candidates.n_iter[is_short].max()),
        float(candidates.remaining[is_short].max()),
        tol,
        dtype,
    )
