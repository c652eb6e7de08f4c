"""Newton's method by conjugate gradients: products of the Hessian with sparse rows alone.

`full_batch` takes it where X has more features than rows and stores few entries of each. A
product costs two with X and a dozen operations on the weights, an iteration of L-BFGS a hundred of
them: 60 labels of 20,000 x 50,000 with 70 entries a row take a third of the time, with products in
float32. What a step adds to the logits is known, so that a trial of its length costs one product.

A search holds weights by feature, all models of a feature together: so a sparse X multiplies them.
By model, half of its time would go into copies of the weights in the other order.

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
from skorchless._engine.objective import PenalizedNLL, dot
from skorchless._engine.records import take, take_models
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
# Columns of float32 that are multiplied at a time: a product of 20 takes as long as of 32.
REGISTER_SIZE = 16


@dataclass(frozen=True)
class _Search:
    """Conjugate gradients of some models, from 0 to the solution of ``H x = -grad``."""

    objective: PenalizedNLL
    curvature: Tensor  # (M, K, N), of each row
    inverse: Tensor  # (M, K, D), of the diagonal that preconditions
    x: Tensor  # (M, K, D)
    change: Tensor  # (M, K, N), of the logits by x
    residual: Tensor  # (M, K, D)
    p: Tensor  # (M, K, D), the next direction
    squared: Tensor  # (M,), the inner product of the residual and what the diagonal makes of it
    gain: Tensor  # (M,), by how much the last step has lowered the quadratic
    total_gain: Tensor  # (M,)
    is_running: Tensor  # (M,), whether another step is to change x


class NewtonCGDirections:
    """The steps to the minima of the quadratic, as far as they pay."""

    method = "newton-cg"
    is_exact = True
    logits_change: Tensor | None

    def __init__(
        self, objective: PenalizedNLL, _start: Point, *, moments: FeatureMoments, tol: float
    ) -> None:
        self._objective = objective
        self._tol = tol
        self._max_residual = GRAD_PRECISION * objective.centred_tol(tol)
        diagonal = diagonal_approximation(objective, moments).diagonal
        self._inverse = _by_column(diagonal.reciprocal().to(objective.rows.placement.dtype))

    def at(self, point: Point) -> Tensor:
        least_gain = GAIN_PRECISION * self._tol * point.value.abs()
        search, models = self._first(point), torch.arange(len(point.W))
        direction, change = torch.empty_like(point.W), search.change.new_empty(search.change.shape)
        for k in range(1, MAX_PRODUCTS + 1):
            search = _step(search)
            # Where the residual is 0, or a product overflows, there is no next direction.
            is_sound = search.squared.isfinite() & (search.squared > 0)
            is_left = search.is_running & is_sound
            is_left &= k * search.gain > MIN_GAIN * search.total_gain
            pays = search.gain > least_gain[models]
            if (is_left & ~pays).any():
                is_left &= pays | (search.residual.abs().amax((1, 2)) > self._max_residual)
            search, left = replace(search, is_running=is_left), is_left.nonzero()[:, 0]
            is_last = k == MAX_PRODUCTS or not len(left)
            # Until a register fewer is filled, a model that has ended costs nothing.
            saves = _n_registers(search, len(left)) < _n_registers(search, len(models))
            if is_last or saves or not is_sound.all():
                direction.index_copy_(0, models, _by_model(search.x).to(direction.dtype))
                change.index_copy_(0, models, _by_model(search.change))
                if is_last:
                    break
                search, models = take_models(search, left), models[left]
        self.logits_change = None if point.logits is None else change
        return direction

    def _first(self, point: Point) -> _Search:
        objective = self._objective
        logits = objective.logits(point.W) if point.logits is None else point.logits
        residual = _by_column(-point.grad.to(self._inverse.dtype))
        p = self._inverse * residual
        curvature = _by_column(objective.row_curvature(logits))
        return _Search(
            objective,
            curvature,
            self._inverse,
            torch.zeros_like(p),
            torch.zeros_like(curvature),
            residual,
            p,
            dot(residual, p),
            torch.zeros_like(point.value),
            torch.zeros_like(point.value),
            torch.ones_like(point.value, dtype=torch.bool),
        )

    def forget(self, models: Tensor) -> None:
        """Drop nothing: each Hessian stands alone."""

    def keep(self, models: Tensor) -> None:
        self._objective = self._objective.take(models)
        self._inverse = take(self._inverse, models)


def _by_column(tensor: Tensor) -> Tensor:
    """Return ``tensor`` (M, K, n) with what belongs to a feature or a row together in memory."""
    return tensor.flatten(0, 1).T.contiguous().T.view(tensor.shape)


def _by_model(tensor: Tensor) -> Tensor:
    """Return ``tensor`` (M, K, n) with what belongs to a model together in memory."""
    return tensor.flatten(0, 1).contiguous().view(tensor.shape)


def _n_registers(search: _Search, n_models: int) -> int:
    """Return how many registers of a processor the weights of a feature fill."""
    return -(-n_models * search.p.shape[1] // REGISTER_SIZE)


def _step(search: _Search) -> _Search:
    """Return the search after another product, in the same memory, and with the next direction."""
    objective, p = search.objective, search.p
    change = objective.logits(p)
    Hp = objective.add_shrinkage(objective.hvp_of_change(change, search.curvature), p)
    step = search.squared / dot(p, Hp)
    # Without curvature in this precision, or where the product overflows: the first direction as
    # it is, no step afterwards.
    step = torch.where(step.isfinite() & (step > 0), step, (search.total_gain == 0).to(p.dtype))
    step = step * search.is_running
    x = search.x.addcmul_(p, step[:, None, None])
    residual = search.residual.addcmul_(Hp, step[:, None, None], value=-1)
    z = torch.mul(search.inverse, residual, out=Hp)
    squared = dot(residual, z)
    gain = (0.5 * step * search.squared).to(search.gain.dtype)
    z.addcmul_(p, (squared / search.squared)[:, None, None])
    return replace(
        search,
        x=x,
        change=search.change.addcmul_(change, step[:, None, None]),
        residual=residual,
        p=z,
        squared=squared,
        gain=gain,
        total_gain=search.total_gain + gain,
    )
