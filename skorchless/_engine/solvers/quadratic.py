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


class _Search:
    """The current point of each model, and what its next move is.

    All steps are in the metric of B's diagonal, so that no feature's scale matters.
    """

    def __init__(self, quadratic: Quadratic, threshold: Tensor) -> None:
        self._quadratic = quadratic
        self._threshold = threshold
        self._has_kink = threshold > 0
        self._metric = quadratic.diagonal
        one = torch.ones_like(quadratic.w[:, :1])  # (M, 1)
        self.z, self._grad = quadratic.w, quadratic.grad  # the point and B's gradient there
        self._residual = smallest_subgradient(self.z, self._grad, threshold)
        self._eigenvalue = self._largest_eigenvalue()
        # Of FISTA: where the next step starts from, B's gradient there, and the momentum.
        self._y, self._y_grad, self._t = self.z, self._grad, one
        # Of conjugate gradients: who takes them, along what, and the residual's squared norm.
        self._is_on_face = torch.zeros_like(one, dtype=torch.bool)
        self._p = torch.zeros_like(self.z)
        self._rho = one

    def violation(self) -> Tensor:
        """Return the largest violation of optimality (M,)."""
        return self._residual.abs().amax(1)

    def advance(self) -> None:
        """Move each model, by FISTA or by conjugate gradients, for one product with B."""
        step = 1.0 / (self._eigenvalue * self._metric)
        prox = soft_threshold(self._y - step * self._y_grad, step * self._threshold)
        move = torch.where(self._is_on_face, self._p, prox - self._quadratic.w)
        product = self._quadratic.multiply(move)
        z, grad = self._accelerate(self._quadratic.w + move, self._quadratic.grad + product)
        z_face, grad_face, has_hit = self._slide(product)
        before, was_on_face = self.z, self._is_on_face
        self.z = torch.where(was_on_face, z_face, z)
        self._grad = torch.where(was_on_face, grad_face, grad)
        self._y = torch.where(was_on_face, self.z, self._y)
        self._y_grad = torch.where(was_on_face, self._grad, self._y_grad)
        self._t = torch.where(was_on_face, 1.0, self._t)
        is_still = ((self.z.sign() == before.sign()) | ~self._has_kink).all(1, keepdim=True)
        self._choose(may_go_on=torch.where(was_on_face, ~has_hit, is_still))

    def _accelerate(self, z: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Return FISTA's next point, which is ``z`` where its step was not too long."""
        move, change = z - self._y, grad - self._y_grad
        length = _dot(move, self._metric * move)
        curvature = _dot(move, change) / length.clamp(min=torch.finfo(z.dtype).tiny)
        is_too_long = curvature > self._eigenvalue * EIGENVALUE_MARGIN
        self._eigenvalue = torch.where(
            is_too_long, EIGENVALUE_MARGIN * curvature, self._eigenvalue
        )
        z = torch.where(is_too_long, self.z, z)
        grad = torch.where(is_too_long, self._grad, grad)
        # Against the direction of progress the momentum starts anew.
        is_overshot = _dot(self._metric * (self._y - z), z - self.z) > 0
        t = torch.where(is_overshot, 1.0, (1.0 + (1.0 + 4.0 * self._t**2).sqrt()) / 2.0)
        momentum = torch.where(is_overshot, 0.0, (self._t - 1.0) / t)
        self._t = t
        self._y = z + momentum * (z - self.z)
        self._y_grad = grad + momentum * (grad - self._grad)
        return z, grad

    def _slide(self, product: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the next point of conjugate gradients, and who (M, 1) has hit a zero there."""
        to_zero = torch.where(self._has_kink & (self.z * self._p > 0), self.z / self._p, torch.inf)
        first_hit = to_zero.amin(1, keepdim=True)
        step = self._rho / _dot(self._p, product)
        has_hit = first_hit <= step
        step = torch.minimum(step, first_hit)
        z = torch.where(has_hit & (to_zero <= first_hit), 0.0, self.z - step * self._p)
        return z, self._grad - step * product, has_hit

    def _choose(self, may_go_on: Tensor) -> None:
        """Choose who moves along its face next: there the larger part of the violation lies."""
        self._residual = smallest_subgradient(self.z, self._grad, self._threshold)
        is_free = (self.z != 0) | ~self._has_kink
        on_face = torch.where(is_free, self._residual, 0.0)
        at_zeros = self._residual - on_face
        scaled = on_face / self._metric
        rho = _dot(on_face, scaled)
        goes_on = may_go_on & (rho > 0) & (rho >= _dot(at_zeros, at_zeros / self._metric))
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
