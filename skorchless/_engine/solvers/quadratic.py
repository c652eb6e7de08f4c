"""The least point of a quadratic plus an L1 penalty, for M models at once: a proximal step.

An iteration takes one product with the curvature and none with X. As long as weights still come
and go FISTA moves all of them; while their signs stand still, conjugate gradients move those that
are not zero, until one of them would change its sign.

References
----------
Beck & Teboulle, A fast iterative shrinkage-thresholding algorithm for linear inverse problems
(2009), section 4, https://doi.org/10.1137/080716542; O'Donoghue & Candes, Adaptive restart for
accelerated gradient schemes (2015), section 3.2, https://doi.org/10.1007/s10208-013-9150-3.
Dostal & Schoeberl, Minimizing quadratic functions subject to bound constraints with the rate of
convergence and finite termination (2005), section 3,
https://doi.org/10.1023/B:COAP.0000049888.80264.25: when conjugate gradients go on, and how they
end; their bounds are our zeros, their fixed step is FISTA's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from skorchless._engine.objective import smallest_subgradient, soft_threshold

# The first guess of the largest eigenvalue is corrected as soon as it shows to be too small.
N_POWER_ITERATIONS = 4
EIGENVALUE_MARGIN = 1.1


@dataclass(frozen=True)
class Quadratic:
    """The function ``grad @ (z - w) + (z - w) @ B @ (z - w) / 2`` of z, for M models."""

    w: Tensor  # (M, n)
    grad: Tensor  # (M, n)
    multiply: Callable[[Tensor], Tensor]  # by B, (M, n) to (M, n)
    diagonal: Tensor  # of B, (M, n)


def minimize_quadratic(
    quadratic: Quadratic, threshold: Tensor, *, reduction: float, max_iter: int
) -> Tensor:
    """Return z (M, n), near the least of ``quadratic`` plus ``threshold @ abs(z)``.

    It ends when no violation of optimality exceeds ``reduction`` times the largest one at the
    start, or after ``max_iter`` products.
    """
    search = _Search(quadratic, threshold)
    target = reduction * search.violation()
    for _ in range(max_iter):
        if (search.violation() <= target).all():
            break
        search.advance()
    return search.z


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return inner products (M, 1)."""
    return torch.linalg.vecdot(a, b)[:, None]


class _Move(NamedTuple):
    """Where a move has led to: B's gradient there, and FISTA's next start and momentum."""

    z: Tensor  # (M, n)
    grad: Tensor  # (M, n)
    y: Tensor  # (M, n)
    y_grad: Tensor  # (M, n)
    t: Tensor  # (M, 1)
    keeps_face: Tensor  # (M, 1), whether the signs have stood still


