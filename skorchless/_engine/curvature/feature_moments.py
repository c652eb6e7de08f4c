"""The mean, variance and range of each feature: fits are centred, scaled and damped by them.

`find_dummies` tells by them which features are the dummies of a category.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.products import Block, SparseBlock, extremes, logits, weighted_moments
from skorchless._engine.rows.memory import LocalRows, Rows

# The seed of a thinned set of rows: any number would do, the same each time.
THINNING_SEED = 0
# The largest error of a gradient, in units of a feature's standard deviation, that a feature far
# from zero may cause: a hundredth of the default ``tol``. float32 features are centred beyond 3
# standard deviations, float64 ones beyond 70,000.
MAX_GRADIENT_ROUNDING = 1e-6
# Choices: how many rows tell whether a feature may be that far, and how many times farther than it
# is they take it to be.
N_SAMPLED = 32
SAMPLE_MARGIN = 2.0
# A choice: the rounding of the shares of dummies and of their sums, in float64.
SHARE_ROUNDING = 1e-9
# How many times larger a feature's range may be in one fold than in another if they are to share a
# curvature. With outliers of 10 ranges in 4,000 x 100 the fold without them takes 15 iterations
# instead of 9, of 30 ranges 27.
MAX_RANGE_RATIO = 10.0
# Features for each row from which on the variances that scale steps are made to differ less: with
# 2 tables take 0.8 times as many iterations, with 1 as many or 1.2 times as many.
MIN_WIDTH = 2
# And the largest mean of the variances, in units of their median. Without this limit deviations of
# e^(2z) take up to three times as many iterations at C=1e-4; those of e^z have a ratio of 7.
MAX_MEAN_RATIO = 10.0
# How many times larger than a feature's own variance the one that scales its steps may be. With
# 100, 200 x 400 of which half have a hundredth of the others' variance ends 2e-3 above the optimum
# at C=100, with 30 3e-5; with 10, 1,000 x 5,000 of e^z takes 58 iterations in place of 45.
MAX_RAISE = 30.0
# A choice: how many folds are compared. Those of a few splits leave out each row once.
MAX_COMPARED_FOLDS = 20


@dataclass(frozen=True)
class FeatureMoments:
    """The weighted mean and the variance (P,) of each feature; of no mean, its mean square.

    Those of `scaling_moments` have other variances.
    """

    rows: Rows
    mean: Tensor | None  # None: without an intercept features are not centred
    variance: Tensor

    @cached_property
    def squared_range(self) -> Tensor:
        """The squared difference (P,) of each feature's largest and smallest value."""
        (bounds,) = self.rows.map_max(lambda X, *_columns: (_bounds(X),))
        squared = bounds.sum(0).square()
        # A feature that does not vary has no gradient: any value above 0 will do.
        mean = squared.mean()
        return torch.where(squared > 0, squared, mean if mean > 0 else 1.0)


