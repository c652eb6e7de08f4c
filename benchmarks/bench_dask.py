"""What does a pass over rows on a cluster cost, and what does a fit?

Rows of float32 and 10 classes, drawn where they live, in 4 partitions a worker, a process of
one thread. A pass is one value and gradient, the median of 10, from the call to the result on the
driver; a fit is `TorchLogisticClassifier()`, which ends after the iterations beside it. In memory
is one process, with a thread for each core.
"""

from time import perf_counter

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from measure import show

from skorchless import TorchLogisticClassifier
from skorchless.estimators._data.read import read_samples, resolve_placement
from skorchless.estimators._fit.grid import grid_of_one
from skorchless.estimators._fit.objective import build_objective

N_CLASSES = 10


def draw(n_rows, n_features, n_partitions):
    """Return samples and labels, Dask arrays, drawn by their partitions."""
    rng = da.random.default_rng(0)
    chunk = n_rows // n_partitions
    X = rng.standard_normal((n_rows, n_features), chunks=(chunk, n_features), dtype=np.float32)
    W = 0.3 * np.random.default_rng(1).normal(size=(N_CLASSES, min(n_features, 100)))
    noise = rng.gumbel(size=(n_rows, N_CLASSES), chunks=(chunk, N_CLASSES))
    y = (X[:, : W.shape[1]] @ W.T + noise).argmax(1)
    return X, y


def seconds_of(run, n_repeats):
    """Return the median seconds of ``run``."""
    seconds = []
    for _ in range(n_repeats):
        start = perf_counter()
        run()
        seconds.append(perf_counter() - start)
    return float(np.median(seconds))


def pass_of(clf, X, y):
    """Return a function that computes one value and gradient, and the bytes of the weights."""
    samples = read_samples(clf, X, y, reset=True)
    encoded = samples.encode(samples.distinct_labels(), "y")
    placement = resolve_placement(clf, samples.X)
    objective = build_objective(clf, encoded, placement, grid_of_one(clf.C, clf.l1_ratio))
    W = objective.alpha.new_zeros(objective.weights_shape)
    return lambda: objective.value_and_grad(W), W.nbytes


def measure(X, y):
    """Return the milliseconds of a pass, and the seconds and iterations of a fit."""
    clf = TorchLogisticClassifier()
    one_pass, n_bytes = pass_of(clf, X, y)
    one_pass()
    of_pass = seconds_of(one_pass, 10)
    del one_pass  # the cluster's memory is for the fit
    of_fit = seconds_of(lambda: clf.fit(X, y), 1)
    return {
        "weights": f"{n_bytes / 1e6:.3g} MB",
        "a pass": f"{1e3 * of_pass:.0f} ms",
        "a fit": f"{of_fit:.2f} s",
        "iterations": clf.n_iter_,
    }


def main():
    """Print the table."""
    table = {}
    # Rows alone; weights alone.
    sizes = [(10_000, 100), (1_000_000, 100), (4_000_000, 100), (160, 10_000), (160, 100_000)]
    for n_workers in (1, 2):
        with (
            LocalCluster(
                n_workers=n_workers, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            Client(cluster),
        ):
            for n_rows, n_features in sizes:
                X, y = (part.persist() for part in draw(n_rows, n_features, 4 * n_workers))
                name = f"{n_rows:,} rows, {n_features:,} features, workers: {n_workers}"
                table[name] = measure(X, y)
    for n_rows, n_features in sizes:
        X, y = (part.compute() for part in draw(n_rows, n_features, 4))
        table[f"{n_rows:,} rows, {n_features:,} features, in memory"] = measure(X, y)
    show(table)


if __name__ == "__main__":
    main()
