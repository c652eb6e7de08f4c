"""Which method solves a problem, and when something dearer than a pass pays: the cost model.

The solvers ask here. Times are in seconds on one core of 2 GHz with AVX2; only their ratios
matter. Class Hessians of 7 tables, from 2,000 x 500 with two classes to MNIST with ten, float32
and float64, take 0.4 to 1.2 times as many passes as is reckoned here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from skorchless._engine.curvature.feature_moments import FeatureMoments, are_far
from skorchless._engine.curvature.hessian_approximation import (
    groups,
    n_affordable,
    n_drawn_rows,
)
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.rows.memory import TensorRows

# What an iteration takes beside its passes: some 80 small operations.
ITERATION_SECONDS = 2e-4
# What it takes to solve the quadratic of a proximal step. Without it 2,000 x 30 with three classes
# takes three times as long, and with half of it 5,000 x 20 with five.
PROXIMAL_SECONDS = 1e-2
# To read a byte of X; to multiply it, for one output, forth and back; to go through a logit.
SECONDS_PER_BYTE = 5e-11
SECONDS_PER_PRODUCT = 6e-12
SECONDS_PER_LOGIT = 2e-8
# To multiply a stored entry of a sparse X, for one output.
SECONDS_PER_ENTRY = 2e-9
# For a byte of a number: to write it to new memory, and to multiply it in a product of two large
# matrices or a factorisation.
SECONDS_PER_COPY = 4e-10
SECONDS_PER_MATRIX_PRODUCT = 5e-12
# What each class Hessian takes beside its product, and what it takes to leave `one_model`.
CLASS_SECONDS = 5e-4
SWITCH_SECONDS = 6e-3
# Class Hessians are due when the passes have cost this many times as much. On MNIST half saves a
# tenth of a fit of 10,000 rows compared with once, and changes none of all rows. A small table is
# mostly fitted before: a switch for the last iterations takes longer.
WORTH = 0.5
SMALL_WORTH = 2.5
# The softmax part of the curvature changes much in the first iterations: what is measured earlier
# is thrown away. And plain tables are fitted after 6 to 10 iterations.
MIN_ITERATIONS = 8
# Passes that a fit saves at least which starts with its Hessian: 100,000 x 10 takes 4 to 7
# iterations in place of 7 to 11.
CHEAP_HESSIAN_PASSES = 2.0
# What is left of a fit once it has its Hessian.
DEAR_ITERATIONS = 4
# Entries of a float64 X from which on a float32 copy pays, and up to which there may be one: it
# takes 1 GB.
MIN_ROUNDED_ENTRIES = 2**17
MAX_ROUNDED_ENTRIES = 2**28
# What a mean of float32 products may be off by, in units of its precision and the feature's.
ROUNDINGS = 20.0
# A fit with more features than rows that has not converged by then is a hard one: 2,000 x 5,000 of
# mixed scales is 20 % above the optimum after 100 iterations, whatever the row space costs.
MAX_CHEAP_ITERATIONS = 60
# Iterations between two Hessians in the row space: of 1, 2, 3 and 5, 3 takes the least time for
# 500 x 2,000 of mixed scales (17 iterations after it is entered, instead of 13 with 1, 20 with 5).
HARD_INTERVAL = 3
# The damping of class Hessians, in squared ranges of the features, and what it is multiplied by
# each time: Hessians near the optimum need less. With constant damping MNIST needs 25 iterations
# to tol=1e-4 (decaying: 32), but highly correlated features need 150 (58).
FIRST_DAMPING = 1e-3
DAMPING_DECAY = 0.1
# Entries of X, and weights, that `one_model` goes through on one core in about a millisecond.
MAX_SMALL_ENTRIES = 2**21
MAX_SMALL_WEIGHTS = 20_002
# A logit takes as long as this many entries of X.
LOGIT_ENTRIES = 10
# Features beyond which an L1 fit goes by working sets.
MAX_MATRIX_FEATURES = 1500
# A proximal step needs about this many Hessian-vector products, and a multiplication with an entry
# of a sparse X takes as long as this many of a dense one.
N_PRODUCTS = 60
ENTRY_COST = 60
# Products that take ten times as long as the rest of an iteration (10**8 multiplications) still
# pay: they save two iterations of three, half of the time on 20,000 x 50,000 with 13,000
# coefficients left.
MAX_PRODUCTS = 10**8
MAX_PRODUCT_COST = 10.0


def float32_rounding(moments: FeatureMoments) -> float:
    """Return what a gradient entry may be off by if X is read as float32."""
    deviation = float(moments.variance.max()) ** 0.5
    return ROUNDINGS * torch.finfo(torch.float32).eps * deviation


def is_float32_near_enough(objective: PenalizedNLL, moments: FeatureMoments, tol: float) -> bool:
    """Return whether a float32 copy of a float64 X saves time, and leads as near as ``tol``."""
    rows, n_entries = objective.rows, objective.rows.n_rows * objective.rows.n_features
    if (
        not isinstance(rows, TensorRows)
        or rows.placement.dtype != torch.float64
        or rows.center is not None
        or not MIN_ROUNDED_ENTRIES <= n_entries <= MAX_ROUNDED_ENTRIES
        or is_newton_cheap(objective)
        or float32_rounding(moments) > 0.5 * tol
    ):
        return False
    return moments.mean is None or not are_far(moments, torch.float32).any()


def pass_seconds(objective: PenalizedNLL, n_models: int | None = None) -> float:
    """Return what an iteration of all models, or of some, takes that makes one pass."""
    rows = objective.rows
    values_per_row = (n_models or objective.weights_shape[0]) * objective.weights_shape[1]
    if rows.n_stored is not None:
        return ITERATION_SECONDS + 2 * SECONDS_PER_ENTRY * rows.n_stored * values_per_row
    of_entry = rows.placement.dtype.itemsize * (
        SECONDS_PER_BYTE + 2 * values_per_row * SECONDS_PER_PRODUCT
    )
    of_row = rows.n_features * of_entry + values_per_row * SECONDS_PER_LOGIT
    return ITERATION_SECONDS + rows.n_rows * of_row


def newton_seconds(objective: PenalizedNLL) -> float:
    """Return what the Hessian of a model takes, and its factorisation."""
    _, n_weight_rows, n_columns = objective.weights_shape
    n_weights = n_weight_rows * n_columns
    # In float64 whatever X is.
    n_rows, itemsize = objective.rows.n_rows, torch.float64.itemsize
    n_products = n_weights**2 * (n_rows + n_weights / 3)
    n_weighted = n_rows * n_weight_rows * n_weights
    return itemsize * (SECONDS_PER_MATRIX_PRODUCT * n_products + SECONDS_PER_COPY * n_weighted)


def is_newton_cheap(objective: PenalizedNLL) -> bool:
    """Return whether a Hessian costs no more than what else an iteration costs."""
    return newton_seconds(objective) <= pass_seconds(objective, n_models=1)


def is_proximal_newton_cheap(objective: PenalizedNLL, worth: float = 1.0) -> bool:
    """Return whether Hessians cost at most ``worth`` times what else a proximal step costs."""
    seconds = objective.weights_shape[0] * newton_seconds(objective)
    return seconds <= worth * (PROXIMAL_SECONDS + pass_seconds(objective))


def is_small_table(objective: PenalizedNLL) -> bool:
    """Return whether a pass over the rows of one model takes less than what is around it."""
    n_models, n_weight_rows, n_columns = objective.weights_shape
    rows = objective.rows
    if n_models > 1 or rows.n_stored is not None or not rows.are_in_memory:
        return False
    n_entries = rows.n_rows * (rows.n_features + LOGIT_ENTRIES * n_weight_rows)
    return n_entries <= MAX_SMALL_ENTRIES and n_weight_rows * n_columns <= MAX_SMALL_WEIGHTS


def are_products_cheap(objective: PenalizedNLL, worth: float) -> bool:
    """Return whether a step by products costs little, and less than with the Hessian itself."""
    n_stored = objective.rows.n_stored
    if n_stored is None:
        return False
    n_models, n_rows_of_W, n_columns = objective.weights_shape
    by_products = ENTRY_COST * N_PRODUCTS * 2 * n_stored * n_models * n_rows_of_W
    by_matrix = n_models * (n_rows_of_W * n_columns) ** 2 * objective.rows.n_rows
    return by_products <= min(by_matrix, MAX_PRODUCT_COST * worth * MAX_PRODUCTS)


def class_hessian_seconds(objective: PenalizedNLL) -> float:
    """Return what the class Hessians of all groups take, and their factorisation."""
    if n_affordable(objective) < 1:
        return math.inf
    _, n_weight_rows, n_columns = objective.weights_shape
    n_groups = int(groups(objective).max()) + 1
    n_drawn = min(objective.rows.n_rows, n_drawn_rows(objective))
    n_products = n_columns**2 * (n_drawn + n_columns / 3)
    of_class = n_products * SECONDS_PER_MATRIX_PRODUCT * objective.rows.placement.dtype.itemsize
    return n_groups * n_weight_rows * (of_class + CLASS_SECONDS)


def row_space_seconds(objective: PenalizedNLL) -> float:
    """Return what the row space takes, and the first Hessians in it; infinity where it is none."""
    rows = objective.rows
    n_entries = rows.n_rows * rows.n_features if rows.n_stored is None else rows.n_stored
    is_wide = rows.n_rows < rows.n_features and rows.n_rows**2 <= n_entries
    if not is_wide or not rows.are_in_memory or not bool((objective.ridge > 0).all()):
        return math.inf
    n_products = rows.n_rows * n_entries + rows.n_rows**3 * (1 / 3 + objective.weights_shape[1])
    return 8 * (SECONDS_PER_MATRIX_PRODUCT * n_products + 2 * SECONDS_PER_COPY * n_entries)


@dataclass
class Pace:
    """How fast a fit gets near, which tells when something dearer than a pass pays.

    ``n_passes`` is how many passes that takes as long as, infinity where it is not to be; after
    ``max_iter`` iterations it is due whatever the pace.
    """

    n_passes: float
    max_iter: float = math.inf
    violation: float | None = None
    n_iter: int = 0

    def is_due(self, violation: float, tol: float) -> bool:
        """Count an iteration; return whether those left to ``tol`` would take longer."""
        self.n_iter += 1
        self.violation = self.violation or violation
        if math.isinf(self.n_passes):
            return False
        if self.n_iter < self.max_iter:
            if self.n_iter < MIN_ITERATIONS or not violation > tol:
                return False
            fallen = math.log(max(self.violation / violation, 1.0))
            can_end = fallen > 0.0 and tol > 0.0
            n_left = self.n_iter * math.log(violation / tol) / fallen if can_end else math.inf
            if n_left < self.n_passes + DEAR_ITERATIONS:
                return False
        self.violation, self.n_iter = violation, 0
        return True


def hessian_pace(objective: PenalizedNLL) -> Pace:
    """Return when the Hessian of a small table is due: of two classes."""
    is_binary = objective.weights_shape[1] == 1
    return Pace(newton_seconds(objective) / pass_seconds(objective) if is_binary else math.inf)


def row_space_pace(objective: PenalizedNLL) -> Pace:
    """Return when the row space is due."""
    n_passes = row_space_seconds(objective) / pass_seconds(objective)
    return Pace(n_passes, max_iter=MAX_CHEAP_ITERATIONS)


class ClassHessianSchedule:
    """A count of iterations, which tells at which of them class Hessians are due.

    The interval doubles after each, so that late ones are near the optimum, and all together take
    at most twice as long as the passes.
    """

    def __init__(self, interval: float, first: float | None = None, growth: float = 2.0) -> None:
        self._interval = interval
        self._growth = growth
        self.first = self._n_left = interval if first is None else first
        self.damping = FIRST_DAMPING / DAMPING_DECAY  # of the last one that was due

    @classmethod
    def of(cls, objective: PenalizedNLL, first: float | None = None) -> ClassHessianSchedule:
        """Return the schedule of an objective; its ``first`` iteration, None for the default."""
        seconds, worth = class_hessian_seconds(objective), WORTH
        if is_small_table(objective):
            seconds, worth = seconds + SWITCH_SECONDS, SMALL_WORTH
        return cls(max(MIN_ITERATIONS, worth * seconds / pass_seconds(objective)), first)

    def count(self) -> bool:
        """Count an iteration; return whether class Hessians are due now."""
        is_due = self._n_left <= 0
        if is_due:
            self._n_left = self._interval
            self._interval *= self._growth
            self.damping *= DAMPING_DECAY
        self._n_left -= 1
        return is_due


def hard_schedule() -> ClassHessianSchedule:
    """Return the schedule where class Hessians, of all rows, are at once worth what they take."""
    return ClassHessianSchedule(HARD_INTERVAL, first=0, growth=1.0)
