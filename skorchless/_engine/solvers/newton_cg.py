"""Newton's method by conjugate gradients: products of the Hessian with sparse rows alone.

`full_batch` takes it where X has more features than rows and stores few entries of each. A
product costs two with X and a dozen operations on the weights, an iteration of L-BFGS a hundred of
them: 60 labels of 20,000 x 50,000 with 70 entries a row take a third of the time, with products in
float32.

References
----------
Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), algorithm 7.1,
https://doi.org/10.1007/978-0-387-40065-5: the line search Newton-CG method.
Nash & Sofer, Assessing a search direction within a truncated-Newton method, Operations Research
Letters 9 (1990): when to end, by the decrease of the quadratic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from skorchless._engine.curvature.feature_moments import FeatureMoments
from skorchless._engine.curvature.hessian_approximation import diagonal_approximation
from skorchless._engine.curvature.hessian_products import NLLHessian
from skorchless._engine.objective import PenalizedNLL, dot
from skorchless._engine.records import take_models
from skorchless._engine.solvers.descent import Point

# A step ends where the last of its k products has lowered the quadratic by no more than this
# share of the mean of all. 16 labels of 20,000 x 50,000 take 345 products and end 1.3e-5 above
# the optimum; with 0.5, which is Nash & Sofer's, 330 and 3.9e-5, with 0.05 398 and 1.5e-5.
MIN_GAIN = 0.2
# Or by no more than this share of the decrease that ends the fit, where no entry of the gradient
# is above the other share of ``tol``: two choices.
GAIN_PRECISION = 0.1
GRAD_PRECISION = 0.5
# On features of mixed scales a step may take hundreds. Counts of 5,000 x 20,000 times e^(2z), ten
# classes, take 11 s with 30, 15 s with 15 or 60, 26 s with 200.
MAX_PRODUCTS = 30


@dataclass(frozen=True)
class _Search:
    """Conjugate gradients of some models, from 0 to the solution of ``H x = -grad``."""

    hessian: NLLHessian
    inverse: Tensor  # (M, K, D), of the diagonal that preconditions
    x: Tensor  # (M, K, D)
    residual: Tensor  # (M, K, D)
    p: Tensor  # (M, K, D), the next direction
    squared: Tensor  # (M,), the inner product of the residual and what the diagonal makes of it
    gain: Tensor  # (M,), by how much the last step has lowered the quadratic
    total_gain: Tensor  # (M,)


class NewtonCGDirections:
    """The steps to the minima of the quadratic, as far as they pay."""

    method = "newton-cg"
    is_exact = True

    def __init__(
        self, objective: PenalizedNLL, _start: Point, *, moments: FeatureMoments, tol: float
    ) -> None:
        self._objective = objective
        self._tol = tol
        self._max_residual = GRAD_PRECISION * objective.centred_tol(tol)
        dtype = objective.rows.placement.dtype
        diagonal = diagonal_approximation(objective, moments).diagonal
        self._inverse = diagonal.reciprocal().to(dtype)

    def at(self, point: Point) -> Tensor:
        least_gain = GAIN_PRECISION * self._tol * point.value.abs()
        direction, models = torch.zeros_like(point.W), torch.arange(len(point.W))
        search = self._first(point)
        for k in range(1, MAX_PRODUCTS + 1):
            search = _step(search)
            is_left = k * search.gain > MIN_GAIN * search.total_gain
            is_near = search.residual.abs().amax((1, 2)) <= self._max_residual
            is_left &= (search.gain > least_gain[models]) | ~is_near
            is_left &= search.squared.isfinite()  # where a product overflows, the search ends
            if k == MAX_PRODUCTS or not is_left.all():
                direction[models] = search.x.to(direction.dtype)
                left = is_left.nonzero()[:, 0]
                if not len(left):
                    break
                search, models = take_models(search, left), models[left]
        return direction

    def _first(self, point: Point) -> _Search:
        objective, dtype = self._objective, self._inverse.dtype
        residual = -point.grad.to(dtype)
        p = self._inverse * residual
        return _Search(
            NLLHessian.at(objective, point.W),
            self._inverse,
            torch.zeros_like(p),
            residual,
            p,
            dot(residual, p),
            torch.zeros_like(point.value),
            torch.zeros_like(point.value),
        )

    def forget(self, models: Tensor) -> None:
        """Drop nothing: each Hessian stands alone."""

    def keep(self, models: Tensor) -> None:
        self._objective = self._objective.take(models)
        self._inverse = self._inverse[models]


def _step(search: _Search) -> _Search:
    """Return the search after another product, and with the next direction."""
    p = search.p
    Hp = search.hessian.objective.add_shrinkage(search.hessian.multiply(p), p)
    step = search.squared / dot(p, Hp)
    # Without curvature in this precision, or where the product overflows: the first direction as
    # it is, no step afterwards.
    step = torch.where(step.isfinite() & (step > 0), step, (search.total_gain == 0).to(p.dtype))
    x = torch.addcmul(search.x, p, step[:, None, None])
    residual = torch.addcmul(search.residual, Hp, step[:, None, None], value=-1)
    z = search.inverse * residual
    squared = dot(residual, z)
    gain = (0.5 * step * search.squared).to(search.gain.dtype)
    z.addcmul_(p, (squared / search.squared)[:, None, None])
    return replace(
        search,
        x=x,
        residual=residual,
        p=z,
        squared=squared,
        gain=gain,
        total_gain=search.total_gain + gain,
    )
