"""The curvature pairs of L-BFGS: how the gradient has changed along the last steps.

`lbfgs` makes an inverse Hessian of them, `proximal` a Hessian.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from skorchless._engine.solvers.descent import Point

N_PAIRS = 10  # scipy's and scikit-learn's default
# A change of the gradient with less curvature than this, for its size, is rounding.
MIN_CURVATURE = torch.finfo(torch.float64).eps


class CurvaturePairs:
    """The last steps s of M models, the changes y of their gradients, and images of one of them.

    A pair of zeros has no effect: those that are still to come, and those skipped. An image is
    the product of the owner's first guess of the Hessian with s, or of its inverse with y; the
    owner fills it in.
    """

    def __init__(self, start: Point) -> None:
        # The oldest pair is overwritten in its place: copies of all pairs, of 50 models on
        # MNIST, would be 31 MB each.
        self.S = start.grad.flatten(1)[:, None].repeat(1, N_PAIRS, 1).zero_()  # (M, pairs, K * D)
        self.Y = torch.zeros_like(self.S)
        self.image = torch.zeros_like(self.S)
        self.by_age = list(range(N_PAIRS))  # places of the pairs, the oldest first

    def learn(self, s: Tensor, y: Tensor) -> int:
        """Put the changes (M, K * D) of weights and gradient in; return their place."""
        is_useful = torch.linalg.vecdot(s, y) > MIN_CURVATURE * torch.linalg.vecdot(y, y)
        place = self.by_age.pop(0)
        self.by_age.append(place)
        self.S[:, place], self.Y[:, place] = torch.where(
            is_useful[:, None], torch.stack([s, y]), 0.0
        )
        return place

    def forget(self, models: Tensor) -> None:
        """Drop all pairs of ``models`` (M,)."""
        if models.any():
            for vectors in (self.S, self.Y, self.image):
                vectors[models] = 0.0

    def keep(self, models: Tensor) -> None:
        """Go on with ``models`` alone, an index into all M."""
        self.S, self.Y, self.image = self.S[models], self.Y[models], self.image[models]

    def products(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the inner products (M, pairs, pairs) of two kinds of vectors, in order of age."""
        return (a @ b.mT)[:, self.by_age][:, :, self.by_age]


def apply_to_each(
    apply: Callable[[Tensor], Tensor], vectors: Tensor, shape: tuple[int, ...]
) -> Tensor:
    """Return what ``apply`` makes of some vectors of each model, (M, vectors, K * D).

    It gets weights of the ``shape`` (K, D), stacked, (vectors, M, K, D).
    """
    stacked = vectors.transpose(0, 1)
    stacked = stacked.view(*stacked.shape[:2], *shape)
    return apply(stacked).flatten(2).transpose(0, 1)
