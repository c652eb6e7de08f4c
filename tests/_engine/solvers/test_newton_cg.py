"""Newton's method by conjugate gradients: steps are Newton's, fits end at the optimum."""

from dataclasses import replace

import oracles
import pytest
import torch
from problems import data_of, fit, make_labels, make_objective, random_weights
from scipy import sparse

from skorchless._engine import products as products_module
from skorchless._engine.costs import Costs
from skorchless._engine.curvature.feature_moments import centered_objective
from skorchless._engine.rows.block_sizes import BlockSizes
from skorchless._engine.rows.sparse import SparseRows
from skorchless._engine.rows.workers import sharing
from skorchless._engine.solvers import full_batch, newton_cg
from skorchless._engine.solvers.base import Status
from skorchless._engine.solvers.descent import SearchLine, line_search, point_with_logits
from skorchless._engine.solvers.newton_cg import NewtonCGDirections
from skorchless._engine.solvers.strategy import is_newton_cg_cheap

N_ROWS, N_FEATURES = 60, 70
WEIGHTS = torch.rand(N_ROWS, 3, generator=torch.Generator().manual_seed(3)).double() + 0.1
# No Hessian is made as a matrix.
COSTS = Costs(max_newton_ratio=0.0)


def both(make=make_objective, *, scale=1.0, costs=COSTS, **options):
    """Return an objective of dense rows and that of the same rows, sparse."""
    X = scale * sparse.random(N_ROWS, N_FEATURES, 0.3, random_state=0, format="csr")
    dense, *_ = make(X=torch.from_numpy(X.toarray()), costs=costs, **options)
    _, codes, weights = dense.rows.whole()
    rows = SparseRows(sparse.csr_array(X), (codes, weights), dense.rows.placement)
    return dense, replace(dense, rows=rows)


def directions(objective, W, tol=1e-4):
    """Return the point of the weights ``W`` of centred features, and the direction there."""
    objective, moments = centered_objective(objective)
    start = point_with_logits(objective, W)
    return start, NewtonCGDirections(objective, start, moments=moments, tol=tol).at(start)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_step_that_is_solved_to_the_end_is_newtons(n_classes, fit_intercept, monkeypatch):
    monkeypatch.setattr(newton_cg, "MIN_GAIN", 1e-20)
    dense, rows = both(
        n_classes=n_classes,
        fit_intercept=fit_intercept,
        alphas=(0.1, 3.0, 0.5),
        weights=WEIGHTS,
    )
    W = random_weights(dense)
    start, direction = directions(rows, W, tol=0.0)
    hessian = centered_objective(dense)[0].hessian(W)
    newton = -torch.linalg.pinv(hessian) @ start.grad.flatten(1)[..., None]
    # A shift of all classes' intercepts changes nothing.
    direction, newton = (rows.center_over_classes(d.view_as(W)) for d in (direction, newton))
    torch.testing.assert_close(direction, newton, rtol=1e-6, atol=1e-8)


def test_a_step_that_is_not_solved_to_the_end_descends_by_most_of_what_is_there_to_gain():
    dense, rows = both(n_classes=3, alphas=(1e-3,))
    W = random_weights(dense)
    start, direction = directions(rows, W)
    hessian = centered_objective(dense)[0].hessian(W)[0]
    g, d = start.grad.flatten(), direction.flatten()
    lowest = -0.5 * g @ torch.linalg.pinv(hessian) @ g
    assert lowest <= g @ d + 0.5 * d @ hessian @ d < 0.8 * lowest


