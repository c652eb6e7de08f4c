"""The directions of a proximal Newton method, for objectives with an L1 penalty.

The NLL is replaced by a quadratic, the penalty stays as it is; the step is to the least point of
the two. The quadratic's curvature is the exact Hessian where that is cheap, else the BFGS matrix
of the last curvature pairs on top of a sampled one: as in `newton` and `lbfgs`, but not inverted.

References
----------
Lee, Sun & Saunders, Proximal Newton-type methods for minimizing composite functions (2014),
https://doi.org/10.1137/130921428.
Byrd, Nocedal & Schnabel, Representations of quasi-Newton matrices and their use in limited
memory methods (1994), theorem 2.3, https://doi.org/10.1007/BF01582063; their S_k, Y_k, L_k, D_k
and sigma_k are ours, with the metric B_0 in place of the identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from skorchless._engine.curvature import (
    grad_of_centred,
    mean_of_far,
    weights_of_centred,
    weights_of_raw,
)
from skorchless._engine.metric import Metric, class_metric, shared_metric
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.solvers.descent import Point
from skorchless._engine.solvers.hessian_products import HessianProducts, are_products_cheap
from skorchless._engine.solvers.newton import is_newton_cheap
from skorchless._engine.solvers.pairs import CurvaturePairs, apply_to_each
from skorchless._engine.solvers.quadratic import Matrix, Quadratic, minimize_quadratic
from skorchless._engine.solvers.refresh import Refresh

# How far a step reduces the violation of the quadratic's optimality. That of an exact Hessian is
# worth more than that of pairs.
HESSIAN_REDUCTION = 0.05
BFGS_REDUCTION = 0.3
# No step has to be more precise than so much of what ends the fit.
STEP_PRECISION = 0.3
# How many of the weights that move may change their sign until they are held at zero. With no
# bound most products are for steps of which nothing is left. MNIST at C=0.1 takes 3.4 s at 0.05
# for 3.0 s; 2,000 x 20,000 sparse, by products, takes a quarter more at 0.01.
HESSIAN_CROSSING = 0.05
BFGS_CROSSING = 0.01
MAX_PRODUCTS_WITH_CURVATURE = 100
# Of each entry of the diagonal, added to it: a Hessian without L2 penalty may be singular, and
# its entries are rounded in the precision of X.
MIN_RIDGE = 1e-10
ROUNDING_FACTOR = 10.0
MIN_DIAGONAL = 1e-3


class Curvature(Protocol):
    """Where the quadratic of the objective's smooth part comes from."""

    @property
    def mean(self) -> Tensor | None:
        """The mean (P,) of features in whose centred coordinates it is; None: as they are."""

    @property
    def reduction(self) -> float:
        """How far a step is to reduce the violation of the quadratic's optimality."""

    @property
    def max_crossing(self) -> float:
        """What share of the weights that move may change their sign at once."""

    def at(self, point: Point) -> Quadratic:
        """Return the quadratic at ``point``, which follows the last."""

    def forget(self, models: Tensor) -> None:
        """Drop what was learnt of ``models`` (M,), whose last direction led nowhere."""

    def keep(self, models: Tensor) -> None:
        """Go on with ``models`` alone, an index into all M."""


class ProximalDirections:
    """The steps to the least points of a quadratic and the L1 penalty.

    The fit ends at a violation of ``tol``. An exact Hessian may cost ``hessian_worth`` times what
    else an iteration costs.
    """

    def __init__(
        self,
        objective: PenalizedNLL,
        start: Point,
        *,
        tol: float = 0.0,
        hessian_worth: float = 1.0,
    ) -> None:
        self._objective = objective
        self._curvature: Curvature
        if are_products_cheap(objective, hessian_worth):
            self._curvature = HessianCurvature(objective, by_products=True)
        elif is_newton_cheap(objective, hessian_worth):
            self._curvature = HessianCurvature(objective)
        else:
            self._curvature = BFGSCurvature(objective, start)
        # Of raw features the intercept's violation counts once more for each unit of their mean.
        of_raw = (objective.rows.center, self._curvature.mean)
        largest = sum(float(mean.abs().max()) for mean in of_raw if mean is not None)
        self._min_violation = STEP_PRECISION * tol / (1.0 + largest)

    def at(self, point: Point) -> Tensor:
        """Return the direction (M, K, D) of the step from ``point``."""
        quadratic = self._curvature.at(point)
        z = minimize_quadratic(
            quadratic,
            self._objective.threshold.expand_as(point.W).flatten(1),
            reduction=self._curvature.reduction,
            min_violation=self._min_violation,
            max_crossing=self._curvature.max_crossing,
            max_iter=MAX_PRODUCTS_WITH_CURVATURE,
        )
        return weights_of_raw((z - quadratic.w).view_as(point.W), self._curvature.mean)

    def forget(self, models: Tensor) -> None:
        """Drop what was learnt of ``models`` (M,), whose last direction led nowhere."""
        self._curvature.forget(models)

    def keep(self, models: Tensor) -> None:
        """Go on with ``models`` alone, an index into all M."""
        self._objective = self._objective.take(models)
        self._curvature.keep(models)


