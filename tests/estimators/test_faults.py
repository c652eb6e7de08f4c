"""What goes wrong around a fit costs nothing that was there, and no fit waits forever."""

import os
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import torch
from scripts import run_script
from sklearn.datasets import load_digits, load_iris

from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV
from skorchless._engine.rows.memory import LocalRows
from skorchless._engine.solvers.one_model import OneModel

X, Y = load_iris(return_X_y=True)
DIGITS, DIGIT_LABELS = load_digits(return_X_y=True)
# Fits and predicts enough rows for torch to share them among two threads, in the parent first.
IN_PROCESSES = """
import multiprocessing, sys
import numpy as np
import torch
from sklearn.datasets import load_digits
from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV

X, y = load_digits(return_X_y=True)
X, y = np.tile(X, (20, 1)), np.tile(y, 20)
MODELS = [
    TorchLogisticClassifier(tol=0.1),
    TorchLogisticClassifier(solver="adam", max_iter=1, random_state=0),
    TorchLogisticClassifierCV(Cs=2, cv=2, tol=0.1),
]

def work(i):
    scaled = GlobalStandardScaler().fit_transform(X)
    return [model.fit(scaled, y).predict_proba(scaled).sum(axis=0) for model in MODELS]

if __name__ == "__main__":
    torch.set_num_threads(2)
    here = work(0)
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        for there in pool.map_async(work, range(2)).get(timeout=90):
            np.testing.assert_allclose(there, here, rtol=1e-4)
    assert torch.get_num_threads() == 2
    work(0)
"""
IN_LOKY = """
import joblib, numpy as np, torch
from sklearn.datasets import load_iris
from skorchless import TorchLogisticClassifier

X, y = load_iris(return_X_y=True)
TorchLogisticClassifier().fit(np.tile(X, (400, 1)), np.tile(y, 400))

def work(i):
    TorchLogisticClassifier().fit(X, y)
    return torch.get_num_threads()

n_threads = joblib.Parallel(n_jobs=2)(joblib.delayed(work)(i) for i in range(4))
print(max(n_threads))
"""


@pytest.mark.slow  # starts processes that import torch
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no fork")
def test_processes_of_every_kind_finish_after_torch_has_run_in_the_parent(tmp_path, method):
    run_script(tmp_path, IN_PROCESSES, method)


@pytest.mark.slow  # starts processes that import torch
def test_workers_of_joblib_share_the_cores(tmp_path):
    n_threads = int(run_script(tmp_path, IN_LOKY))
    assert 2 * n_threads <= max(2, joblib.cpu_count())


@pytest.mark.parametrize("solver", ["lbfgs", "adam", "sgd"])
def test_fits_in_parallel_threads_give_the_same_bits_as_one_by_one(solver):
    def fit(seed):
        clf = TorchLogisticClassifier(solver=solver, max_iter=4, tol=1.0, random_state=seed)
        return clf.fit(DIGITS, DIGIT_LABELS)

    one_by_one = [fit(seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        at_once = list(pool.map(fit, range(6)))
    for one, other in zip(one_by_one, at_once, strict=True):
        np.testing.assert_array_equal(one.coef_, other.coef_)
        np.testing.assert_array_equal(one.loss_curve_, other.loss_curve_)


@pytest.mark.parametrize(
    ("estimator", "owner", "name"),
    [
        # A GPU without memory for a block takes half of it, and in the end says so itself.
        (TorchLogisticClassifier(l1_ratio=0.5, device="cpu"), LocalRows, "_call"),
        (TorchLogisticClassifierCV(l1_ratios=(0.5,), cv=2, device="cpu"), LocalRows, "_call"),
        (TorchLogisticClassifier(), OneModel, "state"),
        (TorchLogisticClassifierCV(cv=2), OneModel, "state"),
    ],
    ids=["a pass", "a pass of a grid", "a small table", "a grid on a small table"],
)
@pytest.mark.parametrize(
    "fault", [KeyboardInterrupt, MemoryError, torch.OutOfMemoryError, RuntimeError, SystemExit]
)
def test_a_fault_in_the_middle_of_a_fit_keeps_the_fit_before(
    estimator, owner, name, fault, monkeypatch
):
    estimator.fit(X, Y)
    before = {name: np.copy(getattr(estimator, name)) for name in ("coef_", "intercept_")}
    proba, n_features = estimator.predict_proba(X), estimator.n_features_in_
    n_calls, compute = 0, getattr(owner, name)

    def fail(*arguments):
        nonlocal n_calls
        n_calls += 1
        if n_calls > 3:
            raise fault("in the middle")
        return compute(*arguments)

    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(fault, match="in the middle"):
        estimator.fit(X[:, :2], Y)
    monkeypatch.undo()
    assert n_calls == 4
    for attribute, value in before.items():
        np.testing.assert_array_equal(getattr(estimator, attribute), value)
    assert estimator.n_features_in_ == n_features
    np.testing.assert_array_equal(estimator.predict_proba(X), proba)


def test_a_scaler_that_fails_keeps_what_it_has_learnt():
    scaler = GlobalStandardScaler().fit(X)
    before = vars(scaler).copy()
    for bad in (np.full((2, 4), np.inf), X[:, :2], np.array([["a", "b", "c", "d"]])):
        with pytest.raises(ValueError):  # noqa: PT011, each in scikit-learn's words
            scaler.partial_fit(bad)
        assert vars(scaler) == before


def test_a_scaler_that_is_interrupted_at_the_end_keeps_what_it_has_learnt(monkeypatch):
    scaler = GlobalStandardScaler().fit(X)
    before = vars(scaler).copy()

    def store(estimator, name, value):
        object.__setattr__(estimator, name, value)
        if name == "_moments":  # what is set last
            raise KeyboardInterrupt

    monkeypatch.setattr(GlobalStandardScaler, "__setattr__", store)
    with pytest.raises(KeyboardInterrupt):
        scaler.partial_fit(10 * X)
    assert vars(scaler) == before
