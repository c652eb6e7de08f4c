"""The full-batch solver ends at one optimum whatever method suits the size."""

import math
from dataclasses import replace

import numpy as np
import oracles
import pytest
import torch
from problems import alone, data_of, make_labels, make_objective, random_weights
from scipy import sparse

from skorchless._engine.costs import Costs
from skorchless._engine.rows.containers import rows_of
from skorchless._engine.rows.memory import TensorRows
from skorchless._engine.solvers import full_batch
from skorchless._engine.solvers.base import Status
from skorchless._engine.solvers.full_batch import minimize_full_batch

# Neither Newton's method, nor the Hessian or the row space that a fit may go on or start with.
PLAIN = Costs(
    plain_iterations=0,
    max_newton_ratio=0.0,
    cheap_hessian_passes=0.0,
    dear_iterations=math.inf,
    max_cheap_iterations=math.inf,
)
# The costs by which each method is chosen.
SMOOTH = {
    "newton": Costs(max_newton_ratio=math.inf, plain_iterations=0),
    "lbfgs of a small table": replace(PLAIN, max_small_models=3),
    "lbfgs": replace(PLAIN, max_small_entries=0, class_hessian_ratio=math.inf),
    "row-space": replace(PLAIN, max_small_entries=0, max_cheap_iterations=2),
    "row-space of a small table": replace(PLAIN, max_cheap_iterations=2),
}
L1 = {"proximal-newton": math.inf, "proximal-bfgs": 0.0}
MATRIX_FEATURES = {"all features": 10**6, "working sets": 0}


def make(method, n_classes=3, n_rows=40, n_features=5, costs=None, **options):
    """Return what `make_objective` does, of costs by which a method of `SMOOTH` is chosen."""
    if method.startswith("row-space"):  # which needs more features than rows
        n_rows = min(n_rows, n_features - 1)
    costs = SMOOTH[method] if costs is None else costs
    return make_objective(n_classes, n_rows, n_features, costs=costs, **options)


