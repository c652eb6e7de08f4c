"""Fits of many features with an L1 penalty, on a few of the features at a time.

At the optimum most weights are zero. The gradient suggests those that are not; they are fitted on
a copy of their columns, where an iteration costs what few features cost. A pass over all of X then
shows which features are missing.

References
----------
Massias, Gramfort & Salmon, Celer: a fast solver for the lasso with dual extrapolation (2018),
section 4, https://proceedings.mlr.press/v80/massias18a.html: how working sets grow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from skorchless._engine.costs import WorkingSetSizes
from skorchless._engine.curvature.feature_moments import centered_objective
from skorchless._engine.objective import (
    PenalizedNLL,
    weights_of_centred,
    weights_of_raw,
)
from skorchless._engine.records import take_models
from skorchless._engine.solvers.base import Progress, Status, join
from skorchless._engine.solvers.descent import Point, descend
from skorchless._engine.solvers.proximal import ProximalDirections
from skorchless._engine.solvers.strategy import are_products_cheap

Indices: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.intp]]"

# The share of ``tol`` to which a set is fitted, because a pass over all features rounds its sums
# in another way. With 0.5 fits take up to a tenth longer.
MARGIN = 0.9


def minimize_by_working_sets(
    objective: PenalizedNLL, W: Tensor, *, tol: float
) -> Iterator[Progress]:
    """Yield the progress of each iteration from ``W``; stop as `descend` does, by all features."""
    objective = replace(objective, rows=objective.rows.ready_to_select())
    working_set = WorkingSet(objective, _first_features(objective, W))
    point, violation = working_set.evaluate_on_all(working_set.gather(W))
    max_violation = violation.amax((1, 2))
    precision = _sizes(objective).precision
    models = torch.arange(len(W), device=W.device)
    ended: list[tuple[Tensor, Progress]] = []
    while len(models):
        features, largest = _choose(objective, working_set.used(point.W), violation, tol)
        working_set = WorkingSet(objective, features)
        iterations = working_set.descend(point, tol=max(MARGIN * tol, precision * largest))
        # The last iteration is reported after the pass over all features.
        last = next(iterations)
        for progress in iterations:
            running = replace(
                last,
                weights=partial(working_set.scatter, last.W),
                status=torch.zeros_like(models),
                method="working-sets",
                # The violations of other features are those of the last pass.
                max_violation=torch.maximum(last.max_violation, max_violation),
            )
            yield join([*ended, (models, running)])
            last = progress
        point, violation = working_set.evaluate_on_all(last.W)
        max_violation = violation.amax((1, 2))
        is_stalled = (last.status == Status.STALLED) & (max_violation <= last.max_violation)
        status = torch.where(max_violation <= tol, Status.CONVERGED, Status.STALLED * is_stalled)
        latest = Progress(point.W, point.value, status, max_violation, method="working-sets")
        yield join([*ended, (models, latest)])
        left = (status == Status.RUNNING).nonzero()[:, 0]
        if len(left) < len(models):
            stopped = status.nonzero()[:, 0]
            ended.append((models[stopped], latest.take(stopped)))
            models, max_violation, violation = models[left], max_violation[left], violation[left]
            point, objective = take_models(point, left), objective.take(left)


class WorkingSet:
    """The objective of some features; all others have no weight."""

    def __init__(self, objective: PenalizedNLL, features: Indices) -> None:
        device = objective.alpha.device
        self._features = features
        self._whole = objective
        self._part = objective.select_features(torch.from_numpy(features).to(device))
        intercept = np.full(int(objective.fit_intercept), -1)
        self._columns = torch.from_numpy(np.append(features, intercept)).to(device)  # of weights

    def descend(self, point: Point, *, tol: float) -> Iterator[Progress]:
        """Yield the progress of a fit of these features alone, weights (M, K, D') of theirs."""
        part, moments = self._part, None
        # Products with sparse rows go without the moments, which take a pass.
        max_ratio = part.costs.max_working_set_ratio
        if not are_products_cheap(part, max_ratio):
            part, moments = centered_objective(part)
        W = weights_of_centred(self.gather(point.W), part.mean)
        start = Point(W, point.value, part.grad_of_block(self.gather(point.grad)))
        directions = ProximalDirections(part, start, moments, tol=tol, max_ratio=max_ratio)
        # Convergence is decided by all features.
        for progress in descend(part, start, directions, tol=tol, bounds_decrease=False):
            yield progress.map_weights(lambda W: weights_of_raw(W, part.mean))

    def gather(self, W: Tensor) -> Tensor:
        """Return the weights (M, K, D') of these features."""
        return W[..., self._columns]

    def scatter(self, W_part: Tensor) -> Tensor:
        """Return the weights (M, K, D) of all features."""
        W = W_part.new_zeros(self._whole.weights_shape)
        W[..., self._columns] = W_part
        return W

    def evaluate_on_all(self, W_part: Tensor) -> tuple[Point, Tensor]:
        """Return the point of all features at weights (M, K, D') of these, and the violations.

        They are (M, K, D), below 0 for a weight of 0 that violates nothing.
        """
        part, columns = self._part, self._columns
        nll, grad = self._whole.nll_and_grad_by(part, W_part)
        # Few operations on all weights: each costs a fifth of the pass.
        grad_part = torch.addcmul(grad[..., columns], part.shrinkage, W_part)
        grad[..., columns] = grad_part
        violation = self._whole.grad_of_raw(grad).abs().sub_(self._whole.threshold)
        violation[..., columns] = torch.where(
            W_part == 0,
            violation[..., columns],
            part.subgradient(W_part, part.grad_of_raw(grad_part)).abs(),
        )
        return Point(self.scatter(W_part), nll + part.penalty(W_part), grad), violation

    def used(self, W: Tensor) -> Indices:
        """Return which of these features have a weight in any model of ``W`` (M, K, D)."""
        return self._features[_used(self.gather(W), len(self._features))]


def _used(W: Tensor, n_features: int) -> Indices:
    """Return the features that have a weight in any model of ``W`` (M, K, D)."""
    indices: Indices = (W[..., :n_features].cpu().numpy() != 0).any((0, 1)).nonzero()[0]
    return indices


def _first_features(objective: PenalizedNLL, W: Tensor) -> Indices:
    """Return the features that ``W`` (M, K, D) uses, or all where it uses many."""
    n_features = objective.rows.n_features
    used = _used(W, n_features)
    return used if len(used) <= _max_features(objective) else np.arange(n_features)


def _sizes(objective: PenalizedNLL) -> WorkingSetSizes:
    """Return how large working sets of this kind of X are."""
    costs = objective.costs
    return costs.dense_sets if objective.rows.n_stored is None else costs.sparse_sets


def _max_features(objective: PenalizedNLL) -> int:
    """Return the number of features beyond which all are fitted at once."""
    return int(_sizes(objective).max_share * objective.rows.n_features)


def _choose(
    objective: PenalizedNLL, used: Indices, violation: Tensor, tol: float
) -> tuple[Indices, float]:
    """Return the features (P',) to fit next, in order, and the largest violation of new ones.

    They are those ``used`` and the first of the others by ``violation`` (M, K, D).
    """
    # With NumPy, whose small operations take a third of the time of torch's.
    n_features, n_used = objective.rows.n_features, len(used)
    of_new = violation[..., :n_features].cpu().numpy().max((0, 1))
    near = _sizes(objective).near * of_new.max()
    of_new[used] = -np.inf
    new = (of_new > -near).nonzero()[0]
    n_allowed, n_copied = _max_new(objective, n_used), _max_features(objective) - n_used
    # Features that do not violate yet are no reason to fit all.
    if min(int(np.count_nonzero(of_new > tol)), n_allowed) > n_copied:
        return np.arange(n_features), 0.0
    n_new = min(len(new), n_allowed, n_copied)
    if n_new < len(new):
        new = new[np.argpartition(-of_new[new], n_new)[:n_new]]
    # One at least: without an intercept there would be no weight at all.
    chosen = np.append(used, new) if n_used + n_new else of_new.argmax(keepdims=True)
    return np.sort(chosen), float(of_new.max())


def _max_new(objective: PenalizedNLL, n_used: int) -> int:
    """Return how many features a working set may have beside the ``n_used`` in use."""
    n_models, n_weight_rows, _ = objective.weights_shape
    n_rows, sizes = objective.rows.n_rows, _sizes(objective)
    n_first = max(sizes.min_features, min(sizes.max_first, int(sizes.first_share * n_rows)))
    # With L1 alone no optimum needs more weights than rows; with L2 sets then grow by half.
    n_left = n_rows * n_models * n_weight_rows - n_used
    most = max(n_left, n_used // 2, sizes.min_features)
    return min(max(n_first, n_used), most)
