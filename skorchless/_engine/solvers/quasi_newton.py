"""Quasi-Newton methods: an approximate Hessian, corrected by the last changes of the gradient.

`LBFGSDirections` solve with it, for smooth objectives; `BFGSCurvature` multiplies by it, for the
quadratic of a proximal step.

References
----------
Byrd, Nocedal & Schnabel, Representations of quasi-Newton matrices and their use in limited
memory methods (1994), https://doi.org/10.1007/BF01582063: theorem 2.2 (the inverse) and 2.3 (the
matrix). Their S_k, Y_k, R_k, L_k, D_k and gamma_k are ours, sigma_k is 1 / gamma_k, and the first
approximation H_0 or B_0 is ours in place of the identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skorchless._engine.curvature.feature_moments import FeatureMoments
from skorchless._engine.curvature.hessian_approximation import (
    HessianApproximation,
    class_hessians,
    diagonal_approximation,
)
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.records import take_models
from skorchless._engine.solvers.descent import Numbers, Point, to_host
from skorchless._engine.solvers.strategy import ClassHessianSchedule

N_PAIRS = 10  # scipy's and scikit-learn's default
# A change of the gradient with less curvature than this, for its size, is rounding.
MIN_CURVATURE = torch.finfo(torch.float64).eps
# A choice: pairs leave at least this share of an entry of the diagonal, whose difference may be
# rounding alone. The diagonal scales steps, and does not decide where they end.
MIN_DIAGONAL = 1e-3


class LBFGSMemory:
    """The last pairs (s, y) of changes of weights and gradient of M models.

    With ``by_inverse`` it keeps S and H_0 Y, and their products with Y; else Y and B_0 S, and
    their products with S. A pair of zeros has no effect: those to come, and those skipped. What
    is M times pairs in size is on the host.
    """

    def __init__(
        self, start: Point, approximation: HessianApproximation, *, by_inverse: bool
    ) -> None:
        n_models, n_weights = len(start.value), start.grad[0].numel()
        self.approximation = approximation
        self._by_inverse = by_inverse
        self._last = start
        # The oldest pair is overwritten where it is: a copy of all pairs, of 50 models on MNIST,
        # would be 31 MB.
        self.basis = start.grad.new_zeros(n_models, 2 * N_PAIRS, n_weights)  # S, H_0 Y or Y, B_0 S
        self._probes = self.basis[:, :N_PAIRS].clone()  # Y or S
        self.products = np.zeros((n_models, 2 * N_PAIRS, N_PAIRS))  # of basis and probes
        self.order = list(range(N_PAIRS))  # places of the pairs, the oldest first
        self.scale = np.ones(n_models)  # gamma or sigma

    def update(self, point: Point) -> None:
        """Take the changes that led to ``point``."""
        if point is self._last:
            return
        s = (point.W - self._last.W).flatten(1)
        y = (point.grad - self._last.grad).flatten(1)
        self._last = point
        s_y, y_y = to_host(torch.linalg.vecdot(y, torch.stack([s, y])))
        is_useful = s_y > MIN_CURVATURE * y_y
        if not is_useful.all():
            # Changes without curvature may be inf - inf.
            skipped = torch.from_numpy(~is_useful).to(s.device)[:, None]
            s, y = s.masked_fill(skipped, 0.0), y.masked_fill(skipped, 0.0)
        place = self.order.pop(0)
        self.order.append(place)
        probe, other = (y, s) if self._by_inverse else (s, y)
        self._probes[:, place] = probe
        self.basis[:, place] = other
        self.basis[:, N_PAIRS + place] = self._map(probe[:, None])[:, 0]
        column = to_host(torch.bmm(self.basis, probe[..., None])[..., 0])
        self.products[:, :, place] = column
        self.products[:, N_PAIRS + place] = column[:, N_PAIRS:]
        self._rescale(is_useful)

    def replace_approximation(self, approximation: HessianApproximation) -> None:
        """Go on from another first approximation, with the same pairs."""
        self.approximation = approximation
        self.basis[:, N_PAIRS:] = self._map(self._probes)
        self.products[:, N_PAIRS:] = to_host(self.basis[:, N_PAIRS:] @ self._probes.mT)
        self._rescale(self.products[:, self.order[-1], self.order[-1]] > 0.0)

    def _rescale(self, is_useful: Numbers) -> None:
        """Set gamma or sigma by the newest pair, of models where it ``is_useful`` (M,)."""
        place = self.order[-1]
        newest = self.products[:, [place, N_PAIRS + place], place]
        self.scale = np.where(is_useful, newest[:, 0], self.scale)
        self.scale[is_useful] /= newest[is_useful, 1]

    def forget(self, models: Tensor) -> None:
        """Drop all pairs of ``models``, an index into all M."""
        if len(models):
            self.basis[models] = self._probes[models] = 0.0
            self.products[to_host(models)] = 0.0

    def keep(self, models: Tensor) -> None:
        """Go on with ``models`` alone, an index into all M."""
        self._last = take_models(self._last, models)
        self.approximation = take_models(self.approximation, models)
        on_host = to_host(models)
        self.basis, self._probes = (_move_up(each, on_host) for each in (self.basis, self._probes))
        self.products, self.scale = self.products[on_host], self.scale[on_host]

    @property
    def has_pairs(self) -> Numbers:
        """Whether a model (M,) has a pair."""
        return np.asarray(self.products.any((1, 2)))

    def in_order(self) -> tuple[Numbers, Numbers]:
        """Return the products of either half of the basis, (M, pairs, pairs), the oldest first."""
        of_first, of_second = np.split(self.products[:, :, self.order], 2, axis=1)
        return of_first[:, self.order], of_second[:, self.order]

    @property
    def places(self) -> list[int]:
        """The places of both halves of the basis, each the oldest first."""
        return [*self.order, *(N_PAIRS + place for place in self.order)]

    def _map(self, vectors: Tensor) -> Tensor:
        """Return the products of H_0 or B_0 with vectors (M, R, K * D)."""
        matrix = self.approximation
        return matrix.solve(vectors) if self._by_inverse else matrix.multiply(vectors)


def _move_up(pairs: Tensor, models: Numbers) -> Tensor:
    """Return the pairs of ``models``, ascending, moved in place: a copy doubles the memory."""
    for place, model in enumerate(models.tolist()):
        if place != model:
            pairs[place] = pairs[model]
    return pairs[: len(models)]


class _QuasiNewton:
    """The diagonal that a fit starts from, the class Hessians that follow it, and the memory."""

    by_inverse: bool

    def __init__(
        self,
        objective: PenalizedNLL,
        start: Point,
        moments: FeatureMoments,
        schedule: ClassHessianSchedule,
    ) -> None:
        self._objective = objective
        self._moments = moments
        self._schedule = schedule
        self._diagonal = diagonal_approximation(objective, moments)
        self._memory = LBFGSMemory(start, self._diagonal, by_inverse=self.by_inverse)

    def _follow(self, point: Point) -> None:
        """Learn what led to ``point``, and make class Hessians when they are due.

        It goes on from the diagonal where they fail.
        """
        self._memory.update(point)
        if not self._schedule.is_due():
            return
        # The old ones go before the new ones are made: each set is as large as K Gram matrices.
        self._memory.approximation = self._diagonal
        hessians = class_hessians(
            self._objective,
            point.W,
            self._moments,
            self._schedule.damping,
            as_factors=self.by_inverse,
        )
        self._memory.replace_approximation(hessians or self._diagonal)

    def forget(self, models: Tensor) -> None:
        self._memory.forget(models)

    def keep(self, models: Tensor) -> None:
        self._objective = self._objective.take(models)
        self._diagonal = take_models(self._diagonal, models)
        self._memory.keep(models)


class LBFGSDirections(_QuasiNewton):
    """The inverse of the corrected approximation applied to the gradient (theorem 2.2).

    The compact form of the two-loop recursion: a handful of products of stacked pairs in place
    of four operations for each pair.
    """

    by_inverse = True
    is_exact = False
    logits_change = None

    @property
    def method(self) -> str:
        is_diagonal = self._memory.approximation.matrices is None
        return "lbfgs" if is_diagonal else "lbfgs-hessian"

    def at(self, point: Point) -> Tensor:
        """Return -H @ grad (M, K, D) at ``point``, after the pair that led there is learnt."""
        memory = self._memory
        self._follow(point)
        grad = point.grad.flatten(1)
        has_pairs = memory.has_pairs
        solution = (
            self._solve(grad)
            if has_pairs.any()
            else memory.approximation.solve(grad[:, None])[:, 0]
        )
        direction = -solution.view_as(point.grad)
        return direction if has_pairs.all() else self._at_full_length(point, direction)

    def _solve(self, grad: Tensor) -> Tensor:
        """Return the solution (M, K * D) for gradients (M, K * D)."""
        memory = self._memory
        Hg = memory.approximation.solve(grad[:, None])  # (M, 1, K * D)
        of_grad = to_host(torch.bmm(memory.basis, grad[..., None])[..., 0])
        Sg, YHg = np.split(of_grad[:, memory.places], 2, axis=1)
        SY, YHY = memory.in_order()
        scale = memory.scale[:, None]
        s_y = np.diagonal(SY, axis1=1, axis2=2)
        R = np.triu(SY) + np.eye(N_PAIRS) * (s_y == 0)[:, None]
        inverse = np.linalg.inv(R)
        p = (inverse @ Sg[..., None])[..., 0]
        q = s_y * p + scale * ((YHY @ p[..., None])[..., 0] - YHg)
        a = (q[:, None] @ inverse)[:, 0]
        weights = np.empty_like(of_grad)
        weights[:, memory.places] = np.concatenate([a, -scale * p], axis=1)
        gamma, by_pairs = (torch.from_numpy(part[:, None]).to(Hg) for part in (scale, weights))
        return torch.baddbmm(Hg * gamma, by_pairs, memory.basis)[:, 0]

    def _at_full_length(self, point: Point, direction: Tensor) -> Tensor:
        """Return ``direction`` (M, K, D) as far as the curvature along it says, without pairs."""
        is_plain = torch.from_numpy(~self._memory.has_pairs).to(direction.device)
        steps = torch.zeros_like(point.value)[:, None]
        _, slope, curvature = (
            part[:, 0] for part in self._objective.along(point.W, direction, steps)
        )
        length = torch.where(is_plain & (curvature > 0), -slope / curvature, 1.0)
        return direction * length.nan_to_num(1.0)[:, None, None]


class BFGSCurvature(_QuasiNewton):
    """The corrected approximation itself, to multiply by (theorem 2.3)."""

    by_inverse = False

    def at(self, point: Point) -> BFGSMatrix:
        """Return the matrix at ``point``, after the pair that led there is learnt."""
        self._follow(point)
        memory = self._memory
        # The first half of the products is y_i @ s_j: L has those of s_i with older y_j.
        YS, SBS = memory.in_order()
        sigma = memory.scale[:, None, None]
        s_y = np.diagonal(YS, axis1=1, axis2=2)
        D = np.eye(N_PAIRS) * s_y[:, None]
        no_pair = np.eye(N_PAIRS) * (s_y == 0)[:, None]
        LT = np.triu(YS, 1)
        M = np.block([[-D - no_pair, LT], [LT.swapaxes(1, 2), sigma * SBS + no_pair]])
        # From the order of age to that of places: the vectors themselves stay where they are.
        place = np.argsort(memory.places)
        inverse = torch.from_numpy(np.linalg.inv(M[:, place][:, :, place]))
        scale = torch.from_numpy(sigma).to(memory.basis)
        U = torch.cat([memory.basis[:, :N_PAIRS], scale * memory.basis[:, N_PAIRS:]], dim=1)
        V = inverse.to(U) @ U
        of_B_0 = scale[:, 0] * memory.approximation.diagonal.flatten(1)
        diagonal = torch.maximum(of_B_0 - (U * V).sum(1), MIN_DIAGONAL * of_B_0)
        return BFGSMatrix(memory.approximation, scale[:, 0], U, V, diagonal)


@dataclass(frozen=True)
class BFGSMatrix:
    """The matrix ``scale * B_0 - V.T @ U`` of each model."""

    approximation: HessianApproximation  # B_0
    scale: Tensor  # (M, 1)
    U: Tensor  # (M, 2 * pairs, K * D)
    V: Tensor  # (M, 2 * pairs, K * D)
    diagonal: Tensor  # (M, K * D)

    def multiply(self, vectors: Tensor) -> Tensor:
        """Return the products (M, K * D) with ``vectors`` (M, K * D)."""
        product = self.scale * self.approximation.multiply(vectors[:, None])[:, 0]
        return product - (self.V.mT @ (self.U @ vectors[..., None]))[..., 0]