def optimum(objective, W=None, tol=1e-10):
    """Return the weights that a fit ends with, and how its last step was found."""
    W = torch.zeros(objective.weights_shape) if W is None else W
    *_, last = minimize_full_batch(objective, W, tol=tol)
    return last.W, last.method


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_features", [5, 60])
@pytest.mark.parametrize("method", SMOOTH)
def test_every_method_ends_at_the_optimum_of_scikit_learn(method, n_features, n_classes):
    objective, X, codes, weights = make(method, n_classes, n_features=n_features)
    W, how = optimum(objective)
    assert how == method.split(" ")[0]
    expected = oracles.optimum(X, codes, weights, 0.1, fit_intercept=True)
    torch.testing.assert_close(W[0], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("alphas", [(0.1,), (0.1, 0.2), (0.1, 0.1, 0.2, 0.3, 0.4, 0.1)])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("max_small_entries", [0, 10**6])
def test_a_fit_that_starts_in_the_row_space_ends_there(
    max_small_entries, n_classes, alphas, offset
):
    dear = {
        "plain_iterations": 10**6,
        "seconds_per_weight": 1.0,
        "seconds_per_batched_weight": 1.0,
    }
    costs = replace(PLAIN, max_small_entries=max_small_entries, **dear)
    X = make_objective(n_rows=12, n_features=60)[1]
    objective, _, codes, weights = make_objective(
        n_classes, X=X + offset, alphas=alphas, costs=costs
    )
    steps = list(minimize_full_batch(objective, torch.zeros(objective.weights_shape), tol=1e-8))
    is_shared_and_far = len(alphas) > 1 and offset > 0.0
    assert {step.method for step in steps} == {"lbfgs" if is_shared_and_far else "row-space"}
    for W, alpha in zip(steps[-1].W, alphas, strict=True):
        # An offset changes the intercept alone.
        expected = oracles.optimum(X, codes, weights, alpha, fit_intercept=True)
        torch.testing.assert_close(W[:, :-1], expected[:, :-1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", SMOOTH)
def test_no_ground_is_lost_where_one_method_hands_over_to_the_next(method):
    # Class Hessians after three iterations.
    due = {"min_iterations": 3, "class_hessian_ratio": 0.0, "dear_iterations": 0.0}
    costs = replace(SMOOTH[method], **due)
    n_features = 60 if method.startswith("row-space") else 5
    objective, *data = make(method, n_rows=400, n_features=n_features, alphas=(1e-4,), costs=costs)
    W = torch.zeros(objective.weights_shape)
    history = list(minimize_full_batch(objective, W, tol=1e-10))
    assert len({progress.method for progress in history}) == (1 if method == "newton" else 2)
    values = torch.stack([progress.value[0] for progress in history])
    assert (values.diff() <= 1e-12).all()
    options = {"n_classes": 3, "fit_intercept": True}
    for progress in history:
        value, _ = oracles.value_and_grad(progress.W[0], *data, 1e-4, **options)
        assert float(progress.value[0]) == pytest.approx(float(value), rel=1e-6)


@pytest.mark.parametrize("method", SMOOTH)
@pytest.mark.parametrize("alpha", [0.1, 0.0])
def test_what_all_classes_have_in_common_at_the_start_is_dropped(alpha, method):
    if method.startswith("row-space") and alpha == 0.0:
        method = "lbfgs"  # there is none without a penalty
    objective, *_ = make(method, alphas=(alpha,))
    W = objective.center_over_classes(random_weights(objective))
    shifted = W + torch.arange(W.shape[2])
    torch.testing.assert_close(
        optimum(objective, shifted)[0], optimum(objective, W)[0], rtol=0, atol=1e-7
    )


def test_with_and_without_an_l1_penalty_each_model_is_fitted_as_if_alone():
    alphas, l1_ratios = (0.01, 0.1, 0.3, 0.02), torch.tensor([0.5, 0.0, 1.0, 0.0]).double()
    objective, *_ = make_objective(alphas=alphas, l1_ratio=l1_ratios)
    W = random_weights(objective)
    history = list(minimize_full_batch(objective, W, tol=1e-9))
    lengths = []
    for m, l1_ratio in enumerate(l1_ratios):
        model = torch.tensor([m])
        alone = list(minimize_full_batch(objective.take(model), W[model], tol=1e-9))
        lengths.append(len(alone))
        assert float(history[0].value[m]) == pytest.approx(float(alone[0].value), rel=1e-12)
        torch.testing.assert_close(history[-1].W[m], alone[-1].W[0], rtol=0, atol=1e-7)
        assert (history[-1].W[m] == 0).any() == (l1_ratio > 0)
    assert len(history) == max(lengths)
    assert history[-1].status.tolist() == [Status.CONVERGED] * 4


@pytest.mark.parametrize("method", ["newton", "lbfgs of a small table", "lbfgs"])
def test_a_flat_model_leaves_the_others_as_they_are_alone(method):
    X = make_objective()[1]
    X = torch.cat([X, X[:, :1]], dim=1)  # without a penalty the objective is flat
    alphas = (0.1, 0.0, 1.0)
    objective, *data = make(method, 2, X=X, alphas=alphas)
    W, _ = optimum(objective)
    for m in (0, 2):
        expected = oracles.optimum(*data, alphas[m], fit_intercept=True)
        torch.testing.assert_close(W[m], expected, rtol=0, atol=1e-7)
    single, *data = make(method, 2, X=X[:, :5], alphas=(0.0,))
    expected, _ = optimum(single)
    coef = W[1, 0, :5] + torch.nn.functional.pad(W[1, 0, 5:6], (0, 4))
    torch.testing.assert_close(coef, expected[0, 0, :5], rtol=0, atol=1e-6)


def records_are_kept(objective):
    """Return whether no record of a fit has changed by its end."""
    solver = minimize_full_batch(objective, torch.zeros(objective.weights_shape), tol=1e-9)
    records = [(record, record.W.clone(), record.value.clone()) for record in solver]
    assert len(records) > 2
    return all(
        torch.equal(record.W, W) and torch.equal(record.value, value)
        for record, W, value in records
    )


@pytest.mark.parametrize("method", SMOOTH)
def test_the_record_of_an_iteration_does_not_change_with_the_next(method):
    assert records_are_kept(make(method, n_features=60, alphas=(0.01, 0.1))[0])


@pytest.mark.parametrize("method", L1)
@pytest.mark.parametrize("max_features", MATRIX_FEATURES)
def test_with_an_l1_penalty_neither_does_it(method, max_features):
    costs = Costs(
        max_proximal_ratio=L1[method],
        max_working_set_ratio=L1[method],
        max_matrix_features=MATRIX_FEATURES[max_features],
    )
    assert records_are_kept(make_objective(alphas=(0.01, 0.1), l1_ratio=1.0, costs=costs)[0])


# Tables of any size are copied.
COPIED = Costs(min_rounded_entries=0, max_newton_ratio=0.0)


@pytest.fixture
def n_copies(monkeypatch):
    """Return a list with an entry for each float32 copy of X."""
    copies, rounded = [], TensorRows.rounded

    def counted(self, dtype, **options):
        copies.append(dtype)
        return rounded(self, dtype, **options)

    monkeypatch.setattr(TensorRows, "rounded", counted)
    return copies


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("is_small", [True, False])
@pytest.mark.parametrize(("scale", "tol"), [(1.0, 1e-4), (1e-3, 1e-7), (10.0, 1e-3)])
def test_a_fit_by_a_float32_copy_is_as_near_as_tol(scale, tol, is_small, n_classes, n_copies):
    costs = COPIED if is_small else replace(COPIED, max_small_entries=0)
    X = scale * make_objective()[1]
    objective, *data = make_objective(n_classes, X=X, alphas=(1e-3,), costs=costs)
    W, _ = optimum(objective, tol=tol)
    assert n_copies == [torch.float32]
    _, grad = oracles.value_and_grad(W[0], *data, 1e-3, n_classes=n_classes, fit_intercept=True)
    assert float(grad.abs().max()) <= tol


@pytest.mark.parametrize(("n_models", "expected"), [(1, 0), (7, 0), (8, 1), (50, 1)])
def test_the_more_models_share_X_the_sooner_a_copy_pays(n_models, expected, n_copies):
    costs = replace(COPIED, min_rounded_entries=8 * 40 * 5)  # of 40 x 5
    optimum(make_objective(alphas=(0.1,) * n_models, costs=costs)[0], tol=1e-3)
    assert len(n_copies) == expected


@pytest.mark.parametrize(
    ("X", "tol"),
    [
        (make_objective()[1], 1e-6),
        (1e3 * make_objective()[1], 1e-4),
        (make_objective()[1] + 30.0, 1e-4),
        (make_objective()[1].float(), 1e-4),
    ],
    ids=["tight tol", "large features", "far features", "float32"],
)
def test_where_float32_is_too_coarse_there_is_no_copy(X, tol, n_copies):
    objective, *_ = make_objective(X=X, dtype=X.dtype, costs=COPIED)
    optimum(objective, tol=tol)
    assert n_copies == []


def test_where_float32_stalls_the_fit_goes_on_with_X_itself(n_copies, monkeypatch):
    steps_in_dtype = full_batch._minimize_in_dtype

    def stalled(objective, *args, **options):
        steps = steps_in_dtype(objective, *args, **options)
        if objective.rows.placement.dtype == torch.float64:
            return steps
        before, last = next(steps), next(steps)
        return iter([before, replace(last, status=torch.tensor([int(Status.STALLED)]))])

    monkeypatch.setattr(full_batch, "_minimize_in_dtype", stalled)
    objective, *data = make_objective(alphas=(0.1,), costs=COPIED)
    *_, last = minimize_full_batch(objective, torch.zeros(objective.weights_shape), tol=1e-4)
    assert n_copies == [torch.float32]
    assert last.status.tolist() == [Status.CONVERGED]
    expected = oracles.optimum(*data, 0.1, fit_intercept=True)
    torch.testing.assert_close(last.W[0], expected, rtol=0, atol=1e-2)


# Row weights of all models, and of each penalty and label of its own.
LABEL_WEIGHTS = {
    "weights of all": None,
    "weights of each label": torch.rand(
        (40, 2, 3), generator=torch.Generator().manual_seed(2), dtype=torch.float64
    ),
}


def make_many(method, weights, fit_intercept=True, n_features=5, **options):
    """Return an objective of two penalties of three labels, of costs that choose ``method``."""
    if method.startswith("row-space"):
        n_features = 60
    weights = LABEL_WEIGHTS[weights]
    return make_labels(
        alphas=(0.1, 0.3),
        n_features=n_features,
        weights=weights,
        fit_intercept=fit_intercept,
        costs=replace(SMOOTH[method], max_small_models=6),
        **options,
    )[0]


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weights", LABEL_WEIGHTS)
@pytest.mark.parametrize("method", SMOOTH)
def test_each_label_ends_at_the_optimum_of_scikit_learn(method, weights, fit_intercept):
    objective = make_many(method, weights, fit_intercept)
    W, how = optimum(objective)
    assert how == method.split(" ")[0]
    for m in range(6):
        expected = oracles.optimum(*data_of(objective, m), fit_intercept=fit_intercept)
        torch.testing.assert_close(W[m], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("weights", LABEL_WEIGHTS)
@pytest.mark.parametrize("method", ["newton", "lbfgs of a small table", "lbfgs"])
def test_labels_take_the_iterations_of_separate_fits(method, weights):
    objective = make_many(method, weights)
    W = torch.zeros(objective.weights_shape)
    history = list(minimize_full_batch(objective, W, tol=1e-6))
    lengths = []
    for m in range(6):
        separate = list(minimize_full_batch(alone(objective, m), W[m : m + 1], tol=1e-6))
        lengths.append(len(separate))
        if weights == "weights of each label":
            continue  # whose moments of features, and so whose steps, are those of all models
        for together, by_itself in zip(history, separate, strict=False):
            torch.testing.assert_close(together.W[m], by_itself.W[0], rtol=1e-6, atol=1e-9)
    assert abs(len(history) - max(lengths)) <= (2 if weights == "weights of each label" else 0)


def test_labels_share_class_hessians_and_end_at_their_own_optimum():
    costs = Costs(
        max_newton_ratio=0.0,
        max_small_entries=0,
        min_iterations=3,
        class_hessian_ratio=0.0,
        min_drawn_rows=50,
    )
    X = torch.randn(400, 5, generator=torch.Generator().manual_seed(1)).double()
    X *= torch.tensor([1.0, 30.0, 0.1, 5.0, 100.0])
    objective, *_ = make_labels(alphas=(1e-3, 1e-2), X=X, costs=costs)
    history = list(minimize_full_batch(objective, torch.zeros(objective.weights_shape), tol=1e-9))
    assert {progress.method for progress in history} == {"lbfgs", "lbfgs-hessian"}
    for m in range(6):
        expected = oracles.optimum(*data_of(objective, m), fit_intercept=True)
        torch.testing.assert_close(history[-1].W[m], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("weights", LABEL_WEIGHTS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("max_features", MATRIX_FEATURES)
@pytest.mark.parametrize("method", L1)
def test_with_an_l1_penalty_each_label_ends_at_its_own_optimum(
    method, max_features, fit_intercept, weights
):
    costs = Costs(
        max_proximal_ratio=L1[method],
        max_working_set_ratio=L1[method],
        max_matrix_features=MATRIX_FEATURES[max_features],
    )
    options = {"l1_ratio": (0.5, 1.0), "fit_intercept": fit_intercept}
    objective, *_ = make_labels(
        alphas=(0.02, 0.05), weights=LABEL_WEIGHTS[weights], costs=costs, **options
    )
    *_, last = minimize_full_batch(objective, torch.zeros(objective.weights_shape), tol=1e-7)
    assert last.status.tolist() == [Status.CONVERGED] * 6
    assert (last.W == 0).any()
    for m in range(6):
        violation = oracles.smallest_subgradient(
            *(last.W[m], *data_of(objective, m)),
            n_classes=2,
            fit_intercept=fit_intercept,
            l1_ratio=float(objective.l1_ratio[m]),
        )
        assert float(violation.abs().max()) < 1e-6


def partitioned(X, _, columns, placement):
    dask = pytest.importorskip("dask", reason="needs the extra dask")
    from skorchless._engine.rows.dask import DaskRows

    lengths = [13, 1, 26]
    parts = [
        dask.delayed(rows_of)(X[part], tuple(column[part] for column in columns), placement)
        for part in (slice(13), slice(13, 14), slice(14, 40))
    ]
    return DaskRows(parts, lengths, X.shape[1], placement)


def on_disk(X, path, *rest):
    np.save(path / "X.npy", X)
    return rows_of(np.load(path / "X.npy", mmap_mode="r"), *rest)


FORMS = {
    "uint8": lambda X, _, *rest: rows_of(X.astype(np.uint8), *rest),
    "CSR": lambda X, _, *rest: rows_of(sparse.csr_array(X), *rest),
    "CSC": lambda X, _, *rest: rows_of(sparse.csc_array(X), *rest),
    "memory-mapped": on_disk,
    "Dask": partitioned,
}


@pytest.mark.parametrize("weights", LABEL_WEIGHTS)
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("form", FORMS)
def test_labels_of_rows_of_any_kind_end_where_those_of_dense_ones_do(
    form, l1_ratio, weights, tmp_path
):
    X = make_objective()[1].mul(2).round().abs()
    objective, _, codes, columns = make_labels(
        X=X, alphas=(0.02, 0.1), weights=LABEL_WEIGHTS[weights], l1_ratio=l1_ratio
    )
    rows = FORMS[form](X.numpy(), tmp_path, (codes, columns), objective.rows.placement)
    W, _ = optimum(replace(objective, rows=rows), tol=1e-8)
    options = {"n_classes": 2, "fit_intercept": True, "l1_ratio": l1_ratio}
    for m in range(6):
        violation = oracles.smallest_subgradient(W[m], *data_of(objective, m), **options)
        assert float(violation.abs().max()) < 1e-7


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("method", SMOOTH)
def test_fits_of_dummies_stay_where_the_penalty_is_lowest(method, n_classes, is_sparse):
    generator = np.random.default_rng(0)
    codes = (8 ** generator.random((60, 9))).astype(int)
    X = torch.from_numpy((codes[:, :, None] == np.arange(1, 8)).reshape(60, -1)).double()
    objective, X, codes, weights = make(method, n_classes, X=X, alphas=(1e-3,))
    if is_sparse:
        rows = objective.rows
        rows = rows_of(sparse.csr_array(X.numpy()), rows.columns, rows.placement)
        objective = replace(objective, rows=rows)
    start = random_weights(objective)
    *_, last = minimize_full_batch(objective, start, tol=1e-4)
    of_categories = last.W[0, :, :-1].unflatten(1, (9, 7)).sum(2)
    # Newton's method is led there by the penalty alone.
    atol = 1e-2 if method == "newton" else 1e-4
    torch.testing.assert_close(of_categories, torch.zeros_like(of_categories), atol=atol, rtol=0)
    *_, last = minimize_full_batch(objective, start, tol=1e-10)
    expected = oracles.optimum(X, codes, weights, 1e-3, fit_intercept=True)
    torch.testing.assert_close(last.W[0], expected, rtol=1e-4, atol=1e-6)
