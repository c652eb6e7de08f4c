"""The full-batch solver: descent to the optimum by the method that suits the problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest

import torch
from torch import Tensor

from skorchless._engine.curvature import (
    MAX_MATRIX_FEATURES,
    center_of_far,
    have_different_ranges,
    weights_of_centred,
    weights_of_raw,
)
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.solvers.base import Progress
from skorchless._engine.solvers.descent import Directions, Point, descend
from skorchless._engine.solvers.lbfgs import LBFGSDirections
from skorchless._engine.solvers.newton import NewtonDirections, is_newton_cheap
from skorchless._engine.solvers.proximal import ProximalDirections
from skorchless._engine.solvers.working_set import minimize_by_working_sets
from skorchless._engine.workers import in_turns

# Beyond, a matrix of all pairs of features takes a millisecond to be made or factorised, and
# threads do that at once: two fits of 1,000 x 1,500 take 0.6 times as long as in turns.
MAX_COLUMNS_IN_TURNS = 256


@torch.inference_mode()
def minimize_full_batch(objective: PenalizedNLL, W: Tensor, *, tol: float) -> Iterator[Progress]:
    """Yield the progress of each iteration; stop when no gradient entry exceeds ``tol``.

    With an L1 penalty, when no entry of the smallest subgradient does.
    """
    n_models, n_weight_rows, n_columns = objective.weights_shape
    is_small = n_columns <= MAX_COLUMNS_IN_TURNS and objective.rows.are_one_block(
        n_outputs=n_models * n_weight_rows
    )
    steps = _minimize_centred(objective, W, tol)
    yield from in_turns(steps) if is_small else steps


def _minimize_centred(objective: PenalizedNLL, W: Tensor, tol: float) -> Iterator[Progress]:
    """Yield the progress of fits whose rows are first centred as far as they have to be."""
    W = W.to(objective.rows.placement.sum_dtype)
    center = center_of_far(objective.rows) if objective.fit_intercept else None
    if center is None:
        yield from _minimize(objective, W, tol)
        return
    # An intercept takes up what is subtracted: the coefficients and the objective are the same.
    rows = objective.rows.centered(center)
    center = center.to(rows.placement.dtype).to(W.dtype)  # as it is subtracted
    solver = _minimize(replace(objective, rows=rows), weights_of_centred(W, center), tol)
    for progress in solver:
        yield replace(progress, W=weights_of_raw(progress.W, center))


def _minimize(objective: PenalizedNLL, W: Tensor, tol: float) -> Iterator[Progress]:
    """Yield the progress of fits of rows that are centred as far as they have to be."""
    W = objective.without_shift(W)
    has_l1 = objective.alpha * objective.l1_ratio > 0
    minimize = _minimize_sparse if has_l1.any() else _minimize_smooth
    if has_l1.any() and not has_l1.all():
        # A fit without an L1 penalty takes a fifth of the time of one with: each goes its own way.
        parts = [(~has_l1).nonzero()[:, 0], has_l1.nonzero()[:, 0]]
        objectives = [objective.take(models) for models in parts]
    elif not is_newton_cheap(objective) and have_different_ranges(objective):
        parts = [(objective.fold == fold).nonzero()[:, 0] for fold in objective.folds]
        objectives = [objective.take(models).of_own_rows() for models in parts]
    else:
        yield from minimize(objective, W, tol)
        return
    solvers = (
        _minimize(part, W[models], tol) for part, models in zip(objectives, parts, strict=True)
    )
    yield from _in_turns(objective, W, zip(parts, solvers, strict=True))


def _minimize_smooth(objective: PenalizedNLL, W: Tensor, tol: float) -> Iterator[Progress]:
    """Yield the progress of fits without an L1 penalty."""
    start = Point(W, *objective.value_and_grad(W))
    directions: Directions
    if is_newton_cheap(objective):
        directions = NewtonDirections(objective)
    else:
        directions = LBFGSDirections(objective, start)
    yield from descend(objective, start, directions, tol=tol)


def _minimize_sparse(objective: PenalizedNLL, W: Tensor, tol: float) -> Iterator[Progress]:
    """Yield the progress of fits with an L1 penalty."""
    # Beyond, the curvature of X is a diagonal to start from, and few features will matter.
    if objective.rows.n_features > MAX_MATRIX_FEATURES:
        yield from minimize_by_working_sets(objective, W, tol=tol)
    else:
        start = Point(W, *objective.value_and_grad(W))
        directions = ProximalDirections(objective, start, tol=tol)
        yield from descend(objective, start, directions, tol=tol)


def _in_turns(
    objective: PenalizedNLL, W: Tensor, parts: Iterable[tuple[Tensor, Iterator[Progress]]]
) -> Iterator[Progress]:
    """Yield the joint progress of the solvers of parts of the models, an iteration of each."""
    none = torch.zeros_like(objective.alpha)
    record = Progress(W, none, none.long(), none)  # until the first turn
    models, solvers = zip(*parts, strict=True)
    for turn in zip_longest(*solvers):
        for index, latest in zip(models, turn, strict=True):
            if latest is not None:
                record = record.put(index, latest)
        yield record
