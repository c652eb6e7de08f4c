"""Counters: how often a fit reads X, multiplies, or factorises, in place of a stopwatch.

They guard the shape of the code against regressions. A better method may change a number here; a
larger one needs a reason.
"""

import oracles
import pytest
import scipy.optimize
import torch
from problems import (
    Downhill,
    by_descent,
    by_one_model,
    fit,
    history,
    line_along,
    make_objective,
    model_and_state,
    of_teacher,
    random_weights,
)
from sklearn.linear_model import LogisticRegression
from torch.utils._python_dispatch import TorchDispatchMode

from skorchless._engine import nll
from skorchless._engine.costs import Costs
from skorchless._engine.curvature.feature_moments import centered_objective
from skorchless._engine.objective import evaluate
from skorchless._engine.rows.block_sizes import BlockSizes
from skorchless._engine.rows.memory import LocalRows, Rows, TensorRows
from skorchless._engine.solvers import descent, quasi_newton
from skorchless._engine.solvers.base import Status
from skorchless._engine.solvers.descent import descend, line_search, point_at
from skorchless._engine.solvers.full_batch import minimize_full_batch
from skorchless._engine.solvers.one_model import OneModel
from skorchless._engine.solvers.small_table import line_search as search_of_one_model
from skorchless._engine.solvers.strategy import class_hessian_seconds, pass_seconds


@pytest.fixture
def counts(monkeypatch):
    """Return how often X is read, of "ours" and by the function that scikit-learn minimises."""
    n_calls = {"ours": 0, "reference": 0}

    def count(cls, name):
        original = getattr(cls, name)

        def counted(self, *args, **options):
            n_calls["ours"] += 1
            return original(self, *args, **options)

        monkeypatch.setattr(cls, name, counted)

    # `state`, the gradient, belongs to the pass of `margins`.
    for cls, name in (
        (LocalRows, "map_reduce"),
        (LocalRows, "map_rows"),
        (LocalRows, "gram"),
        (OneModel, "margins"),
    ):
        count(cls, name)
    minimize = scipy.optimize.minimize

    def minimized(*args, **options):
        result = minimize(*args, **options)
        n_calls["reference"] += result.nfev
        return result

    monkeypatch.setattr(scipy.optimize, "minimize", minimized)
    return n_calls


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", ["plain", "correlated", "scaled"])
@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("n_features", [5, 50, 300])
@pytest.mark.parametrize("n_rows", [100, 1000])
def test_a_fit_reads_X_at_most_twice_as_often_as_scikit_learn(
    n_rows, n_features, n_classes, kind, counts
):
    objective = of_teacher(n_rows, n_features, n_classes, kind)
    codes, _ = objective.rows.columns
    X = objective.rows.whole()[0].numpy()
    LogisticRegression(tol=1e-4, max_iter=200).fit(X, codes[:, 0].numpy())
    steps = fit(objective, tol=1e-4)
    assert len(steps) < counts["ours"]
    assert counts["ours"] <= 2 * counts["reference"]


@pytest.mark.parametrize("shape", [(4000, 40, 5), (30_000, 100, 2), (3000, 200, 3)])
def test_class_hessians_of_a_fit_never_cost_more_than_twice_its_passes(shape, monkeypatch):
    costs = Costs(max_newton_ratio=0.0, max_small_entries=0)
    objective = of_teacher(*shape, "scaled", alphas=(1e-7,), costs=costs)
    made, n_iterations = [], 0
    class_hessians = quasi_newton.class_hessians

    def counted(*args, **options):
        made.append(n_iterations)
        return class_hessians(*args, **options)

    monkeypatch.setattr(quasi_newton, "class_hessians", counted)
    W = torch.zeros(objective.weights_shape)
    for n_iterations, _ in enumerate(minimize_full_batch(objective, W, tol=0.0), start=1):
        if n_iterations == 100:
            break
    assert made
    for n_hessians, n_passes in enumerate(made, start=1):
        of_hessians = n_hessians * class_hessian_seconds(objective)
        assert of_hessians <= 2 * n_passes * pass_seconds(objective)


@pytest.mark.parametrize(("offset", "n_passes"), [(0.0, 1), (1e7, 2)])
def test_only_features_far_from_zero_take_a_second_pass(offset, n_passes, monkeypatch):
    seen = []
    compute = TensorRows.map_reduce
    monkeypatch.setattr(
        TensorRows,
        "map_reduce",
        lambda self, *args, **options: seen.append(1) or compute(self, *args, **options),
    )
    X = offset + torch.rand(50, 2).double()
    centered_objective(make_objective(2, X=X)[0])
    assert len(seen) == n_passes


@pytest.fixture
def rows_multiplied(monkeypatch):
    """Return a list to which each product adds its number of rows times that of models."""
    n_rows = []

    def counted(X, W, original=nll.logits):
        n_rows.append(len(X) * len(W))
        return original(X, W)

    monkeypatch.setattr(nll, "logits", counted)
    return n_rows


