"""The objective that samples and parameters become."""

import numpy as np
import pytest
import torch

from skorchless import TorchLogisticClassifier
from skorchless._engine.objective import class_shares
from skorchless._engine.placement import place
from skorchless.estimators._data.samples import Samples
from skorchless.estimators._fit.grid import Grid
from skorchless.estimators._fit.objective import build_objective

WEIGHTS = np.array([1.0, 2.0, 0.0, 3.0, 4.0, 0.5])
CODES = np.array([0, 1, 1, 2, 2, 0])


TOTALS = np.array([1.5, 2.0, 7.0])


@pytest.mark.parametrize(
    ("class_weight", "of_class"),
    [
        (None, np.ones(3)),
        ({0: 4.0, 1: 0.25}, np.array([4.0, 0.25, 1.0])),
        ("balanced", 10.5 / (3 * TOTALS)),
    ],
    ids=["none", "dict", "balanced"],
)
@pytest.mark.parametrize("folds", [None, [(np.arange(6), np.arange(6))]], ids=["all", "a fold"])
def test_class_shares_are_those_of_sample_weights_times_class_weights(
    folds, class_weight, of_class
):
    samples = Samples(np.ones((6, 1)), CODES, WEIGHTS, np.arange(3))
    grid = Grid(np.array([0.1, 1.0]), np.array([0.0]), folds)
    estimator = TorchLogisticClassifier(class_weight=class_weight)
    placement = place(torch.device("cpu"), torch.float64)
    shares = class_shares(build_objective(estimator, samples, placement, grid))
    expected = TOTALS * of_class / (TOTALS * of_class).sum()
    np.testing.assert_allclose(shares, [expected, expected])
