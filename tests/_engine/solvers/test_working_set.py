"""Fits of a few features at a time end where a fit of all of them ends."""

from dataclasses import replace

import oracles
import pytest
import torch
from problems import make_objective
from scipy.sparse import csc_array

from skorchless._engine.costs import Costs
from skorchless._engine.curvature.feature_moments import feature_moments
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.rows.memory import TensorRows
from skorchless._engine.rows.sparse import SparseRows
from skorchless._engine.solvers.base import Status
from skorchless._engine.solvers.descent import descend, point_at
from skorchless._engine.solvers.proximal import ProximalDirections
from skorchless._engine.solvers.working_set import minimize_by_working_sets

N_FEATURES = 300


def with_sets(**sizes):
    """Return costs by which working sets have these sizes."""
    costs, sizes = Costs(), {"min_features": 5, **sizes}
    return Costs(
        dense_sets=replace(costs.dense_sets, **sizes),
        sparse_sets=replace(costs.sparse_sets, **sizes),
    )


def wide(n_classes=2, **options):
    """Return an objective of more features than rows, five of which matter."""
    X = torch.randn(120, N_FEATURES, generator=torch.Generator().manual_seed(3)).double()
    objective, X, codes, weights = make_objective(
        n_classes, X=X, costs=with_sets(), **{"l1_ratio": 0.9, "alphas": (0.05,), **options}
    )
    codes.copy_((X[:, :5].cumsum(1)[:, :n_classes]).argmax(1))
    return objective, X, codes, weights


def solve(objective, tol=1e-8):
    W = torch.zeros(objective.weights_shape).double()
    return list(minimize_by_working_sets(objective, W, tol=tol))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_optimum_is_that_of_all_features(n_classes, fit_intercept):
    objective, *data = wide(n_classes, fit_intercept=fit_intercept)
    *_, last = solve(objective)
    violation = oracles.smallest_subgradient(
        last.W[0], *data, 0.05, n_classes=n_classes, fit_intercept=fit_intercept, l1_ratio=0.9
    )
    assert last.status == Status.CONVERGED
    assert float(violation.abs().max()) <= 1e-8
    start = point_at(objective, torch.zeros_like(last.W))
    directions = ProximalDirections(objective, start, feature_moments(objective))
    *_, whole = descend(objective, start, directions, tol=1e-8)
    # Who asks for the fit takes the model without a shift of all equal ones.
    found, expected = (objective.center_over_classes(end.W) for end in (last, whole))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert 0 < int((last.W[..., :N_FEATURES] != 0).sum()) < 60


@pytest.fixture
def sizes(monkeypatch):
    """Return a list to which each working set adds its number of features."""
    chosen = []
    select_features = TensorRows.select_features

    def counted(self, features):
        chosen.append(len(features))
        return select_features(self, features)

    monkeypatch.setattr(TensorRows, "select_features", counted)
    return chosen


def test_sets_are_small_and_grow_with_the_features_in_use(sizes):
    objective, *_ = wide()
    *_, last = solve(objective)
    n_used = int((last.W[..., :N_FEATURES] != 0).any(1).sum())
    assert sizes[:2] == [0, 5]  # where it starts no feature is in use
    assert n_used <= max(sizes) <= 2 * n_used
    assert len(sizes) > 2


SMALL_SETS = with_sets()


def sparse_sizes(n_rows, monkeypatch, costs=SMALL_SETS, **options):
    """Return the sizes of the working sets of sparse rows, and how many features end in use."""
    generator = torch.Generator().manual_seed(3)
    X = torch.randn(n_rows, N_FEATURES, generator=generator).double()
    objective, X, codes, _ = make_objective(2, X=X, costs=costs, **options)
    codes.copy_(X[:, 0] > X[:, 1])
    columns, placement = objective.rows.columns, objective.rows.placement
    rows = SparseRows(csc_array(X.numpy()), columns, placement)
    chosen = []
    select_features = SparseRows.select_features
    monkeypatch.setattr(
        SparseRows,
        "select_features",
        lambda self, features: chosen.append(len(features)) or select_features(self, features),
    )
    *_, last = solve(replace(objective, rows=rows), tol=1e-6)
    assert (last.max_violation <= 1e-6).all()
    return chosen, int((last.W[..., :N_FEATURES] != 0).sum())


def test_sets_of_sparse_rows_begin_with_half_as_many_features_as_rows(monkeypatch):
    sizes, _ = sparse_sizes(60, monkeypatch, l1_ratio=1.0, alphas=(0.02,))
    assert sizes[1] == 30


