"""How many tasks are fitted at once."""

import numpy as np
import pytest
import sklearn

from skorchless import TorchLogisticClassifier
from skorchless.estimators._data.samples import Samples
from skorchless.inference import _scores
from skorchless.inference._scores import Experiment, in_batches, score_tasks
from skorchless.inference._tasks import Task


def experiment_of(n_samples, n_features, n_classes=2):
    """Return an experiment on noise, and 20 tasks."""
    rng = np.random.RandomState(0)
    codes, classes = np.arange(n_samples) % n_classes, np.arange(n_classes)
    samples = Samples(rng.randn(n_samples, n_features), codes, np.ones(n_samples), classes)
    every = np.arange(n_samples)
    tasks = [Task(i, 0, codes, every, every, np.bincount(codes) * 1.0) for i in range(20)]
    return Experiment(TorchLogisticClassifier(max_iter=2, tol=10.0), samples, None), tasks


@pytest.mark.parametrize(
    ("n_samples", "megabytes", "expected"), [(1_000, 0.2, 2), (1_000, 1, 13), (4_000, 1, 3)]
)
def test_rows_of_a_batch_take_half_of_the_working_memory(n_samples, megabytes, expected):
    experiment, tasks = experiment_of(n_samples, 1)
    with sklearn.config_context(working_memory=megabytes):
        batches = list(in_batches(experiment, tasks))
    assert [task for batch in batches for task in batch] == tasks
    assert len(batches[0]) == expected  # MB / 2 / (40 bytes for each sample)


@pytest.mark.parametrize(("n_classes", "expected"), [(2, 15), (3, 5), (5, 3)])
def test_models_of_a_batch_take_half_of_the_working_memory(monkeypatch, n_classes, expected):
    experiment, tasks = experiment_of(60, 99, n_classes)
    sizes, fit_tasks = [], _scores.fit_tasks

    def counted(classifier, X, samples, of_batch, placement):
        sizes.append(len(of_batch))
        return fit_tasks(classifier, X, samples, of_batch, placement)

    monkeypatch.setattr(_scores, "fit_tasks", counted)
    with sklearn.config_context(working_memory=0.95):
        scores = score_tasks(experiment, tasks)
    assert sorted(scores) == [(i, 0) for i in range(20)]
    assert sizes[0] == expected  # MB / 2 / (320 bytes for each of K * 100 weights)


def test_a_batch_is_never_empty():
    experiment, tasks = experiment_of(60, 3)
    with sklearn.config_context(working_memory=0):
        assert [len(batch) for batch in in_batches(experiment, tasks)] == [1] * 20
        assert len(score_tasks(experiment, tasks[:2])) == 2
