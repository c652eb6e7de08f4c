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

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from skorchless._engine.objective import smallest_subgradient, soft_threshold

# The first guess of the largest eigenvalue is corrected as soon as it shows to be too small.
N_POWER_ITERATIONS = 4
EIGENVALUE_MARGIN = 1.1
MIN_CURVATURE = 1e-12  # in the metric


class Matrix(Protocol):
    """A symmetric matrix for each of M models, known by its products."""

    @property
    def diagonal(self) -> Tensor:
        """The diagonal (M, n)."""

    def multiply(self, vectors: Tensor) -> Tensor:
        """Return the products (M, n) with ``vectors`` (M, n)."""

    def take(self, models: Tensor) -> Matrix:
        """Return the matrices of ``models``, an index into all M."""


@dataclass(frozen=True)
class Quadratic:
    """The function ``grad @ (z - w) + (z - w) @ B @ (z - w) / 2`` of z, for M models."""

    w: Tensor  # (M, n)
    grad: Tensor  # (M, n)
    B: Matrix

    def take(self, models: Tensor) -> Quadratic:
        """Return the quadratic of ``models``, an index into all M."""
        return Quadratic(self.w[models], self.grad[models], self.B.take(models))


def minimize_quadratic(
    quadratic: Quadratic, threshold: Tensor, *, reduction: float, max_iter: int
) -> Tensor:
    """Return z (M, n), near the least of ``quadratic`` plus ``threshold @ abs(z)``.

    It ends when no violation of optimality exceeds ``reduction`` times the largest one at the
    start, or after ``max_iter`` products.
    """
    search = _Search.begin(quadratic, threshold)
    target = reduction * search.violation()
    models = torch.arange(len(target), device=target.device)
    z = quadratic.w.clone()
    for _ in range(max_iter):
        left = (search.violation() > target).nonzero()[:, 0]
        if not len(left):
            break
        if 2 * len(left) <= len(models):
            # Few of a grid's candidates need long: 15 fits of MNIST take 20 s for 25.
            z[models] = search.z
            search, target, models = search.take(left), target[left], models[left]
        search.advance()
    z[models] = search.z
    return z


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


@dataclass
class _Search:
    """The current point of each model, and what its next move is.

    All steps are in the metric of B's diagonal, so that no feature's scale matters.
    """

    _quadratic: Quadratic
    _threshold: Tensor  # (M, n)
    _residual: Tensor  # (M, n)
    _eigenvalue: Tensor  # (M, 1)
    _at: _Move
    # Of conjugate gradients: who takes them, along what, and the residual's squared norm.
    _is_on_face: Tensor  # (M, 1)
    _p: Tensor  # (M, n)
    _rho: Tensor  # (M, 1)

    @classmethod
    def begin(cls, quadratic: Quadratic, threshold: Tensor) -> _Search:
        """Return the search from ``quadratic.w``."""
        w, grad = quadratic.w, quadratic.grad
        residual = smallest_subgradient(w, grad, threshold)
        one = torch.ones_like(w[:, :1])
        at = _Move(w, grad, w, grad, one, one > 1)
        eigenvalue = _largest_eigenvalue(quadratic.B, residual)
        return cls(
            quadratic, threshold, residual, eigenvalue, at, one > 1, torch.zeros_like(w), one
        )

    def __post_init__(self) -> None:
        self._has_kink = self._threshold > 0
        self._has_no_kink = ~self._has_kink
        self._diagonal = self._quadratic.B.diagonal
        self._one = torch.ones_like(self._eigenvalue)
        self._set_eigenvalue(self._eigenvalue)

    def take(self, models: Tensor) -> _Search:
        """Return the search of ``models`` alone, an index into all M."""
        return _Search(
            self._quadratic.take(models),
            self._threshold[models],
            self._residual[models],
            self._eigenvalue[models],
            _Move(*(part[models] for part in self._at)),
            self._is_on_face[models],
            self._p[models],
            self._rho[models],
        )

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
        product = self._quadratic.B.multiply(move)
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
        length = _dot(by_step, self._diagonal * by_step).clamp(min=torch.finfo(z.dtype).tiny)
        curvature = _dot(by_step, grad - y_grad) / length
        is_too_long = curvature > EIGENVALUE_MARGIN * self._eigenvalue
        if is_too_long.any():
            corrected = EIGENVALUE_MARGIN * curvature
            self._set_eigenvalue(torch.where(is_too_long, corrected, self._eigenvalue))
            z = torch.where(is_too_long, z_last, z)
            grad = torch.where(is_too_long, grad_last, grad)
        change = z - z_last
        # Against the direction of progress the momentum starts anew.
        is_overshot = _dot(self._diagonal * (y - z), change) > 0
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
        curvature = _dot(p, product)
        # Where none is left but rounding, FISTA goes on: it needs no more than an upper bound.
        is_curved = curvature > MIN_CURVATURE * _dot(p, self._diagonal * p)
        step = torch.where(is_curved, self._rho / curvature, 0.0)
        is_first = first <= step
        step = torch.minimum(step, first)
        z = torch.where(is_first & (to_zero <= first), 0.0, z - step * p)
        grad = self._at.grad - step * product
        return _Move(z, grad, z, grad, self._one, is_curved & ~is_first)

    def _choose(self) -> None:
        """Choose who moves along its face next: there the larger part of the violation lies."""
        self._residual = smallest_subgradient(self.z, self._at.grad, self._threshold)
        on_face = torch.where((self.z != 0) | self._has_no_kink, self._residual, 0.0)
        scaled = on_face / self._diagonal
        rho = _dot(on_face, scaled)
        total = _dot(self._residual, self._residual / self._diagonal)
        goes_on = self._at.keeps_face & (rho > 0) & (2.0 * rho >= total)
        conjugate = torch.where(self._is_on_face, rho / self._rho, 0.0)
        self._p = torch.where(goes_on, scaled + conjugate * self._p, 0.0)
        self._rho = torch.where(goes_on, rho, 1.0)
        self._is_on_face = goes_on

    def _set_eigenvalue(self, eigenvalue: Tensor) -> None:
        """Set B's largest eigenvalue (M, 1), and FISTA's step (M, n) by it."""
        self._eigenvalue = eigenvalue
        self._step = 1.0 / (eigenvalue * self._diagonal)


def _largest_eigenvalue(B: Matrix, v: Tensor) -> Tensor:
    """Return a guess (M, 1) of B's largest eigenvalue in the metric of its diagonal, at least 1.

    ``v`` (M, n) is any first vector.
    """
    root = B.diagonal.sqrt()
    v = v / root
    norm = torch.ones_like(v[:, :1])
    for _ in range(N_POWER_ITERATIONS):
        v = v / _dot(v, v).sqrt().clamp(min=torch.finfo(v.dtype).tiny)
        v = B.multiply(v / root) / root
        norm = _dot(v, v).sqrt()
    return EIGENVALUE_MARGIN * norm.clamp(min=1.0)
