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

# Of a sparse X, where a pass costs little more than an iteration, few large sets take half the
# time of many small ones (100 features, doubled, each fitted to a tenth of the violation).
MIN_FEATURES = 200
GROWTH = 3
# A copy of a larger share of X costs more than it saves; of a sparse X it costs little.
MAX_SHARE = 0.25
MAX_SPARSE_SHARE = 0.6
# The fit of a working set is as precise as pays until the next pass over X, in the violation of
# optimality before it; at last a little more than asked for, because the sums of a pass over all
# features are rounded otherwise.
PRECISION = 0.5
MARGIN = 0.5
# A set is fitted in two or three iterations with exact Hessians; without, the BFGS matrix starts
# anew each time. 500 features of 2,000 rows take a fifth less time.
HESSIAN_WORTH = 20.0


def minimize_by_working_sets(
    objective: PenalizedNLL, W: Tensor, *, tol: float
) -> Iterator[Progress]:
    """Yield the progress of each iteration from ``W``; stop as `descend` does, by all features."""
    point = _start(objective, W)
    remaining = objective.violation(point.W, point.grad)
    models = torch.arange(len(W), device=W.device)
    record = Progress(W, point.value, torch.zeros_like(models), remaining)  # of all models
    while len(models):
        features, violation = _choose(objective, point, tol)
        working_set = WorkingSet(objective, features)
        iterations = working_set.descend(point, tol=max(MARGIN * tol, PRECISION * violation))
        # The last iteration is reported after all features are looked at.
        last = next(iterations)
        for progress in iterations:
            running = replace(
                last,
                W=working_set.embed(last.W),
                status=torch.zeros_like(models),
                # What other features violate is known from the last pass alone.
                remaining=torch.maximum(last.remaining, remaining),
            )
            record = record.put(models, running)
            yield record
            last = progress
        point = working_set.leave(last.W)
        remaining = objective.violation(point.W, point.grad)
        is_stalled = (last.status == Status.STALLED) & (remaining <= last.remaining)
        status = torch.where(is_stalled, Status.STALLED, Status.RUNNING)
        status = torch.where(remaining <= tol, Status.CONVERGED, status)
        record = record.put(models, Progress(point.W, point.value, status, remaining))
        yield record
        left = (status == Status.RUNNING).nonzero()[:, 0]
        models, remaining = models[left], remaining[left]
        point, objective = point.take(left), objective.take(left)


class WorkingSet:
    """The objective of some features; all others have no weight."""

    def __init__(self, objective: PenalizedNLL, features: Tensor) -> None:
        self._whole = objective
        self._part = objective.select_features(features)
        intercept = features.new_tensor([-1] * int(objective.fit_intercept))
        self._columns = torch.cat([features, intercept])  # of weights

    def descend(self, point: Point, *, tol: float) -> Iterator[Progress]:
        """Yield the progress of a fit of these features alone, weights (M, K, D') of theirs."""
        start = Point(self.restrict(point.W), point.value, self.restrict(point.grad))
        directions = ProximalDirections(self._part, start, HESSIAN_WORTH)
        yield from descend(self._part, start, directions, tol=tol)

    def restrict(self, W: Tensor) -> Tensor:
        """Return the weights (M, K, D') of these features."""
        return W[..., self._columns]

    def embed(self, W_part: Tensor) -> Tensor:
        """Return the weights (M, K, D) of all features."""
        W = W_part.new_zeros(self._whole.weights_shape)
        W[..., self._columns] = W_part
        return W

    def leave(self, W_part: Tensor) -> Point:
        """Return the point of all features at weights (M, K, D') of these."""
        W = self.embed(W_part)
        return Point(W, *self._whole.value_and_grad_by(self._part, W_part, W))


def _start(objective: PenalizedNLL, W: Tensor) -> Point:
    """Return the point at ``W``, of which few features may be in use."""
    features = _used(objective, W).nonzero()[:, 0]
    if len(features) > _max_features(objective):
        return Point(W, *objective.value_and_grad(W))
    working_set = WorkingSet(objective, features)
    return working_set.leave(working_set.restrict(W))


def _max_features(objective: PenalizedNLL) -> float:
    """Return the number of features beyond which all are fitted at once."""
    rows = objective.rows
    return (MAX_SHARE if rows.n_stored is None else MAX_SPARSE_SHARE) * rows.n_features


def _used(objective: PenalizedNLL, W: Tensor) -> Tensor:
    """Return whether any model has a weight for each feature (P,)."""
    return (W[..., : objective.rows.n_features] != 0).any(1).any(0)


def _choose(objective: PenalizedNLL, point: Point, tol: float) -> tuple[Tensor, float]:
    """Return the features (P',) to fit next, in order, and the largest violation of new ones.

    They are those in use and the most violating of the others.
    """
    n_features = objective.rows.n_features
    is_used = _used(objective, point.W)
    violation = objective.subgradient(point.W, point.grad)[..., :n_features].abs().amax((0, 1))
    violation[is_used] = 0.0
    largest = float(violation.max())
    n_used, n_violating = int(is_used.sum()), int((violation > tol).sum())
    n_new = min(n_violating, max(MIN_FEATURES, (GROWTH - 1) * n_used))
    n_chosen = max(1, n_used + n_new)  # without an intercept none would leave no weight at all
    if n_chosen > _max_features(objective):
        return torch.arange(n_features, device=point.W.device), 0.0
    violation[is_used] = torch.inf
    return violation.topk(n_chosen).indices.sort().values, largest