class _Search:
    """The current point of each model, and what its next move is.

    All steps are in the metric of B's diagonal, so that no feature's scale matters.
    """

    def __init__(self, quadratic: Quadratic, threshold: Tensor) -> None:
        self._quadratic = quadratic
        self._threshold = threshold
        self._has_kink = threshold > 0
        self._has_no_kink = ~self._has_kink
        self._metric = quadratic.diagonal
        self._residual = smallest_subgradient(quadratic.w, quadratic.grad, threshold)
        self._eigenvalue = self._largest_eigenvalue()
        self._step = 1.0 / (self._eigenvalue * self._metric)  # FISTA's (M, n)
        w, grad = quadratic.w, quadratic.grad
        self._one = torch.ones_like(w[:, :1])  # (M, 1)
        self._at = _Move(w, grad, w, grad, self._one, self._one > 1)
        # Of conjugate gradients: who takes them, along what, and the residual's squared norm.
        self._is_on_face = self._one > 1
        self._p = torch.zeros_like(w)
        self._rho = self._one

    @property
    def z(self) -> Tensor:
        """The current point (M, n)."""
        return self._at.z

    def violation(self) -> Tensor:
        """Return the largest violation of optimality (M,)."""
        return self._residual.abs().amax(1)

    def advance(self) -> None:
        """Move each model, by FISTA or by conjugate gradients, for one product with B."""
        some, every = self._is_on_face.any(), self._is_on_face.all()
        move = self._p
        if not every:
            moved = self._at.y - self._step * self._at.y_grad
            prox = soft_threshold(moved, self._step * self._threshold)
            move = prox - self._quadratic.w
            move = torch.where(self._is_on_face, self._p, move) if some else move
        product = self._quadratic.multiply(move)
        if every:
            self._at = self._slide(product)
        elif not some:
            self._at = self._accelerate(move, product)
        else:
            pairs = zip(self._slide(product), self._accelerate(move, product), strict=True)
            self._at = _Move(*(torch.where(self._is_on_face, a, b) for a, b in pairs))
        self._choose()

    def _accelerate(self, move: Tensor, product: Tensor) -> _Move:
        """Return FISTA's move, which is none where the step was too long."""
        z_last, grad_last, y, y_grad, t_last, _ = self._at
        z, grad = self._quadratic.w + move, self._quadratic.grad + product
        by_step = z - y
        length = _dot(by_step, self._metric * by_step).clamp(min=torch.finfo(z.dtype).tiny)
        curvature = _dot(by_step, grad - y_grad) / length
        is_too_long = curvature > EIGENVALUE_MARGIN * self._eigenvalue
        if is_too_long.any():
            corrected = EIGENVALUE_MARGIN * curvature
            self._eigenvalue = torch.where(is_too_long, corrected, self._eigenvalue)
            self._step = 1.0 / (self._eigenvalue * self._metric)
            z = torch.where(is_too_long, z_last, z)
            grad = torch.where(is_too_long, grad_last, grad)
        change = z - z_last
        # Against the direction of progress the momentum starts anew.
        is_overshot = _dot(self._metric * (y - z), change) > 0
        t = torch.where(is_overshot, 1.0, (1.0 + (1.0 + 4.0 * t_last**2).sqrt()) / 2.0)
        momentum = torch.where(is_overshot, 0.0, (t_last - 1.0) / t)
        is_still = ((z.sign() == z_last.sign()) | self._has_no_kink).all(1, keepdim=True)
        y, y_grad = z + momentum * change, grad + momentum * (grad - grad_last)
        return _Move(z, grad, y, y_grad, t, is_still)

    def _slide(self, product: Tensor) -> _Move:
        """Return the move by conjugate gradients, as far as the first weight that becomes 0."""
        z, p = self.z, self._p
        to_zero = torch.where(self._has_kink & (z * p > 0), z / p, torch.inf)
        first = to_zero.amin(1, keepdim=True)
        step = self._rho / _dot(p, product)
        is_first = first <= step
        step = torch.minimum(step, first)
        z = torch.where(is_first & (to_zero <= first), 0.0, z - step * p)
        grad = self._at.grad - step * product
        return _Move(z, grad, z, grad, self._one, ~is_first)

    def _choose(self) -> None:
        """Choose who moves along its face next: there the larger part of the violation lies."""
        self._residual = smallest_subgradient(self.z, self._at.grad, self._threshold)
        on_face = torch.where((self.z != 0) | self._has_no_kink, self._residual, 0.0)
        scaled = on_face / self._metric
        rho = _dot(on_face, scaled)
        total = _dot(self._residual, self._residual / self._metric)
        goes_on = self._at.keeps_face & (rho > 0) & (2.0 * rho >= total)
        conjugate = torch.where(self._is_on_face, rho / self._rho, 0.0)
        self._p = torch.where(goes_on, scaled + conjugate * self._p, 0.0)
        self._rho = torch.where(goes_on, rho, 1.0)
        self._is_on_face = goes_on

    def _largest_eigenvalue(self) -> Tensor:
        """Return a guess (M, 1) of B's largest eigenvalue in the metric, at least 1."""
        root = self._metric.sqrt()
        v = self._residual / root
        norm = torch.ones_like(v[:, :1])
        for _ in range(N_POWER_ITERATIONS):
            v = v / _dot(v, v).sqrt().clamp(min=torch.finfo(v.dtype).tiny)
            v = self._quadratic.multiply(v / root) / root
            norm = _dot(v, v).sqrt()
        return EIGENVALUE_MARGIN * norm.clamp(min=1.0)
