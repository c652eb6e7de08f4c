"""A forked child finishes, whatever has given its parent threads, and keeps their number."""

import os

import pytest
import torch
from scripts import run_script

from skorchless._forked import fork_safe

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# Arguments: the threads that torch is set to, 0 for its own choice; whether the parent uses the
# package or torch alone; who forks. The last line printed tells in which method a child waits.
SCRIPT = """
import multiprocessing, os, sys
import numpy as np
import torch
from sklearn.datasets import load_digits

n_threads, imported_by, forked_by = sys.argv[1:]
X, y = load_digits(return_X_y=True)
X, y = np.tile(X, (10, 1)).astype(np.float32), np.tile(y, 10)

def use_all_methods():
    from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV

    def call(method, *arguments):
        print(method.__self__, method.__name__, flush=True)
        return method(*arguments)

    call(TorchLogisticClassifier(tol=1e-3, dtype="float64").fit, X[:, 20:24], y % 2)  # Newton
    call(TorchLogisticClassifier(l1_ratio=1, tol=0.01).fit, X, y)
    adam = TorchLogisticClassifier(solver="adam", max_iter=1, batch_size=4096)
    call(adam.fit, X, y)
    call(adam.partial_fit, X, y)
    classifier = TorchLogisticClassifier(tol=0.1)
    for model in (classifier, TorchLogisticClassifierCV(Cs=2, cv=2, tol=0.1)):
        call(model.fit, X, y)
        for name in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
            call(getattr(model, name), X)
        call(model.score, X, y)
    call(classifier.to_module)
    scaler = GlobalStandardScaler()
    for name in ("fit", "partial_fit", "transform", "inverse_transform"):
        call(getattr(scaler, name), torch.from_numpy(X))

def be_a_child():
    before = torch.get_num_threads()
    use_all_methods()
    assert torch.get_num_threads() == before

if int(n_threads):
    torch.set_num_threads(int(n_threads))
if imported_by == "parent":
    use_all_methods()
else:
    matrix = torch.ones(1000, 1000)
    (matrix @ matrix).exp()
print("fork", flush=True)
if forked_by == "multiprocessing":
    child = multiprocessing.get_context("fork").Process(target=be_a_child)
    child.start()
    child.join()
    assert child.exitcode == 0
else:
    child = os.fork()
    if child == 0:
        be_a_child()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
# Tasks of fits, scores and transforms, each in a child of the process that has made the threads.
DASK = """
import dask
import dask.array as da
import numpy as np
import torch
from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV

torch.set_num_threads(2)
rng = np.random.default_rng(0)
X, y = rng.normal(size=(3000, 100)), rng.integers(2, size=3000)
wide, labels = rng.normal(size=(200, 2000)), y[:200]
TorchLogisticClassifier().fit(X, y)

def in_parts(array):
    return da.from_array(array, chunks=(len(array) // 2, *array.shape[1:]))

with dask.config.set({"scheduler": "processes", "multiprocessing.context": "fork"}):
    GlobalStandardScaler().fit(in_parts(X)).transform(in_parts(X)).compute()
    TorchLogisticClassifier(l1_ratio=1, C=0.1, tol=0.01).fit(in_parts(wide), in_parts(labels))
    for model in (TorchLogisticClassifier(tol=0.1), TorchLogisticClassifierCV(Cs=1, cv=2)):
        model.fit(in_parts(X), in_parts(y)).predict(in_parts(X)).compute()
        model.score(in_parts(X), in_parts(y))
"""


@pytest.mark.parametrize(
    ("imported_by", "forked_by"),
    [
        ("parent", "os.fork"),
        # These start processes that import torch, as the one above.
        pytest.param("parent", "multiprocessing", marks=pytest.mark.slow),
        pytest.param("child", "os.fork", marks=pytest.mark.slow),
        pytest.param("child", "multiprocessing", marks=pytest.mark.slow),
    ],
)
def test_a_child_finishes_where_torch_is_set_to_two_threads(tmp_path, imported_by, forked_by):
    run_script(tmp_path, SCRIPT, "2", imported_by, forked_by)


@pytest.mark.slow  # starts processes that import torch
@pytest.mark.parametrize("variable", ["MKL_NUM_THREADS", "OMP_NUM_THREADS"])
@pytest.mark.parametrize("imported_by", ["parent", "child"])
def test_a_child_finishes_where_the_environment_asks_for_threads(tmp_path, imported_by, variable):
    run_script(tmp_path, SCRIPT, "0", imported_by, "os.fork", **{variable: "2"})


@pytest.mark.slow  # forks for each task
def test_tasks_that_dask_runs_in_forked_processes_finish(tmp_path):
    pytest.importorskip("dask.array", reason="needs the extra dask")
    run_script(tmp_path, DASK)


def test_a_process_that_was_not_forked_has_all_its_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert fork_safe(torch.get_num_threads)() == 2
    finally:
        torch.set_num_threads(before)
