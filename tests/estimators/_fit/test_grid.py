"""The grid in the engine's terms: a column of weights for each fold, one model a candidate."""

import numpy as np
import oracles
import pytest
import torch

from skorchless import TorchLogisticClassifier
from skorchless._engine.placement import place
from skorchless.estimators._data.samples import Samples
from skorchless.estimators._fit.grid import Grid, check_Cs, choose, grid_of_one
from skorchless.estimators._fit.objective import build_objective, fold_counts

RNG = np.random.RandomState(0)
X, CODES, WEIGHTS = RNG.randn(12, 2), np.arange(12) % 3, RNG.randint(0, 3, 12).astype(float)
FOLDS = [(np.arange(0, 8), np.arange(8, 12)), (np.array([4, 4, 5, 6, 7, 8]), np.arange(0, 4))]


def make_grid(Cs=(0.1, 1.0, 10.0), l1_ratios=(0.0,)):
    return Grid(np.array(Cs), np.array(l1_ratios), FOLDS)


def test_a_number_of_Cs_spans_the_decades_of_logistic_regression_cv():
    np.testing.assert_array_equal(check_Cs(5), [1e-4, 1e-2, 1.0, 1e2, 1e4])


def test_candidates_go_by_fold_then_ratio_then_C():
    grid = make_grid(l1_ratios=(0.0, 1.0))
    assert grid.shape == (2, 2, 3)
    folds, _, Cs = grid.candidates
    assert folds.tolist() == 6 * [0] + 6 * [1]
    assert Cs.tolist() == 4 * [0.1, 1.0, 10.0]


def test_a_plain_fit_is_a_grid_of_one():
    grid = grid_of_one(10.0, 0.5)
    assert grid.shape == (1, 1, 1)
    folds, l1_ratios, Cs = grid.candidates
    assert folds.tolist() == [0]
    assert Cs.tolist() == [10.0]
    assert l1_ratios.tolist() == [0.5]


def test_a_fold_counts_its_training_samples_as_often_as_they_are_drawn():
    counts = fold_counts(FOLDS, 12)
    n_drawn = np.array([[1] * 8 + [0] * 4, [0, 0, 0, 0, 2, 1, 1, 1, 1, 0, 0, 0]])
    np.testing.assert_array_equal(counts, n_drawn.T)
    assert counts.dtype == np.uint8  # one byte for each sample and fold


def test_each_candidates_objective_is_that_of_its_fold():
    placement = place(torch.device("cpu"), torch.float64)
    samples = Samples(X, CODES, WEIGHTS, classes=np.arange(3))
    objective = build_objective(TorchLogisticClassifier(), samples, placement, make_grid())
    W = torch.randn(objective.weights_shape, generator=torch.Generator().manual_seed(0)).double()
    values, _ = objective.value_and_grad(W)
    for m, (value, (f, C)) in enumerate(
        zip(values, [(f, C) for f in (0, 1) for C in (0.1, 1.0, 10.0)], strict=True)
    ):
        train = FOLDS[f][0]
        weights = torch.tensor(WEIGHTS[train])
        expected = oracles.penalized_nll(
            *(W[m], torch.tensor(X[train]), torch.tensor(CODES[train]), weights),
            1 / (C * float(weights.sum())),
            n_classes=3,
            fit_intercept=True,
        )
        assert float(value) == pytest.approx(float(expected), rel=1e-12)


def test_the_best_on_average_and_the_mean_of_the_best():
    grid = make_grid()
    scores = np.array([[[0.0, 0.9, 1.0]], [[0.0, 0.8, 0.1]]])
    W = torch.arange(6.0)[:, None, None]
    average, of_best = (choose(grid, W, scores, refit=refit) for refit in (True, False))
    assert (average.C, float(average.W)) == (1.0, (1 + 4) / 2)
    assert (of_best.C, float(of_best.W)) == ((10.0 + 1.0) / 2, (2 + 4) / 2)
