"""The grid of a fit: penalties times folds, one model each; a plain fit is a grid of one.

A fold is a column of row weights, zero where a sample is left out; candidates are numbered fold by
fold, then by l1_ratio, then by C.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch

from skorchless._arrays import Array


@dataclass(frozen=True)
class BestPenalty:
    """The penalty that is chosen, of all labels or of each, with the weights that go with it."""

    C: float | Array  # (L,) of each label
    l1_ratio: float | Array
    W: torch.Tensor  # (1, K, D)


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
    def candidates(self) -> tuple[Array, Array, Array]:
        """The fold, the l1_ratio and the C (M,) of each candidate."""
        folds, ratios, cs = np.indices(self.shape).reshape(3, -1)
        return folds, self.l1_ratios[ratios], self.Cs[cs]


def grid_of_one(C: float, l1_ratio: float) -> Grid:
    """Return the grid of one penalty on all samples."""
    return Grid(np.array([C]), np.array([l1_ratio]))


def choose(grid: Grid, W: torch.Tensor, scores: Array, *, refit: bool) -> BestPenalty:
    """Return the penalty that ``scores`` choose, with mean weights of its folds.

    For a ``refit`` that of the highest mean score; else the mean of each fold's best one. Where
    each label has scores, (n_folds, n_l1_ratios, n_cs, L), it has a penalty of its own.
    """
    if scores.ndim == 4:
        of_labels = [
            choose(grid, of_label, scores[..., label], refit=refit)
            for label, of_label in enumerate(torch.split(W, 1, 1))
        ]
        Cs, l1_ratios = np.array([(each.C, each.l1_ratio) for each in of_labels]).T
        return BestPenalty(Cs, l1_ratios, torch.cat([each.W for each in of_labels], dim=1))
    to_compare = scores.mean(0, keepdims=True) if refit else scores
    ratios, cs = np.transpose([_best_of(each) for each in to_compare])
    best = W.view(*grid.shape, *W.shape[1:])[np.arange(grid.shape[0]), ratios, cs]
    C, l1_ratio = grid.Cs[cs].mean(), grid.l1_ratios[ratios].mean()
    return BestPenalty(float(C), float(l1_ratio), best.mean(0, keepdim=True))


def _best_of(scores: Array) -> tuple[int, int]:
    """Return which l1_ratio and which C has the highest of ``scores`` (n_l1_ratios, n_cs).

    Ties go to the first C, as in LogisticRegressionCV; NaN is the lowest, unlike there.
    """
    by_C = np.where(np.isnan(scores), -np.inf, scores).T
    c, ratio = np.unravel_index(by_C.argmax(), by_C.shape)
    return int(ratio), int(c)


def check_Cs(Cs: Any) -> Array:
    """Return the values of C (n_cs,): those given, or that number of them from 1e-4 to 1e4."""
    if isinstance(Cs, Integral):
        return np.logspace(-4, 4, Cs)
    return _check_values("Cs", Cs, "above 0", lambda values: values > 0)


def check_l1_ratios(l1_ratios: Any) -> Array:
    """Return the values of l1_ratio (n_l1_ratios,)."""
    return _check_values(
        "l1_ratios", l1_ratios, "between 0 and 1", lambda values: (values >= 0) & (values <= 1)
    )


def _check_values(name: str, values: Any, where: str, is_valid: Callable[[Array], Array]) -> Array:
    """Return ``values`` as float64 (n,); raise unless all are numbers ``where``."""
    try:
        checked = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        checked = np.array(np.nan)
    if checked.ndim != 1 or not len(checked) or not is_valid(checked).all():
        raise ValueError(
            f"{name} must be an array-like of numbers {where}, at least one; got {values!r}."
        )
    return checked


def check_folds(
    splits: Iterable[Any], n_samples: int, test_weights: Array | None
) -> list[tuple[Array, Array]]:
    """Return the indices of training and test samples of each split, at least one split.

    Each has a test sample, with a weight where scores have ``test_weights`` (N,).
    """
    folds = []
    for number, split in enumerate(splits):
        try:
            train, test = (_as_index(samples, n_samples) for samples in split)
        except (TypeError, ValueError, IndexError) as error:
            raise ValueError(
                f"Split {number} of cv is not a pair of training and test indices: {error}"
            ) from error
        if not len(test) or (test_weights is not None and not test_weights[test].any()):
            weighing = "" if test_weights is None else " with a weight above zero"
            raise ValueError(f"Split {number} of cv has no test sample{weighing} to score.")
        folds.append((train, np.sort(test)))  # partitions give their rows in ascending order
    if not folds:
        raise ValueError("cv gives no split of the samples; at least one is needed.")
    return folds


def _as_index(samples: Any, n_samples: int) -> Array:
    """Return the indices (n,) of ``samples``, which may be a mask or count from the end."""
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise ValueError(f"an array of {samples.ndim} dimensions")
    return np.arange(n_samples)[samples if len(samples) else samples.astype(np.intp)]
