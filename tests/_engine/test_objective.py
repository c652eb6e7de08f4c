"""The objective's value and gradient are those of autograd."""

from dataclasses import replace

import numpy as np
import oracles
import pytest
import torch
from problems import (
    SMALL_BLOCKS,
    alone,
    data_of,
    make_labels,
    make_objective,
    random_weights,
)
from scipy.sparse import csr_array
from sklearn.metrics import accuracy_score, log_loss

from skorchless._engine.objective import (
    class_shares,
    evaluate,
    intercept_only_weights,
    log_proba,
    soft_threshold,
    weights_of_centred,
    weights_of_raw,
)
from skorchless._engine.rows.sparse import SparseRows

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}
MEAN = torch.linspace(-1.0, 3.0, 5).double()
FOLD_WEIGHTS = torch.rand(40, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("weighted", [False, True])
def test_value_and_gradient_are_those_of_autograd(n_classes, fit_intercept, dtype, weighted):
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2)) if weighted else None
    objective, *data = make_objective(
        n_classes, fit_intercept=fit_intercept, dtype=dtype, weights=weights
    )
    W = random_weights(objective)
    value, grad = objective.value_and_grad(W)
    expected = oracles.value_and_grad(
        W[0], *data, 0.1, n_classes=n_classes, fit_intercept=fit_intercept
    )
    torch.testing.assert_close(value[0], expected[0], rtol=TOLERANCE[dtype], atol=0)
    torch.testing.assert_close(grad[0], expected[1], rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("n_classes", [2, 4])
def test_gradient_is_that_of_finite_differences(n_classes):
    objective, *_ = make_objective(n_classes)
    W = random_weights(objective)
    _, grad = objective.value_and_grad(W)
    step = 1e-6
    for index in np.ndindex(*W.shape):
        shift = torch.zeros_like(W)
        shift[index] = step
        above, below = (objective.value_and_grad(W + s)[0] for s in (shift, -shift))
        assert float((above - below) / (2 * step)) == pytest.approx(float(grad[index]), abs=1e-8)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_models_in_a_batch_are_those_one_by_one(n_classes):
    alphas = (0.0, 0.1, 3.0)
    weights = torch.rand(40, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    weights[::4, 1] = 0.0  # a fold
    objective, X, codes, weights = make_objective(n_classes, alphas=alphas, weights=weights)
    W = random_weights(objective)
    values, grads = objective.value_and_grad(W)
    for m, alpha in enumerate(alphas):
        value, grad = oracles.value_and_grad(
            W[m], X, codes, weights[:, m], alpha, n_classes=n_classes, fit_intercept=True
        )
        torch.testing.assert_close(values[m], value)
        torch.testing.assert_close(grads[m], grad)


def as_it_is(objective):
    return objective


def made_sparse(objective):
    """Return the objective of the same rows, sparse."""
    rows = objective.rows
    sparse = SparseRows(csr_array(rows._X.numpy()), rows.columns, rows.placement)
    return replace(objective, rows=sparse)


def read_by_center(objective):
    """Return the objective of features that are read less what is subtracted here from them."""
    center = torch.linspace(2.0, -5.0, objective.rows.n_features).double()
    shifted = objective.rows._X + center
    rows = type(objective.rows)(shifted, objective.rows.columns, objective.rows.placement)
    return replace(objective, rows=rows.centered(center))


@pytest.mark.parametrize("change", [as_it_is, made_sparse, read_by_center])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_of_centered_features_are_those_of_features_less_the_mean(
    n_classes, dtype, change
):
    alphas = (0.1, 3.0)
    objective, X, codes, weights = make_objective(
        n_classes, alphas=alphas, weights=FOLD_WEIGHTS, dtype=dtype, l1_ratio=0.3
    )
    centered = change(objective).centered(MEAN)
    W = random_weights(objective)
    value, grad = centered.value_and_grad(W)
    hessian = centered.hessian(W)
    close = {"rtol": 10 * TOLERANCE[dtype], "atol": 10 * TOLERANCE[dtype]}
    for m, alpha in enumerate(alphas):
        data = (W[m], X.double() - MEAN, codes, weights[:, m], alpha)
        options = {"n_classes": n_classes, "fit_intercept": True, "l1_ratio": 0.3}
        # No weight is 0: autograd's gradient has all of the L1 penalty's.
        expected, slope = oracles.value_and_grad(*data, **options)
        torch.testing.assert_close(value[m], expected, **close)
        torch.testing.assert_close(centered.subgradient(W, grad)[m], slope, **close)
        torch.testing.assert_close(hessian[m], oracles.hessian(*data, **options), **close)


@pytest.mark.parametrize("change", [as_it_is, made_sparse])
def test_some_centered_features_are_those_less_their_mean(change):
    options = {"weights": FOLD_WEIGHTS, "alphas": (0.1, 1.0), "l1_ratio": 0.5}
    X = make_objective()[1]
    objective, expected = (make_objective(2, X=of, **options)[0] for of in (X, X - MEAN))
    features = torch.tensor([1, 4])
    wholes = (change(objective).centered(MEAN), expected)
    parts = [whole.select_features(features) for whole in wholes]
    W = random_weights(parts[0])
    found, expected = (
        (*part.value_and_grad(W), *whole.nll_and_grad_by(part, W))
        for part, whole in zip(parts, wholes, strict=True)
    )
    torch.testing.assert_close(found, expected)


def test_the_violation_is_that_of_features_before_anything_is_subtracted():
    objective, X, codes, weights = make_objective(l1_ratio=0.3)
    for centered in (objective.centered(MEAN), read_by_center(objective).centered(MEAN)):
        W = random_weights(objective)
        W[..., 1:3] = 0.0
        found = centered.violation(W, centered.value_and_grad(W)[1])
        center = centered.center[:-1]
        given = X if centered.rows.center is None else X + centered.rows.center
        expected = oracles.smallest_subgradient(
            *(weights_of_raw(W, center)[0], given, codes, weights, 0.1),
            n_classes=3,
            fit_intercept=True,
            l1_ratio=0.3,
        )
        torch.testing.assert_close(found[0], expected.abs().max())


def test_weights_of_centered_features_predict_as_those_of_features_as_they_are():
    objective, X, *_ = make_objective()
    W = random_weights(objective)
    raw = weights_of_raw(W, MEAN)
    torch.testing.assert_close(
        raw[0, :, :-1] @ X.T + raw[0, :, -1:], W[0, :, :-1] @ (X - MEAN).T + W[0, :, -1:]
    )
    torch.testing.assert_close(weights_of_centred(raw, MEAN), W)
    for change in (weights_of_raw, weights_of_centred):
        assert change(W, None) is W
    assert objective.grad_of_block(W) is W


def test_weights_of_raw_and_gradients_of_centered_features_go_together():
    objective, *_ = make_objective()
    W, direction = random_weights(objective), random_weights(objective, seed=2)
    _, grad = objective.value_and_grad(W)
    along = (grad * weights_of_raw(direction, MEAN)).sum()
    of_centred = replace(objective, mean=MEAN).grad_of_block(grad.clone())
    torch.testing.assert_close((of_centred * direction).sum(), along)


STEPS = torch.tensor([[0.0, 1.0, 0.1, -2.0], [3.0, 1e-3, 0.5, 1.0]], dtype=torch.float64)


@pytest.mark.parametrize("mean", [None, MEAN])
@pytest.mark.parametrize("change", [as_it_is, made_sparse])
@pytest.mark.parametrize(
    ("n_classes", "fit_intercept", "l1_ratio"),
    [(2, True, 0.0), (3, True, 0.0), (3, False, 0.0), (2, True, 0.3), (3, True, 1.0)],
)
def test_a_line_has_the_values_slopes_and_curvatures_of_autograd(
    n_classes, fit_intercept, l1_ratio, change, mean
):
    mean = mean if fit_intercept else None
    alphas = (0.1, 3.0)
    options = {"fit_intercept": fit_intercept, "l1_ratio": l1_ratio}
    objective, X, codes, weights = make_objective(
        n_classes, alphas=alphas, weights=FOLD_WEIGHTS, block_sizes=SMALL_BLOCKS, **options
    )
    W, direction = random_weights(objective), random_weights(objective, seed=2)
    found = change(objective).centered(mean).along(W, direction, STEPS)
    X = X if mean is None else X - mean
    for m, alpha in enumerate(alphas):
        data = (X, codes, weights[:, m], alpha)
        # With an L1 penalty the slope is that of the smooth part: its share has no ridge.
        smooth = (*data[:-1], alpha * (1 - l1_ratio))
        of_smooth = {"n_classes": n_classes, "fit_intercept": fit_intercept}
        d = direction[m].flatten()
        for t, step in enumerate(STEPS[m]):
            end = W[m] + step * direction[m]
            value = oracles.penalized_nll(end, *data, n_classes=n_classes, **options)
            _, grad = oracles.value_and_grad(end, *smooth, **of_smooth)
            hessian = oracles.hessian(end, *smooth, **of_smooth)
            expected = torch.stack([value, grad.flatten() @ d, d @ hessian @ d])
            torch.testing.assert_close(torch.stack([part[m, t] for part in found]), expected)


def test_a_line_of_single_precision_is_that_of_double():
    exact, single = (make_objective(dtype=d)[0] for d in (torch.float64, torch.float32))
    W, direction = random_weights(exact), random_weights(exact, seed=2)
    found, expected = (of.along(W, direction, STEPS[:1]) for of in (single, exact))
    for part, whole in zip(found, expected, strict=True):
        assert part.dtype == torch.float64
        torch.testing.assert_close(part, whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_models_of_one_column_of_row_weights_are_those_one_by_one(n_classes):
    alphas = (0.0, 0.1, 3.0)
    objective, *data = make_objective(n_classes, alphas=alphas, weights=FOLD_WEIGHTS[:, 0])
    W = random_weights(objective)
    values, grads = objective.value_and_grad(W)
    hessians = objective.hessian(W)
    for m, alpha in enumerate(alphas):
        options = {"n_classes": n_classes, "fit_intercept": True}
        value, grad = oracles.value_and_grad(W[m], *data, alpha, **options)
        torch.testing.assert_close(values[m], value)
        torch.testing.assert_close(grads[m], grad)
        torch.testing.assert_close(hessians[m], oracles.hessian(W[m], *data, alpha, **options))


def test_the_violation_of_each_model_is_its_own():
    objective, *_ = make_objective(4, alphas=(0.1, 0.1, 0.1), weights=torch.ones(40, 3))
    W = random_weights(objective)
    W[1] *= 10.0
    _, grad = objective.value_and_grad(W)
    # Without an L1 penalty it is the largest entry of the gradient.
    expected = torch.stack([model.abs().max() for model in grad])
    torch.testing.assert_close(objective.violation(W, grad), expected)


def test_models_taken_from_a_batch_are_those_models():
    weights = torch.rand(40, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    objective, *_ = make_objective(alphas=(0.0, 0.1, 3.0), weights=weights)
    W = random_weights(objective)
    part = torch.tensor([2, 0])
    taken = objective.take(part)
    for of_part, of_all in zip(
        taken.value_and_grad(W[part]), objective.value_and_grad(W), strict=True
    ):
        torch.testing.assert_close(of_part, of_all[part])
    torch.testing.assert_close(taken.hessian(W[part]), objective.hessian(W)[part])


def test_small_blocks_add_up_to_one_large_block():
    objective, *_ = make_objective(n_rows=103)
    W = random_weights(objective)
    whole = (*objective.value_and_grad(W), objective.hessian(W))
    objective, *_ = make_objective(n_rows=103, block_sizes=SMALL_BLOCKS)
    parts = (*objective.value_and_grad(W), objective.hessian(W))
    for part, expected in zip(parts, whole, strict=True):
        torch.testing.assert_close(part, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_hessian_is_that_of_autograd(n_classes, fit_intercept):
    weights = torch.rand(40, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    alphas = (0.1, 3.0)
    objective, X, codes, weights = make_objective(
        n_classes, alphas=alphas, weights=weights, fit_intercept=fit_intercept
    )
    W = random_weights(objective)
    for m, alpha in enumerate(alphas):
        expected = oracles.hessian(
            *(W[m], X, codes, weights[:, m], alpha),
            n_classes=n_classes,
            fit_intercept=fit_intercept,
        )
        torch.testing.assert_close(objective.hessian(W)[m], expected)


def test_weights_without_their_shift_give_the_same_probabilities():
    objective, X, *_ = make_objective(n_classes=4)
    W = random_weights(objective)
    centred = objective.center_over_classes(W)
    torch.testing.assert_close(centred.sum(1), torch.zeros(1, 6).double())
    X = torch.cat([X, torch.ones(len(X), 1)], dim=1)
    before, after = (log_proba(weights[0] @ X.T) for weights in (W, centred))
    torch.testing.assert_close(after, before)


def test_an_l1_penalty_decides_itself_what_classes_have_in_common():
    l1_ratio = torch.tensor([0.5, 0.0])
    objective, *_ = make_objective(n_classes=4, alphas=(0.1, 0.1), l1_ratio=l1_ratio)
    W = random_weights(objective)
    centred = objective.center_over_classes(W)
    assert torch.equal(centred[0, :, :-1], W[0, :, :-1])
    torch.testing.assert_close(centred[0, :, -1].sum(), torch.tensor(0.0).double())
    torch.testing.assert_close(centred[1].sum(0), torch.zeros(6).double())


def test_one_row_of_weights_has_no_shift():
    objective, *_ = make_objective(n_classes=2)
    W = random_weights(objective)
    assert torch.equal(objective.center_over_classes(W), W)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_extreme_scores_do_not_overflow(n_classes):
    objective, *_ = make_objective(n_classes, alphas=(0.0,))
    value, grad = objective.value_and_grad(1e4 * random_weights(objective))
    assert torch.isfinite(value).all()
    assert torch.isfinite(grad).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_constant_model_is_the_best_one_that_ignores_X(n_classes):
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2))
    objective, _, codes, weights = make_objective(n_classes, weights=weights)
    W = intercept_only_weights(objective)
    _, grad = objective.value_and_grad(W)
    torch.testing.assert_close(grad[..., -1], torch.zeros_like(grad[..., -1]), rtol=0, atol=1e-15)
    assert (W[..., :-1] == 0).all()
    share = torch.zeros(n_classes).double().index_add_(0, codes, weights.double()) / weights.sum()
    torch.testing.assert_close(log_proba(W[0, :, -1:]).exp()[:, 0], share)


def test_each_fold_starts_from_its_own_class_frequencies():
    weights = torch.rand(40, 2, generator=torch.Generator().manual_seed(2)).double()
    objective, _, codes, weights = make_objective(alphas=(0.1, 0.1), weights=weights)
    proba = log_proba(intercept_only_weights(objective)[..., -1:]).exp()[..., 0]  # (M, classes)
    for m in range(2):
        counts = torch.zeros(3).double().index_add_(0, codes, weights[:, m])
        torch.testing.assert_close(proba[m], counts / counts.sum())


@pytest.mark.parametrize("n_classes", [2, 3])
def test_class_shares_are_those_of_the_weights_of_each_models_fold(n_classes):
    objective, _, codes, weights = make_objective(
        n_classes, alphas=(0.1, 0.1), weights=FOLD_WEIGHTS
    )
    shares = class_shares(objective.take(torch.tensor([1, 0])))
    for found, of_fold in zip(shares, weights.T.flip(0), strict=True):
        expected = np.bincount(codes, of_fold, n_classes) / float(of_fold.sum())
        np.testing.assert_allclose(found, expected)


def test_a_class_without_weight_starts_at_a_finite_score():
    objective, _, codes, _ = make_objective(3)
    objective, *_ = make_objective(3, weights=(codes != 1).double())
    assert torch.isfinite(intercept_only_weights(objective)).all()


def test_without_an_intercept_the_constant_model_is_zero():
    objective, *_ = make_objective(fit_intercept=False)
    assert (intercept_only_weights(objective) == 0).all()


@pytest.mark.parametrize("n_classes", [2, 5])
def test_evaluate_is_scikit_learns_log_loss_and_accuracy(n_classes):
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2))
    objective, X, codes, weights = make_objective(n_classes, weights=weights)
    W = random_weights(objective)[0]
    nll, accuracy = evaluate(W[None], objective.rows)
    proba = log_proba(W[:, :-1] @ X.T + W[:, -1:]).exp().T.numpy()
    weights = weights.numpy()
    assert float(nll) == pytest.approx(log_loss(codes, proba, sample_weight=weights))
    assert float(accuracy) == pytest.approx(
        accuracy_score(codes, proba.argmax(1), sample_weight=weights)
    )


def test_log_proba_of_one_row_of_scores_is_the_logistic_function():
    scores = torch.tensor([[-800.0, -1.0, 0.0, 2.0, 800.0]], dtype=torch.float64)
    expected = torch.stack(
        [torch.nn.functional.logsigmoid(-scores[0]), torch.nn.functional.logsigmoid(scores[0])]
    )
    torch.testing.assert_close(log_proba(scores), expected)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
def test_the_elastic_net_is_that_of_its_formula(n_classes, fit_intercept, l1_ratio):
    objective, *data = make_objective(
        n_classes, alphas=(0.1, 3.0), l1_ratio=l1_ratio, fit_intercept=fit_intercept
    )
    W = random_weights(objective)
    W[:, :, 1:3] = 0.0
    value, grad = objective.value_and_grad(W)
    subgradient = objective.subgradient(W, grad)
    options = {"n_classes": n_classes, "fit_intercept": fit_intercept, "l1_ratio": l1_ratio}
    for m, alpha in enumerate((0.1, 3.0)):
        expected, _ = oracles.value_and_grad(W[m], *data, alpha, **options)
        assert float(value[m]) == pytest.approx(float(expected), rel=1e-12)
        torch.testing.assert_close(
            subgradient[m], oracles.smallest_subgradient(W[m], *data, alpha, **options)
        )
    assert objective.has_l1 == (l1_ratio > 0)


def test_without_strength_there_is_no_l1_penalty():
    objective, *_ = make_objective(alphas=(0.0, 0.0), l1_ratio=1.0)
    assert not objective.has_l1


def test_soft_thresholding_stops_at_zero():
    W = torch.tensor([-3.0, -0.5, 0.0, 0.5, 3.0])
    assert soft_threshold(W, torch.tensor(1.0)).tolist() == [-2.0, 0.0, 0.0, 0.0, 2.0]
    assert torch.equal(soft_threshold(W, torch.tensor(0.0)), W)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_features_without_weight_can_be_left_out_of_the_scores(n_classes, fit_intercept):
    weights = torch.rand(40, 2, generator=torch.Generator().manual_seed(2)).double()
    objective, *_ = make_objective(
        n_classes, weights=weights, alphas=(0.1, 1.0), l1_ratio=0.5, fit_intercept=fit_intercept
    )
    W = random_weights(objective)
    W[..., [0, 2, 3]] = 0.0
    part = objective.select_features(torch.tensor([1, 4]))
    W_part = W[..., [1, 4, *range(5, W.shape[2])]]
    value, grad = objective.value_and_grad(W)
    torch.testing.assert_close(part.value_and_grad(W_part)[0], value)
    nll, grad_of_nll = objective.nll_and_grad_by(part, W_part)
    torch.testing.assert_close(nll + objective.penalty(W), value)
    torch.testing.assert_close(grad_of_nll + objective.shrinkage * W, grad)


def test_the_change_of_an_l1_penalty_keeps_digits_that_its_value_has_not():
    objective, *_ = make_objective(n_classes=3, alphas=(0.5,), l1_ratio=1.0)
    W = random_weights(objective)
    direction = 1e-17 * random_weights(objective, seed=2)
    expected = 0.5 * (W.sign() * direction)[..., :-1].sum()
    torch.testing.assert_close(objective.l1_change(W, direction)[0], expected)
    for end in (-W, torch.zeros_like(W), 3 * W):
        expected = objective.l1_penalty(end) - objective.l1_penalty(W)
        torch.testing.assert_close(objective.l1_change(W, end - W), expected)


LABEL_WEIGHTS = {
    "of all models": FOLD_WEIGHTS[:, 0],
    "of folds": FOLD_WEIGHTS,
    "of labels": torch.rand(40, 2, 3, generator=torch.Generator().manual_seed(3)).double(),
}


@pytest.fixture(params=LABEL_WEIGHTS)
def several_labels(request):
    """Return an objective of two penalties of three labels, with rows of weight 0."""
    weights = LABEL_WEIGHTS[request.param].clone()
    weights.view(40, -1)[::4, 0] = 0.0  # of one fold, or of all
    return make_labels(alphas=(0.1, 3.0), weights=weights, l1_ratio=0.25)[0]


@pytest.mark.parametrize("change", [as_it_is, made_sparse, read_by_center])
def test_models_of_several_labels_have_the_derivatives_of_each_alone(several_labels, change):
    W = random_weights(several_labels)
    value, grad = change(several_labels).value_and_grad(W)
    subgradient = several_labels.subgradient(W, grad)
    hessian = change(several_labels).hessian(W)
    options = {"n_classes": 2, "fit_intercept": True, "l1_ratio": 0.25}
    for m in range(6):
        data = (W[m], *data_of(several_labels, m))
        expected, slope = oracles.value_and_grad(*data, **options)
        torch.testing.assert_close(value[m], expected)
        torch.testing.assert_close(subgradient[m], slope)
        torch.testing.assert_close(hessian[m], oracles.hessian(*data, **options))


def test_along_a_direction_each_label_has_its_own_value_slope_and_curvature(several_labels):
    several_labels = replace(several_labels, l1_ratio=torch.zeros(6).double())
    W, direction = random_weights(several_labels), random_weights(several_labels, seed=2)
    steps = torch.rand(6, 2, generator=torch.Generator().manual_seed(4)).double()
    along = several_labels.along(W, direction, steps)
    options = {"n_classes": 2, "fit_intercept": True}
    for m, t in np.ndindex(6, 2):
        data = (W[m] + steps[m, t] * direction[m], *data_of(several_labels, m))
        value, grad = oracles.value_and_grad(*data, **options)
        d = direction[m].flatten()
        curvature = d @ oracles.hessian(*data, **options) @ d
        for found, expected in zip(along, (value, d @ grad.flatten(), curvature), strict=True):
            torch.testing.assert_close(found[m, t], expected)


def test_models_taken_from_several_labels_keep_their_label_and_fold(several_labels):
    part = torch.tensor([5, 1, 3])
    W = random_weights(several_labels)
    values, grads = several_labels.take(part).value_and_grad(W[part])
    for m, value, grad in zip(part, values, grads, strict=True):
        expected, slope = alone(several_labels, m).value_and_grad(W[m : m + 1])
        torch.testing.assert_close(value, expected[0])
        torch.testing.assert_close(grad, slope[0])


@pytest.mark.parametrize("n_classes", [2, 4])
def test_class_shares_are_those_of_each_label_by_its_weights(several_labels, n_classes):
    generator = torch.Generator().manual_seed(5)
    codes = torch.randint(0, n_classes, (40, 3), generator=generator)
    _, weights = several_labels.rows.columns
    rows = replace_columns(several_labels.rows, codes, weights)
    objective = replace(several_labels, rows=rows, n_classes=n_classes)
    shares = class_shares(objective)
    assert shares.shape == (6, n_classes)
    for m, found in enumerate(shares):
        _, of_label, of_model, _ = data_of(objective, m)
        expected = np.bincount(of_label, of_model, n_classes) / float(of_model.sum())
        np.testing.assert_allclose(found, expected)
    start = log_proba(intercept_only_weights(objective)[..., -1:]).exp()[..., 0]
    torch.testing.assert_close(start, shares)


def replace_columns(rows, *columns):
    """Return the same rows with other columns."""
    return type(rows)(rows._X, columns, rows.placement)


def test_a_label_of_one_class_starts_at_a_finite_score():
    codes = torch.tensor([[0, 1, 0], [0, 1, 1]], dtype=torch.uint8).repeat(20, 1)
    objective, *_ = make_labels(codes=codes)
    first = intercept_only_weights(objective)[..., -1].flatten()
    assert torch.isfinite(first).all()
    assert first[0] < -10
    assert first[1] > 10
    assert float(first[2]) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("n_labels", [2, 5])
def test_evaluate_of_several_labels_is_the_mean_log_loss_and_the_accuracy_of_all(n_labels):
    objective, X, codes, weights = make_labels(n_labels, weights=FOLD_WEIGHTS[:, 0])
    W = random_weights(objective)
    proba = torch.sigmoid(W[:, 0, :-1] @ X.T + W[:, 0, -1:]).T.numpy()  # (N, L)
    codes = torch.from_numpy((proba > 0.5).astype(np.uint8))
    codes[::3, 0] = 1 - codes[::3, 0]
    rows = replace_columns(objective.rows, codes, weights)
    nll, accuracy = evaluate(W, rows)
    weights = weights[:, 0].numpy()
    of_labels = [
        log_loss(of_label, p, sample_weight=weights)
        for of_label, p in zip(codes.numpy().T, proba.T, strict=True)
    ]
    assert float(nll) == pytest.approx(np.mean(of_labels))
    expected = accuracy_score(codes, proba > 0.5, sample_weight=weights)
    assert float(accuracy) == pytest.approx(expected)
    assert 0 < expected < 1


@pytest.mark.parametrize("n_classes", [2, 3])
def test_less_what_dummies_have_in_common_a_model_predicts_the_same_at_a_lower_penalty(n_classes):
    X = torch.eye(5, dtype=torch.float64)[torch.arange(40) ** 2 % 5]
    X = torch.cat([torch.arange(40.0)[:, None].double() / 40, X[:, [0, 1, 4]]], dim=1)
    objective, *_ = make_objective(n_classes, X=X, alphas=(0.1, 1.0))
    dummies = torch.tensor([0, 1, 1, 1])
    objective = replace(objective.centered(X.mean(0)), dummies=dummies)
    W = random_weights(objective)
    centred = objective.center_over_dummies(W)
    torch.testing.assert_close(objective.logits(centred), objective.logits(W))
    torch.testing.assert_close(centred[..., 1:4].sum(2), torch.zeros(W.shape[:2]).double())
    assert torch.equal(centred[..., [0, 4]], W[..., [0, 4]])
    assert (objective.penalty(centred) < objective.penalty(W)).all()
    torch.testing.assert_close(objective.center_over_dummies(centred), centred)