def feature_moments(objective: PenalizedNLL) -> FeatureMoments:
    """Return the moments of the features, from one pass over the rows."""
    rows, folds = objective.rows, objective.folds

    def sums(X: Block, _codes: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        weights = weights.T if weights.shape[1] == 1 else weights[:, folds].mean(1)[None]
        total, squares = weighted_moments(X, weights)
        return total[0], squares[0], weights.sum()

    total, squares, weight = rows.map_sum(sums)
    # If sums overflow, any finite values will do.
    mean = (total / weight).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    variance = (squares / weight).nan_to_num(nan=1.0, posinf=1.0)
    if not objective.fit_intercept:
        return FeatureMoments(rows, None, variance)
    return FeatureMoments(rows, mean, (variance - mean.square()).clamp(min=0.0))


def are_far(moments: FeatureMoments, dtype: torch.dtype) -> Tensor:
    """Return whether features (P,) lie too far from zero to be read in ``dtype`` as they are."""
    assert moments.mean is not None  # noqa: S101
    rounding = torch.finfo(dtype).eps / MAX_GRADIENT_ROUNDING
    return moments.mean.square() * rounding > moments.variance


def centered_objective(objective: PenalizedNLL) -> tuple[PenalizedNLL, FeatureMoments]:
    """Return the objective by the weights of centred features, and the features' moments.

    Where features lie far from zero they are centred as they are read: each would add to each
    logit the rounding of its own size, eps times the distance in standard deviations, and its
    gradient is that much larger again. The others cost nothing.
    """
    rows, moments = objective.rows, feature_moments(objective)
    # Less a center, a sparse X would be dense.
    if moments.mean is not None and rows.n_stored is None and rows.center is None:
        is_far = are_far(moments, rows.placement.dtype)
        if is_far.any():
            # Not the mean, whose rounding would make a constant feature one that varies.
            (first,) = rows.gather(torch.zeros(1, dtype=torch.int64))[0]
            center = torch.where(is_far, first.to(moments.mean), 0.0)
            objective = replace(objective, rows=rows.centered(center))
            moments = feature_moments(objective)
    return objective.centered(moments.mean), moments


def may_be_far(objective: PenalizedNLL) -> bool:
    """Return whether some features may lie too far from zero, as a sample of the rows tells.

    Moments of all rows take a third of a sparse fit of 2,000 x 20,000.
    """
    rows = objective.rows
    if not objective.fit_intercept or rows.n_stored is not None:
        return False
    sample, folds = thinned(rows, N_SAMPLED), objective.folds
    (weight,) = sample.map_sum(lambda _X, _codes, weights: (weights[:, folds].sum(),))
    moments = feature_moments(replace(objective, rows=sample))
    assert moments.mean is not None  # noqa: S101
    farther = replace(moments, mean=SAMPLE_MARGIN * moments.mean)
    return not weight > 0 or bool(are_far(farther, rows.placement.dtype).any())


def scaling_moments(moments: FeatureMoments) -> FeatureMoments:
    """Return the moments by which steps are scaled: of wide dense tables variances differ less.

    They are the geometric mean of the mean variance and a feature's own, or the mean itself where
    that is larger, but at most `MAX_RAISE` times the feature's own.

    With an L2 penalty the optimum lies in the span of the rows. Where rows are few, steps that
    undo the scale of each feature leave it, and the penalty alone leads back: 1,000 x 5,000 of ten
    classes takes 16 iterations in place of 26 with deviations of e^(0.3z), z normal, and 45 in
    place of 126 with e^z. Sparse text takes 1.2 times as many.
    """
    rows, variance = moments.rows, moments.variance
    # Dask's rows may be sparse.
    is_dense = isinstance(rows, LocalRows) and rows.n_stored is None
    if not is_dense or rows.n_features < MIN_WIDTH * rows.n_rows:
        return moments
    varying = variance[variance > 0]
    mean = varying.mean()
    if not mean <= MAX_MEAN_RATIO * varying.median():
        return moments
    evened = variance.clamp(min=mean).sqrt() * mean.sqrt()
    return replace(moments, variance=torch.minimum(evened, MAX_RAISE * variance))


def find_dummies(objective: PenalizedNLL, moments: FeatureMoments) -> Tensor | None:
    """Return the category (P,) of each dummy, from 1 on, 0 of other features; None without any.

    Of the dummies of a category, which lie side by side, each row with a weight has one.
    """
    if moments.mean is None:
        return None
    share, variance = moments.mean.cpu().numpy(), moments.variance.cpu().numpy()
    # What is 0 or 1 varies as its mean tells.
    is_dummy = np.abs(variance - share * (1.0 - share)) <= SHARE_ROUNDING
    if not is_dummy.any():
        return None
    # The shares of a category add up to 1: it ends where their sum is 1 more than at its start.
    until = np.concatenate([[0.0], np.cumsum(np.where(is_dummy, share, 2.0))])
    ends = np.searchsorted(until, until + 1.0 - SHARE_ROUNDING)
    reached = until[np.minimum(ends, len(share))] - until
    category = np.zeros(len(share), dtype=np.int64)
    n_found, end = 0, 0
    for start in np.flatnonzero(np.abs(reached - 1.0) <= SHARE_ROUNDING):
        if start >= end:
            n_found, end = n_found + 1, ends[start]
            category[start:end] = n_found
    found = torch.from_numpy(category).to(moments.mean.device)
    return found if n_found and _are_dummies(objective, found) else None


def _are_dummies(objective: PenalizedNLL, category: Tensor) -> bool:
    """Return whether each row with a weight has one dummy of each category."""
    folds, dtype = objective.folds, objective.rows.placement.dtype
    # Of numbers without a pattern, one for each category, each row has the same sum.
    generator = torch.Generator().manual_seed(THINNING_SEED)
    numbers = torch.rand(int(category.max()) + 1, generator=generator, dtype=torch.float64)
    numbers[0] = 0.0
    of_features = numbers.to(category.device)[category][None].to(dtype)

    def furthest(X: Block, _codes: Tensor, weights: Tensor) -> tuple[Tensor]:
        distance = (logits(X, of_features)[0] - float(numbers.sum())).abs()
        return (torch.where(weights[:, folds].any(1), distance, 0.0).amax()[None],)

    (distance,) = objective.rows.map_max(furthest)
    return float(distance) <= len(numbers) * torch.finfo(dtype).eps


def thinned(rows: Rows, n_rows: int) -> Rows:
    """Return about ``n_rows`` of the rows, or all of them where they are fewer."""
    step = rows.n_rows // n_rows
    if step < 2:
        return rows
    # One row drawn from each stretch of ``step`` rows. Each step-th row would be biased where
    # rows come in cycles: panels, classes or folds in turn.
    generator = torch.Generator().manual_seed(THINNING_SEED)
    starts = torch.arange(0, rows.n_rows - step + 1, step)
    return rows.subset(starts + torch.randint(step, starts.shape, generator=generator))


def have_different_ranges(objective: PenalizedNLL) -> bool:
    """Return whether a feature varies much more in some folds than in others.

    One curvature does not suit them all then: with three outliers in 4,000 x 100, the fold that
    leaves them out took 77 iterations beside the others and takes 8 alone.
    """
    folds = objective.folds[:MAX_COMPARED_FOLDS].tolist()
    # A rare column of a sparse X has another range in each fold, and does no harm.
    if len(folds) == 1 or objective.rows.n_stored is not None:
        return False

    def bounds(X: Block, _codes: Tensor, weights: Tensor) -> tuple[Tensor]:
        if isinstance(X, SparseBlock):
            return (torch.zeros(len(folds), 2, X.shape[1]),)
        of_folds = (X[weights[:, fold] > 0] for fold in folds)
        none = X.new_full((2, X.shape[1]), -torch.inf)
        return (torch.stack([_bounds(own) if len(own) else none for own in of_folds]),)

    (of_folds,) = objective.rows.map_max(bounds)  # (F, 2, P)
    ranges = of_folds.sum(1)
    least = ranges.amin(0)
    # A feature that a fold sees no value of but one is not learnt there at all. One that varies
    # much less there than others is rare, as a pixel at the edge of an image: to fit the folds of
    # MNIST apart for it took 40 s in place of 24, of 50 candidates.
    counts = least > ranges.median() / MAX_RANGE_RATIO
    return bool(((ranges.amax(0) > MAX_RANGE_RATIO * least) & counts).any())


def _bounds(X: Block) -> Tensor:
    """Return minus the smallest and the largest value (2, P): their maxima over blocks count."""
    smallest, largest = extremes(X)
    return torch.stack([-smallest, largest])