def test_rows_without_weight_in_a_fold_cost_it_nothing(rows_multiplied):
    # As unshuffled folds are: each leaves out 10 rows that lie together; no one has the last 10.
    n_folds = 3
    weights = torch.ones(40, n_folds).double()
    for f in range(n_folds):
        weights[10 * f : 10 * f + 10, f] = 0.0
    weights[30:] = 0.0
    sizes = BlockSizes(block_bytes=1, min_block_rows=5)
    objective, X, codes, weights = make_objective(
        alphas=(0.1,) * n_folds, weights=weights, block_sizes=sizes
    )
    W = random_weights(objective)
    values, grads = objective.value_and_grad(W)
    assert sum(rows_multiplied) == 20 * n_folds * W.shape[1]
    for m in range(n_folds):
        value, grad = oracles.value_and_grad(
            W[m], X, codes, weights[:, m], 0.1, n_classes=3, fit_intercept=True
        )
        torch.testing.assert_close(values[m], value)
        torch.testing.assert_close(grads[m], grad)


def test_a_line_takes_one_pass_however_many_steps_there_are(monkeypatch):
    # That of the product with the weights and one with the direction.
    asked = []
    compute = Rows.map_sum
    monkeypatch.setattr(
        Rows,
        "map_sum",
        lambda self, function, values_per_row: (
            asked.append(values_per_row) or compute(self, function, values_per_row)
        ),
    )
    objective, *_ = make_objective(3, alphas=(0.1, 0.1))
    W, direction = random_weights(objective), random_weights(objective, seed=2)
    objective.along(W, direction, torch.ones(2, 4).double())
    assert asked == [2 * 2 * 3]


def test_blocks_are_made_for_as_many_numbers_as_a_row_takes(monkeypatch):
    # The sizes of blocks follow from it, and so the memory of a fit.
    asked = []
    compute = Rows.map_sum

    def record(self, function, values_per_row=1):
        asked.append(values_per_row)
        return compute(self, function, values_per_row)

    objective, *_ = make_objective(3, alphas=(0.1, 0.1), weights=torch.ones(40, 2))
    W = random_weights(objective)  # two models, three rows of weights
    part = objective.select_features(torch.tensor([1]))
    W_part = W[..., [1, -1]]
    monkeypatch.setattr(Rows, "map_sum", record)
    objective.value_and_grad(W)
    objective.nll_and_grad_by(part, W_part)
    objective.hessian(W)
    evaluate(W[:1], objective.take(torch.tensor([0])).rows)
    n_columns = W.shape[-1]
    # Scores of all models; what each pair of classes takes times each column; log-probabilities
    # and the NLL.
    assert asked == [2 * 3, 2 * 3, 2 * 3 * 3 * n_columns, 2 * 3]


@pytest.fixture
def models_in_passes(monkeypatch):
    """Return a list to which each pass over the rows adds how many models it is for."""
    n_models = []
    map_sum = Rows.map_sum

    def counted(self, function, values_per_row=None):
        sums = map_sum(self, function, values_per_row)
        n_models.append(sums[0].shape[-2 if sums[0].ndim == 3 else 0])
        return sums

    monkeypatch.setattr(Rows, "map_sum", counted)
    return n_models


def test_a_model_that_has_stopped_costs_nothing_any_more(models_in_passes):
    objective, *_ = make_objective(alphas=(10.0, 1e-2, 1e-6))
    steps = history(by_descent, objective)
    n_running = [3, *(int((p.status == Status.RUNNING).sum()) for p in steps)]
    assert n_running[0] == 3
    assert 0 < n_running[-2] < 3
    # A pass at the start, and in each iteration one for those that run; a line search that goes
    # on adds one for a part of them.
    in_order = iter(models_in_passes)
    assert all(n in in_order for n in [3, *n_running[:-1]])
    assert max(models_in_passes[-2:]) <= n_running[-3]


def test_a_line_search_goes_on_for_those_alone_that_need_it(models_in_passes):
    objective, *_ = make_objective(alphas=(0.1, 0.1, 0.1))
    start = point_at(objective, torch.zeros(objective.weights_shape).double())
    models_in_passes.clear()
    progress = next(descend(objective, start, Downhill([1.0, 1e4, 1.0]), tol=0.0))
    # All at the full step; the second at a parabola's, along its line, and where it ends.
    assert models_in_passes == [3, 1, 1, 1]
    assert (progress.value < start.value).all()
    torch.testing.assert_close(progress.W[[0, 2]], -start.grad[[0, 2]])


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("length", [10.0, 300.0, 3e4])
def test_a_shorter_step_takes_one_pass_more_and_all_others_two(length, l1_ratio, models_in_passes):
    objective, *data = make_objective(alphas=(1e-3,), l1_ratio=l1_ratio)
    line = line_along(objective, -length)
    models_in_passes.clear()
    reached, lost = line_search(line)
    # The full step, a parabola's, the shorter ones, and where the search ends.
    assert len(models_in_passes) == (2 if length == 10.0 else 4)
    assert not len(lost)
    value, grad = oracles.value_and_grad(
        *(reached.W[0], *data, 1e-3),
        n_classes=3,
        fit_intercept=True,
        l1_ratio=l1_ratio,
    )
    assert float(reached.value) == pytest.approx(float(value), rel=1e-12)
    assert float(value) < float(line.start.value)
    smooth = grad - objective.threshold[0] * reached.W[0].sign()
    torch.testing.assert_close(reached.grad[0], smooth)


