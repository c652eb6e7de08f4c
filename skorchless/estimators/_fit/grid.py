"""The grid of a fit: penalties times folds, one model each; a plain fit is a grid of one.

A fold is a column of row weights, zero where a sample is left out; candidates are numbered fold by
fold, then by l1_ratio, then by C.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from skorchless._arrays import Array


@dataclass(frozen=True)
class BestPenalty:
    """The penalty that is chosen, with weights (1, K, D) that go with it."""

    C: float
    l1_ratio: float
    W: torch.Tensor


@dataclass(frozen=True)
class Grid:
    """What the candidates are: every fold with every l1_ratio and every C."""

    Cs: Array  # (n_cs,)
    l1_ratios: Array  # (n_l1_ratios,)
    # Indices of training and of test samples; None: one fold, of all samples.
    folds: list[tuple[Array, Array]] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """The numbers of folds, l1_ratios and Cs."""
        return len(self.folds or [()]), len(self.l1_ratios), len(self.Cs)

    @property
    def candidate_folds(self) -> Array:
        """The fold (M,) of each candidate."""
        return np.arange(self.shape[0]).repeat(len(self.l1_ratios) * len(self.Cs))

    @property
    def candidate_l1_ratios(self) -> Array:
        """The l1_ratio (M,) of each candidate."""
        return np.tile(self.l1_ratios.repeat(len(self.Cs)), self.shape[0])

    @property
    def candidate_Cs(self) -> Array:
        """The C (M,) of each candidate."""
        return np.tile(self.Cs, self.shape[0] * self.shape[1])


def grid_of_one(C: float, l1_ratio: float) -> Grid:
    """Return the grid of one penalty on all samples."""
    return Grid(np.array([C]), np.array([l1_ratio]))


def choose(grid: Grid, W: torch.Tensor, scores: Array, *, refit: bool) -> BestPenalty:
    """Return the penalty that ``scores`` choose, with mean weights of its folds.

    For a ``refit`` that of the highest mean score; else the mean of each fold's best one.
    """
    W = W.view(*grid.shape, *W.shape[1:])
    if refit:
        ratio, c = _best_of(scores.mean(0))
        best = W[:, ratio, c]
        return BestPenalty(
            float(grid.Cs[c]), float(grid.l1_ratios[ratio]), best.mean(0, keepdim=True)
        )
    ratios, cs = np.transpose([_best_of(of_fold) for of_fold in scores])
    best = W[np.arange(len(scores)), ratios, cs]
    C, l1_ratio = grid.Cs[cs].mean(), grid.l1_ratios[ratios].mean()
    return BestPenalty(float(C), float(l1_ratio), best.mean(0, keepdim=True))


def _best_of(scores: Array) -> tuple[int, int]:
    """Return which l1_ratio and which C has the highest of ``scores`` (n_l1_ratios, n_cs).

    Of equal ones the first C's, as in LogisticRegressionCV; unlike there NaN is the lowest.
    """
    by_C = np.where(np.isnan(scores), -np.inf, scores).T
    c, ratio = np.unravel_index(by_C.argmax(), by_C.shape)
    return int(ratio), int(c)