@pytest.mark.parametrize("register_size", [1, 16])
def test_a_model_has_the_same_step_alone(register_size, monkeypatch):
    # By 1 a model leaves the batch as soon as it has ended, by 16 all stay to the end.
    monkeypatch.setattr(newton_cg, "REGISTER_SIZE", register_size)
    _, rows = both(make_labels, n_labels=3, alphas=(1e-3, 1.0))
    W = random_weights(rows)
    _, together = directions(rows, W)
    for m in range(len(W)):
        model = torch.tensor([m])
        _, direction = directions(rows.take(model), W[model])
        torch.testing.assert_close(direction, together[model])


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_step_tells_how_the_logits_change(n_classes, fit_intercept):
    _, rows = both(n_classes=n_classes, alphas=(1e-3, 1.0), fit_intercept=fit_intercept)
    objective, moments = centered_objective(rows)
    start = point_with_logits(objective, random_weights(rows))
    steps = NewtonCGDirections(objective, start, moments=moments, tol=1e-4)
    direction = steps.at(start)
    torch.testing.assert_close(steps.logits_change, objective.logits(direction))
    line = SearchLine(
        objective,
        start,
        direction,
        torch.zeros(2),
        torch.zeros(2),
        logits_change=steps.logits_change,
    )
    trial = line.point(torch.tensor([0.5, 2.0])[:, None, None])
    value, grad = objective.value_and_grad(trial.W)
    torch.testing.assert_close(trial.value, value)
    torch.testing.assert_close(trial.grad, grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_step_that_is_much_too_long_is_shortened(dtype):
    _, rows = both(make_labels, n_labels=2, alphas=(1e-3,), dtype=dtype)
    objective, moments = centered_objective(rows)
    start = point_with_logits(objective, torch.zeros(objective.weights_shape).double())
    steps = NewtonCGDirections(objective, start, moments=moments, tol=1e-4)
    direction, length = steps.at(start), 1e5
    line = SearchLine(
        objective,
        start,
        length * direction,
        length * (start.grad * direction).sum((1, 2)).double(),
        torch.zeros(2).double(),
        length * steps.logits_change,
    )
    point, lost = line_search(line)
    assert not lost.numel()
    assert (point.value < start.value).all()
    value, _ = objective.value_and_grad(point.W.double())
    torch.testing.assert_close(point.value, value, rtol=1e-5, atol=0.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_fit_in_blocks_of_rows_is_that_of_all_rows(n_classes, dtype):
    options = {"n_classes": n_classes, "alphas": (1e-3, 1.0), "dtype": dtype}
    whole = fit(both(**options)[1], tol=1e-3)
    _, rows = both(**options)
    placement = replace(rows.rows.placement, block_sizes=BlockSizes(sparse_block_values=60))
    assert SparseRows(rows.rows._X, rows.rows.columns, placement)._n_blocks(2) > 1
    in_blocks = replace(rows, rows=SparseRows(rows.rows._X, rows.rows.columns, placement))
    parts = fit(in_blocks, tol=1e-3)
    assert parts[-1].method == whole[-1].method == "newton-cg"
    torch.testing.assert_close(parts[-1].W, whole[-1].W, rtol=1e-4, atol=1e-5)


def test_trials_of_a_step_take_half_a_pass(monkeypatch):
    products = []
    multiply = products_module._csr_product

    def counted(X, right):
        products.append(X.shape)
        return multiply(X, right)

    monkeypatch.setattr(products_module, "_csr_product", counted)
    _, rows = both(make_labels, n_labels=3, alphas=(1e-3,))
    objective = replace(rows, rows=rows.rows.ready_to_select())
    objective, moments = centered_objective(objective)
    start = point_with_logits(objective, torch.zeros(objective.weights_shape).double())
    steps = NewtonCGDirections(objective, start, moments=moments, tol=1e-4)
    line = SearchLine(
        objective, start, steps.at(start), torch.ones(3), torch.zeros(3), steps.logits_change
    )
    products.clear()
    for _ in range(5):
        line.point(torch.ones(3)[:, None, None])
    assert products == 5 * [(N_FEATURES, N_ROWS)]


def test_a_model_that_has_ended_its_search_stays_where_it_was():
    # The second is at its optimum, where the residual is 0, beside one that takes several steps.
    _, rows = both(make_labels, n_labels=2, alphas=(1e-3,))
    objective, moments = centered_objective(rows)
    start = point_with_logits(objective, random_weights(rows))
    start.grad[1] = 0.0
    direction = NewtonCGDirections(objective, start, moments=moments, tol=0.0).at(start)
    assert not direction[1].any()
    assert direction[0].isfinite().all()
    assert direction[0].any()


def test_a_step_without_curvature_follows_the_gradient():
    _, rows = both(n_classes=2, alphas=(0.0,))
    W = torch.full(rows.weights_shape, 1e300, dtype=torch.float64)  # no row is in doubt
    start, direction = directions(rows, W)
    assert (start.grad * direction).sum() < 0
    assert direction.isfinite().all()


def test_a_step_whose_product_overflows_ends_where_it_was():
    dense, rows = both(n_classes=3, dtype=torch.float32)
    X = sparse.csr_array((1e19 * rows.rows._X).astype("f4"))
    huge = SparseRows(X, dense.rows.whole()[1:], dense.rows.placement)
    start = torch.zeros(rows.weights_shape, dtype=torch.float64)
    point, direction = directions(replace(rows, rows=huge), start)
    assert point.grad.isfinite().all()
    assert direction.isfinite().all()


@pytest.mark.parametrize("mean", [0.0, 10.0, 1000.0])
def test_features_far_from_zero_take_few_iterations(mean):
    _, rows = both(n_classes=3, alphas=(1e-3,))
    values = rows.rows._X.toarray()
    values[:, -1] += mean
    far = sparse.csr_array(values)
    rows = replace(rows, rows=SparseRows(far, rows.rows.columns, rows.rows.placement))
    steps = list(fit(rows, tol=1e-4))
    assert steps[-1].method == "newton-cg"
    assert (steps[-1].status == Status.CONVERGED).all()
    assert len(steps) <= 12


@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_labels_end_at_their_optimum(fit_intercept, scale):
    dense, rows = both(
        make_labels,
        n_labels=3,
        alphas=(1e-3, 0.1),
        weights=WEIGHTS[:, :2],
        fit_intercept=fit_intercept,
        scale=scale,
    )
    *_, last = fit(rows, tol=1e-9)
    assert last.method == "newton-cg"
    assert (last.status == Status.CONVERGED).all()
    for m in range(len(last.W)):
        optimum = oracles.optimum(*data_of(dense, m), fit_intercept=fit_intercept)
        torch.testing.assert_close(
            last.W[m, 0], torch.as_tensor(optimum).ravel(), atol=1e-5, rtol=1e-5
        )


def test_classes_end_where_the_gradient_is_zero():
    dense, rows = both(n_classes=3, alphas=(1e-2,))
    *_, last = fit(rows, tol=1e-9)
    assert last.method == "newton-cg"
    _, grad = oracles.value_and_grad(
        *(last.W[0], *data_of(dense, 0)), n_classes=3, fit_intercept=True
    )
    assert grad.abs().max() < 1e-8


@pytest.mark.parametrize("n_workers", [1, 3])
def test_parts_of_the_models_are_fitted_as_all_together(n_workers):
    parts = replace(COSTS, max_part_weights=2 * (N_FEATURES + 1))
    at_once = fit(both(make_labels, n_labels=5)[1], tol=1e-9)
    with sharing(lambda: n_workers):
        in_parts = fit(both(make_labels, n_labels=5, costs=parts)[1], tol=1e-9)
    for together, apart in zip(at_once, in_parts, strict=True):
        torch.testing.assert_close(apart.W, together.W)
        assert torch.equal(apart.status, together.status)


def test_enough_models_are_two_parts_however_few_weights_they_have(monkeypatch):
    sizes, join = [], full_batch.join
    monkeypatch.setattr(full_batch, "join", lambda parts: (sizes.append(parts), join(parts))[1])
    costs = replace(COSTS, min_divided_models=5)
    fit(both(make_labels, n_labels=4, costs=costs)[1])
    assert not sizes
    fit(both(make_labels, n_labels=5, costs=costs)[1])
    assert [len(models) for models, _ in sizes[0]] == [3, 2]


def test_bits_do_not_depend_on_the_number_of_workers():
    parts = replace(COSTS, max_part_weights=2 * (N_FEATURES + 1))
    alone = fit(both(make_labels, n_labels=5, costs=parts)[1])
    with sharing(lambda: 3):
        shared = fit(both(make_labels, n_labels=5, costs=parts)[1])
    assert torch.equal(alone[-1].W, shared[-1].W)


def test_it_is_for_several_models_of_a_sparse_x_with_few_entries():
    dense, rows = both(n_classes=3)
    assert is_newton_cg_cheap(rows)
    assert not is_newton_cg_cheap(dense)
    assert not is_newton_cg_cheap(both(n_classes=2)[1])
    few = rows.rows.n_stored / N_FEATURES
    for most, is_cheap in ((few, True), (few - 0.1, False)):
        costs = replace(COSTS, max_entries_per_feature=most)
        assert is_newton_cg_cheap(both(n_classes=3, costs=costs)[1]) == is_cheap
    features = torch.arange(N_ROWS)
    assert not is_newton_cg_cheap(rows.select_features(features))  # as many rows: logits count


def test_what_is_told_of_a_float32_fit_is_in_the_dtype_of_sums():
    _, rows = both(n_classes=3, alphas=(1e-3, 1.0), dtype=torch.float32)
    steps = list(fit(rows, tol=1e-3))
    assert steps[-1].method == "newton-cg"
    for progress in steps:
        of_models = (progress.W, progress.value, progress.max_violation)
        assert {tensor.dtype for tensor in of_models} == {torch.float64}


def test_many_models_of_a_float64_x_multiply_in_float32(monkeypatch):
    costs = replace(COSTS, min_rounded_entries=0)
    read, placements = SparseRows.__getitem__, []

    def noted(self, rows):
        placements.append(self.placement)
        return read(self, rows)

    monkeypatch.setattr(SparseRows, "__getitem__", noted)
    dense, many = both(make_labels, n_labels=8, alphas=(0.1,), costs=costs)
    *_, last = fit(many, tol=1e-4)
    assert {placed.dtype for placed in placements} == {torch.float32, torch.float64}
    assert (last.status == Status.CONVERGED).all()
    for m in range(8):
        _, grad = oracles.value_and_grad(
            *(last.W[m], *data_of(dense, m)), n_classes=2, fit_intercept=True
        )
        assert grad.abs().max() <= 1e-4
    placements.clear()
    fit(both(make_labels, n_labels=7, alphas=(0.1,), costs=costs)[1])
    assert {placed.dtype for placed in placements} == {torch.float64}
