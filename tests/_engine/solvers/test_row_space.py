"""Wide fits in the space of their rows end at the optimum of their features."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import oracles
import pytest
import torch
from problems import fit, make_objective, of_teacher, random_weights, weights_with_zeros
from scipy import sparse

from skorchless._engine.costs import Costs
from skorchless._engine.curvature.feature_moments import centered_objective
from skorchless._engine.objective import weights_of_raw
from skorchless._engine.rows.containers import rows_of
from skorchless._engine.solvers import full_batch
from skorchless._engine.solvers.base import Status
from skorchless._engine.solvers.full_batch import minimize_full_batch
from skorchless._engine.solvers.row_space import RowSpace, row_space

N_ROWS = 30
ANY = ("row-space", "newton", "lbfgs", "lbfgs-hessian")


@pytest.fixture(params=["as a small table", "by blocks"])
def solve(request):
    """Return a function that gives the last progress of a fit in the row space."""

    def last(objective, W=None, tol=1e-9, methods=("row-space",)):
        if request.param == "by blocks":
            rows = objective.rows
            costs = replace(rows.placement.costs, max_small_entries=0)
            rows.placement = replace(rows.placement, costs=costs)
        W = torch.zeros(objective.weights_shape) if W is None else W
        *_, last = minimize_full_batch(objective, W, tol=tol)
        assert last.method in methods
        return last

    return last


# In the row space after one iteration.
AT_ONCE = Costs(max_cheap_iterations=1)
make_wide = partial(make_objective, n_rows=N_ROWS, n_features=80, costs=AT_ONCE)


@pytest.mark.parametrize(
    ("fit_intercept", "offset"),
    [(True, 0.0), (True, 3.0), (True, 1e6), (False, 0.0), (False, 3.0)],
)
@pytest.mark.parametrize("weights", [None, weights_with_zeros(N_ROWS)], ids=["plain", "weighted"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_ends_at_the_optimum_of_scikit_learn(solve, n_classes, fit_intercept, weights, offset):
    X = make_wide()[1] + offset
    objective, X, codes, weights = make_wide(
        n_classes, X=X, fit_intercept=fit_intercept, weights=weights
    )
    # scikit-learn does not centre: of features far off, the oracle has centred ones.
    shift = offset if fit_intercept else 0.0
    expected = oracles.optimum(X - shift, codes, weights, 0.1, fit_intercept=fit_intercept)
    # The gradient by features a million away is not known to 1e-9: fits go on by features.
    last = solve(objective, methods=("row-space",) if offset < 1e6 else ANY)
    coef = last.W[0, :, :80]
    torch.testing.assert_close(coef, expected[:, :80], rtol=1e-5, atol=1e-7)
    if fit_intercept:
        intercept = last.W[0, :, 80] + shift * coef.sum(1)
        torch.testing.assert_close(intercept, expected[:, 80], rtol=1e-5, atol=1e-6)
    assert last.status == Status.CONVERGED


def memmap(X, path):
    np.save(path / "X.npy", X)
    return np.load(path / "X.npy", mmap_mode="r")


FORMS = {
    "dense": lambda X, _: X,
    "Fortran": lambda X, _: np.asfortranarray(X),
    "memmap": memmap,
    "uint8": lambda X, _: X.astype(np.uint8),
    "CSR": lambda X, _: sparse.csr_array(X),
    "CSC": lambda X, _: sparse.csc_array(X),
    "CSR of int64": lambda X, _: sparse.csr_array(X.astype(np.int64)),
}


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_rows_of_any_kind_end_at_the_optimum_of_dense_ones(solve, form, fit_intercept, tmp_path):
    X = make_wide()[1].mul(2).round().abs()
    objective, _, codes, weights = make_wide(
        X=X, weights=weights_with_zeros(N_ROWS), fit_intercept=fit_intercept
    )
    expected = oracles.optimum(X, codes, weights, 0.1, fit_intercept=fit_intercept)
    given = FORMS[form](X.numpy(), tmp_path)
    rows = rows_of(given, (codes[:, None], weights[:, None]), objective.rows.placement)
    last = solve(replace(objective, rows=rows))
    torch.testing.assert_close(last.W[0], expected, rtol=1e-5, atol=1e-7)


def test_a_subset_of_the_rows_ends_at_its_own_optimum(solve):
    objective, X, codes, weights = make_wide()
    own = torch.arange(0, N_ROWS, 2)
    half = replace(
        objective,
        rows=objective.rows.subset(own),
        total_weight=torch.tensor([len(own)]).double(),
    )
    expected = oracles.optimum(X[own], codes[own], weights[own], 0.1, fit_intercept=True)
    torch.testing.assert_close(solve(half).W[0], expected, rtol=1e-5, atol=1e-7)


def test_float32_rows_end_near_the_optimum_of_float64(solve):
    X = make_wide()[1].float()
    objective, _, codes, weights = make_wide(X=X, dtype=torch.float32)
    expected = oracles.optimum(X.double(), codes, weights, 0.1, fit_intercept=True)
    last = solve(objective, tol=1e-7)
    assert last.W.dtype == torch.float64
    torch.testing.assert_close(last.W[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_rows_that_are_there_twice_count_twice(solve, fit_intercept):
    X = make_wide()[1]
    X[1::2] = X[::2]
    objective, X, codes, weights = make_wide(X=X, fit_intercept=fit_intercept)
    expected = oracles.optimum(X, codes, weights, 0.1, fit_intercept=fit_intercept)
    torch.testing.assert_close(solve(objective).W[0], expected, rtol=1e-5, atol=1e-6)


def test_from_any_start_it_ends_at_the_same_optimum(solve):
    objective, X, codes, weights = make_wide()
    expected = oracles.optimum(X, codes, weights, 0.1, fit_intercept=True)
    W = objective.center_over_classes(random_weights(objective))
    torch.testing.assert_close(solve(objective, W).W[0], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("offset", [0.0, 30.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_what_tol_bounds_is_the_gradient_by_the_features(solve, fit_intercept, offset):
    X = make_wide()[1] + offset
    objective, *data = make_wide(X=X, fit_intercept=fit_intercept, alphas=(1e-2,))
    last = solve(objective, tol=1e-5)
    options = {"n_classes": 3, "fit_intercept": fit_intercept}
    _, grad = oracles.value_and_grad(last.W[0], *data, 1e-2, **options)
    assert last.status == Status.CONVERGED
    assert float(grad.abs().max()) <= 1e-5


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_who_enters_and_leaves_predicts_the_same(fit_intercept):
    objective, *_ = make_wide(alphas=(0.1, 1.0), fit_intercept=fit_intercept)
    objective, _ = centered_objective(objective)
    W = random_weights(objective)
    space = row_space(objective)
    V = space.from_features(W)
    assert V.shape == (2, 3, N_ROWS + fit_intercept)
    back = space.to_features(V)
    X = objective.rows.whole()[0] - (objective.mean if fit_intercept else 0.0)
    of_weights, of_space = (
        torch.einsum("mkp,np->mkn", weights[..., :80], X) for weights in (W, back)
    )
    torch.testing.assert_close(of_space, of_weights, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(back[..., 80:], W[..., 80:])
    # What is left has no part outside of the rows, and the norm that V has.
    norm = V[..., :N_ROWS].square().sum(-1)
    torch.testing.assert_close(back[..., :80].square().sum(-1), norm, rtol=1e-5, atol=1e-8)
    assert (norm <= W[..., :80].square().sum(-1)).all()


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_value_is_that_of_the_features(fit_intercept):
    objective, X, codes, weights = make_wide(alphas=(0.1, 1.0), fit_intercept=fit_intercept)
    centered, _ = centered_objective(objective)
    space = row_space(centered)
    V = space.from_features(random_weights(objective))
    value, _ = space.objective.value_and_grad(V)
    for m, alpha in enumerate((0.1, 1.0)):
        W = weights_of_raw(space.to_features(V), centered.mean)[m]
        options = {"n_classes": 3, "fit_intercept": fit_intercept}
        expected, _ = oracles.value_and_grad(W, X, codes, weights, alpha, **options)
        assert float(value[m]) == pytest.approx(float(expected), rel=1e-7)


@pytest.mark.parametrize("offset", [0.0, 30.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_violation_is_the_largest_gradient_entry_of_the_features(
    n_classes, fit_intercept, offset
):
    X = make_wide()[1] + offset
    objective, *data = make_wide(n_classes, X=X, fit_intercept=fit_intercept)
    centered, _ = centered_objective(objective)
    space = row_space(centered)
    V = space.from_features(random_weights(objective))
    center = None if centered.center is None else centered.center[:-1]
    found = space.violation(space.to_features(V))
    W = weights_of_raw(space.to_features(V), center)[0]
    options = {"n_classes": n_classes, "fit_intercept": fit_intercept}
    _, expected = oracles.value_and_grad(W, *data, 0.1, **options)
    assert found == pytest.approx(float(expected.abs().max()), rel=1e-6)
    _, grad = space.objective.value_and_grad(V)
    assert found <= space.grad_ratio * float(grad.abs().max())


SPREADS = [1.0, 1e3, 3e4, 1e6, 1e8]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spread", SPREADS)
def test_a_feature_much_larger_than_the_others_does_not_hide_them(n_classes, dtype, spread):
    X = make_wide()[1]
    X[:, 0] = spread * (5.0 + X[:, 0])
    objective, X, codes, weights = make_objective(n_classes, X=X, alphas=(1 / 30,), dtype=dtype)
    *_, last = minimize_full_batch(objective, torch.zeros(objective.weights_shape), tol=1e-4)
    # The best weights of the others alone are among those of all.
    data = (codes, weights.double())
    others = oracles.optimum(X[:, 1:].double(), *data, 1 / 30, fit_intercept=True)
    options = {"n_classes": n_classes, "fit_intercept": True}
    value, _ = oracles.value_and_grad(last.W[0], X.double(), *data, 1 / 30, **options)
    of_others, _ = oracles.value_and_grad(others, X[:, 1:].double(), *data, 1 / 30, **options)
    assert float(value) <= 1.002 * float(of_others)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_alike_but_for_what_rounding_hides_features_are_told_apart_without_an_intercept(n_classes):
    X = make_wide()[1] + 1e6
    objective, X, codes, weights = make_objective(n_classes, X=X, fit_intercept=False)
    *_, last = minimize_full_batch(objective, torch.zeros(objective.weights_shape), tol=1e-4)
    options = {"n_classes": n_classes, "fit_intercept": False}
    _, grad = oracles.value_and_grad(last.W[0], X, codes, weights, 0.1, **options)
    has_ended = last.status == Status.CONVERGED
    assert not has_ended or float(grad.abs().max()) <= 2e-4  # of entries of 1e6


@pytest.mark.parametrize("n_classes", [2, 3])
def test_beyond_the_rounding_of_rows_the_features_go_on_from_where_they_are(n_classes):
    X = torch.randn(60, 240, generator=torch.Generator().manual_seed(0))
    X[:, 0] *= 1e3
    steps = fit(make_objective(n_classes, X=X, alphas=(1e-3,))[0], tol=1e-10)
    changes = [pair for pair in pairwise(steps) if pair[0].method == "row-space" != pair[1].method]
    ((by_rows, by_features),) = changes
    assert float(by_features.value) <= (1 + 1e-6) * float(by_rows.value)


def test_a_warm_start_of_float32_rows_begins_where_it_is():
    X = torch.randn(60, 600, generator=torch.Generator().manual_seed(0))
    objective = make_objective(3, X=X, alphas=(1e-5,), dtype=torch.float32)[0]
    W = random_weights(objective).double()
    centered, _ = centered_objective(replace(objective, alpha=objective.alpha * 1e5))
    space = row_space(centered)
    back = space.to_features(space.from_features(W))
    torch.testing.assert_close(
        centered.logits(back.float()), centered.logits(W.float()), rtol=1e-3, atol=1e-3
    )
    assert (centered.penalty(back) <= 1.001 * centered.penalty(W)).all()


@pytest.mark.parametrize("kind", ["plain", "correlated", "scaled"])
def test_a_fit_that_starts_there_takes_few_iterations_whatever_the_data(kind):
    steps = fit(of_teacher(60, 3000, 8, kind))
    assert {step.method for step in steps} == {"row-space"}
    assert len(steps) <= 30
    assert steps[-1].status == Status.CONVERGED


def test_the_weights_at_the_end_are_made_once_for_the_check_and_for_the_caller(monkeypatch):
    made, to_features = [], RowSpace.to_features

    def counted(space, V):
        made.append(V)
        return to_features(space, V)

    monkeypatch.setattr(RowSpace, "to_features", counted)
    *_, last = minimize_full_batch(make_wide(n_classes=2)[0], torch.zeros(1, 1, 81), tol=1e-4)
    n_made = len(made)
    assert last.method == "row-space"
    assert n_made > 0
    assert last.W.isfinite().all()
    assert len(made) == n_made


def test_rows_that_overflow_have_none():
    objective, *_ = make_wide(X=1e200 * make_wide()[1])
    assert row_space(objective) is None


def test_where_the_row_space_fails_the_features_go_on(monkeypatch):
    monkeypatch.setattr(full_batch, "row_space", lambda _: None)
    objective, X, codes, weights = make_wide()
    *_, last = minimize_full_batch(objective, torch.zeros(objective.weights_shape), tol=1e-9)
    assert last.method != "row-space"
    expected = oracles.optimum(X, codes, weights, 0.1, fit_intercept=True)
    torch.testing.assert_close(last.W[0], expected, rtol=1e-5, atol=1e-7)
