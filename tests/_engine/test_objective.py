"""The objective's value and gradient are those of autograd."""

import numpy as np
import oracles
import pytest
import torch
from problems import make_objective, random_weights
from sklearn.metrics import accuracy_score, log_loss

from skorchless._engine import costs, rows
from skorchless._engine.objective import (
    constant_model,
    evaluate,
    log_proba,
    soft_threshold,
)

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


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


def test_the_violation_of_each_model_is_its_own():
    objective, *_ = make_objective(4, alphas=(0.1, 0.1, 0.1), weights=torch.ones(40, 3))
    W = random_weights(objective)
    W[1] *= 10.0
    _, grad = objective.value_and_grad(W)
    # Without an L1 penalty it is the largest entry of the gradient.
    expected = torch.stack([model.abs().max() for model in grad])
    torch.testing.assert_close(objective.violation(W, grad), expected)


def test_blocks_are_made_for_as_many_numbers_as_a_row_takes(monkeypatch):
    # The sizes of blocks follow from it, and so the memory of a fit.
    asked = []
    compute = rows.Rows.map_sum

    def record(self, function, n_outputs=1):
        asked.append(n_outputs)
        return compute(self, function, n_outputs)

    objective, *_ = make_objective(3, alphas=(0.1, 0.1), weights=torch.ones(40, 2))
    W = random_weights(objective)  # two models, three rows of weights
    part = objective.select_features(torch.tensor([1]))
    W_part = W[..., [1, -1]]
    monkeypatch.setattr(rows.Rows, "map_sum", record)
    objective.value_and_grad(W)
    objective.nll_and_grad_by(part, W_part)
    objective.hessian(W)
    evaluate(W[0], objective.take(torch.tensor([0])).rows)
    n_columns = W.shape[-1]
    # Scores of all models; what each pair of classes takes times each column; log-probabilities
    # and the NLL.
    assert asked == [2 * 3, 2 * 3, 2 * 3 * 3 * n_columns, 2 * 3]


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


def test_small_blocks_add_up_to_one_large_block(monkeypatch):
    objective, *_ = make_objective(n_rows=103)
    W = random_weights(objective)
    whole = (*objective.value_and_grad(W), objective.hessian(W))
    monkeypatch.setattr(costs, "BLOCK_BYTES", 1)
    monkeypatch.setattr(costs, "MIN_BLOCK_ROWS", 7)
    objective, *_ = make_objective(n_rows=103)
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
    centred = objective.without_shift(W)
    torch.testing.assert_close(centred.sum(1), torch.zeros(1, 6).double())
    X = torch.cat([X, torch.ones(len(X), 1)], dim=1)
    before, after = (log_proba(weights[0] @ X.T) for weights in (W, centred))
    torch.testing.assert_close(after, before)


def test_an_l1_penalty_decides_itself_what_classes_have_in_common():
    l1_ratio = torch.tensor([0.5, 0.0])
    objective, *_ = make_objective(n_classes=4, alphas=(0.1, 0.1), l1_ratio=l1_ratio)
    W = random_weights(objective)
    centred = objective.without_shift(W)
    assert torch.equal(centred[0, :, :-1], W[0, :, :-1])
    torch.testing.assert_close(centred[0, :, -1].sum(), torch.tensor(0.0).double())
    torch.testing.assert_close(centred[1].sum(0), torch.zeros(6).double())


def test_one_row_of_weights_has_no_shift():
    objective, *_ = make_objective(n_classes=2)
    W = random_weights(objective)
    assert torch.equal(objective.without_shift(W), W)


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
    W = constant_model(objective)
    _, grad = objective.value_and_grad(W)
    torch.testing.assert_close(grad[..., -1], torch.zeros_like(grad[..., -1]), rtol=0, atol=1e-15)
    assert (W[..., :-1] == 0).all()
    share = torch.zeros(n_classes).double().index_add_(0, codes, weights.double()) / weights.sum()
    torch.testing.assert_close(log_proba(W[0, :, -1:]).exp()[:, 0], share)


def test_each_fold_starts_from_its_own_class_frequencies():
    weights = torch.rand(40, 2, generator=torch.Generator().manual_seed(2)).double()
    objective, _, codes, weights = make_objective(alphas=(0.1, 0.1), weights=weights)
    proba = log_proba(constant_model(objective)[..., -1:]).exp()[..., 0]  # (M, classes)
    for m in range(2):
        counts = torch.zeros(3).double().index_add_(0, codes, weights[:, m])
        torch.testing.assert_close(proba[m], counts / counts.sum())


def test_a_class_without_weight_starts_at_a_finite_score():
    objective, _, codes, _ = make_objective(3)
    objective, *_ = make_objective(3, weights=(codes != 1).double())
    assert torch.isfinite(constant_model(objective)).all()


def test_without_an_intercept_the_constant_model_is_zero():
    objective, *_ = make_objective(fit_intercept=False)
    assert (constant_model(objective) == 0).all()


@pytest.mark.parametrize("n_classes", [2, 5])
def test_evaluate_is_scikit_learns_log_loss_and_accuracy(n_classes):
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2))
    objective, X, codes, weights = make_objective(n_classes, weights=weights)
    W = random_weights(objective)[0]
    nll, accuracy = evaluate(W, objective.rows)
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
