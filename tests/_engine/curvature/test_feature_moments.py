"""Where features lie: moments, features less what lies far from zero, rows without a bias."""

from dataclasses import replace

import numpy as np
import oracles
import pytest
import torch
from problems import SMALL_BLOCKS, make_objective
from scipy.sparse import csr_array

from skorchless._engine.costs import Costs
from skorchless._engine.curvature.feature_moments import (
    centered_objective,
    feature_moments,
    find_dummies,
    have_different_ranges,
    may_be_far,
    scaling_moments,
    thinned,
)
from skorchless._engine.rows.sparse import SparseRows
from skorchless._engine.solvers import full_batch
from skorchless._engine.solvers.full_batch import minimize_full_batch

WEIGHTS = torch.rand(40, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def objective_of(X, dtype=torch.float64, **options):
    return make_objective(X=torch.as_tensor(X), dtype=dtype, n_classes=2, **options)[0]


def rows_of(X):
    return objective_of(X).rows


def made_sparse(objective):
    """Return an objective of the same rows, sparse."""
    rows = objective.rows
    sparse = SparseRows(csr_array(rows._X.numpy()), rows.columns, rows.placement)
    return replace(objective, rows=sparse)


@pytest.mark.parametrize("change", [lambda objective: objective, made_sparse])
def test_moments_are_those_of_numpy_by_the_mean_weights_of_all_folds(change):
    X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).double() + 2.0
    X[X < 1.0] = 0.0
    weights, values = WEIGHTS.mean(1).numpy(), X.numpy()
    mean = np.average(values, axis=0, weights=weights)
    options = {"weights": WEIGHTS, "alphas": (0.1, 0.1), "block_sizes": SMALL_BLOCKS}
    moments = feature_moments(change(objective_of(X, **options)))
    np.testing.assert_allclose(moments.mean, mean)
    variance = np.average((values - mean) ** 2, axis=0, weights=weights)
    np.testing.assert_allclose(moments.variance, variance)
    np.testing.assert_allclose(moments.squared_range, np.ptp(values, axis=0) ** 2)
    without = feature_moments(change(objective_of(X, fit_intercept=False, **options)))
    assert without.mean is None
    np.testing.assert_allclose(without.variance, np.average(values**2, axis=0, weights=weights))


def test_weights_of_a_fold_that_no_model_has_count_for_nothing():
    objective = objective_of(make_objective()[1], weights=WEIGHTS, alphas=(0.1, 0.1))
    moments = feature_moments(objective.take(torch.tensor([1])))
    X = objective.rows._X
    np.testing.assert_allclose(moments.mean, np.average(X, axis=0, weights=WEIGHTS[:, 1]))


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_the_range_of_a_constant_is_that_of_the_others_or_else_one(value):
    X = torch.full((4, 2), value).double()
    assert feature_moments(objective_of(X)).squared_range.tolist() == [1.0, 1.0]
    X[0, 0] += 2.0
    assert feature_moments(objective_of(X)).squared_range.tolist() == [4.0, 2.0]


def test_moments_that_overflow_are_finite():
    X = 1e38 * torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    moments = feature_moments(objective_of(X, torch.float32))
    assert moments.mean.isfinite().all()
    assert moments.variance.isfinite().all()
    assert (moments.variance >= 0).all()


def shares_of_cycle(rows, period):
    place_in_cycle = rows.gather(torch.arange(rows.n_rows))[0][:, 0].long() % period
    return np.bincount(place_in_cycle, minlength=period) / rows.n_rows


@pytest.mark.parametrize("period", [2, 5, 10])
def test_rows_that_come_in_cycles_are_thinned_without_a_bias(period):
    rows = rows_of(torch.arange(100_000.0)[:, None])
    few = thinned(rows, 2000)
    assert few.n_rows == 2000
    # Four standard deviations of a share of 2,000 draws.
    np.testing.assert_allclose(shares_of_cycle(few, period), 1 / period, atol=4 / 2000**0.5 / 2)


