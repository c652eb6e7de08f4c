"""Fits of many features with an L1 penalty, on a few of the features at a time.

At the optimum most weights are zero. Those that matter are guessed from the gradient, and
fitted on a copy of their columns, where an iteration costs what so few features cost; a pass over
all of X then tells which guess was wrong.

References
----------
Massias, Gramfort & Salmon, Celer: a fast solver for the lasso with dual extrapolation (2018),
section 4, https://proceedings.mlr.press/v80/massias18a.html: how working sets grow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.solvers.base import Progress, Status
from skorchless._engine.solvers.descent import Point, descend
from skorchless._engine.solvers.proximal import ProximalDirections

MIN_FEATURES = 100
GROWTH = 2
# A copy of a larger share of X costs more than it saves.
MAX_SHARE = 0.25
# The fit of a working set is as precise as pays until the next pass over X, in the violation of
# optimality before it; at last a little more than asked for, because the sums of a pass over all
# features are rounded otherwise.
PRECISION = 0.2
MARGIN = 0.5


def minimize_by_working_sets(
    objective: PenalizedNLL, start: Point, *, tol: float
) -> Iterator[Progress]:
    """Yield the progress of each iteration; stop as `descend` does, by all features."""
    models = torch.arange(len(start.value), device=start.value.device)
    point, remaining = start, _remaining(objective, start)
    record = Progress(start.W, start.value, torch.zeros_like(models), remaining)  # of all models
    while len(models):
        features = _choose(objective, point, tol)
        precision = max(MARGIN * tol, PRECISION * float(remaining.max()))
        iterations = _fit(objective, point, features, tol=precision)
        # The last iteration is reported after all features are looked at.
        last = next(iterations)
        for progress in iterations:
            record = record.put(models, replace(last, status=torch.zeros_like(models)))
            yield record
            last = progress
        point = Point(last.W, *objective.value_and_grad(last.W))
        remaining = _remaining(objective, point)
        is_stalled = (last.status == Status.STALLED) & (remaining <= last.remaining)
        status = torch.where(is_stalled, Status.STALLED, Status.RUNNING)
        status = torch.where(remaining <= tol, Status.CONVERGED, status)
        record = record.put(models, Progress(point.W, point.value, status, remaining))
        yield record
        left = (status == Status.RUNNING).nonzero()[:, 0]
        models, point, remaining = models[left], point.take(left), remaining[left]
        objective = objective.take(left)


def _fit(
    objective: PenalizedNLL, point: Point, features: Tensor, *, tol: float
) -> Iterator[Progress]:
    """Yield the progress of a fit of ``features`` (P',) from ``point`` on, weights (M, K, D)."""
    columns = torch.cat([features, features.new_tensor([-1] * int(objective.fit_intercept))])
    part = objective.select_features(features)
    start = Point(point.W[..., columns], point.value, point.grad[..., columns])
    for progress in descend(part, start, ProximalDirections(part, start), tol=tol):
        W = torch.zeros_like(point.W)
        W[..., columns] = progress.W
        yield replace(progress, W=W)


def _choose(objective: PenalizedNLL, point: Point, tol: float) -> Tensor:
    """Return the features (P',) to fit next, in order: those in use and the most violating."""
    n_features = objective.rows.n_features
    is_used = (point.W[..., :n_features] != 0).any(1).any(0)  # (P,)
    violation = objective.subgradient(point.W, point.grad)[..., :n_features].abs().amax((0, 1))
    violation[is_used] = 0.0
    n_used, n_violating = int(is_used.sum()), int((violation > tol).sum())
    n_chosen = n_used + min(n_violating, max(MIN_FEATURES, (GROWTH - 1) * n_used))
    if n_chosen > MAX_SHARE * n_features:
        return torch.arange(n_features, device=point.W.device)
    violation[is_used] = torch.inf
    return violation.topk(n_chosen).indices.sort().values


def _remaining(objective: PenalizedNLL, point: Point) -> Tensor:
    """Return the largest violation of optimality (M,)."""
    return objective.subgradient(point.W, point.grad).abs().amax((1, 2))
