"""The grid of a cross-validated fit: penalties times folds, as one batch for the engine.

TorchLogisticClassifierCV calls it. A fold is a column of row weights, zero where a sample is left
out; candidates are numbered fold by fold, then by l1_ratio, then by C.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.placement import Placement, as_tensor
from skorchless._engine.rows import TensorRows
from skorchless.estimators._inputs import Array
from skorchless.estimators._problem import Samples


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
    def fold(self) -> Array:
        """The fold (M,) of each candidate."""
        return np.arange(self.shape[0]).repeat(len(self.l1_ratios) * len(self.Cs))

    @property
    def C(self) -> Array:
        """The C (M,) of each candidate."""
        return np.tile(self.Cs, self.shape[0] * self.shape[1])

    def to_all_samples(self, choice: Choice) -> Grid:
        """Return the grid of one candidate, of the chosen penalty on all samples."""
        every = np.arange(self.n_samples)
        Cs, l1_ratios = np.array([choice.C]), np.array([choice.l1_ratio])
        return Grid(Cs, l1_ratios, [(every, every[:0])], self.n_samples)


def check_Cs(Cs: Any) -> Array:
    """Return the values of C (n_cs,): those given, or so many from 1e-4 to 1e4."""
    if isinstance(Cs, Integral):
        return np.logspace(-4, 4, Cs)
    return _check_values("Cs", Cs, "above 0", lambda values: values > 0)


def check_l1_ratios(l1_ratios: Any) -> Array:
    """Return the values of l1_ratio (n_l1_ratios,)."""
    checked = _check_values(
        "l1_ratios", l1_ratios, "between 0 and 1", lambda values: (values >= 0) & (values <= 1)
    )
    if checked.any():
        raise ValueError(
            f"l1_ratios={l1_ratios!r} is not supported yet; only l1_ratios=(0.0,), the L2 "
            "penalty, is."
        )
    return checked


def _check_values(name: str, values: Any, where: str, is_valid: Any) -> Array:
    """Return ``values`` as float64 (n,), or raise for what is no row of numbers ``where``."""
    try:
        checked = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        checked = np.array(np.nan)
    if checked.ndim != 1 or not len(checked) or not is_valid(checked).all():
        raise ValueError(
            f"{name} must be an array-like of numbers {where}, at least one; got {values!r}."
        )
    return checked


def check_folds(folds: Iterable[tuple[Any, Any]], n_samples: int) -> list[tuple[Array, Array]]:
    """Return the indices of training and test samples of each fold, at least one fold."""
    checked = [(_as_index(train, n_samples), _as_index(test, n_samples)) for train, test in folds]
    if not checked:
        raise ValueError("cv gives no split of the samples; at least one is needed.")
    for number, (_, test) in enumerate(checked):
        if not len(test):
            raise ValueError(f"Split {number} of cv has no test sample to score.")
    return checked


def _as_index(samples: Any, n_samples: int) -> Array:
    """Return the indices of ``samples``, which may be a mask of all."""
    samples = np.asarray(samples)
    if not len(samples):
        return np.arange(0)
    return np.arange(n_samples)[samples]  # raises for what is not there; none is negative


def fold_weights(grid: Grid, weights: Array) -> Array:
    """Return the weights (N, F) of the samples in each fold's training set."""
    columns = np.empty((len(weights), len(grid.folds)))
    for number, (train, _) in enumerate(grid.folds):
        # As often as a splitter draws it: a bootstrap may draw a sample twice.
        columns[:, number] = np.bincount(train, minlength=len(weights)) * weights
        if not columns[:, number].any():
            raise ValueError(
                f"Split {number} of cv has no training sample with a weight above zero."
            )
    return columns


def build_grid_objective(
    grid: Grid, samples: Samples, n_classes: int, fit_intercept: bool, placement: Placement
) -> PenalizedNLL:
    """Return the objective of all candidates."""
    unit = samples.weights.mean()
    weights = fold_weights(grid, samples.weights / unit)
    total_weight = weights.sum(0)[grid.fold]

    def to_engine(values: Array, dtype: torch.dtype) -> torch.Tensor:
        return torch.from_numpy(values).to(placement.device, dtype)

    columns = (torch.from_numpy(samples.codes), torch.from_numpy(weights).to(placement.dtype))
    return PenalizedNLL(
        rows=TensorRows(as_tensor(samples.X), columns, placement),
        n_classes=n_classes,
        fit_intercept=fit_intercept,
        # Divided in this order, because C * total overflows sooner.
        alpha=to_engine(1.0 / grid.C / unit / total_weight, placement.sum_dtype),
        total_weight=to_engine(total_weight, placement.sum_dtype),
        fold=to_engine(grid.fold, torch.int64),
    )


def best_on_average(grid: Grid, W: torch.Tensor, scores: Array) -> Choice:
    """Return the penalty of the highest mean score, with the mean weights of its folds."""
    ratio, c = _best_of(scores.mean(0))
    W = W.view(*grid.shape, *W.shape[1:])[:, ratio, c]
    return Choice(float(grid.Cs[c]), float(grid.l1_ratios[ratio]), W.mean(0, keepdim=True))


def mean_of_best(grid: Grid, W: torch.Tensor, scores: Array) -> Choice:
    """Return the mean over folds of each fold's best penalty, and of its weights."""
    ratios, cs = np.transpose([_best_of(of_fold) for of_fold in scores])
    W = W.view(*grid.shape, *W.shape[1:])[np.arange(len(scores)), ratios, cs]
    C, l1_ratio = grid.Cs[cs].mean(), grid.l1_ratios[ratios].mean()
    return Choice(float(C), float(l1_ratio), W.mean(0, keepdim=True))


def _best_of(scores: Array) -> tuple[int, int]:
    """Return which l1_ratio and which C has the highest of ``scores`` (n_l1_ratios, n_cs).

    Of equal ones the first C's, as in LogisticRegressionCV; a score that is NaN is the lowest.
    """
    by_C = np.where(np.isnan(scores), -np.inf, scores).T
    c, ratio = np.unravel_index(by_C.argmax(), by_C.shape)
    return int(ratio), int(c)