def _quadratic(point: Point, mean: Tensor | None, B: Matrix) -> Quadratic:
    """Return the quadratic at ``point`` whose curvature by weights of centred features is B."""
    w, grad = weights_of_centred(point.W, mean), grad_of_centred(point.grad, mean)
    return Quadratic(w.flatten(1), grad.flatten(1), B)


class HessianCurvature:
    """The exact Hessian of each model, as a matrix or by its products with sparse rows."""

    reduction = HESSIAN_REDUCTION
    max_crossing = HESSIAN_CROSSING

    def __init__(self, objective: PenalizedNLL, *, by_products: bool = False) -> None:
        self._objective = objective
        self._by_products = by_products
        # Products would make a sparse X dense.
        is_centred = objective.fit_intercept and not by_products
        self.mean = mean_of_far(objective.rows) if is_centred else None
        rounding = torch.finfo(objective.rows.placement.dtype).eps
        self._ridge = max(MIN_RIDGE, ROUNDING_FACTOR * rounding)

    def at(self, point: Point) -> Quadratic:
        """Return the quadratic at ``point``."""
        B: Matrix
        if self._by_products:
            B = HessianProducts.at(self._objective, point.W, self._ridge)
        else:
            B = self._matrix(point.W)
        return _quadratic(point, self.mean, B)

    def _matrix(self, W: Tensor) -> DenseMatrix:
        """Return the Hessians at ``W`` (M, K, D) as matrices, with a ridge."""
        hessian = self._objective.hessian(W, self.mean)  # (M, K * D, K * D)
        # Squares of features may overflow, and p * (1 - p) underflow; the gradient alone then
        # has to do. No other entry exceeds the diagonal's.
        diagonal = hessian.diagonal(dim1=1, dim2=2)
        is_known = diagonal.isfinite().all(1) & diagonal.any(1)
        identity = torch.eye(hessian.shape[1], dtype=hessian.dtype, device=hessian.device)
        hessian = torch.where(is_known[:, None, None], hessian, identity)
        diagonal = hessian.diagonal(dim1=1, dim2=2)
        largest = diagonal.amax(1, keepdim=True)
        # Not of the intercept, which features in units of 1e7 would hold where it is.
        held = self._objective.is_penalized.expand_as(W).flatten(1)
        diagonal.mul_(1.0 + self._ridge).add_(self._ridge * largest * held)
        return DenseMatrix(hessian)

    def forget(self, models: Tensor) -> None:
        """Drop nothing: each Hessian stands alone."""

    def keep(self, models: Tensor) -> None:
        """Go on with ``models`` alone, an index into all M."""
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

    def take(self, models: Tensor) -> DenseMatrix:
        """Return the matrices of ``models``, an index into all M."""
        return DenseMatrix(self.entries[models])


