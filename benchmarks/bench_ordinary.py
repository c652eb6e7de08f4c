"""How long do the defaults take on ordinary tables?

`TorchLogisticClassifier()` and `LogisticRegression()`, both with their defaults, on three kinds of
drawn tables in 16 shapes: plain (standard normal), correlated (neighbours by 0.9) and of mixed
scales (columns times e^(2z), z normal); on tables that come with scikit-learn, clusters,
embeddings of norm 1, sparse text and others. X is float64 where a row does not say float32.

The ratio is to the best solver of scikit-learn that ends within 2e-3 (relative) of the optimum:
`lbfgs`, the default, or `newton-cholesky` up to 1,000 weights. Where LogisticRegression() itself
stops further than that above the optimum, its time is that of a run to as near, with the
iterations that are shown; ">" means that 10 seconds did not suffice for it. On two cores
OpenBLAS's threads may take longer together than one alone: "on one thread" is the ratio to the
same solver with all of its threads limited to one, where it takes more than 5 ms. glum fits the
same objective to two classes and up to 500 features. The optimum is SciPy's, in float64. Medians
of runs that take turns; small tables several times in a row.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import scipy.optimize
from measure import alternate, objective, ratio, show
from ordinary_data import GRID_KINDS, list_problems
from ordinary_optimum import find_optimum
from sklearn.linear_model import LogisticRegression
from threadpoolctl import ThreadpoolController

from skorchless import TorchLogisticClassifier

try:
    from glum import GeneralizedLinearRegressor
except ImportError:
    GeneralizedLinearRegressor = None

NEAR = 2e-3  # relative to the optimum: where a fit is near enough to count
SLOWER = 0.95  # a ratio below is slower, above may be noise
MAX_WEIGHTS = 1_000  # beyond, the Hessian makes newton-cholesky slower than lbfgs
MAX_GLUM_FEATURES = 500  # beyond, glum takes seconds where the others take a tenth of one
MAX_SECONDS = 10.0  # for lbfgs to come near
REPEATED_SECONDS = 2.0  # what has taken longer is not repeated
TURN_SECONDS = 0.1  # of a turn's runs in a row
MIN_LIMITED_SECONDS = 5e-3  # below, threads are not used, and their limit takes a part of the time
OURS, THEIRS, NEWTON, GLUM = "skorchless", "lbfgs", "newton-cholesky", "glum"
ON_ONE_THREAD = ", one thread"


@dataclass(frozen=True)
class Task:
    """What all fits of a problem share: samples, the same in float64, and the optimum."""

    X: Any
    y: Any
    X64: Any
    optimum: float

    def distance(self, model) -> float:
        """Return how far above the optimum a fitted model is, relative to it."""
        return objective(model, self.X64, self.y) / self.optimum - 1


def n_weights(X, y):
    """Return how many coefficients scikit-learn fits."""
    n_classes = len(np.unique(y))
    return X.shape[1] * (1 if n_classes == 2 else n_classes)


def iterations_to(value, X, y, max_seconds):
    """Return how many iterations `lbfgs` needs to get to this objective, None if too many."""
    start = time.perf_counter()
    minimize = scipy.optimize.minimize
    reached = []

    def stop(intermediate_result):
        reached[:] = [intermediate_result.fun <= value]
        if reached[0] or time.perf_counter() - start > max_seconds:
            raise StopIteration

    def stopped(*arguments, **options):
        return minimize(*arguments, **{**options, "callback": stop})

    with patch.object(scipy.optimize, "minimize", stopped):
        model = LogisticRegression(tol=1e-12, max_iter=100_000).fit(X, y)
    return int(np.max(model.n_iter_)) if reached[0] else None


def fit_glum(X, y):
    """Fit glum's model of the same objective."""
    return GeneralizedLinearRegressor(family="binomial", alpha=1 / len(y), l1_ratio=0).fit(X, y)


def on_one_thread(run):
    """Return ``run`` with OpenMP and BLAS limited to one thread."""
    controller = ThreadpoolController()

    def limited():
        with controller.limit(limits=1):
            return run()

    return limited


