"""The curvature of X, measured once a fit: the second moments of its features.

The Hessian of the NLL is a sum over rows of (softmax curvature) x (row outer product). Its rows'
part is the same for every class and every model. `preconditioner` inverts it for smooth
objectives; `metric` multiplies by it where an L1 penalty needs it as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from skorchless._engine.blocks import (
    Block,
    extremes,
    is_sparse,
    squares_about,
    to_dense,
    weighted_squares,
    weighted_sum,
)
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.rows import Rows

# Beyond this many features a factorisation (P^3) costs more than the passes it saves, and the
# variances alone are used.
MAX_MATRIX_FEATURES = 1500
# A second moment of so many rows for each feature guides as well as that of all rows: on MNIST
# 8 x 784 of the 50,000 rows save 0.35 s of 0.4 s and cost no iteration.
GRAM_ROWS_PER_FEATURE = 8
MIN_GRAM_ROWS = 2**12
# Which rows a thinned set has: any number would do, the same each time.
THINNING_SEED = 0
# A hundredth of the default ``tol``: the largest error of a gradient, in units of a feature's
# range, that is left to features far from zero. float32 features are centred beyond 3 times half
# their range, float64 ones beyond 70,000 times.
MAX_GRADIENT_ROUNDING = 1e-6
# By how much a feature's range may differ between folds that share a curvature. With outliers of
# 10 ranges in 4,000 x 100 the fold without them takes 15 iterations instead of 9, of 30 ranges 27.
MAX_RANGE_RATIO = 10.0
# The mean of p * (1 - p) over rows near the optimum. It weighs X's curvature against the
# penalty; the overall scale is L-BFGS's own business. 0.01 to 0.1 serve equally well on MNIST,
# digits, wine, iris and breast cancer.
SOFTMAX_CURVATURE = 0.03
# The curvature that is added to that of X, in squares of each feature's range: as if so large a
# share of all rows showed the feature at its largest. What few rows show would else be learnt
# first, from them alone: without it, MNIST at C=1e4 is at 1.0 of its NLL (0.18) after 10
# iterations, and at 0.3 with it.
DAMPING = 1e-4


@dataclass(frozen=True)
class FeatureCurvature:
    """The second moments of the features about their mean, damped.

    With an intercept they are those of centred features, where intercept and coefficients hardly
    interact: ``W x + b = W (x - mean) + (b + W mean)``.
    """

    mean: Tensor | None  # (P,); None: no intercept
    moments: Tensor  # (P, P), of all pairs of features, or (P,), of each alone
    squared_range: Tensor | None  # (P,), of each feature; None: the curvature is not known


def feature_curvature(objective: PenalizedNLL) -> FeatureCurvature:
    """Return the curvature that all classes and models share, from the rows' moments alone."""
    n_features = objective.rows.n_features
    has_matrix = n_features <= MAX_MATRIX_FEATURES
    rows = thinned(objective.rows, max(MIN_GRAM_ROWS, GRAM_ROWS_PER_FEATURE * n_features))
    mean = _weighted_mean(rows) if objective.fit_intercept else None
    moments = _second_moments(rows, mean, of_pairs=has_matrix)
    if not torch.isfinite(moments).all():
        # Squares overflow, or no row has weight.
        return FeatureCurvature(mean, moments.new_ones(n_features), None)
    squared_range = _squared_range(objective.rows)
    diagonal = moments.diagonal() if has_matrix else moments
    diagonal.add_(DAMPING * squared_range)
    return FeatureCurvature(mean, moments, squared_range)


def grad_of_centred(grad: Tensor, mean: Tensor | None) -> Tensor:
    """Return the gradient (..., D) by the weights of centred features."""
    if mean is None:
        return grad
    by_W, by_b = grad[..., :-1], grad[..., -1:]
    return torch.cat([by_W - by_b * mean, by_b], dim=-1)


def weights_of_centred(W: Tensor, mean: Tensor | None) -> Tensor:
    """Return the weights (..., D) of centred features that score as ``W`` does."""
    return W if mean is None else _add_to_intercept(W, W[..., :-1] @ mean)


def weights_of_raw(W: Tensor, mean: Tensor | None) -> Tensor:
    """Return the weights (..., D) of features as they are that score as ``W`` of centred ones."""
    return W if mean is None else _add_to_intercept(W, -(W[..., :-1] @ mean))


def _add_to_intercept(W: Tensor, amount: Tensor) -> Tensor:
    """Return ``W`` (..., D) with its last column raised by ``amount`` (...)."""
    return torch.cat([W[..., :-1], (W[..., -1] + amount)[..., None]], dim=-1)


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


