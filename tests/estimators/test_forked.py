"""In a process that was forked every door's method runs on one thread, and gives them back."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV
from skorchless.estimators import _forked

X, Y = load_iris(return_X_y=True)
ESTIMATORS = {
    "classifier": lambda: TorchLogisticClassifier(solver="adam", max_iter=1),
    "cv": lambda: TorchLogisticClassifierCV(Cs=2, cv=2),
    "scaler": GlobalStandardScaler,
}
METHODS = {
    "fit": "classifier cv scaler",
    "partial_fit": "classifier scaler",
    "predict": "classifier cv",
    "predict_proba": "classifier cv",
    "predict_log_proba": "classifier cv",
    "decision_function": "classifier cv",
    "transform": "scaler",
    "inverse_transform": "scaler",
}
CASES = [(name, method) for method, names in METHODS.items() for name in names.split()]


class Watched:
    """Samples that remember how many threads there are when they are read."""

    def __init__(self):
        self.n_threads = set()

    def __array__(self, dtype=None, copy=None):
        self.n_threads.add(torch.get_num_threads())
        return X

    def __len__(self):
        return len(X)

    shape = X.shape


@pytest.fixture
def two_threads():
    """Let there be two threads, whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def call(name, method):
    estimator, samples = ESTIMATORS[name]().fit(X, Y), Watched()
    labels = (Y,) if method in {"fit", "partial_fit"} else ()
    getattr(estimator, method)(samples, *labels)
    return samples.n_threads


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("name", "method"), CASES)
def test_a_child_has_one_thread_and_keeps_its_setting(name, method, monkeypatch):
    monkeypatch.setattr(_forked, "PARENT", -1)
    assert call(name, method) == {1}
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_other_processes_have_all_theirs():
    assert call("classifier", "fit") == {2}


def test_results_are_those_of_any_process(monkeypatch):
    here = TorchLogisticClassifier().fit(X, Y).predict_proba(X)
    monkeypatch.setattr(_forked, "PARENT", -1)
    np.testing.assert_allclose(
        TorchLogisticClassifier().fit(X, Y).predict_proba(X), here, rtol=1e-6
    )