def take_turns(runs, first_seconds):
    """Return the median seconds of each run and its last model; several in a row of small ones."""
    n_in_a_row = int(np.clip(TURN_SECONDS / first_seconds, 1, 20))
    # Of fits of milliseconds: with three turns the ratios of one run of this benchmark differ by
    # up to a quarter from those of the next.
    n_turns = 3 if n_in_a_row == 1 else 7
    return alternate(runs, n_repeats=n_turns, n_in_a_row=n_in_a_row, max_seconds=REPEATED_SECONDS)


def timed(run):
    """Return what a run returns, and its seconds."""
    start = time.perf_counter()
    return run(), time.perf_counter() - start


def fits(task):
    """Return the runs, the names of those that may be scikit-learn's best, and its seconds."""
    X, y = task.X, task.y
    runs = {
        OURS: lambda: TorchLogisticClassifier().fit(X, y),
        THEIRS: lambda: LogisticRegression().fit(X, y),
    }
    near, max_seconds = [], MAX_SECONDS
    if n_weights(X, y) <= MAX_WEIGHTS:
        runs[NEWTON] = lambda: LogisticRegression(solver=NEWTON).fit(X, y)
        model, seconds = timed(runs[NEWTON])
        if task.distance(model) <= NEAR:
            near, max_seconds = [NEWTON], min(MAX_SECONDS, 2 * seconds + 0.1)
    model, first_seconds = timed(runs[THEIRS])
    if task.distance(model) <= NEAR:
        near.append(THEIRS)
    elif n_iter := iterations_to(task.optimum * (1 + NEAR), X, y, max_seconds):
        near.append(f"{THEIRS}, {n_iter:,} iterations")
        runs[near[-1]] = lambda: LogisticRegression(tol=1e-12, max_iter=n_iter).fit(X, y)
    if first_seconds > MIN_LIMITED_SECONDS:
        runs |= {name + ON_ONE_THREAD: on_one_thread(runs[name]) for name in near}
    if GeneralizedLinearRegressor and y.max() == 1 and X.shape[1] <= MAX_GLUM_FEATURES:
        runs[GLUM] = lambda: fit_glum(X, y)
    return runs, near, first_seconds


def measure_fit(problem):
    """Return a row: how long the fits take, and where they end."""
    X, y = problem.load()
    X64 = X.astype(np.float64)
    task = Task(X, y, X64, find_optimum(X64, y))
    runs, near, first_seconds = fits(task)
    runs[OURS]()  # its first call in a process starts threads
    measured = take_turns(runs, first_seconds)
    seconds = {name: seconds for name, (seconds, _) in measured.items()}
    ours, theirs = measured[OURS][1], measured[THEIRS][1]
    best = min(near, key=seconds.get, default="none in time")
    best_seconds = seconds.get(best, MAX_SECONDS)
    limited = [value for name, value in seconds.items() if name.endswith(ON_ONE_THREAD)]
    value, their_value = (objective(model, X64, y) for model in (ours, theirs))
    return {
        "ms": 1e3 * seconds[OURS],
        "LogisticRegression ms": 1e3 * seconds[THEIRS],
        "ratio": best_seconds / seconds[OURS],
        "best": best,
        "is reached": bool(near),
        "ratio on one thread": min(limited, default=np.nan) / seconds[OURS] if near else np.nan,
        "ratio to glum": seconds.get(GLUM, np.nan) / seconds[OURS],
        "difference": value / their_value - 1,
        "distance": value / task.optimum - 1,
        "iterations": int(np.max(ours.n_iter_)),
        "LogisticRegression iterations": int(np.max(theirs.n_iter_)),
        "solver": getattr(ours, "solver_", ""),
    }


def measure_predict(problem):
    """Return a row: how long predictions of all rows take."""
    X, y = problem.load()
    models = {OURS: TorchLogisticClassifier(), THEIRS: LogisticRegression()}
    runs = {name: partial(model.fit(X, y).predict, X) for name, model in models.items()}
    seconds = {name: seconds for name, (seconds, _) in take_turns(runs, 1e-3).items()}
    return {
        "ms": 1e3 * seconds[OURS],
        "LogisticRegression ms": 1e3 * seconds[THEIRS],
        "ratio": seconds[THEIRS] / seconds[OURS],
        "best": "",
        "is reached": True,
    }


