"""The directions of Newton's method, for problems whose Hessian costs less than an iteration.

Iris, breast cancer and the like: a pass over the rows is a matter of microseconds there and an
iteration costs what the interpreter takes. Newton's method needs a third of L-BFGS's iterations.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.solvers.descent import Point

# Multiplications in a Hessian that take about as long as the rest of an iteration.
MAX_PRODUCTS = 10**8
# How many times the rounding of one product the sums of a Hessian may be off by.
ROUNDING_FACTOR = 10.0


def is_newton_cheap(objective: PenalizedNLL, worth: float = 1.0) -> bool:
    """Return whether a Hessian costs no more than ``worth`` times what else an iteration costs."""
    n_models, n_weight_rows, n_columns = objective.weights_shape
    n_weights = n_weight_rows * n_columns
    n_products = n_models * n_weights**2 * (objective.rows.n_rows + n_weights)
    return n_products <= worth * MAX_PRODUCTS


class NewtonDirections:
    """The inverse Hessian of each model applied to its gradient."""

    def __init__(self, objective: PenalizedNLL) -> None:
        placement = objective.rows.placement
        self._objective = objective
        n_weights = math.prod(objective.weights_shape[1:])
        self._identity = torch.eye(n_weights, dtype=placement.sum_dtype, device=placement.device)
        self._rounding = ROUNDING_FACTOR * torch.finfo(placement.dtype).eps

    def at(self, point: Point) -> Tensor:
        """Return -H^-1 @ grad (M, K, D) at ``point``."""
        hessian = self._objective.hessian(point.W)  # (M, K * D, K * D)
        # To unit diagonal, so that features of any scale are told from rounding.
        scale = hessian.diagonal(dim1=1, dim2=2).rsqrt()[..., None]  # (M, K * D, 1)
        scaled = hessian * scale * scale.mT
        grad = point.grad.flatten(1)[..., None] * scale  # (M, K * D, 1)
        factor, _ = torch.linalg.cholesky_ex(scaled)
        step = scale * torch.cholesky_solve(grad, factor)
        # A failed factorisation has zeros or NaN on its diagonal.
        is_sound = (factor.diagonal(dim1=1, dim2=2).square() > self._rounding).all(1)  # (M,)
        if not is_sound.all():
            flat = (~is_sound).nonzero()[:, 0]
            step[flat] = self._step_where_curved(
                hessian[flat], point.grad[flat].flatten(1)[..., None]
            )
        return -step.view_as(point.grad)

    def _step_where_curved(self, hessian: Tensor, grad: Tensor) -> Tensor:
        """Return H^+ @ grad (M, K * D, 1): no step where the objective is flat.

        It is along constant features, and along shifts of all classes alike, which change no
        probability.
        """
        # Squares of features may overflow; the gradient alone then has to do.
        is_known = hessian.isfinite().flatten(1).all(1)[:, None, None]
        hessian = torch.where(is_known, hessian, self._identity)
        scale = hessian.diagonal(dim1=1, dim2=2).clamp(min=0.0).rsqrt()[..., None]
        scale = torch.where(scale.isfinite(), scale, 0.0)
        curvature, basis = torch.linalg.eigh(hessian * scale * scale.mT)
        is_real = curvature > self._rounding * curvature[:, -1:]
        inverse = torch.where(is_real, 1.0 / curvature, 0.0)[..., None]
        return scale * (basis @ (inverse * (basis.mT @ (scale * grad))))

    def forget(self, models: Tensor) -> None:
        """Drop nothing: each direction stands alone."""

    def keep(self, models: Tensor) -> None:
        """Go on with ``models`` alone, an index into all M."""
        self._objective = self._objective.take(models)
