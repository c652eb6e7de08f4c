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

from skorchless._engine.class_preconditioner import (
    DAMPING_DECAY,
    FIRST_DAMPING,
    class_preconditioner,
    iterations_before_classes,
)
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.preconditioner import shared_preconditioner
from skorchless._engine.solvers.descent import Point

N_PAIRS = 10  # scipy's and scikit-learn's default
# A change of the gradient with less curvature than this, for its size, is rounding.
MIN_CURVATURE = torch.finfo(torch.float64).eps


class LBFGSDirections:
    """The last curvature pairs of each model, on top of the preconditioner.

    The compact form of the two-loop recursion: a handful of products of stacked pairs in place
    of four operations for each pair.
    """

    def __init__(self, objective: PenalizedNLL, start: Point) -> None:
        self._objective = objective
        self._shared = self._preconditioner = shared_preconditioner(objective)
        self._n_until_refresh = self._interval = iterations_before_classes(objective)
        self._damping = FIRST_DAMPING
        self._last = start
        self._scale = start.value.new_ones(len(start.value), 1)  # gamma
        # A pair of zeros has no effect: those that are still to come, and those skipped.
        # The oldest pair is overwritten in its place: copies of all pairs, of 50 models on
        # MNIST, would be 31 MB each.
        self._S = start.grad.flatten(1)[:, None].repeat(1, N_PAIRS, 1).zero_()  # (M, pairs, K * D)
        self._Y = torch.zeros_like(self._S)
        self._HY = torch.zeros_like(self._S)
        self._by_age = list(range(N_PAIRS))  # places of the pairs, the oldest first
        self._multiply()

    def at(self, point: Point) -> Tensor:
        """Return -H @ grad (M, K, D) at ``point``, after the pair that led there is learnt."""
        s, y = self._pair(point)
        self._last = point
        place = self._by_age.pop(0)
        self._by_age.append(place)
        self._S[:, place], self._Y[:, place] = s, y
        if self._n_until_refresh <= 0:
            self._refresh(point)
            self._HY = self._apply(self._Y)
            Hg = self._apply(point.grad.flatten(1)[:, None])[:, 0]
        else:
            # Both in one read of the preconditioner.
            both = torch.stack([y, point.grad.flatten(1)], dim=1)
            self._HY[:, place], Hg = self._apply(both).unbind(1)
        self._n_until_refresh -= 1
        self._multiply()
        return self._direction(point.grad.flatten(1)[..., None], Hg).view_as(point.grad)

    def forget(self, models: Tensor) -> None:
        """Drop all pairs of ``models`` (M,)."""
        if models.any():
            for pairs in (self._S, self._Y, self._HY):
                pairs[models] = 0.0

    def keep(self, models: Tensor) -> None:
        """Go on with ``models`` alone, an index into all M."""
        self._objective = self._objective.take(models)
        self._shared = self._shared.take(models)
        self._preconditioner = self._preconditioner.take(models)
        self._last = self._last.take(models)
        self._scale = self._scale[models]
        for pairs in ("_S", "_Y", "_HY"):
            setattr(self, pairs, getattr(self, pairs)[models])

    def _pair(self, point: Point) -> tuple[Tensor, Tensor]:
        """Return the changes (M, K * D) since the last point, zeros without curvature."""
        s, y = (point.W - self._last.W).flatten(1), (point.grad - self._last.grad).flatten(1)
        is_useful = torch.linalg.vecdot(s, y) > MIN_CURVATURE * torch.linalg.vecdot(y, y)
        s, y = torch.where(is_useful[:, None], torch.stack([s, y]), 0.0)
        return s, y

    def _refresh(self, point: Point) -> None:
        """Weigh the rows for each class at ``point``, or for all alike where that fails."""
        # Twice as far apart each time: where the first ones are far from the optimum, a later
        # one is near, and none of them costs more than the passes since the last.
        self._interval *= 2
        self._n_until_refresh = self._interval
        # The last one goes before the next is made: each takes as much memory as K Gram matrices.
        self._preconditioner = self._shared
        refreshed = class_preconditioner(self._objective, point.W, self._shared, self._damping)
        self._damping *= DAMPING_DECAY
        self._preconditioner = refreshed or self._shared

    def _apply(self, vectors: Tensor) -> Tensor:
        """Return H_0 of some vectors of each model, (M, vectors, K * D)."""
        grads = vectors.transpose(0, 1).view(vectors.shape[1], *self._last.grad.shape)
        return self._preconditioner.apply(grads).flatten(2).transpose(0, 1)

    def _multiply(self) -> None:
        """Refresh the inner products of the pairs, and gamma from the newest one."""
        SY, YHY = (
            products[:, self._by_age][:, :, self._by_age]
            for products in (self._S @ self._Y.mT, self._Y @ self._HY.mT)  # (M, pairs, pairs)
        )
        sy = SY.diagonal(dim1=1, dim2=2)  # (M, pairs), the diagonal of D
        scale = sy[:, -1:] / YHY[:, -1:, -1]
        self._scale = torch.where(sy[:, -1:] > 0, scale, self._scale)
        self._R = SY.triu() + torch.diag_embed((sy == 0).to(sy.dtype))
        self._middle = torch.diag_embed(sy) + self._scale[..., None] * YHY

    def _direction(self, grad: Tensor, Hg: Tensor) -> Tensor:
        """Return -H @ grad (M, K * D) from ``grad`` (M, K * D, 1) and H_0 of it (theorem 2.2)."""
        Sg, HYg = ((pairs @ grad)[:, self._by_age] for pairs in (self._S, self._HY))
        p = torch.linalg.solve_triangular(self._R, Sg, upper=True)  # (M, pairs, 1)
        q = self._middle @ p - self._scale[..., None] * HYg
        a = torch.linalg.solve_triangular(self._R.mT, q, upper=False)
        p_placed, a_placed = torch.empty_like(p), torch.empty_like(a)
        p_placed[:, self._by_age], a_placed[:, self._by_age] = p, a
        step = self._scale * (Hg - (self._HY.mT @ p_placed)[..., 0])
        return -step - (self._S.mT @ a_placed)[..., 0]