@pytest.mark.parametrize("n_left_out", [1, 2, 3])
def test_the_last_pass_of_trials_counts(n_left_out, monkeypatch, models_in_passes):
    monkeypatch.setattr(descent, "N_TRIALS", 1)
    objective, *_ = make_objective(alphas=(0.1,))
    line = line_along(objective, -1e4)
    monkeypatch.setattr(descent, "MAX_TRIAL_PASSES", 50)
    models_in_passes.clear()
    line_search(line)
    needed = len(models_in_passes) - 3
    assert needed > n_left_out
    for max_passes in (needed - n_left_out, needed - 1, needed):
        monkeypatch.setattr(descent, "MAX_TRIAL_PASSES", max_passes)
        reached, lost = line_search(line)
        assert lost.tolist() == ([] if max_passes == needed else [0])
        assert torch.equal(reached.W, line.start.W) == (max_passes < needed)


class ProductsWith(TorchDispatchMode):
    """Counts the matrix products with ``X`` or a view of it."""

    def __init__(self, X):
        super().__init__()
        self.address, self.n_products = X.data_ptr(), 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if "mm" in str(function) or "mv" in str(function):
            self.n_products += any(
                isinstance(arg, torch.Tensor) and arg.data_ptr() == self.address for arg in args
            )
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("is_plain", [True, False])
@pytest.mark.parametrize("length", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_line_search_makes_one_product_and_one_for_the_gradient(n_classes, length, is_plain):
    model, state = model_and_state(make_objective(n_classes, alphas=(1e-3,))[0])
    with ProductsWith(model.X) as products:
        reached = search_of_one_model(model, state, -length * state.grad, is_plain=is_plain)
    assert reached.value < state.value
    assert products.n_products == 2


@pytest.mark.parametrize("by_newton", [True, False])
def test_an_iteration_makes_two_products(by_newton, monkeypatch):
    n_products = 0

    def count(name):
        compute = getattr(OneModel, name)

        def counted(*args):
            nonlocal n_products
            n_products += 1
            return compute(*args)

        monkeypatch.setattr(OneModel, name, counted)

    count("margins")
    count("state")  # the gradient
    objective, *_ = make_objective(alphas=(1e-3,))
    W = objective.center_over_classes(10.0 * random_weights(objective))
    n_iterations = len(history(by_one_model, objective, W=W, by_newton=by_newton))
    assert n_products <= 2 * n_iterations + 2  # of the start


N_ROWS = 30


@pytest.fixture
def factorised(monkeypatch):
    """Return a list to which each Cholesky factorisation of N rows adds its batch's shape."""
    shapes = []
    cholesky = torch.linalg.cholesky_ex

    def counted(matrix, **options):
        if matrix.shape[-1] == N_ROWS:
            shapes.append(matrix.shape)
        return cholesky(matrix, **options)

    monkeypatch.setattr(torch.linalg, "cholesky_ex", counted)
    return shapes


@pytest.fixture
def gram_matrices(monkeypatch):
    """Return a list to which each Gram matrix of the rows is added."""
    made = []
    gram = LocalRows.gram

    def counted(self, mean):
        made.append(gram(self, mean))
        return made[-1]

    monkeypatch.setattr(LocalRows, "gram", counted)
    return made


def test_models_of_several_penalties_and_folds_share_one_factor(factorised, gram_matrices):
    alphas = (0.01, 0.1, 1.0, 0.1)
    weights = torch.ones(N_ROWS, 4).double()
    weights[:, 3] = torch.rand(N_ROWS, generator=torch.Generator().manual_seed(2))
    weights[::5, 3] = 0.0
    objective, X, codes, _ = make_objective(
        n_rows=N_ROWS,
        n_features=80,
        alphas=alphas,
        weights=weights,
        costs=Costs(max_cheap_iterations=1),
    )
    last = fit(objective, tol=1e-9)[-1]
    assert last.method == "row-space"
    assert len(gram_matrices) == 1
    assert factorised == [(N_ROWS, N_ROWS)]
    for m, alpha in enumerate(alphas):
        expected = oracles.optimum(X, codes, weights[:, m], alpha, fit_intercept=True)
        torch.testing.assert_close(last.W[m], expected, rtol=1e-5, atol=1e-6)