def measure(problem):
    """Return the rows of a problem: its fit and, of a table, its predictions."""
    name = problem.name + (", float32" if problem.dtype == "float32" else "")
    rows = [{"kind": problem.kind, "problem": name, **measure_fit(problem)}]
    if problem.kind == "tables":
        rows.append({"kind": "predictions", "problem": name, **measure_predict(problem)})
    for row in rows:
        text = f"{row['kind']}: {name}, {row['ratio']:.2f}x {row['best']}"
        print(f"{time.strftime('%X')} {text}", file=sys.stderr, flush=True)
    return rows


def milliseconds(value):
    """Return a time with about three digits."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def cells(row):
    """Return what the table shows of a row."""
    shown = {
        "skorchless, ms": milliseconds(row["ms"]),
        "LogisticRegression, ms": milliseconds(row["LogisticRegression ms"]),
        "ratio to the best": ("" if row["is reached"] else ">") + ratio(row["ratio"], 1.0),
    }
    if row["kind"] != "predictions":
        shown["best of scikit-learn"] = row["best"]
        for name in ("ratio on one thread", "ratio to glum"):
            shown[name] = "" if np.isnan(row[name]) else ratio(row[name], 1.0)
        shown["objective above LogisticRegression's"] = f"{row['difference']:.1e}"
        shown["above the optimum"] = f"{row['distance']:.1e}"
        shown["iterations"] = f"{row['iterations']} and {row['LogisticRegression iterations']}"
        if row["solver"]:
            shown["solver"] = row["solver"]
    return shown


def summarise(name, rows):
    """Print a line about some of the rows."""
    if rows:
        ratios = np.array([row["ratio"] for row in rows])
        mean, n_slower = np.exp(np.log(ratios).mean()), (ratios < SLOWER).sum()
        line = f"{name}: geometric mean {mean:.2f}x, slower than {SLOWER}x in {n_slower} "
        line += f"of {len(rows)}, least {ratios.min():.2f}x"
        if "ratio on one thread" in rows[0]:
            limited = np.array([row["ratio on one thread"] for row in rows])
            limited = np.where(np.isnan(limited), ratios, limited)
            mean, n_slower = np.exp(np.log(limited).mean()), (limited < SLOWER).sum()
            line += f"; to scikit-learn on one thread {mean:.2f}x, slower in {n_slower}"
        if "distance" in rows[0]:
            distances = np.array([row["distance"] for row in rows])
            line += f"; further than {NEAR:g} above the optimum in {(distances > NEAR).sum()}, "
            line += f"at most {distances.max():.1e}"
        print(f"- {line}")


def parse(arguments=None):
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the rows there as well")
    parser.add_argument("--only", default="", metavar="REGEX", help="such as 'mixed.*10,000'")
    parser.add_argument(
        "--dtype", choices=("float32", "float64"), help="of all, not float64 and a few of float32"
    )
    return parser.parse_args(arguments)


def main():
    """Print the table and its summary."""
    options = parse()
    start = time.perf_counter()
    problems = [
        problem
        for problem in list_problems(options.dtype)
        if re.search(options.only, f"{problem.kind}: {problem.name}, {problem.dtype}")
    ]
    rows = []
    for problem in problems:
        rows += measure(problem)
        if options.csv is not None:
            pd.DataFrame(rows).to_csv(options.csv, index=False, float_format="%.4g")
    show({f"{row['kind']}: {row['problem']}": cells(row) for row in rows})
    print()
    fit_rows = [row for row in rows if row["kind"] != "predictions"]
    grid = [row for row in fit_rows if row["kind"] in GRID_KINDS and "32" not in row["problem"]]
    summarise("The grid", grid)
    summarise("All fits", fit_rows)
    summarise("Predictions", [row for row in rows if row["kind"] == "predictions"])
    print(f"{time.perf_counter() - start:.0f} seconds", file=sys.stderr)


if __name__ == "__main__":
    main()
