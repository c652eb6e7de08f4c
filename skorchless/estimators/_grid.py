"""The grid of a cross-validated fit: penalties times folds, as one batch for the engine.

TorchLogisticClassifierCV calls it. A fold is a column of row weights, zero where a sample is left
out; candidates are numbered fold by fold, then by l1_ratio, then by C.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.placement import Placement
from skorchless.estimators._inputs import Array, encode_known_labels, weigh_classes
from skorchless.estimators._problem import AnySamples


@dataclass(frozen=True)
class Choice:
    """The penalty that is chosen, with weights (1, K, D) that go with it."""

    C: float
    l1_ratio: float
    W: torch.Tensor


@dataclass(frozen=True)
class Grid:
    """What the candidates are: every fold with every l1_ratio and every C."""

    Cs: Array  # (n_cs,)
    l1_ratios: Array  # (n_l1_ratios,)
    folds: list[tuple[Array, Array]]  # indices of training and of test samples
    n_samples: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """The numbers of folds, l1_ratios and Cs."""
        return len(self.folds), len(self.l1_ratios), len(self.Cs)

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

    def to_all_samples(self, choice: Choice) -> Grid:
        """Return the grid of one candidate, of the chosen penalty on all samples."""
        every = np.arange(self.n_samples)
        Cs, l1_ratios = np.array([choice.C]), np.array([choice.l1_ratio])
        return Grid(Cs, l1_ratios, [(every, every[:0])], self.n_samples)


@dataclass(frozen=True)
class Problem:
    """What all candidates of a grid share."""

    samples: AnySamples  # labels are codes
    weights: Array  # (N,), of sample and class
    by_class: Array  # (n_classes,), of a class alone
    placement: Placement


def build_problem(
    samples: AnySamples, classes: Array, class_weight: Any, placement: Placement
) -> Problem:
    """Return what all candidates share, of samples with labels among ``classes``."""
    encoded = samples.encode(classes, "y")
    by_class = weigh_classes(class_weight, classes, encoded.class_totals(len(classes))[0])
    codes = encode_known_labels(samples.labels, classes, "y")
    return Problem(encoded, samples.weights * by_class[codes], by_class, placement)


def fold_counts(grid: Grid) -> Array:
    """Return how often (N, F) each sample is in each fold's training set."""
    # A bootstrap may draw a sample twice.
    counts = [np.bincount(train, minlength=grid.n_samples) for train, _ in grid.folds]
    dtype = np.min_scalar_type(max(of_fold.max() for of_fold in counts))
    return np.stack(counts, axis=1, dtype=dtype, casting="unsafe")


def fold_units(counts: Array, weights: Array) -> Array:
    """Return the mean weight (F,) of all samples in each fold; a sample left out weighs 0."""
    units = np.empty(counts.shape[1])
    for number, of_fold in enumerate(counts.T):
        units[number] = (of_fold * weights).mean()
        if units[number] == 0.0:
            raise ValueError(
                f"Split {number} of cv has no training sample with a weight above zero."
            )
    return units


def build_grid_objective(grid: Grid, problem: Problem, *, fit_intercept: bool) -> PenalizedNLL:
    """Return the objective of all candidates."""
    placement, n_samples = problem.placement, grid.n_samples
    counts = fold_counts(grid)
    # In multiples of each fold's mean, so that weights of any scale neither overflow nor vanish.
    unit = fold_units(counts, problem.weights)
    # Divided in this order, because C * total overflows sooner.
    alpha = 1.0 / grid.candidate_Cs / unit[grid.candidate_folds] / n_samples

    def to_engine(values: Array, dtype: torch.dtype) -> torch.Tensor:
        return torch.from_numpy(values).to(placement.device, dtype)

    return PenalizedNLL(
        rows=problem.samples.rows(placement, problem.by_class, unit, counts),
        n_classes=len(problem.by_class),
        fit_intercept=fit_intercept,
        alpha=to_engine(alpha, placement.sum_dtype),
        l1_ratio=to_engine(grid.candidate_l1_ratios, placement.sum_dtype),
        total_weight=to_engine(np.full_like(alpha, n_samples), placement.sum_dtype),
        fold=to_engine(grid.candidate_folds, torch.int64),
    )


def choose(grid: Grid, W: torch.Tensor, scores: Array, *, refit: bool) -> Choice:
    """Return the penalty that ``scores`` choose, with mean weights of its folds.

    For a ``refit`` that of the highest mean score; else the mean of each fold's best one.
    """
    W = W.view(*grid.shape, *W.shape[1:])
    if refit:
        ratio, c = _best_of(scores.mean(0))
        best = W[:, ratio, c]
        return Choice(float(grid.Cs[c]), float(grid.l1_ratios[ratio]), best.mean(0, keepdim=True))
    ratios, cs = np.transpose([_best_of(of_fold) for of_fold in scores])
    best = W[np.arange(len(scores)), ratios, cs]
    C, l1_ratio = grid.Cs[cs].mean(), grid.l1_ratios[ratios].mean()
    return Choice(float(C), float(l1_ratio), best.mean(0, keepdim=True))


def _best_of(scores: Array) -> tuple[int, int]:
    """Return which l1_ratio and which C has the highest of ``scores`` (n_l1_ratios, n_cs).

    Of equal ones the first C's, as in LogisticRegressionCV; unlike there NaN is the lowest.
    """
    by_C = np.where(np.isnan(scores), -np.inf, scores).T
    c, ratio = np.unravel_index(by_C.argmax(), by_C.shape)
    return int(ratio), int(c)
