"""The full-batch solver: descent to the optimum by the method that suits the problem's size."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from skorchless._engine.curvature import MAX_MATRIX_FEATURES
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.solvers.base import Progress
from skorchless._engine.solvers.descent import Directions, Point, descend
from skorchless._engine.solvers.lbfgs import LBFGSDirections
from skorchless._engine.solvers.newton import NewtonDirections, is_newton_cheap
from skorchless._engine.solvers.proximal import ProximalDirections
from skorchless._engine.solvers.working_set import minimize_by_working_sets


@torch.inference_mode()
def minimize_full_batch(objective: PenalizedNLL, W: Tensor, *, tol: float) -> Iterator[Progress]:
    """Yield the progress of each iteration; stop when no gradient entry exceeds ``tol``.

    With an L1 penalty, when no entry of the smallest subgradient does.
    """
    W = objective.without_shift(W.to(objective.rows.placement.sum_dtype))
    if objective.has_l1 and objective.rows.n_features > MAX_MATRIX_FEATURES:
        yield from minimize_by_working_sets(objective, W, tol=tol)
        return
    start = Point(W, *objective.value_and_grad(W))
    directions: Directions
    if objective.has_l1:
        directions = ProximalDirections(objective, start)
    elif is_newton_cheap(objective):
        directions = NewtonDirections(objective)
    else:
        directions = LBFGSDirections(objective, start)
    yield from descend(objective, start, directions, tol=tol)