def center_of_far(rows: Rows) -> Tensor | None:
    """Return the middle (P,) of the range of each feature that lies too far from zero, else 0.

    None where no feature does. Such a feature adds to each logit the rounding of its own size,
    eps times the distance in units of its range, and its gradient is that much larger again.
    """

    # Less a center, a sparse X would be dense.
    if rows.n_stored is not None:
        return None

    def bounds(X: Block, *_columns: Tensor) -> tuple[Tensor]:
        return (torch.zeros(2, X.shape[1]) if is_sparse(X) else _bounds(X),)

    ((minus_smallest, largest),) = thinned(rows, MIN_GRAM_ROWS).map_max(bounds)
    eps = torch.finfo(rows.placement.dtype).eps
    distance = (largest - minus_smallest).abs()  # twice that of the middle from zero
    is_far = distance * math.sqrt(eps / MAX_GRADIENT_ROUNDING) > largest + minus_smallest
    if not is_far.any():
        return None
    # Halved first: the sum of huge values would overflow. Not the mean, whose rounding would make
    # a constant feature one that varies.
    return torch.where(is_far, largest / 2 - minus_smallest / 2, 0.0)


def have_different_ranges(objective: PenalizedNLL) -> bool:
    """Return whether a feature varies much more in some folds than in others.

    One curvature does not suit them all then: with three outliers in 4,000 x 100, the fold that
    leaves them out took 77 iterations beside the others and takes 8 alone.
    """
    folds = objective.folds.tolist()
    # A rare column of a sparse X has another range in each fold, and does no harm.
    if len(folds) == 1 or objective.rows.n_stored is not None:
        return False

    def bounds(X: Block, _codes: Tensor, weights: Tensor) -> tuple[Tensor]:
        if is_sparse(X):
            return (torch.zeros(len(folds), 2, X.shape[1]),)
        of_folds = (X[weights[:, fold] > 0] for fold in folds)
        none = X.new_full((2, X.shape[1]), -torch.inf)
        return (torch.stack([_bounds(own) if len(own) else none for own in of_folds]),)

    (of_folds,) = objective.rows.map_max(bounds)  # (F, 2, P)
    ranges = of_folds.sum(1)
    least = ranges.amin(0)
    # A feature that a fold sees no value of but one is not learnt there at all.
    return bool(((ranges.amax(0) > MAX_RANGE_RATIO * least) & (least > 0)).any())


def _bounds(X: Block) -> Tensor:
    """Return minus the smallest and the largest value (2, P) of each feature."""
    smallest, largest = extremes(X)
    return torch.stack([-smallest, largest])


def _squared_range(rows: Rows) -> Tensor:
    """Return the squared difference (P,) of each feature's largest and smallest value."""
    (bounds,) = rows.map_max(lambda X, *_columns: (_bounds(X),))
    squared = bounds.sum(0).square()
    # A feature that does not vary has no gradient: any value above 0 will do.
    mean = squared.mean()
    return torch.where(squared > 0, squared, mean if mean > 0 else 1.0)


def _weighted_mean(rows: Rows) -> Tensor:
    """Return the weighted mean (P,) of the rows."""

    def sums(X: Block, _codes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        weights = weights.mean(1)  # over folds
        return weighted_sum(X, weights[None])[0], weights.sum()

    total, weight = rows.map_sum(sums)
    # Where no row of a thinned set has weight, or sums overflow, any finite centre will do.
    return (total / weight).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)


def mean_of_far(rows: Rows) -> Tensor:
    """Return the weighted mean (P,) of each feature that lies far from zero, else 0.

    The others would gain nothing in centred coordinates, and lose digits where scales differ.
    So many rows as guide a second moment are enough to tell.
    """

    # Both moments in one pass: half the time of two, as `_second_moments` about the mean takes.
    def sums(X: Block, _codes: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        weights = weights.mean(1)  # over folds
        squares = weighted_squares(X, weights[None])[0]
        return weighted_sum(X, weights[None])[0], squares, weights.sum()

    total, squares, weight = thinned(rows, MIN_GRAM_ROWS).map_sum(sums)
    mean = total / weight
    # More than a standard deviation.
    return torch.where(2.0 * mean.square() > squares / weight, mean, 0.0)


def _gram(X: Tensor, center: Tensor, weights: Tensor) -> Tensor:
    """Return the second moments (P, P) of all pairs of features about ``center`` (P,)."""
    X = (X - center) * weights.sqrt()[:, None]
    return X.T @ X


def _second_moments(rows: Rows, mean: Tensor | None, *, of_pairs: bool) -> Tensor:
    """Return the weighted second moments of the rows about their mean, per unit of weight.

    Of all pairs of features (P, P), or of each feature alone (P,).
    """
    center = torch.zeros(rows.n_features) if mean is None else mean
    center = center.to(rows.placement.device, rows.placement.dtype)

    def sums(X: Block, _codes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        weights = weights.mean(1)  # over folds
        if of_pairs:
            return _gram(to_dense(X), center, weights), weights.sum()
        return squares_about(X, center, weights), weights.sum()

    # A block is made dense for the pairs alone.
    total, weight = rows.map_sum(sums, n_outputs=rows.n_features if of_pairs else None)
    return total / weight
