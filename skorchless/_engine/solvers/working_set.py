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
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.solvers.base import Progress, Status
from skorchless._engine.solvers.descent import Point, as_statuses, descend
from skorchless._engine.solvers.proximal import ProximalDirections

Mask: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.bool_]]"

MIN_FEATURES = 100
# A fit is a little more precise than asked for, because the sums of a pass over all features are
# rounded otherwise.
MARGIN = 0.5


class Growth(NamedTuple):
    """How large working sets are, and how precisely each is fitted."""

    first_share: float  # of the number of rows: as many features to begin with
    factor: int  # how many times as many as are in use
    precision: float  # in the largest violation of a new feature
    max_share: float  # of all features; beyond, a copy costs more than it saves


# Of a sparse X a pass costs little more than an iteration: few large sets, each fitted once, take
# the least time. Of a dense X the Hessian of a large set costs more than several passes.
DENSE = Growth(first_share=0.0, factor=2, precision=0.1, max_share=0.25)
SPARSE = Growth(first_share=0.5, factor=3, precision=0.5, max_share=0.6)
# 20,000 x 50,000 sparse takes 31, 101 and 221 ms with 200 features first for 23, 71 and 197 with
# 3,000, at three penalties; more than this were not tried.
MAX_FIRST = 5000
# A set is fitted in two or three iterations with exact Hessians; without, the BFGS matrix starts
# anew each time. 500 features of 2,000 rows take a fifth less time.
HESSIAN_WORTH = 20.0


def minimize_by_working_sets(
    objective: PenalizedNLL, W: Tensor, *, tol: float
) -> Iterator[Progress]:
    """Yield the progress of each iteration from ``W``; stop as `descend` does, by all features."""
    point = _start(objective, W)
    precision = _growth(objective).precision
    violation = objective.subgradient(point.W, point.grad).abs()
    remaining = violation.amax((1, 2))
    models = torch.arange(len(W), device=W.device)
    record = Progress(W, point.value, torch.zeros_like(models), remaining)  # of all models
    while len(models):
        features, largest = _choose(objective, point.W, violation, tol)
        working_set = WorkingSet(objective, features)
        iterations = working_set.descend(point, tol=max(MARGIN * tol, precision * largest))
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
        violation = objective.subgradient(point.W, point.grad).abs()
        remaining = violation.amax((1, 2))
        is_stalled = (last.status == Status.STALLED) & (remaining <= last.remaining)
        status = as_statuses(remaining <= tol, is_stalled)
        record = record.put(models, Progress(point.W, point.value, status, remaining))
        yield record
        left = (status == Status.RUNNING).nonzero()[:, 0]
        if len(left) < len(models):
            models, remaining, violation = models[left], remaining[left], violation[left]
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
        directions = ProximalDirections(self._part, start, tol=tol, hessian_worth=HESSIAN_WORTH)
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
    features = _indices(_used(objective, W), W.device)
    if len(features) > _max_features(objective):
        return Point(W, *objective.value_and_grad(W))
    working_set = WorkingSet(objective, features)
    return working_set.leave(working_set.restrict(W))


def _growth(objective: PenalizedNLL) -> Growth:
    """Return how working sets of this kind of X grow."""
    return DENSE if objective.rows.n_stored is None else SPARSE


def _max_features(objective: PenalizedNLL) -> float:
    """Return the number of features beyond which all are fitted at once."""
    return _growth(objective).max_share * objective.rows.n_features


def _used(objective: PenalizedNLL, W: Tensor) -> Mask:
    """Return whether any model has a weight for each feature (P,)."""
    used: Mask = (W[..., : objective.rows.n_features].cpu().numpy() != 0).any((0, 1))
    return used


def _indices(mask: Mask, device: torch.device) -> Tensor:
    """Return the indices at which ``mask`` (P,) is true."""
    return torch.from_numpy(mask.nonzero()[0]).to(device)


def _choose(
    objective: PenalizedNLL, W: Tensor, violation: Tensor, tol: float
) -> tuple[Tensor, float]:
    """Return the features (P',) to fit next, in order, and the largest violation of new ones.

    They are those in use and the most violating of the others, by ``violation`` (M, K, D).
    """
    # On the host, with NumPy: of so many small steps each takes a third of the time.
    n_features = objective.rows.n_features
    is_used = _used(objective, W)
    of_new = violation[..., :n_features].flatten(0, 1).amax(0).cpu().numpy()
    of_new = np.where(is_used, 0.0, of_new)
    largest = float(of_new.max())
    violating = (of_new > tol).nonzero()[0]
    n_used = int(np.count_nonzero(is_used))
    n_new = min(len(violating), _max_new(objective, n_used))
    if n_used + n_new > _max_features(objective):
        return torch.arange(n_features, device=W.device), 0.0
    if n_new < len(violating):
        violating = violating[np.argpartition(of_new[violating], -n_new)[-n_new:]]
    is_chosen = is_used
    is_chosen[violating] = True
    # One at least: without an intercept none would leave no weight at all.
    is_chosen[of_new.argmax()] |= not (n_used + n_new)
    return _indices(is_chosen, W.device), largest


def _max_new(objective: PenalizedNLL, n_used: int) -> int:
    """Return how many features a working set may have beside the ``n_used`` in use."""
    n_models, n_rows_of_W, _ = objective.weights_shape
    n_rows, growth = objective.rows.n_rows, _growth(objective)
    n_first = max(MIN_FEATURES, min(MAX_FIRST, int(growth.first_share * n_rows)))
    # With L1 alone no optimum needs more weights than rows; with L2 sets then grow by half.
    n_left = n_rows * n_models * n_rows_of_W - n_used
    most = max(n_left, n_used // 2, MIN_FEATURES)
    return min(max(n_first, (growth.factor - 1) * n_used), most)
