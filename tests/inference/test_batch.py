"""The fit of a batch of tasks: the same models as by a fit of each of them."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from skorchless import TorchLogisticClassifier
from skorchless._engine.placement import place
from skorchless.estimators._data.samples import Samples
from skorchless.inference._batch import fit_tasks
from skorchless.inference._tasks import Task


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0}])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_each_task_is_the_fit_of_its_training_samples(n_classes, class_weight):
    rng = np.random.RandomState(0)
    X, weights = rng.randn(40, 3), rng.uniform(0.5, 2.0, 40)
    samples = Samples(X, np.arange(40) % n_classes, weights, np.arange(n_classes))
    bootstrap = rng.randint(0, 40, 30)  # some samples are in it twice, or more often
    tasks = []
    for permutation in range(2):
        codes = rng.permutation(samples.labels)
        for fold, train in enumerate([bootstrap, np.arange(25)]):
            totals = np.bincount(codes[train], weights[train], n_classes)
            tasks.append(Task(permutation, fold, codes, train, np.arange(40), totals))
    params = {"C": 0.7, "class_weight": class_weight, "tol": 1e-9}
    placement = place(torch.device("cpu"), torch.float64)
    fit = fit_tasks(TorchLogisticClassifier(**params), X, samples, tasks, placement)
    for task, W in zip(tasks, fit.W.numpy(), strict=True):
        train = task.train
        reference = LogisticRegression(**params, max_iter=1_000)
        reference.fit(X[train], task.codes[train], sample_weight=weights[train])
        assert_allclose(W[:, :-1], reference.coef_, rtol=1e-5, atol=1e-6)
        assert_allclose(W[:, -1], reference.intercept_, rtol=1e-5, atol=1e-6)
