"""Which cores a call takes, what it leaves behind, and that it ends in a forked process."""

import _thread
import multiprocessing
import os
import sys
import threading
from functools import partial

import joblib
import numpy as np
import pytest
import threadpoolctl
import torch
from scipy import sparse
from scripts import run_script
from sklearn.base import clone
from thread_settings import settings

from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV
from skorchless._cores import n_usable_cores, shared_among_cores
from skorchless._engine import placement
from skorchless._engine.placement import Placement
from skorchless._engine.rows import memory as rows
from skorchless._engine.rows import workers
from skorchless._engine.rows.block_sizes import BlockSizes

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

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


@needs_fork
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


@needs_fork
@pytest.mark.slow  # starts processes that import torch
@pytest.mark.parametrize("variable", ["MKL_NUM_THREADS", "OMP_NUM_THREADS"])
@pytest.mark.parametrize("imported_by", ["parent", "child"])
def test_a_child_finishes_where_the_environment_asks_for_threads(tmp_path, imported_by, variable):
    run_script(tmp_path, SCRIPT, "0", imported_by, "os.fork", **{variable: "2"})


@needs_fork
@pytest.mark.slow  # forks for each task
def test_tasks_that_dask_runs_in_forked_processes_finish(tmp_path):
    pytest.importorskip("dask.array", reason="needs the extra dask")
    run_script(tmp_path, DASK)


def test_cores_are_those_that_joblib_counts(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 3)
    assert n_usable_cores() == 3


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs affinity")
def test_cores_are_those_that_the_process_is_bound_to():
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert n_usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_a_user_may_limit_them(monkeypatch, set_torch_threads):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    n_workers = shared_among_cores(workers.n_workers)
    set_torch_threads(4)
    assert n_workers() == 4
    with threadpoolctl.threadpool_limits(2):
        assert n_workers() == 2
    set_torch_threads(1)
    assert n_workers() == 1


