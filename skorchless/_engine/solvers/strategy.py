"""Which method solves a problem, and when something dearer than a pass pays: the cost model.

The solvers ask here. The numbers are in `costs.Costs`, and come with the placement of the rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

from skorchless._engine.costs import Costs
from skorchless._engine.curvature.feature_moments import FeatureMoments, are_far
from skorchless._engine.curvature.hessian_approximation import (
    groups,
    n_affordable,
    n_drawn_rows,
    n_hessian_rows,
)
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.rows.memory import TensorRows
from skorchless._engine.rows.sparse import SparseRows

# A choice: the error of a mean of float32 products, in units of float32's precision times the
# feature's standard deviation.
ROUNDINGS = 20.0
# Standard deviations of the largest feature, in those of the median one, up to which the row space
# is near enough: with 10**6 30 x 60 ends far from the optimum. Scales of e^(2z) have up to 2,500.
MAX_DEVIATION_RATIO = 1e4
# A choice: the largest mean of a feature with which several models start in the row space.
MAX_SHARED_CENTER = 10.0
# The damping of class Hessians, in squared ranges of the features, and its factor from each to the
# next: Hessians near the optimum need less. With constant damping MNIST needs 25 iterations to
# tol=1e-4 (decaying: 32), but highly correlated features need 150 (58).
FIRST_DAMPING = 1e-3
DAMPING_DECAY = 0.1


def float32_rounding(moments: FeatureMoments) -> float:
    """Return the error of a gradient entry if X is read as float32."""
    deviation = float(moments.variance.max()) ** 0.5
    return ROUNDINGS * torch.finfo(torch.float32).eps * deviation


def is_float32_near_enough(objective: PenalizedNLL, moments: FeatureMoments, tol: float) -> bool:
    """Return whether a float32 copy of a float64 X saves time, and leads as near as ``tol``."""
    rows, costs = objective.rows, objective.costs
    n_entries = rows.n_entries
    if (
        not isinstance(rows, TensorRows | SparseRows)
        or rows.placement.dtype != torch.float64
        or rows.center is not None
        or not (rows.n_stored is None or multiplies_many_columns(objective))
        or n_entries * objective.weights_shape[0] < costs.min_rounded_entries
        or n_entries > costs.max_rounded_entries
        or is_newton_cheap(objective)
        or float32_rounding(moments) > 0.5 * tol
    ):
        return False
    return moments.mean is None or not are_far(moments, torch.float32).any()


def pass_seconds(
    objective: PenalizedNLL, n_models: int | None = None, n_features: int | None = None
) -> float:
    """Return what an iteration of all models, or of some, takes that makes one pass.

    Of all features, or of as many others.
    """
    rows, costs = objective.rows, objective.costs
    values_per_row = (n_models or objective.weights_shape[0]) * objective.weights_shape[1]
    if rows.n_stored is not None:
        of_entries = 2 * costs.seconds_per_entry * rows.n_stored * values_per_row
        return costs.iteration_seconds + of_entries
    of_entry = rows.placement.dtype.itemsize * (
        costs.seconds_per_byte + 2 * values_per_row * costs.seconds_per_product
    )
    of_row = (n_features or rows.n_features) * of_entry + values_per_row * costs.seconds_per_logit
    return costs.iteration_seconds + rows.n_rows * of_row


def newton_seconds(objective: PenalizedNLL) -> float:
    """Return what the Hessian of a model takes, and its factorisation."""
    _, n_weight_rows, n_columns = objective.weights_shape
    n_weights, n_rows, costs = n_weight_rows * n_columns, objective.rows.n_rows, objective.costs
    n_products = n_weights**2 * (n_rows + n_weights / 3)
    n_copied = n_rows * n_weight_rows * n_weights
    of_byte = costs.seconds_per_matrix_product * n_products + costs.seconds_per_copy * n_copied
    return torch.float64.itemsize * of_byte  # whatever the dtype of X


def is_newton_cheap(objective: PenalizedNLL) -> bool:
    """Return whether a Hessian costs at most 0.7 of the rest of an iteration of its model.

    Never where models are many: they go one after the other, others share their passes.
    """
    if objective.weights_shape[0] > objective.costs.max_newton_models:
        return False
    seconds = pass_seconds(objective, n_models=1)
    return newton_seconds(objective) <= objective.costs.max_newton_ratio * seconds


def is_newton_for_rows(objective: PenalizedNLL) -> bool:
    """Return whether exact Hessians suit the row space: of two classes they are no dearer.

    Not where models are many, or their Hessians take more memory than X.
    """
    rows, n_models = objective.rows, objective.weights_shape[0]
    n_entries = rows.n_entries
    are_few = n_models <= objective.costs.max_row_space_models
    return objective.n_classes == 2 and are_few and n_models * rows.n_rows**2 <= n_entries


def is_proximal_newton_cheap(objective: PenalizedNLL, max_ratio: float) -> bool:
    """Return whether Hessians cost at most ``max_ratio`` times the rest of a proximal step."""
    seconds = objective.weights_shape[0] * newton_seconds(objective)
    return seconds <= max_ratio * (objective.costs.proximal_seconds + pass_seconds(objective))


def is_small_table(objective: PenalizedNLL) -> bool:
    """Return whether `small_table` is faster: a pass takes less time than the interpreter."""
    rows = objective.rows
    if rows.n_stored is not None or not rows.are_in_memory:
        return False
    return _is_small(objective, rows.n_features)


def is_small_square(objective: PenalizedNLL) -> bool:
    """Return whether the rows of the row space are a small table."""
    return _is_small(objective, objective.rows.n_rows)


def _is_small(objective: PenalizedNLL, n_features: int) -> bool:
    """Return whether as many rows of ``n_features``, in memory, are a small table."""
    n_models, n_weight_rows, _ = objective.weights_shape
    costs = objective.costs
    n_entries = objective.rows.n_rows * (n_features + costs.logit_entries * n_weight_rows)
    n_weights = n_weight_rows * (n_features + int(objective.fit_intercept))
    is_small = n_entries <= costs.max_small_entries and n_weights <= costs.max_small_weights
    return is_small and n_models <= costs.max_small_models


def are_products_cheap(objective: PenalizedNLL, max_ratio: float) -> bool:
    """Return whether a step by products costs little, and less than with the Hessian itself."""
    n_stored, costs = objective.rows.n_stored, objective.costs
    if n_stored is None:
        return False
    n_models, n_weight_rows, n_columns = objective.weights_shape
    n_entries = 2 * n_stored * n_models * n_weight_rows
    by_products = costs.entry_cost * costs.n_products * n_entries
    by_matrix = n_models * (n_weight_rows * n_columns) ** 2 * objective.rows.n_rows
    most = costs.max_product_ratio * max_ratio * costs.max_products
    return by_products <= min(by_matrix, most)


def is_newton_cg_cheap(objective: PenalizedNLL) -> bool:
    """Return whether products of the Hessian take less time than the state of L-BFGS.

    Not for one vector of weights, whose state stays in a core's cache. Without a penalty the
    Hessian may be singular: 8 labels of 20,000 x 50,000 take seven times as long.
    """
    n_models, n_weight_rows, _ = objective.weights_shape
    rows, costs = objective.rows, objective.costs
    if rows.n_stored is None or n_models * n_weight_rows == 1:
        return False
    is_penalized = bool((objective.ridge > 0).all())
    return is_penalized and costs.are_few_entries(rows.n_stored, rows.n_rows, rows.n_features)


def multiplies_many_columns(objective: PenalizedNLL) -> bool:
    """Return whether a sparse X multiplies so many columns that copies of it pay."""
    n_models, n_weight_rows, _ = objective.weights_shape
    n_stored, costs = objective.rows.n_stored, objective.costs
    if n_stored is None or n_stored > costs.max_sparse_copied:
        return False
    return n_models * n_weight_rows >= costs.min_sparse_columns


def class_hessian_seconds(objective: PenalizedNLL) -> float:
    """Return what the class Hessians of all groups take, and their factorisation."""
    if n_affordable(objective) < 1:
        return math.inf
    _, n_weight_rows, n_columns = objective.weights_shape
    n_groups = int(groups(objective).max()) + 1
    n_drawn = min(objective.rows.n_rows, n_drawn_rows(objective))
    n_products = n_columns**2 * (n_drawn + n_columns / 3)
    itemsize, costs = objective.rows.placement.dtype.itemsize, objective.costs
    of_class = n_products * costs.seconds_per_matrix_product * itemsize
    return n_groups * n_weight_rows * (of_class + costs.class_seconds)


def row_space_seconds(objective: PenalizedNLL) -> float:
    """Return what the row space takes, and the first Hessians in it; infinity where it is none."""
    rows, costs = objective.rows, objective.costs
    n_entries, n_weight_rows = rows.n_entries, objective.weights_shape[1]
    is_wide = rows.n_rows < rows.n_features and rows.n_rows**2 <= n_entries
    if not is_wide or not rows.are_in_memory or not bool((objective.ridge > 0).all()):
        return math.inf
    of_each = costs.iteration_seconds
    if is_newton_for_rows(objective):
        n_hessians = costs.row_space_hessians * objective.weights_shape[0]
    elif is_small_square(objective):
        # Each with its inverse: one that all classes share, and one for each.
        n_hessians, of_each = 2 * (1 + n_weight_rows), 0.0
    else:
        n_hessians = costs.row_space_class_hessians * n_weight_rows
        of_each = costs.class_seconds
    n_products = rows.n_rows * n_entries + rows.n_rows**3 * (1 / 3 + n_hessians)
    of_byte = (
        costs.seconds_per_matrix_product * n_products + 2 * costs.seconds_per_copy * n_entries
    )
    of_products = torch.float64.itemsize * of_byte + n_hessians * of_each
    return costs.row_space_entry_seconds + of_products


def is_row_space_precise(moments: FeatureMoments) -> bool:
    """Return whether the Gram matrix of the rows tells of all features, as far as it is seen.

    What is added to its diagonal grows with the largest feature, and hides much smaller ones.
    """
    variance = moments.variance
    return bool(variance.max() <= MAX_DEVIATION_RATIO**2 * variance.median())


def is_row_space_cheap(objective: PenalizedNLL, seconds: float) -> bool:
    """Return whether a fit starts in the row space, where a plain one takes as many iterations.

    ``seconds`` are those of `row_space_seconds`.

    Those of mixed scales take hundreds by their features, and go there when their pace tells. Not
    where class Hessians would take more memory than X, nor several models of features far from
    zero, whose fits end there by a bound that grows with the distance.
    """
    rows, costs = objective.rows, objective.costs
    n_models, n_weight_rows, _ = objective.weights_shape
    if rows.n_stored is not None or n_weight_rows * rows.n_rows**2 > rows.n_entries:
        return False
    if n_models > 1 and objective.largest_center > MAX_SHARED_CENTER:
        return False
    is_small = is_small_table(objective)
    per_weight = costs.seconds_per_weight if is_small else costs.seconds_per_batched_weight
    of_weights = per_weight * math.prod(objective.weights_shape)
    by_features = pass_seconds(objective) + of_weights
    of_square = of_weights * rows.n_rows / rows.n_features
    by_rows = pass_seconds(objective, n_features=rows.n_rows) + of_square
    saved = costs.max_row_space_ratio * by_features - by_rows
    return seconds <= costs.plain_iterations * saved


@dataclass
class Pace:
    """How fast a fit converges, which tells when a step that costs ``n_passes`` passes pays.

    It never does where that is infinite; after ``max_iter`` iterations it is due whatever the
    pace.
    """

    n_passes: float
    max_iter: float = math.inf
    costs: Costs = Costs()
    # The lowest violation until each iteration. The pace is that of the latter half of them: it
    # falls fast at first where features are of mixed scales, and then hardly at all.
    lowest: list[float] = field(default_factory=list)

    def is_due(self, violation: float, tol: float, *, are_correlated: bool = False) -> bool:
        """Count an iteration; return whether those that are left to ``tol`` would cost more.

        Where features ``are_correlated`` fewer iterations tell.
        """
        self.lowest.append(min([violation, *self.lowest[-1:]]))
        n_iter, last = len(self.lowest), self.lowest[-1]
        if n_iter < self.max_iter:
            costs = self.costs
            n_least = costs.min_correlated_iterations if are_correlated else costs.min_iterations
            if math.isinf(self.n_passes) or n_iter < n_least or not last > tol:
                return False
            n_recent = n_iter // 2
            fallen = math.log(self.lowest[-1 - n_recent] / last)
            n_left = costs.max_foresight * n_iter
            if fallen > 0.0 and tol > 0.0:
                n_left = min(n_left, n_recent * math.log(last / tol) / fallen)
            if n_left < self.n_passes + costs.dear_iterations:
                return False
        self.lowest.clear()
        return True


def is_hessian_cheap(objective: PenalizedNLL) -> bool:
    """Return whether the Hessian of two classes costs so few passes that a fit starts with it."""
    is_binary = objective.weights_shape[1] == 1
    return is_binary and _hessian_passes(objective) <= objective.costs.cheap_hessian_passes


def hessian_pace(objective: PenalizedNLL, n_before: int = 0) -> Pace:
    """Return when the Hessian of a small table is due: of two classes the one, else of each.

    Never where those of all classes have more entries than X. ``n_before`` have been made before.
    """
    is_affordable = objective.n_classes == 2 or n_affordable(objective) >= 1
    n_passes = _hessian_passes(objective, n_before) if is_affordable else math.inf
    return Pace(n_passes, costs=objective.costs)


def row_space_hessian_pace(square: PenalizedNLL) -> Pace:
    """Return when class Hessians are due in the row space, of a small table."""
    costs = square.costs
    interval = max(costs.row_space_interval, _hessian_passes(square))
    return Pace(math.inf, min(interval, costs.max_row_space_interval), costs)


def _hessian_passes(objective: PenalizedNLL, n_before: int = 0) -> float:
    """Return what each class's own Hessian and its inverse take, of a small table, in passes."""
    (_, n_weight_rows, n_columns), costs = objective.weights_shape, objective.costs
    n_rows = n_hessian_rows(objective, n_before)
    of_copies = costs.seconds_per_copy * n_rows * n_columns
    of_products = costs.seconds_per_matrix_product * n_columns**2 * (n_rows + n_columns)
    of_byte = n_weight_rows * costs.block_hessian_ratio * (of_copies + of_products)
    return objective.rows.placement.dtype.itemsize * of_byte / pass_seconds(objective)


