"""What the benchmarks share: data, medians of alternating runs, floors, one table as Markdown."""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.sparse import issparse
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning

from skorchless import GlobalStandardScaler
from skorchless.datasets import fetch_mnist

# Which fits stop short is part of the answer: their objective shows it.
warnings.simplefilter("ignore", ConvergenceWarning)

PEERS = (
    *("scikit-learn", "scikit-learn-intelex", "cyanure", "skglm", "skorch", "glum"),
    *("torch", "numpy"),
)


class Data(NamedTuple):
    """MNIST in float32 behind `GlobalStandardScaler`: 50,000 and 10,000 rows of 784 pixels."""

    X: Any
    y: Any
    X_val: Any
    y_val: Any


def load_mnist(device: str = "cpu") -> Data:
    """Return MNIST, scaled by the training rows; tensors where it is not for the CPU."""
    (X, y), (X_val, y_val), _ = fetch_mnist(return_X_y=True)
    scaler = GlobalStandardScaler().fit(X)
    data = Data(scaler.transform(X), y, scaler.transform(X_val), y_val)
    return data if device == "cpu" else Data(*(torch.from_numpy(v).to(device) for v in data))


def alternate(
    runs: Mapping[str, Callable[[], Any]],
    n_repeats: int = 5,
    *,
    n_in_a_row: int = 1,
    max_seconds: float = 30.0,
) -> dict[str, tuple[float, Any]]:
    """Return the median seconds of each run and what it last returned.

    The runs take turns, because a machine's speed drifts by more than the runs differ. One that
    has taken ``max_seconds`` is not repeated.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    results = {}
    for _ in range(n_repeats):
        for name, run in runs.items():
            if sum(seconds[name]) < max_seconds:
                # The threads of the library before keep their cores busy for a tenth of a second.
                time.sleep(0.3)
                for _ in range(n_in_a_row):
                    start = time.perf_counter()
                    results[name] = run()
                    seconds[name].append(time.perf_counter() - start)
    return {name: (median(seconds[name]), results[name]) for name in runs}


def objective(model: Any, X: Any, y: Any, C: float = 1.0, l1_ratio: float = 0.0) -> float:
    """Return the mean NLL of a fitted model plus its penalty."""
    y = np.asarray(torch.as_tensor(y).cpu())
    X = X if issparse(X) else np.asarray(torch.as_tensor(X).cpu())
    coef = np.asarray(torch.as_tensor(model.coef_).cpu(), dtype=np.float64)
    intercept = np.ravel(torch.as_tensor(model.intercept_).cpu())
    penalty = (1 - l1_ratio) / 2 * (coef**2).sum() + l1_ratio * np.abs(coef).sum()
    if len(coef) == 1:
        # The second of two classes alone has weights.
        coef, intercept = np.vstack([0 * coef, coef]), np.append(0 * intercept, intercept)
    coef = coef if len(coef) == len(np.unique(y)) else coef.T  # cyanure's is transposed
    log_p = log_proba(coef, intercept, X)
    nll = -log_p[np.arange(len(y)), y].mean(dtype=np.float64)
    return float(nll + penalty / (C * len(y)))


def log_proba(coef: Any, intercept: Any, X: Any) -> Any:
    """Return the log-probabilities (n_rows, n_classes), in the precision of ``X``."""
    return log_softmax(X @ coef.T.astype(X.dtype) + intercept.astype(X.dtype), axis=1)


def read_seconds(n_bytes: float) -> float:
    """Return how long this machine takes to read so many bytes from memory."""
    block = torch.ones(2**28 // 4)
    block.sum()
    return n_bytes / 2**28 * min(_time(block.sum) for _ in range(5))


def multiply_seconds(n_flops: float) -> float:
    """Return how long this machine takes for so many operations at its best float32 rate."""
    A, B = torch.ones(2048, 2048), torch.ones(2048, 2048)
    A @ B
    return n_flops / (2 * 2048**3) * min(_time(lambda: A @ B) for _ in range(5))


def _time(run: Callable[[], Any]) -> float:
    """Return the seconds of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def pass_floor(n_rows: int, n_features: int, n_columns: int, itemsize: int = 4) -> float:
    """Return the least seconds of a pass: X read once, or its two products, the longer one."""
    return max(
        read_seconds(n_rows * n_features * itemsize),
        multiply_seconds(4.0 * n_rows * n_features * n_columns),
    )


def show(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Print a table of named rows as Markdown."""
    table = pd.DataFrame.from_dict(rows, orient="index")
    align = ("left", *["right"] * table.shape[1])
    print(table.fillna("").to_markdown(disable_numparse=True, colalign=align))


def ratio(seconds: float, ours: float) -> str:
    """Return how many times as long as ours."""
    times = seconds / ours
    return f"{times:.0f}x" if times >= 10 else f"{times:.1f}x" if times >= 1 else f"{times:.2g}x"


def environment() -> str:
    """Return the machine and the versions that a table was measured with."""
    versions = []
    for name in PEERS:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} not installed")
    return (
        f"{platform.machine()}, {torch.get_num_threads()} threads, Python "
        f"{platform.python_version()}; {', '.join(versions)}"
    )
