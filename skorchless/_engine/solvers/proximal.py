"""The directions of a proximal Newton method, for objectives with an L1 penalty.

The NLL is replaced by a quadratic, the penalty stays as it is; the step is to the minimum of their
sum. The quadratic's curvature is the exact Hessian where that is cheap, as a matrix or by its
products with sparse rows, else the quasi-Newton matrix.

References
----------
Lee, Sun & Saunders, Proximal Newton-type methods for minimizing composite functions (2014),
https://doi.org/10.1137/130921428.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from skorchless._engine.curvature.feature_moments import FeatureMoments
from skorchless._engine.curvature.hessian_products import HessianProducts
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.solvers.descent import Point
from skorchless._engine.solvers.l1_quadratic import (
    Matrix,
    Precision,
    Quadratic,
    minimize_quadratic,
)
from skorchless._engine.solvers.quasi_newton import BFGSCurvature
from skorchless._engine.solvers.strategy import ClassHessianSchedule, is_proximal_newton_cheap

# The share to which a step reduces the violation of the quadratic's optimality: it pays to solve
# with an exact Hessian more precisely than with a quasi-Newton matrix. And the share of the free
# weights that may change their sign in a round: without a bound most products are wasted.
# With BFGS MNIST at C=0.1 takes 3.4 s at 0.05 instead of 3.0 s; with the Hessian 2,000 x 20,000
# sparse, by products, takes a quarter more at 0.01.
HESSIAN_PRECISION = Precision(reduction=0.05, min_violation=0.0, max_crossing=0.05)
BFGS_PRECISION = Precision(reduction=0.3, min_violation=0.0, max_crossing=0.01)
# A choice: a step is solved to this share of what ends the fit, and no further.
STEP_PRECISION = 0.3
# A choice: added to the diagonal, as a share of it and in units of the rounding of X, because a
# Hessian without L2 penalty may be singular.
MIN_RIDGE = 1e-10
ROUNDING_FACTOR = 10.0


class ProximalDirections:
    """The steps to the minima of a quadratic plus the L1 penalty.

    The fit ends at a violation of ``tol``. An exact Hessian may cost ``max_ratio`` times the rest
    of an iteration. ``moments`` are those of the features, None if `are_products_cheap`.
    """

    is_exact = False  # a step is solved roughly
    logits_change = None

    def __init__(
        self,
        objective: PenalizedNLL,
        start: Point,
        moments: FeatureMoments | None,
        *,
        tol: float = 0.0,
        max_ratio: float | None = None,
    ) -> None:
        self._objective = objective
        self._curvature: HessianCurvature | BFGSCurvature
        max_ratio = objective.costs.max_proximal_ratio if max_ratio is None else max_ratio
        if moments is None or is_proximal_newton_cheap(objective, max_ratio):
            self._curvature = HessianCurvature(objective, by_products=moments is None)
            self.method, precision = "proximal-newton", HESSIAN_PRECISION
        else:
            schedule = ClassHessianSchedule.of(objective)
            self._curvature = BFGSCurvature(objective, start, moments, schedule)
            self.method, precision = "proximal-lbfgs", BFGS_PRECISION
        min_violation = STEP_PRECISION * objective.centred_tol(tol)
        self._precision = replace(precision, min_violation=min_violation)

    def at(self, point: Point) -> Tensor:
        w = point.W.flatten(1)
        quadratic = Quadratic(w, point.grad.flatten(1), self._curvature.at(point))
        threshold = self._objective.threshold.expand_as(point.W).flatten(1)
        z = minimize_quadratic(quadratic, threshold, self._precision)
        return (z - w).view_as(point.W)

    def forget(self, models: Tensor) -> None:
        self._curvature.forget(models)

    def keep(self, models: Tensor) -> None:
        self._objective = self._objective.take(models)
        self._curvature.keep(models)


class HessianCurvature:
    """The exact Hessian of each model, as a matrix or by its products with sparse rows."""

    def __init__(self, objective: PenalizedNLL, *, by_products: bool = False) -> None:
        self._objective = objective
        self._by_products = by_products
        rounding = torch.finfo(objective.rows.placement.dtype).eps
        self._ridge = max(MIN_RIDGE, ROUNDING_FACTOR * rounding)

    def at(self, point: Point) -> Matrix:
        """Return the Hessians at ``point``, with a ridge."""
        if self._by_products:
            return HessianProducts.at(self._objective, point.W, self._ridge)
        hessian = self._objective.hessian(point.W)  # (M, K * D, K * D)
        # Squares of features may overflow, and p * (1 - p) underflow: then it is the identity. No
        # entry exceeds the diagonal's.
        diagonal = hessian.diagonal(dim1=1, dim2=2)
        is_known = diagonal.isfinite().all(1) & diagonal.any(1)
        identity = torch.eye(hessian.shape[1], dtype=hessian.dtype, device=hessian.device)
        hessian = torch.where(is_known[:, None, None], hessian, identity)
        diagonal = hessian.diagonal(dim1=1, dim2=2)
        largest = diagonal.amax(1, keepdim=True)
        # The largest not for the intercept: features in units of 1e7 would stop it from moving.
        held = self._objective.is_penalized.expand_as(point.W).flatten(1)
        diagonal.mul_(1.0 + self._ridge).add_(self._ridge * largest * held)
        # Rows that are classified beyond doubt have no curvature: any above 0 will do.
        diagonal.masked_fill_(diagonal == 0.0, 1.0)
        return DenseMatrix(hessian)

    def forget(self, models: Tensor) -> None:
        """Drop nothing: each Hessian stands alone."""

    def keep(self, models: Tensor) -> None:
        self._objective = self._objective.take(models)


@dataclass(frozen=True)
class DenseMatrix:
    """A matrix of each model as it is."""

    entries: Tensor  # (M, n, n)

    @property
    def diagonal(self) -> Tensor:
        """The diagonal (M, n)."""
        return self.entries.diagonal(dim1=1, dim2=2)

    def multiply(self, vectors: Tensor) -> Tensor:
        """Return the products (M, n) with ``vectors`` (M, n)."""
        return (self.entries @ vectors[..., None])[..., 0]