def test_thinned_rows_are_the_same_each_time_and_in_order():
    rows = rows_of(torch.arange(10_000.0)[:, None])
    first, second = (thinned(rows, 100).gather(torch.arange(100))[0][:, 0] for _ in range(2))
    assert torch.equal(first, second)
    assert (first.diff() > 0).all()
    assert thinned(rows, 9_999) is rows


@pytest.mark.parametrize(
    ("dtype", "far", "near"), [(torch.float32, 1.5, 0.5), (torch.float64, 1e5, 1e4)]
)
def test_features_are_read_less_a_center_that_their_precision_can_not_hold(dtype, far, near):
    X = torch.rand(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.5
    objective, moments = centered_objective(
        objective_of(X + torch.tensor([0.0, far, -far]), dtype)
    )
    center = objective.rows.center
    assert center[0] == 0.0
    torch.testing.assert_close(center[1:], torch.tensor([far, -far]).to(center), atol=0.5, rtol=0)
    # Both parts together are the mean, which weights are those of features less.
    mean = X.mean(0) + torch.tensor([0.0, far, -far])
    torch.testing.assert_close(objective.center[:-1], mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(objective.mean, moments.mean)
    plain, _ = centered_objective(objective_of(X + torch.tensor([0.0, near, 0.0]), dtype))
    assert plain.rows.center is None
    mean = X.mean(0) + torch.tensor([0.0, near, 0.0])
    torch.testing.assert_close(plain.mean, mean, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("dtype", "far"), [(torch.float32, 3.0), (torch.float64, 8e4)])
def test_a_sample_of_the_rows_misses_no_feature_that_is_far(dtype, far, seed):
    X = torch.randn(5000, 30, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    X[::100] *= 5.0  # which a sample may see more of, or less
    assert not may_be_far(objective_of(X, dtype))
    X[:, 3] += far * X[:, 3].std()
    assert may_be_far(objective_of(X, dtype))
    assert centered_objective(objective_of(X, dtype))[0].rows.center is not None
    assert not may_be_far(objective_of(X, dtype, fit_intercept=False))
    assert not may_be_far(made_sparse(objective_of(X)))


@pytest.mark.parametrize("share", [0.5, 0.001])
def test_rows_without_a_weight_hide_no_feature_that_is_far(share):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(5000, 3, generator=generator, dtype=torch.float64)
    has_weight = torch.rand(5000, generator=generator) < share
    X[has_weight] += 1e6
    assert may_be_far(objective_of(X, weights=has_weight.double()))


def test_the_variance_of_features_far_from_zero_keeps_its_digits():
    X = torch.randn(200, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, moments = centered_objective(objective_of(X + 1e7))
    torch.testing.assert_close(moments.variance, X.var(0, correction=0), rtol=1e-6, atol=0.0)


def test_without_an_intercept_or_of_sparse_rows_features_are_read_as_they_are():
    X = 1e7 + torch.rand(50, 3, generator=torch.Generator().manual_seed(0)).double()
    free, moments = centered_objective(objective_of(X, fit_intercept=False))
    assert free.rows.center is free.mean is moments.mean is None
    sparse, moments = centered_objective(made_sparse(objective_of(X)))
    assert sparse.rows.center is None
    torch.testing.assert_close(sparse.mean, X.mean(0))


def test_a_constant_is_centered_to_exactly_zero():
    X = torch.full((50, 1), 0.1, dtype=torch.float64)
    objective, moments = centered_objective(objective_of(X))
    assert not objective.rows.gather(torch.arange(50))[0].any()
    assert moments.variance == 0.0
    assert objective.mean == 0.0


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_a_fit_ends_by_the_gradient_of_features_as_they_are_given(l1_ratio):
    X = 1e7 + torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).double()
    objective, *_ = make_objective(X=X, l1_ratio=l1_ratio, alphas=(0.01,))
    W = torch.zeros(objective.weights_shape)
    *_, last = minimize_full_batch(objective, W, tol=1e-5)
    near, *_ = make_objective(X=X - 1e7, l1_ratio=l1_ratio, alphas=(0.01,))
    W_near = last.W.clone()
    W_near[..., -1] += 1e7 * last.W[..., :-1].sum(-1)
    grad = near.subgradient(W_near, near.value_and_grad(W_near)[1])
    # That of an intercept counts 1e7 times for each feature; its own rounding is 1e-9 here.
    assert float(grad[..., :-1].abs().max()) <= 1e-5
    assert float(grad[..., -1].abs().max()) <= 1e-8
    assert float(last.max_violation) <= 1e-5


def test_folds_are_told_apart_by_the_range_of_a_feature():
    X = torch.rand(60, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    folds = torch.ones(60, 2)
    folds[:20, 0] = folds[20:40, 1] = 0.0
    objective, *_ = make_objective(X=X, alphas=(0.1, 0.1), weights=folds)
    assert not have_different_ranges(objective)
    X[0, 1] = 1e3  # in the second fold alone
    objective, *_ = make_objective(X=X, alphas=(0.1, 0.1), weights=folds)
    assert have_different_ranges(objective)
    assert not have_different_ranges(objective.take(torch.tensor([0])))


@pytest.mark.parametrize(("least", "is_counted"), [(0.02, False), (0.5, True)])
def test_a_feature_that_hardly_varies_in_a_fold_is_rare_and_does_not_count(least, is_counted):
    X = torch.rand(40, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    X[:, 1] = 0.0
    X[3, 1] = 20.0  # in the first fold alone
    X[30, 1] = least
    weights = torch.ones(40, 2, dtype=torch.float64)
    weights[:20, 1] = 0.0
    objective = make_objective(X=X, alphas=(0.1, 0.1), weights=weights)[0]
    assert have_different_ranges(objective) == is_counted


def dummies_of(*n_categories, n_rows=60):
    """Return dense dummies of some categories, each of which occurs."""
    generator = np.random.default_rng(0)
    codes = [generator.permutation(np.arange(n_rows) ** 2 % n) for n in n_categories]
    seen = [np.unique(each, return_inverse=True)[1] for each in codes]
    return np.hstack([np.eye(each.max() + 1)[each] for each in seen])


def categories_of(X, change=lambda objective: objective, **options):
    """Return the categories that are found, as a list."""
    objective = change(objective_of(X, **options))
    found = find_dummies(objective, feature_moments(objective))
    return None if found is None else found.tolist()


@pytest.mark.parametrize("change", [lambda objective: objective, made_sparse])
def test_dummies_are_found_beside_other_features(change):
    normal = np.random.default_rng(0).standard_normal((60, 2))
    is_even = (np.arange(60) % 7 == 0)[:, None].astype(float)
    X = np.hstack([is_even, dummies_of(5), normal, dummies_of(7), is_even, dummies_of(3)])
    expected = [0, 1, 1, 1, 0, 0, 2, 2, 2, 2, 0, 3, 3]
    assert categories_of(X, change) == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dummies_are_found_in_either_precision(dtype):
    assert categories_of(dummies_of(11, 13), dtype=dtype) == [1] * 6 + [2] * 7


def test_rows_without_a_weight_need_no_dummy():
    X, weights = dummies_of(5), torch.ones(60)
    X[3], weights[3] = np.nan, 0.0
    X[4], weights[4] = 1.0, 0.0
    clean = np.where(np.isnan(X), 5.0, X)  # NaN there is an estimator's business
    assert categories_of(clean, weights=weights) == [1] * 3
    assert categories_of(clean) is None


@pytest.mark.parametrize(
    "X",
    [
        dummies_of(5)[:, 1:],  # the first one dropped
        np.random.default_rng(0).standard_normal((60, 3)),
        np.eye(60)[:, :20].repeat(3, axis=1),
        # Their shares add up to 1, and the features do not.
        np.stack([np.arange(60) % 2 == 0, np.arange(60) // 2 % 2 == 0], axis=1).astype(float),
        np.ones((60, 1)) * 0.5,
    ],
    ids=["one dropped", "normal", "rare", "half and half", "constant"],
)
def test_other_features_are_no_dummies(X):
    assert categories_of(X) is None


def test_without_an_intercept_dummies_have_nothing_in_common_that_is_free():
    assert categories_of(dummies_of(5), fit_intercept=False) is None


def wide_table(n_rows=60, n_features=600, spread=0.6):
    """Return features whose deviations are e^(spread * z), half of them zeros."""
    rng = np.random.default_rng(0)
    scales = np.exp(spread * rng.standard_normal(n_features))
    X = scales * rng.standard_normal((n_rows, n_features))
    X[:, ::2] = 0.0
    return X


@pytest.mark.parametrize("factor", [1.0, 1e100])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_steps_on_wide_tables_are_scaled_by_variances_nearer_to_the_mean(fit_intercept, factor):
    X, options = torch.as_tensor(wide_table()), {"fit_intercept": fit_intercept}
    moments = feature_moments(objective_of(factor * X, **options))
    own = feature_moments(objective_of(X, **options)).variance.numpy()
    mean = own[own > 0].mean()
    expected = np.sqrt(mean) * np.where(own > mean, np.sqrt(own), np.sqrt(mean))
    expected = np.minimum(expected, 30 * own)
    found = scaling_moments(moments).variance.numpy() / factor**2
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-18)
    assert (found[own == 0] == 0).all()


@pytest.mark.parametrize(
    ("X", "change"),
    [
        (wide_table(400, 600), lambda objective: objective),
        (wide_table(spread=2.5), lambda objective: objective),
        (wide_table(), made_sparse),
    ],
    ids=["not wide", "of very different scales", "sparse"],
)
def test_steps_on_other_tables_are_scaled_by_the_variances_of_features(X, change):
    moments = feature_moments(change(objective_of(X)))
    assert scaling_moments(moments) is moments


@pytest.mark.parametrize("max_small_entries", [0, Costs().max_small_entries])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_wide_tables_take_fewer_iterations_by_variances_that_differ_less(
    monkeypatch, n_classes, max_small_entries
):
    by_features = Costs(row_space_entry_seconds=np.inf, max_small_entries=max_small_entries)
    X, alphas = torch.as_tensor(wide_table()), (0.01, 0.1)[: 1 if max_small_entries else 2]
    objective, X, codes, weights = make_objective(
        X=X, n_classes=n_classes, alphas=alphas, costs=by_features
    )

    def n_iterations():
        start = torch.zeros(objective.weights_shape, dtype=torch.float64)
        *others, last = minimize_full_batch(objective, start, tol=1e-7)
        expected = oracles.optimum(X, codes, weights, 0.01, fit_intercept=True)
        torch.testing.assert_close(last.W[0], expected, rtol=1e-3, atol=1e-4)
        return 1 + len(others)

    n_evened = n_iterations()
    monkeypatch.setattr(full_batch, "scaling_moments", lambda moments: moments)
    assert n_evened < 0.9 * n_iterations()


@pytest.mark.parametrize("ratio", [0.1, 0.01])
def test_features_much_smaller_than_half_of_the_others_are_fitted_to_the_optimum(ratio):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 1)) + 0.01 * rng.standard_normal((60, 200))
    X[:, 101:] = ratio * rng.standard_normal((60, 99))
    costs = Costs(row_space_entry_seconds=np.inf)
    objective, X, codes, weights = make_objective(
        X=torch.as_tensor(X), n_classes=2, alphas=(1e-4,), costs=costs
    )
    start = torch.zeros(objective.weights_shape, dtype=torch.float64)
    *_, last = minimize_full_batch(objective, start, tol=1e-4)
    expected = oracles.optimum(X, codes, weights, 1e-4, fit_intercept=True)
    options = {"n_classes": 2, "fit_intercept": True}
    value, _ = oracles.value_and_grad(expected, X, codes, weights, 1e-4, **options)
    assert float(last.value[0]) == pytest.approx(float(value), rel=1e-4)
