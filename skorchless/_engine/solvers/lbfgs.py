"""The directions of L-BFGS, started from the curvature of the objective.

For problems of any size: it keeps a few pairs of vectors a model, and asks the preconditioner
for everything else that it knows of curvature.

References
----------
Byrd, Nocedal & Schnabel, Representations of quasi-Newton matrices and their use in limited
memory methods (1994), section 2, https://doi.org/10.1007/BF01582063; their S_k, Y_k, R_k, D_k
and gamma_k are ours, with the preconditioner H_0 in place of the identity.
"""

from __future__ import annotations

import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.preconditioner import class_preconditioner, shared_preconditioner
from skorchless._engine.solvers.descent import Point
from skorchless._engine.solvers.pairs import CurvaturePairs, apply_to_each
from skorchless._engine.solvers.refresh import Refresh


class LBFGSDirections:
    """The last curvature pairs of each model, on top of the preconditioner.

    The compact form of the two-loop recursion: a handful of products of stacked pairs in place
    of four operations for each pair.
    """

    def __init__(self, objective: PenalizedNLL, start: Point) -> None:
        self._objective = objective
        self._shared = self._preconditioner = shared_preconditioner(objective)
        self._refresh = Refresh(objective)
        self._last = start
        self._scale = start.value.new_ones(len(start.value), 1)  # gamma
        self._pairs = CurvaturePairs(start)  # with H_0 Y for an image
        self._multiply()

    def at(self, point: Point) -> Tensor:
        """Return -H @ grad (M, K, D) at ``point``, after the pair that led there is learnt."""
        pairs, grad = self._pairs, point.grad.flatten(1)
        y = grad - self._last.grad.flatten(1)
        place = pairs.learn((point.W - self._last.W).flatten(1), y)
        self._last = point
        if self._refresh.count():
            self._weigh_classes(point)
            pairs.image = self._apply(pairs.Y)
            Hg = self._apply(grad[:, None])[:, 0]
        else:
            # Both in one read of the preconditioner.
            both = torch.stack([pairs.Y[:, place], grad], dim=1)
            pairs.image[:, place], Hg = self._apply(both).unbind(1)
        self._multiply()
        return self._direction(grad[..., None], Hg).view_as(point.grad)

    def forget(self, models: Tensor) -> None:
        """Drop all pairs of ``models`` (M,)."""
        self._pairs.forget(models)

    def keep(self, models: Tensor) -> None:
        """Go on with ``models`` alone, an index into all M."""
        self._objective = self._objective.take(models)
        self._shared = self._shared.take(models)
        self._preconditioner = self._preconditioner.take(models)
        self._last = self._last.take(models)
        self._scale = self._scale[models]
        self._pairs.keep(models)

    def _weigh_classes(self, point: Point) -> None:
        """Weigh the rows for each class at ``point``, or for all alike where that fails."""
        # The last one goes before the next is made: each takes as much memory as K Gram matrices.
        self._preconditioner = self._shared
        damping = self._refresh.damping
        refreshed = class_preconditioner(self._objective, point.W, self._shared, damping)
        self._preconditioner = refreshed or self._shared

    def _apply(self, vectors: Tensor) -> Tensor:
        """Return H_0 of some vectors of each model, (M, vectors, K * D)."""
        return apply_to_each(self._preconditioner.apply, vectors, self._last.grad.shape[1:])

    def _multiply(self) -> None:
        """Refresh the inner products of the pairs, and gamma from the newest one."""
        pairs = self._pairs
        SY = pairs.products(pairs.S, pairs.Y)  # (M, pairs, pairs)
        YHY = pairs.products(pairs.Y, pairs.image)
        sy = SY.diagonal(dim1=1, dim2=2)  # (M, pairs), the diagonal of D
        scale = sy[:, -1:] / YHY[:, -1:, -1]
        self._scale = torch.where(sy[:, -1:] > 0, scale, self._scale)
        self._R = SY.triu() + torch.diag_embed((sy == 0).to(sy.dtype))
        self._middle = torch.diag_embed(sy) + self._scale[..., None] * YHY

    def _direction(self, grad: Tensor, Hg: Tensor) -> Tensor:
        """Return -H @ grad (M, K * D) from ``grad`` (M, K * D, 1) and H_0 of it (theorem 2.2)."""
        pairs = self._pairs
        Sg, HYg = ((vectors @ grad)[:, pairs.by_age] for vectors in (pairs.S, pairs.image))
        p = torch.linalg.solve_triangular(self._R, Sg, upper=True)  # (M, pairs, 1)
        q = self._middle @ p - self._scale[..., None] * HYg
        a = torch.linalg.solve_triangular(self._R.mT, q, upper=False)
        p_placed, a_placed = torch.empty_like(p), torch.empty_like(a)
        p_placed[:, pairs.by_age], a_placed[:, pairs.by_age] = p, a
        step = self._scale * (Hg - (pairs.image.mT @ p_placed)[..., 0])
        return -step - (pairs.S.mT @ a_placed)[..., 0]
