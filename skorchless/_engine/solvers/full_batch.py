"""The full-batch solver: descent to the optimum by the method that suits the problem's size."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL, without_shift
from skorchless._engine.solvers.base import Progress
from skorchless._engine.solvers.descent import Directions, Point, descend
from skorchless._engine.solvers.lbfgs import LBFGSDirections
from skorchless._engine.solvers.newton import NewtonDirections, is_newton_cheap


@torch.inference_mode()
def minimize_full_batch(objective: PenalizedNLL, W: Tensor, *, tol: float) -> Iterator[Progress]:
    """Yield the progress of each iteration; stop when no gradient entry exceeds ``tol``."""
    W = without_shift(W.to(objective.rows.placement.sum_dtype))
    start = Point(W, *objective.value_and_grad(W))
    directions: Directions = (
        NewtonDirections(objective)
        if is_newton_cheap(objective)
        else LBFGSDirections(objective, start)
    )
    yield from descend(objective, start, directions, tol=tol)
