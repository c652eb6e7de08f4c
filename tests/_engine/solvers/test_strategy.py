"""The choice of a method by shape, and nothing dear before passes have cost about as much."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from problems import CPU, fit, make_objective, of_teacher
from scipy import sparse

from skorchless._engine.costs import Costs
from skorchless._engine.placement import place
from skorchless._engine.rows.containers import rows_of
from skorchless._engine.solvers.strategy import (
    ClassHessianSchedule,
    Pace,
    class_hessian_seconds,
    hessian_pace,
    is_hessian_cheap,
    is_newton_cheap,
    is_row_space_cheap,
    is_small_table,
    pass_seconds,
    row_space_hessian_pace,
    row_space_schedule,
    row_space_seconds,
)

MIN_ITERATIONS = Costs().min_iterations


def of_shape(n_rows, n_features, n_classes=2, **options):
    """Return an objective of rows that take no memory."""
    X = torch.zeros(1, 1, dtype=torch.float64).expand(n_rows, n_features)
    return make_objective(n_classes, X=X, **options)[0]


@pytest.mark.parametrize(
    ("shape", "method"),
    [
        ((150, 4, 3), "newton"),
        ((569, 30, 2), "newton"),
        ((2000, 100, 2), "lbfgs"),
        ((20_000, 30, 2), "lbfgs-hessian"),
        ((1000, 100, 3), "lbfgs"),
        ((20_000, 20, 10, "correlated"), "lbfgs-hessian"),
        ((40, 1000, 2), "lbfgs"),
        ((60, 3000, 8), "row-space"),
        ((100, 1000, 3, "scaled"), "row-space"),
        ((100, 500, 2, "correlated"), "row-space"),
    ],
)
def test_the_method_suits_the_shape(shape, method):
    assert fit(of_teacher(*shape))[-1].method == method


@pytest.mark.parametrize(
    "options",
    [{"l1_ratio": 1.0}, {"l1_ratio": 0.5}, {"alphas": (0.0,)}],
    ids=["lasso", "elastic net", "no penalty"],
)
@pytest.mark.parametrize("kind", ["plain", "scaled"])
def test_the_row_space_is_never_entered_without_an_l2_penalty_alone(options, kind):
    shape = (60, 2000, 10, kind)
    steps = fit(of_teacher(*shape, **options), max_iter=200)
    assert "row-space" not in {progress.method for progress in steps}
    assert "row-space" in {progress.method for progress in fit(of_teacher(*shape))}


def test_a_wide_fit_that_is_easy_ends_before_the_row_space_pays():
    steps = fit(of_teacher(400, 2000, 2, alphas=(10.0,)))
    assert "row-space" not in {progress.method for progress in steps}


def starts_in_row_space(objective):
    return is_row_space_cheap(objective, row_space_seconds(objective))


@pytest.mark.parametrize(
    ("shape", "is_cheap"),
    [
        ((60, 3000, 8), True),
        ((100, 10_000, 3), True),
        ((200, 20_000, 20), True),
        ((40, 500, 2), False),
        ((100, 1000, 3), False),
        ((300, 2000, 2), False),
        ((300, 2000, 8), False),
        ((40, 30, 2), False),
        ((50, 200_000, 3), True),
    ],
)
def test_a_wide_table_of_few_rows_is_fitted_in_the_row_space_from_the_start(shape, is_cheap):
    assert starts_in_row_space(of_shape(*shape)) == is_cheap


@pytest.mark.parametrize(("distance", "is_cheap"), [(0.0, True), (100.0, False)])
def test_several_models_start_in_the_row_space_near_zero_alone(distance, is_cheap):
    objective = of_shape(60, 3000, 8, alphas=(0.1, 1.0))
    far = objective.centered(torch.full((3000,), distance, dtype=torch.float64))
    assert starts_in_row_space(far) == is_cheap


def test_without_a_penalty_no_fit_starts_in_the_row_space():
    assert not starts_in_row_space(of_shape(60, 3000, 8, alphas=(0.0,)))


@pytest.mark.parametrize(
    ("objective", "is_possible"),
    [
        (of_shape(100, 1000), True),
        (of_shape(100, 1000, alphas=(0.1, 1.0)), True),
        (of_shape(100, 1000, alphas=(0.1, 0.0)), False),
        (of_shape(100, 100), False),
        (of_shape(1000, 100), False),
    ],
    ids=["wide", "penalties", "one without a penalty", "square", "tall"],
)
def test_the_row_space_is_for_more_features_than_rows_and_an_l2_penalty(objective, is_possible):
    assert math.isfinite(row_space_seconds(objective)) == is_possible


def test_the_row_space_is_not_for_few_entries():
    objective = of_shape(100, 1000)
    columns = objective.rows.columns
    for n_entries, is_possible in ((20_000, True), (5000, False)):  # the Gram matrix has 10,000
        X = sparse.random_array((100, 1000), density=n_entries / 1e5, format="csr", rng=0)
        rows = rows_of(X, columns, place(CPU, torch.float64))
        seconds = row_space_seconds(replace(objective, rows=rows))
        assert math.isfinite(seconds) == is_possible


@pytest.mark.parametrize(
    ("shape", "is_cheap"),
    [((569, 30), True), ((5000, 300), False), ((500_000, 30), False), ((150, 4, 3), True)],
)
def test_newton_is_cheap_only_while_the_hessian_is_small(shape, is_cheap):
    assert is_newton_cheap(of_shape(*shape)) == is_cheap


@pytest.mark.parametrize(
    ("shape", "is_cheap"),
    [((100_000, 10), True), ((20_000, 30), True), ((2000, 100), False), ((20_000, 30, 3), False)],
)
def test_a_fit_starts_with_the_hessian_of_many_rows_and_two_classes(shape, is_cheap):
    assert is_hessian_cheap(of_shape(*shape)) == is_cheap


@pytest.mark.parametrize(
    ("objective", "is_small"),
    [
        (of_shape(150, 4, 3), True),
        (of_shape(1000, 100), True),
        (of_shape(1000, 100, alphas=(0.1, 1.0)), False),
        (of_shape(10**6, 10), False),
        (of_shape(100, 20_000, 10), False),
    ],
    ids=["iris", "medium", "two models", "tall", "wide"],
)
def test_a_small_table_is_one_model_of_few_entries(objective, is_small):
    assert is_small_table(objective) == is_small


@pytest.mark.parametrize("are_in_memory", [True, False])
def test_small_tables_and_the_row_space_are_in_memory(are_in_memory):
    small, wide = of_shape(150, 4, 3), of_shape(100, 1000)
    small.rows.are_in_memory = wide.rows.are_in_memory = are_in_memory
    assert is_small_table(small) == are_in_memory
    assert math.isfinite(row_space_seconds(wide)) == are_in_memory


def test_a_sparse_table_is_not_a_small_one():
    objective = of_shape(150, 4, 3)
    X = sparse.csr_array(np.ones((150, 4)))
    rows = rows_of(X, objective.rows.columns, place(CPU, torch.float64))
    assert not is_small_table(replace(objective, rows=rows))


def due_at(schedule, n_iterations):
    """Return at which iterations class Hessians are due, and the damping of each."""
    due = [(i, schedule.damping) for i in range(n_iterations) if schedule.is_due()]
    return [i for i, _ in due]


def due_by_pace(pace, violations, tol=1e-4):
    """Return at which iterations, from 1 on, what is dearer than a pass is due."""
    return [i for i, each in enumerate(violations, start=1) if pace.is_due(each, tol)]


def test_what_takes_longer_than_the_iterations_left_is_never_due():
    halved = [0.5**i for i in range(14)]  # 13 iterations to tol in all
    assert due_by_pace(Pace(n_passes=10.0), halved) == []
    assert due_by_pace(Pace(n_passes=0.5), halved) == [MIN_ITERATIONS]


def test_a_slow_fit_makes_it_due_and_again_when_it_stays_slow():
    slow = [0.99**i for i in range(3 * MIN_ITERATIONS)]
    assert due_by_pace(Pace(n_passes=20.0), slow) == [MIN_ITERATIONS * i for i in (1, 2, 3)]
    assert due_by_pace(Pace(n_passes=20.0), [1.0] * MIN_ITERATIONS) == [MIN_ITERATIONS]


def test_the_pace_is_that_of_late_iterations():
    fast_at_first = [0.1**i for i in range(3)] + [0.01 * 0.99**i for i in range(13)]
    assert due_by_pace(Pace(n_passes=40.0), fast_at_first) == [11]


def test_no_more_is_foreseen_than_a_few_times_what_was_seen():
    stalled = [1.0] * 20
    assert due_by_pace(Pace(n_passes=60.0), stalled) == [16]  # a fourth of 60 and 4


def test_in_the_row_space_two_classes_take_newtons_steps():
    steps = fit(of_teacher(150, 300, 2, "scaled"), tol=1e-6)
    violation = [float(step.max_violation) for step in steps if step.method == "row-space"]
    assert len(violation) <= 10
    # In one of the steps: rounding bounds the last.
    assert min(after / before for before, after in pairwise(violation)) < 1e-3


def test_where_features_are_correlated_fewer_iterations_tell():
    pace, n_least = Pace(n_passes=10.0), Costs().min_correlated_iterations
    slow = [0.99**i for i in range(n_least)]
    assert [pace.is_due(each, 1e-6, are_correlated=True) for each in slow] == (
        [False] * (n_least - 1) + [True]
    )


def test_after_the_most_iterations_it_is_due_whatever_the_pace():
    assert due_by_pace(Pace(n_passes=1e6, max_iter=5), [1e-9] * 9) == [5]
    assert due_by_pace(Pace(n_passes=math.inf, max_iter=5), [1.0] * 9) == [5]
    assert due_by_pace(Pace(n_passes=math.inf), [1.0] * 30) == []


@pytest.mark.parametrize(
    ("shape", "is_affordable"),
    [((1000, 50, 10), True), ((1000, 200, 10), False), ((1000, 200, 2), True)],
)
def test_class_hessians_of_a_small_table_have_no_more_entries_than_X(shape, is_affordable):
    assert math.isfinite(hessian_pace(of_shape(*shape)).n_passes) == is_affordable


def test_a_further_hessian_of_many_rows_costs_more():
    tall = of_shape(20_000, 30)
    assert hessian_pace(tall, 1).n_passes > 2.0 * hessian_pace(tall).n_passes


@pytest.mark.parametrize(("n_rows", "interval"), [(20, 3), (1000, 20)])
def test_class_hessians_are_due_in_the_row_space_however_dear_they_are(n_rows, interval):
    pace = row_space_hessian_pace(of_shape(n_rows, n_rows, 3))
    assert due_by_pace(pace, [1.0] * 45) == list(range(interval, 46, interval))


def test_class_hessians_are_twice_as_far_apart_and_less_damped_each_time():
    schedule = ClassHessianSchedule(2)
    due, dampings = [], []
    for iteration in range(20):
        if schedule.is_due():
            due.append(iteration)
            dampings.append(schedule.damping)
    assert due == [2, 4, 8, 16]
    assert dampings == pytest.approx([1e-3, 1e-4, 1e-5, 1e-6])


def test_class_hessians_may_be_due_at_once():
    assert due_at(ClassHessianSchedule(2, first=0), 10) == [0, 2, 6]


def test_where_class_hessians_pay_at_once_they_come_at_equal_intervals():
    assert due_at(row_space_schedule(of_shape(40, 1000)), 10) == [0, 3, 6, 9]


def test_class_hessians_that_never_pay_are_never_due():
    assert due_at(ClassHessianSchedule(math.inf), 100) == []


SHAPES = [
    (1000, 20, 5),
    (2000, 100, 2),
    (5000, 800, 2),
    (20_000, 300, 10),
    (10**5, 1000, 3),
    (10**6, 10, 2),
]


@pytest.mark.parametrize("alphas", [(0.1,), (1e-3, 0.1, 10.0)], ids=len)
@pytest.mark.parametrize("shape", SHAPES)
def test_class_hessians_never_cost_more_than_passes_so_far_are_worth(shape, alphas):
    objective = of_shape(*shape, alphas=alphas)
    due = due_at(ClassHessianSchedule.of(objective), 2000)
    assert due[0] >= MIN_ITERATIONS
    for n_hessians, n_passes in enumerate(due, start=1):
        of_hessians = n_hessians * class_hessian_seconds(objective)
        assert 0.5 * of_hessians <= n_passes * pass_seconds(objective)


def test_class_hessians_come_later_the_more_they_cost():
    def first(*shape):
        return ClassHessianSchedule.of(of_shape(*shape)).first

    assert first(10**6, 20) == MIN_ITERATIONS
    assert MIN_ITERATIONS < first(4000, 700) < first(4000, 1400) < math.inf
    assert first(100, 150) == math.inf  # larger than X itself
