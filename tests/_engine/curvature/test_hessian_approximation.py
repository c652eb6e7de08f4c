"""An approximate Hessian: a diagonal, or each class's own Hessian from a sample of rows."""

import math
from itertools import islice

import numpy as np
import oracles
import pytest
import torch
from problems import make_objective, random_weights
from sklearn.datasets import load_digits

from skorchless._engine.costs import Costs
from skorchless._engine.curvature.feature_moments import feature_moments, thinned
from skorchless._engine.curvature.hessian_approximation import (
    HessianApproximation,
    class_hessians,
    diagonal_approximation,
    groups,
    n_hessian_rows,
)
from skorchless._engine.objective import intercept_only_weights
from skorchless._engine.records import take_models
from skorchless._engine.solvers import quasi_newton
from skorchless._engine.solvers.descent import descend, point_at
from skorchless._engine.solvers.quasi_newton import LBFGSDirections
from skorchless._engine.solvers.strategy import ClassHessianSchedule

MIN_ITERATIONS = Costs().min_iterations

ROW_WEIGHTS = torch.rand(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def of_classes(objective, W, damping=0.0, *, as_factors=False):
    """Return the class Hessians at ``W``."""
    moments = feature_moments(objective)
    return class_hessians(objective, W, moments, damping, as_factors=as_factors)


def matrix_of(approximation, m=0, apply=HessianApproximation.multiply):
    """Return the matrix (K * D, K * D) that ``apply`` multiplies a vector of model ``m`` by."""
    n_models, *shape = approximation.diagonal.shape
    unit = torch.eye(math.prod(shape), dtype=torch.float64)
    return apply(approximation, unit.expand(n_models, -1, -1))[m].mT


def blocks_of(approximation, apply=HessianApproximation.multiply):
    """Return the matrix of each class (K, D, D) of the first model."""
    n_classes, n_columns = approximation.diagonal.shape[1:]
    whole = matrix_of(approximation, apply=apply).view(n_classes, n_columns, n_classes, -1)
    return whole.diagonal(dim1=0, dim2=2).movedim(2, 0)


# Class Hessians are of a sample of 12 rows of 40, which is damped.
BY_SAMPLE = Costs(min_drawn_rows=12)


def with_collinear_columns(alpha, **options):
    """Return an objective with a constant feature, and one that is there twice."""
    X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    X = torch.cat([X, X[:, :1], torch.full((40, 1), 7.0, dtype=torch.float64)], dim=1)
    return make_objective(X=X, alphas=(alpha,), **options)[0]


@pytest.mark.parametrize(
    ("fit_intercept", "by_centered"), [(True, False), (True, True), (False, False)]
)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("as_factors", [False, True], ids=["matrix", "factors"])
def test_of_few_rows_it_is_each_classs_hessian_with_the_ridge_part_alone(
    as_factors, n_classes, fit_intercept, by_centered
):
    mean = torch.linspace(-1.0, 2.0, 5).double() if by_centered else None
    objective, X, *data = make_objective(
        n_classes, weights=ROW_WEIGHTS, fit_intercept=fit_intercept, l1_ratio=0.25
    )
    W = random_weights(objective)
    options = {"n_classes": n_classes, "fit_intercept": fit_intercept, "l1_ratio": 0.25}
    hessian = oracles.hessian(W[0], X if mean is None else X - mean, *data, 0.1, **options)
    found = of_classes(objective.centered(mean), W, as_factors=as_factors)
    apply = HessianApproximation.solve if as_factors else HessianApproximation.multiply
    n_columns = W.shape[2]
    expected = torch.zeros_like(hessian)
    for k in range(W.shape[1]):
        own = slice(k * n_columns, (k + 1) * n_columns)
        block = hessian[own, own]
        expected[own, own] = torch.linalg.inv(block) if as_factors else block
    torch.testing.assert_close(matrix_of(found, apply=apply), expected)


@pytest.mark.parametrize("by_centered", [False, True])
def test_the_diagonal_is_that_of_the_hessian_at_the_best_model_that_ignores_X(by_centered):
    alphas = (0.1, 3.0)
    weights = torch.rand(40, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    objective, X, codes, weights = make_objective(weights=weights, alphas=alphas, l1_ratio=0.25)
    # Folds share the moments of the features: those of the mean of their weights.
    mean = torch.from_numpy(np.average(X, axis=0, weights=weights.mean(1)))
    variance = torch.from_numpy(np.average((X - mean) ** 2, axis=0, weights=weights.mean(1)))
    W = intercept_only_weights(objective)
    if by_centered:
        objective = objective.centered(mean)
    found = diagonal_approximation(objective, feature_moments(objective))
    spread = torch.tensor([*variance, 1.0]).double()
    for m, alpha in enumerate(alphas):
        # Rows of one value, whose Hessian is that of their curvature.
        ones = torch.zeros(40, 0).double()
        curvature = oracles.hessian(
            W[m, :, -1:], ones, codes, weights[:, m], 0.0, n_classes=3, fit_intercept=True
        ).diagonal()
        expected = curvature[:, None] * spread
        expected[:, :-1] += 0.75 * alpha
        torch.testing.assert_close(found.diagonal[m], expected)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_of_one_fold_the_diagonal_is_that_of_autograd(n_classes, fit_intercept):
    objective, X, *data = make_objective(
        n_classes, weights=ROW_WEIGHTS, fit_intercept=fit_intercept
    )
    moments = feature_moments(objective)
    X = X - moments.mean if fit_intercept else X
    found = diagonal_approximation(objective, moments)
    if fit_intercept:
        W = intercept_only_weights(objective)
        hessian = oracles.hessian(W[0], X, *data, 0.1, n_classes=n_classes, fit_intercept=True)
        torch.testing.assert_close(found.diagonal[0].flatten(), hessian.diagonal())
    else:
        # The frequencies of the classes all the same: zero weights would make them equal.
        codes, weights = data
        shares = torch.zeros(n_classes).double().index_add_(0, codes, weights) / weights.sum()
        shares = shares[1:] if n_classes == 2 else shares
        square = (weights @ X.square()) / weights.sum()
        expected = (shares * (1 - shares))[:, None] * square + 0.1
        torch.testing.assert_close(found.diagonal[0], expected)


def batch(n_classes=3, *, n_folds=2, **options):
    """Return an objective of three penalties on some folds, and two vectors of each model."""
    alphas = (0.1, 1.0, 10.0) * n_folds
    weights = torch.rand(400, n_folds, generator=torch.Generator().manual_seed(2)).double()
    objective, *_ = make_objective(
        n_classes,
        n_rows=400,
        alphas=alphas,
        weights=weights.repeat_interleave(3, 1),
        l1_ratio=0.5,
        **options,
    )
    return objective, torch.stack([random_weights(objective, seed) for seed in (3, 4)], dim=1)


@pytest.mark.parametrize("max_groups", [1, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_solution_times_class_hessians_is_the_vector(n_classes, fit_intercept, max_groups):
    costs = Costs(max_groups=max_groups)
    objective, vectors = batch(n_classes, fit_intercept=fit_intercept, costs=costs)
    W, vectors = random_weights(objective), vectors.flatten(2)
    matrix, factors = (of_classes(objective, W, 1e-3, as_factors=by) for by in (False, True))
    assert len(matrix.matrices) == len(factors.matrices) == max_groups
    torch.testing.assert_close(factors.solve(matrix.multiply(vectors)), vectors)
    torch.testing.assert_close(matrix.multiply(factors.solve(vectors)), vectors)


def test_a_solution_times_the_diagonal_is_the_vector():
    objective, vectors = batch()
    diagonal, vectors = (
        diagonal_approximation(objective, feature_moments(objective)),
        vectors.flatten(2),
    )
    torch.testing.assert_close(diagonal.solve(diagonal.multiply(vectors)), vectors)
    torch.testing.assert_close(diagonal.multiply(diagonal.solve(vectors)), vectors)


def approximations(objective):
    """Yield each kind of approximation, and what it is applied by."""
    W = random_weights(objective)
    diagonal = diagonal_approximation(objective, feature_moments(objective))
    yield diagonal, HessianApproximation.multiply
    yield diagonal, HessianApproximation.solve
    yield of_classes(objective, W, 1e-3), HessianApproximation.multiply
    yield of_classes(objective, W, 1e-3, as_factors=True), HessianApproximation.solve


def test_the_diagonal_is_the_diagonal():
    objective, _ = batch()
    for approximation, apply in approximations(objective):
        if apply is HessianApproximation.multiply:
            for m in range(6):
                diagonal = matrix_of(approximation, m).diagonal()
                torch.testing.assert_close(approximation.diagonal[m].flatten(), diagonal)


def test_a_part_of_the_models_is_applied_as_in_the_batch():
    objective, vectors = batch()
    vectors, part = vectors.flatten(2), torch.tensor([5, 1])
    for approximation, apply in approximations(objective):
        taken = take_models(approximation, part)
        expected = apply(approximation, vectors)[part]
        torch.testing.assert_close(apply(taken, vectors[part]), expected)
        torch.testing.assert_close(taken.diagonal, approximation.diagonal[part])


def test_it_is_symmetric_and_positive_definite():
    objective, _ = batch()
    for approximation, apply in approximations(objective):
        matrix = matrix_of(approximation, m=4, apply=apply).numpy()
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-10)
        assert (np.linalg.eigvalsh(matrix) > 0).all()


@pytest.mark.parametrize("size", [3.0, 0.0])  # with 3 most rows are classified beyond doubt
@pytest.mark.parametrize("n_distinct", [2**14, 8])
def test_a_sample_of_many_rows_is_near_the_whole(n_distinct, size):
    X = make_objective(n_rows=n_distinct)[1].repeat(2**14 // n_distinct, 1)  # or in cycles
    objective, of_all = (
        make_objective(X=X, costs=costs)[0]
        for costs in (Costs(min_drawn_rows=2**10), Costs(min_drawn_rows=2**14))
    )
    W = size * random_weights(objective)
    sampled, whole = (blocks_of(of_classes(each, W)) for each in (objective, of_all))
    assert not torch.equal(sampled, whole)
    for part, full in zip(sampled, whole, strict=True):
        spectrum = np.linalg.eigvals(part.numpy() @ np.linalg.inv(full.numpy())).real
        assert 0.8 < spectrum.min() < spectrum.max() < 1.25


def test_rows_are_drawn_by_their_curvature():
    # One row in a hundred is not saturated and has all the curvature of its feature.
    X = torch.zeros(10_000, 2).double()
    X[:, 0], X[::100, 0], X[::100, 1] = 30.0, 0.0, 1.0
    costs = Costs(min_drawn_rows=64)
    objective, *_ = make_objective(2, X=X, fit_intercept=False, alphas=(1e-3,), costs=costs)
    W = torch.tensor([[[1.0, 0.0]]]).double()
    (block,) = blocks_of(of_classes(objective, W))
    assert float(block[1, 1]) == pytest.approx(0.25 / 100 + 1e-3, rel=1e-6)


def test_weights_of_any_scale_give_the_same_hessians():
    blocks = [
        blocks_of(of_classes(objective, random_weights(objective), 1e-3))
        for objective, *_ in (make_objective(weights=by * ROW_WEIGHTS) for by in (1.0, 9.0))
    ]
    torch.testing.assert_close(*blocks)


@pytest.mark.parametrize("alpha", [0.0, 1e-9])
def test_constant_and_duplicate_columns_do_not_blow_up_a_solution(alpha):
    objective = with_collinear_columns(alpha, costs=BY_SAMPLE)
    W = 0.1 * random_weights(objective)
    found = of_classes(objective, W, 1e-3, as_factors=True)
    for block in blocks_of(found, HessianApproximation.solve):
        assert np.linalg.eigvalsh(block.numpy()).max() < 1e5


@pytest.mark.parametrize("alpha", [0.0, 1e-8, 1.0])
def test_a_constant_column_leaves_the_diagonal_positive(alpha):
    objective = with_collinear_columns(alpha)
    moments = feature_moments(objective)
    diagonal = diagonal_approximation(objective, moments).diagonal
    # No smaller than that of the features that vary least.
    assert (diagonal >= 0.2 * moments.variance[:4].min()).all()
    assert diagonal.isfinite().all()


def test_a_class_without_weight_leaves_the_diagonal_positive():
    codes = make_objective()[2]
    objective, *_ = make_objective(weights=(codes != 1).double(), alphas=(0.0,))
    assert (diagonal_approximation(objective, feature_moments(objective)).diagonal > 0).all()


@pytest.mark.parametrize("as_factors", [False, True])
def test_where_no_row_has_curvature_there_are_no_class_hessians(as_factors):
    objective, *_ = make_objective(2, alphas=(0.0,))
    saturated = 1e6 * random_weights(objective)
    assert of_classes(objective, saturated, 1e-3, as_factors=as_factors) is None


@pytest.mark.parametrize("as_factors", [False, True])
def test_where_squares_overflow_there_are_no_class_hessians(as_factors):
    X = 1e30 * torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    objective, *_ = make_objective(X=X, dtype=torch.float32)
    W = random_weights(objective)
    assert of_classes(objective, W, 1e-3, as_factors=as_factors) is None
    assert diagonal_approximation(objective, feature_moments(objective)).diagonal.isfinite().all()


@pytest.mark.parametrize("as_factors", [False, True])
def test_where_no_row_of_the_sample_has_weight_there_are_no_class_hessians(as_factors):
    kept = make_objective()[0].rows.beside(torch.arange(40))
    kept = thinned(kept, 10).gather(torch.arange(10))[-1]
    weights = torch.ones(40, dtype=torch.float64)
    weights[kept] = 0.0
    objective, *_ = make_objective(weights=weights, costs=Costs(max_candidate_rows=10))
    assert of_classes(objective, random_weights(objective), 1e-3, as_factors=as_factors) is None


def test_damping_is_that_of_the_curvature_in_squared_ranges():
    objective, X, *_ = make_objective(2, fit_intercept=False, costs=BY_SAMPLE)
    W = random_weights(objective)
    (plain,), (damped,) = (blocks_of(of_classes(objective, W, d)) for d in (0.0, 0.01))
    p = torch.sigmoid(X @ W[0, 0])
    expected = 0.01 * (p * (1 - p)).mean() * (X.amax(0) - X.amin(0)).square()
    torch.testing.assert_close(damped - plain, expected.diag())


def test_what_few_rows_show_is_damped():
    # Two features of the same size: one in half of the rows, one in a single row.
    X = torch.zeros(1000, 2).double()
    X[::2, 0], X[0, 1] = 2.0, 2.0
    costs = Costs(min_drawn_rows=333)
    objective, *_ = make_objective(2, X=X, alphas=(0.0,), fit_intercept=False, costs=costs)
    (block,) = blocks_of(of_classes(objective, torch.zeros(1, 1, 2).double(), 1e-2))
    plain = 0.25 * X.square().mean(0)  # p * (1 - p) of zero weights is 0.25
    assert float(block[0, 0]) == pytest.approx(float(plain[0]), rel=0.05)
    assert float(block[1, 1]) > 5 * float(plain[1])


@pytest.mark.parametrize("kind", ["diagonal", "classes"])
def test_it_follows_the_scale_of_each_feature(kind):
    scale = torch.tensor([1e-3, 1.0, 1.0, 1e3, 1.0]).double()
    X, found = make_objective()[1], []
    for by in (torch.ones(5).double(), scale):
        objective, *_ = make_objective(X=X * by, alphas=(0.0,))
        if kind == "diagonal":
            approximation = diagonal_approximation(objective, feature_moments(objective))
        else:
            W = random_weights(objective)
            W[..., :-1] /= by
            approximation = of_classes(objective, W, 1e-3)
        found.append(blocks_of(approximation)[:, :-1, :-1])
    plain, scaled = found
    torch.testing.assert_close(scaled, plain * scale * scale[:, None], rtol=1e-6, atol=1e-9)


def grid_objective(n_penalties, n_folds=2):
    """Return an objective of each penalty on each fold, the weaker penalties first."""
    alphas = tuple(0.1 * 10**c for c in range(n_penalties)) * n_folds
    n_rows = 120  # which are enough for three groups
    weights = torch.rand(n_rows, n_folds, generator=torch.Generator().manual_seed(2)).double()
    weights = weights.repeat_interleave(n_penalties, 1)
    return make_objective(n_rows=n_rows, alphas=alphas, weights=weights)


def test_models_of_similar_penalties_share_the_mean_of_their_hessians():
    objective, X, codes, weights = grid_objective(2)
    W = random_weights(objective)
    found = of_classes(objective, W)
    hessians = [
        oracles.hessian(
            *(W[m], X, codes, weights[:, m], float(objective.alpha[m])),
            n_classes=3,
            fit_intercept=True,
        )
        for m in range(4)
    ]
    for pair in ([0, 2], [1, 3]):  # the folds of each penalty
        mean = (hessians[pair[0]] + hessians[pair[1]]) / 2
        for m in pair:
            matrix = matrix_of(found, m)
            for k in range(3):
                own = slice(6 * k, 6 * k + 6)
                torch.testing.assert_close(matrix[own, own], mean[own, own])


def test_all_hessians_together_are_no_larger_than_X():
    few, *_ = make_objective(n_rows=1000, n_features=5, alphas=(1e-3, 1.0, 1e3, 1e6))
    W = random_weights(few)
    group = groups(few)
    assert group.tolist() == [0, 0, 1, 2]
    assert len(group.unique()) == few.costs.max_groups
    narrow, *_ = make_objective(n_rows=50, n_features=5, alphas=(1e-3, 1.0, 1e3, 1e6))
    n_groups = len(groups(narrow).unique())
    assert n_groups * W.shape[1] * W.shape[2] ** 2 <= 50 * 5
    assert n_groups == 2
    assert len(of_classes(narrow, W, 1e-3).matrices) == 2


@pytest.mark.parametrize("n_folds", [1, 5])
def test_folds_of_one_penalty_are_one_group(n_folds):
    # 33 of 50 samples in one fold, 34 in another: the same C, and penalties 3 % apart.
    of_folds = torch.linspace(1.0, 1.03, n_folds)
    penalties = torch.tensor([1e-3, 1e-1, 1e1])
    alphas = (of_folds[:, None] * penalties).flatten().tolist()
    objective, *_ = make_objective(n_rows=1000, n_features=5, alphas=tuple(alphas))
    assert groups(objective).view(n_folds, 3).unique(dim=0).tolist() == [[0, 1, 2]]
    one, *_ = make_objective(n_rows=1000, n_features=5, alphas=tuple(alphas[::3]))
    assert groups(one).tolist() == [0] * n_folds
    none, *_ = make_objective(n_rows=1000, n_features=5, alphas=(0.0, 0.0, 1.0))
    assert groups(none).tolist() == [0, 0, 1]


def test_class_hessians_come_later_the_more_they_cost():
    def n_iterations(**shape):
        return ClassHessianSchedule.of(make_objective(**shape)[0]).first

    assert n_iterations(n_rows=100_000, n_features=5) == MIN_ITERATIONS
    costly, more = (n_iterations(n_rows=8000, n_features=p) for p in (700, 1400))
    assert MIN_ITERATIONS < costly < more < math.inf
    assert n_iterations(n_rows=100, n_features=150) == math.inf  # larger than X itself


def n_lbfgs_iterations(objective, schedule, most=None):
    """Return how many iterations L-BFGS takes from zero weights of features as they are."""
    start = point_at(objective, torch.zeros(objective.weights_shape).double())
    directions = LBFGSDirections(objective, start, feature_moments(objective), schedule)
    return len(list(islice(descend(objective, start, directions, tol=1e-6), most)))


def test_class_hessians_save_iterations():
    X, y = load_digits(return_X_y=True)
    objective, _, codes, _ = make_objective(n_classes=10, X=torch.from_numpy(X), alphas=(1e-3,))
    codes.copy_(torch.from_numpy(y))
    with_them, without = (
        n_lbfgs_iterations(objective, ClassHessianSchedule(interval))
        for interval in (MIN_ITERATIONS, math.inf)
    )
    assert with_them < without / 2


def test_the_diagonal_saves_iterations_on_features_of_different_scales(monkeypatch):
    X = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    objective, *_ = make_objective(X=X * torch.logspace(-3, 3, 6).double(), alphas=(1e-3,))
    scaled = n_lbfgs_iterations(objective, ClassHessianSchedule(math.inf))
    identity = HessianApproximation(torch.ones(1, 3, 7).double(), torch.zeros(1).long())
    monkeypatch.setattr(quasi_newton, "diagonal_approximation", lambda *_: identity)
    enough = 2 * scaled + 1
    assert n_lbfgs_iterations(objective, ClassHessianSchedule(math.inf), enough) == enough


@pytest.mark.parametrize(
    ("n_rows", "n_before", "n_drawn"),
    [(20, 0, 20), (24, 0, 12), (95, 1, 95), (96, 1, 48), (96, 2, 96)],
)
def test_a_small_table_has_rows_drawn_where_they_are_many_and_more_each_time(
    n_rows, n_before, n_drawn
):
    objective = make_objective(n_rows=n_rows, costs=BY_SAMPLE)[0]
    assert n_hessian_rows(objective, n_before) == n_drawn