class BFGSCurvature:
    """The last curvature pairs of each model, on top of a metric."""

    reduction = BFGS_REDUCTION
    max_crossing = BFGS_CROSSING

    def __init__(self, objective: PenalizedNLL, start: Point) -> None:
        self._objective = objective
        self._shared = self._metric = shared_metric(objective)
        self.mean = self._metric.mean
        self._refresh = Refresh(objective)
        self._last = start
        self._scale = start.value.new_ones(len(start.value), 1)  # sigma
        self._pairs = CurvaturePairs(start)  # of centred features, with B_0 S for an image

    def at(self, point: Point) -> Quadratic:
        """Return the quadratic at ``point``, after the pair that led there is learnt."""
        pairs = self._pairs
        place = pairs.learn(
            weights_of_centred(point.W - self._last.W, self.mean).flatten(1),
            grad_of_centred(point.grad - self._last.grad, self.mean).flatten(1),
        )
        self._last = point
        if self._refresh.count():
            # The last one goes before the next is made: each takes as much as K Gram matrices.
            self._metric = self._shared
            damping = self._refresh.damping
            refreshed = class_metric(self._objective, point.W, self._shared, damping)
            self._metric = refreshed or self._shared
            pairs.image = apply_metric(self._metric, pairs.S)
        else:
            pairs.image[:, place] = apply_metric(self._metric, pairs.S[:, place][:, None])[:, 0]
        return _quadratic(point, self.mean, self._matrix())

    def forget(self, models: Tensor) -> None:
        """Drop all pairs of ``models`` (M,)."""
        self._pairs.forget(models)

    def keep(self, models: Tensor) -> None:
        """Go on with ``models`` alone, an index into all M."""
        self._objective = self._objective.take(models)
        self._shared = self._shared.take(models)
        self._metric = self._metric.take(models)
        self._last = self._last.take(models)
        self._scale = self._scale[models]
        self._pairs.keep(models)

    def _matrix(self) -> BFGSMatrix:
        """Return the BFGS matrix of the last pairs (theorem 2.3)."""
        pairs = self._pairs
        SY = pairs.products(pairs.S, pairs.Y)  # (M, pairs, pairs)
        SBS = pairs.products(pairs.S, pairs.image)
        sy = SY.diagonal(dim1=1, dim2=2)  # (M, pairs), the diagonal of D
        self._scale = torch.where(sy[:, -1:] > 0, sy[:, -1:] / SBS[:, -1:, -1], self._scale)
        scale = self._scale
        is_empty = torch.diag_embed((sy == 0).to(sy.dtype))
        below = SY.tril(-1)  # L
        middle = torch.cat(
            [
                torch.cat([scale[..., None] * SBS + is_empty, below], dim=2),
                torch.cat([below.mT, -torch.diag_embed(sy) - is_empty], dim=2),
            ],
            dim=1,
        )
        # From the order of age to that of places: the vectors themselves stay where they are.
        age = torch.tensor(pairs.by_age).argsort()
        age = torch.cat([age, age + len(age)]).to(middle.device)
        wide = torch.cat([scale[..., None] * pairs.image, pairs.Y], dim=1)  # (M, 2 * pairs, K * D)
        folded = torch.linalg.solve(middle[:, age][:, :, age], wide)
        plain = scale * self._metric.diagonal.flatten(1)
        diagonal = torch.maximum(plain - (wide * folded).sum(1), MIN_DIAGONAL * plain)
        return BFGSMatrix(self._metric, scale, wide, folded, diagonal)


@dataclass(frozen=True)
class BFGSMatrix:
    """The matrix ``scale * B_0 - folded.T @ wide`` of each model, B_0 being the metric."""

    metric: Metric
    scale: Tensor  # (M, 1)
    wide: Tensor  # (M, 2 * pairs, K * D)
    folded: Tensor  # (M, 2 * pairs, K * D)
    diagonal: Tensor  # (M, K * D)

    def multiply(self, vectors: Tensor) -> Tensor:
        """Return the products (M, K * D) with ``vectors`` (M, K * D)."""
        product = self.scale * apply_metric(self.metric, vectors[:, None])[:, 0]
        return product - (self.folded.mT @ (self.wide @ vectors[..., None]))[..., 0]

    def take(self, models: Tensor) -> BFGSMatrix:
        """Return the matrices of ``models``, an index into all M."""
        return BFGSMatrix(
            self.metric.take(models),
            self.scale[models],
            self.wide[models],
            self.folded[models],
            self.diagonal[models],
        )


def apply_metric(metric: Metric, vectors: Tensor) -> Tensor:
    """Return B_0 of some vectors of each model, (M, vectors, K * D)."""
    return apply_to_each(metric.apply, vectors, metric.all_diagonals.shape[1:])
