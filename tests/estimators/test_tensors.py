"""Tensors go through scikit-learn's tools as they are, on their device, without a setting."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from torch.utils._python_dispatch import TorchDispatchMode

from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV
from skorchless.estimators._data.read import read_samples, resolve_placement
from skorchless.estimators._fit.grid import grid_of_one
from skorchless.estimators._fit.objective import build_objective

X, Y = load_digits(return_X_y=True)
X, Y = X[:300], Y[:300]
# To the optimum: on a machine with a GPU, arrays are fitted there and tensors where they are.
OPTIMAL = TorchLogisticClassifier(C=0.1, tol=1e-9, max_iter=500)
PIPELINE = make_pipeline(GlobalStandardScaler(), OPTIMAL)
USES = {
    "pipeline": lambda X, y: PIPELINE.fit(X, y).predict_proba(X),
    "GridSearchCV": lambda X, y: (
        GridSearchCV(PIPELINE, {"torchlogisticclassifier__C": [0.01, 1.0]}, cv=3)
        .fit(X, y)
        .cv_results_["mean_test_score"]
    ),
    "cross_val_predict": lambda X, y: cross_val_predict(PIPELINE, X, y, method="predict_proba"),
    "cross_val_score": lambda X, y: cross_val_score(PIPELINE, X, y, scoring="neg_log_loss"),
    "TorchLogisticClassifierCV": lambda X, y: TorchLogisticClassifierCV(Cs=2).fit(X, y).scores_,
    "adam": lambda X, y: (
        TorchLogisticClassifier(solver="adam", max_iter=2, random_state=0)
        .fit(X, y)
        .predict_proba(X)
    ),
}


@pytest.fixture
def no_way_to_numpy(monkeypatch):
    """Fail where samples, tensors of 64 features, become NumPy; 10 rows are weights."""

    def guarded(original):
        def method(self, *args, **options):
            is_samples = self.ndim == 2 and self.shape[1] == 64 and self.shape[0] > 10
            assert not is_samples, "samples went through NumPy"
            return original(self, *args, **options)

        return method

    for name in ("numpy", "__array__", "tolist"):
        monkeypatch.setattr(torch.Tensor, name, guarded(getattr(torch.Tensor, name)))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("name", USES)
def test_tensors_give_what_arrays_give(name, device, request):
    if device == "cuda":
        request.getfixturevalue("cuda")
    expected = USES[name](X, Y)
    request.getfixturevalue("no_way_to_numpy")
    found = USES[name](torch.tensor(X, device=device), Y)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", USES)
def test_labels_may_be_tensors_too(name):
    expected = USES[name](X, Y)
    found = USES[name](torch.tensor(X), torch.tensor(Y))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.bfloat16, torch.int16])
@pytest.mark.parametrize(("solver", "max_iter"), [("lbfgs", 100), ("adam", 3)])
def test_small_types_give_what_float32_gives(solver, max_iter, dtype):
    clf = TorchLogisticClassifier(C=0.01, solver=solver, max_iter=max_iter, random_state=0)
    small = torch.tensor(X).to(dtype)  # whole numbers up to 16: exact in all of them
    found = clf.fit(small, Y).coef_
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, clf.fit(small.float(), Y).coef_, atol=1e-6)


class Waits(TorchDispatchMode):
    """Counts the operations whose result the host has to wait for."""

    NAMES = ("_local_scalar_dense", "nonzero", "masked_select", "equal")

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in self.NAMES:
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


def objective_of(X):
    clf = TorchLogisticClassifier()
    samples = read_samples(clf, X, Y, reset=True)
    placement = resolve_placement(clf, samples.X)
    samples = samples.encode(samples.distinct_labels(), "y")
    return build_objective(clf, samples, placement, grid_of_one(1.0, 0.0))


def test_a_pass_waits_for_nothing():
    objective = objective_of(torch.tensor(X))
    W = torch.zeros(objective.weights_shape, dtype=torch.float64)
    objective.value_and_grad(W)
    with Waits() as waits:
        float(W.sum())  # that it counts
        n_waits = len(waits.seen)
        objective.value_and_grad(W)
    assert n_waits == 1
    assert len(waits.seen) == n_waits


@pytest.mark.gpu
def test_a_pass_on_a_gpu_waits_for_nothing(cuda):
    objective = objective_of(torch.tensor(X, device=cuda))
    W = torch.zeros(objective.weights_shape, dtype=torch.float64, device=cuda)
    objective.value_and_grad(W)
    torch.cuda.set_sync_debug_mode("error")
    try:
        objective.value_and_grad(W)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
def test_samples_larger_than_a_gpu_are_streamed(cuda, monkeypatch):
    from skorchless._engine.rows import streamed as streamed_rows

    read = []
    to_device = streamed_rows.StreamedRows._to_device
    monkeypatch.setattr(
        streamed_rows.StreamedRows,
        "_to_device",
        lambda self, block: read.append(len(block)) or to_device(self, block),
    )
    expected = TorchLogisticClassifier(tol=1e-6).fit(X, Y).coef_
    assert not read
    monkeypatch.setattr(streamed_rows, "MAX_SHARE", 0.0)
    found = TorchLogisticClassifier(tol=1e-6, device=cuda).fit(X, Y).coef_
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert sum(read) > 10 * len(X)