@needs_fork
def test_a_process_of_a_pool_has_one_core(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    fork = multiprocessing.get_context("fork")
    for daemon, expected in ((True, 1), (False, 4)):
        child = fork.Process(target=lambda: sys.exit(n_usable_cores()), daemon=daemon)
        child.start()
        child.join()
        assert child.exitcode == expected


def test_tasks_of_a_worker_of_dask_share_its_cores(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    monkeypatch.setattr(joblib, "cpu_count", lambda: 6)
    options = {"processes": False, "n_workers": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options, threads_per_worker=2) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert client.submit(n_usable_cores).result() == 3
    assert n_usable_cores() == 6


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(400, 5)), RNG.integers(3, size=400)
LONG = TorchLogisticClassifier(solver="adam", max_iter=10**6, n_iter_no_change=10**6)


def fit_until_ctrl_c(model=LONG):
    threading.Timer(0.3, _thread.interrupt_main).start()
    model.fit(X, Y)


@pytest.fixture
def two_workers(monkeypatch, set_torch_threads):
    """Let two workers share blocks that are small."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    small = partial(Placement, block_sizes=BlockSizes(block_bytes=1, min_share_entries=100))
    monkeypatch.setattr(placement, "Placement", small)
    set_torch_threads(2)


CALLS = {
    "lbfgs": lambda: TorchLogisticClassifier().fit(X, Y).predict_proba(X),
    "lasso": lambda: TorchLogisticClassifier(l1_ratio=1).fit(X, Y).score(X, Y),
    "adam": lambda: TorchLogisticClassifier(solver="adam", max_iter=2).fit(X, Y).to_module(),
    "grid": lambda: TorchLogisticClassifierCV(Cs=2, cv=2).fit(X, Y).predict(X),
    "scaler": lambda: GlobalStandardScaler().fit_transform(X),
    "failed": lambda: TorchLogisticClassifier().fit(np.full((4, 1), np.nan), [0, 1, 0, 1]),
    "interrupted": fit_until_ctrl_c,
}


@pytest.mark.usefixtures("two_workers")
@pytest.mark.parametrize("kind", ["dense", "uint8", "csr", "csc"])
@pytest.mark.parametrize(
    "options", [{}, {"l1_ratio": 1}, {"solver": "adam", "max_iter": 2, "random_state": 0}], ids=str
)
def test_coefficients_have_the_same_bits_on_any_number_of_cores(options, kind, monkeypatch):
    kinds = {"dense": np.asarray, "csr": sparse.csr_array, "csc": sparse.csc_array}
    data = np.abs(40 * X).astype(np.uint8) if kind == "uint8" else kinds[kind](np.maximum(X, 0))
    coefs = []
    for n_cores in (1, 2, 5):
        monkeypatch.setattr(joblib, "cpu_count", lambda n_cores=n_cores: n_cores)
        torch.set_num_threads(n_cores)
        coefs.append(TorchLogisticClassifier(**options).fit(data, Y).coef_)
    np.testing.assert_array_equal(coefs[1:], [coefs[0]] * 2)


@pytest.mark.usefixtures("two_workers")
@pytest.mark.parametrize("name", CALLS)
def test_no_setting_is_different_after_a_call(name):
    in_a_thread = []

    def look():
        in_a_thread.append(settings())
        may_look_again.wait(60)
        in_a_thread.append(settings())

    may_look_again = threading.Event()
    earlier = threading.Thread(target=look)
    earlier.start()
    before = settings()
    try:
        CALLS[name]()
        assert name not in {"failed", "interrupted"}
    except (ValueError, KeyboardInterrupt):
        assert name in {"failed", "interrupted"}
    may_look_again.set()
    earlier.join()
    later = threading.Thread(target=look)
    later.start()
    later.join()
    assert settings() == before
    assert in_a_thread == [before] * 4


@pytest.mark.usefixtures("two_workers")
def test_ctrl_c_leaves_what_was_fitted_before():
    model = clone(LONG).set_params(max_iter=1).fit(X, Y)
    coef, state = model.coef_.copy(), dict(vars(model))
    with pytest.raises(KeyboardInterrupt):
        fit_until_ctrl_c(model.set_params(max_iter=10**6))
    assert {**vars(model), "max_iter": 1} == state
    np.testing.assert_array_equal(model.coef_, coef)
    model.set_params(max_iter=1).fit(X, Y)


def fit_until_a_worker_has_a_block(model):
    while True:
        model.fit(X, Y)


@pytest.mark.usefixtures("two_workers")
@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, ValueError])
def test_what_a_block_raises_in_a_worker_reaches_the_caller(error, monkeypatch):
    model = TorchLogisticClassifier().fit(X, Y)
    state, here = dict(vars(model)), threading.get_ident()
    original = rows.TensorRows.__getitem__

    def fail(self, block):
        if threading.get_ident() != here:
            raise error("of a worker")
        return original(self, block)

    with monkeypatch.context() as patch:
        patch.setattr(rows.TensorRows, "__getitem__", fail)
        with pytest.raises(error, match="^of a worker$"):
            fit_until_a_worker_has_a_block(model)
    # As after a fit in which no worker had a block: the same numbers.
    assert vars(model).keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(getattr(model, name), value)
    np.testing.assert_array_equal(clone(model).fit(X, Y).coef_, model.coef_)


# Four threads that fit at once, daemons or not, and a fit when Python is about to exit.
THREADS = """
import atexit, threading
import numpy as np
from skorchless import TorchLogisticClassifier

rng = np.random.default_rng(0)
X, y = rng.normal(size=(60_000, 40)), rng.integers(3, size=60_000)
expected = TorchLogisticClassifier().fit(X, y).coef_
fitted = []

def fit():
    fitted.append(TorchLogisticClassifier().fit(X, y).coef_)

def check(n):
    assert len(fitted) == n
    assert all(np.array_equal(coef, expected) for coef in fitted)
    print(n)

threads = [threading.Thread(target=fit, daemon=daemon) for daemon in (True, False) * 2]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
check(4)
atexit.register(lambda: fit() or check(5))
"""


@pytest.mark.slow  # starts a process that imports torch
def test_fits_end_in_threads_at_once_and_at_exit(tmp_path):
    assert run_script(tmp_path, THREADS).split() == ["4", "5"]