def row_space_pace(objective: PenalizedNLL, seconds: float) -> Pace:
    """Return when the row space is due, which takes ``seconds``."""
    n_passes = seconds / pass_seconds(objective)
    return Pace(n_passes, objective.costs.max_cheap_iterations, objective.costs)


class ClassHessianSchedule:
    """A count of iterations, which tells at which of them class Hessians are due.

    The interval doubles each time, so that late ones are near the optimum, and all together take
    at most twice as long as the passes.
    """

    def __init__(self, interval: float, first: float | None = None, growth: float = 2.0) -> None:
        self._interval = interval
        self._growth = growth
        self.first = self._n_left = interval if first is None else first
        self.damping = FIRST_DAMPING / DAMPING_DECAY  # of the last one that was due

    @classmethod
    def of(cls, objective: PenalizedNLL) -> ClassHessianSchedule:
        """Return the schedule of an objective."""
        costs = objective.costs
        n_passes = class_hessian_seconds(objective) / pass_seconds(objective)
        return cls(max(costs.min_iterations, costs.class_hessian_ratio * n_passes))

    def is_due(self) -> bool:
        """Count an iteration; return whether class Hessians are due now."""
        is_due = self._n_left <= 0
        if is_due:
            self._n_left = self._interval
            self._interval *= self._growth
            self.damping *= DAMPING_DECAY
        self._n_left -= 1
        return is_due


def row_space_schedule(objective: PenalizedNLL) -> ClassHessianSchedule:
    """Return the schedule in the row space: class Hessians, of all rows, pay at once."""
    return ClassHessianSchedule(objective.costs.row_space_interval, first=0, growth=1.0)