def test_sets_do_not_double_beyond_the_number_of_rows_that_bounds_an_optimum(monkeypatch):
    sizes, n_used = sparse_sizes(60, monkeypatch, l1_ratio=1.0, alphas=(0.005,))
    assert 30 < n_used <= 60
    assert max(sizes) <= 60 * 3 // 2


def test_features_that_are_about_to_get_a_weight_save_the_next_set(monkeypatch):
    sizes = {}
    for near in (0.0, 0.1):
        costs = with_sets(near=near)
        sizes[near], _ = sparse_sizes(60, monkeypatch, costs, l1_ratio=1.0, alphas=(0.15,))
    assert sizes[0.1][1] > sizes[0.0][1]
    assert len(sizes[0.1]) < len(sizes[0.0])


def test_few_rows_do_not_keep_features_out_that_an_l2_penalty_lets_in(monkeypatch):
    sizes, n_used = sparse_sizes(8, monkeypatch, l1_ratio=0.2, alphas=(0.1,))
    assert n_used > 16
    assert max(sizes) >= n_used


def test_each_set_takes_one_pass_over_all_features(sizes, monkeypatch):
    # A counter, as those of `test_counters`.
    passes = []
    monkeypatch.setattr(
        PenalizedNLL,
        "nll_and_grad_by",
        lambda *args, original=PenalizedNLL.nll_and_grad_by: passes.append(1) or original(*args),
    )
    solve(wide()[0])
    assert len(passes) == len(sizes)


def test_where_too_many_features_matter_all_are_fitted_at_once(sizes):
    objective, *data = wide(l1_ratio=0.01, alphas=(0.2,))
    *_, last = solve(objective)
    violation = oracles.smallest_subgradient(
        last.W[0], *data, 0.2, n_classes=2, fit_intercept=True, l1_ratio=0.01
    )
    assert float(violation.abs().max()) <= 1e-8
    assert int((last.W != 0).sum()) > N_FEATURES / 4
    assert max(sizes) <= N_FEATURES / 4  # all together they are no copy


def test_a_batch_of_models_ends_where_each_ends_alone():
    alphas = (0.03, 0.1, 5.0)
    *_, together = solve(wide(alphas=alphas)[0], tol=1e-9)
    assert together.status.tolist() == [Status.CONVERGED] * 3
    for m, alpha in enumerate(alphas):
        *_, alone = solve(wide(alphas=(alpha,))[0], tol=1e-9)
        torch.testing.assert_close(together.W[m], alone.W[0], atol=1e-6, rtol=0)
        assert torch.equal(together.W[m] == 0, alone.W[0] == 0)


def test_what_is_reported_is_of_all_features_and_models():
    objective, *data = wide(alphas=(0.03, 0.1, 5.0))
    history = solve(objective)
    for progress in history:
        assert progress.W.shape == objective.weights_shape
        for m, alpha in enumerate((0.03, 0.1, 5.0)):
            expected = oracles.penalized_nll(
                progress.W[m], *data, alpha, n_classes=2, fit_intercept=True, l1_ratio=0.9
            )
            assert float(progress.value[m]) == pytest.approx(float(expected), rel=1e-9)
    values = torch.stack([progress.value for progress in history])
    assert (values.diff(dim=0) <= 1e-12).all()
    statuses = torch.stack([progress.status for progress in history])
    assert (statuses.diff(dim=0) >= 0).all()  # who has converged stays so
    assert (history[-1].max_violation <= 1e-8).all()


def test_an_unreachable_tol_ends_when_only_rounding_is_left():
    objective, *_ = wide()
    X = objective.rows._X.float()
    options = {"l1_ratio": 0.9, "alphas": (0.05,), "costs": with_sets()}
    single, _, codes, _ = make_objective(2, X=X, dtype=torch.float32, **options)
    codes.copy_(objective.rows.columns[0][:, 0])
    history = solve(single, tol=0.0)
    assert history[-1].status == Status.STALLED
    *_, exact = solve(objective)
    assert float(history[-1].value) == pytest.approx(float(exact.value), rel=1e-6)


@pytest.mark.parametrize("n_used", [3, N_FEATURES])
def test_a_start_with_weights_ends_at_the_same_optimum(n_used):
    objective, *_ = wide()
    W = torch.zeros(objective.weights_shape).double()
    W[..., -1 - n_used : -1] = 0.1
    first, *_, warm = minimize_by_working_sets(objective, W, tol=1e-8)
    *_, cold = solve(objective)
    assert (first.value <= objective.value_and_grad(W)[0]).all()
    torch.testing.assert_close(warm.W, cold.W, atol=1e-5, rtol=0)


def test_where_the_start_is_the_optimum_one_iteration_is_enough():
    objective, *_ = wide(alphas=(100.0,))
    (only,) = solve(objective, tol=1.0)
    assert only.status == Status.CONVERGED
