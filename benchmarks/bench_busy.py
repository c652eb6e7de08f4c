"""How does a fit fare beside other work, on a machine that does something else as well?

It starts the other processes itself and ends them: plain loops in Python, the same fit, or
torch's products of 300 x 300, which share their cores among threads that spin. "bound" is what
the ratio is to stay within. With ``--against FOLDER``, another checkout of this package, its fits
take turns with these.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch
from measure import alternate, load_mnist, show
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skorchless import TorchLogisticClassifier
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.placement import place
from skorchless._engine.rows.memory import TensorRows
from skorchless._engine.rows.workers import sharing

HERE = Path(__file__).parent
N_SMALL = 10_000  # rows of MNIST
SAY_READY = "print('ready', flush=True)"
LOAD = {
    "digits": "from sklearn.datasets import load_digits; X, y = load_digits(return_X_y=True)",
    "MNIST 10,000": (
        f"from measure import load_mnist; d = load_mnist(); "
        f"X, y = d.X[:{N_SMALL}], d.y[:{N_SMALL}]"
    ),
}
OTHERS = {
    "plain loops": f"{SAY_READY}\nwhile True: pass",
    "the same fit": f"""{{load}}
from skorchless import TorchLogisticClassifier
{SAY_READY}
while True: TorchLogisticClassifier().fit(X, y)""",
    "torch products": f"""import torch
A = torch.randn(300, 300)
{SAY_READY}
while True: A @ A""",
}


@contextmanager
def beside(n: int, name: str, data: str = "digits") -> Iterator[None]:
    """Run ``n`` other processes meanwhile."""
    code = OTHERS[name].replace("{load}", LOAD[data])
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=HERE)
        for _ in range(n)
    ]
    try:
        for process in processes:
            if process.stdout.readline().strip() != b"ready":
                raise RuntimeError(f"a process of {name} did not start")
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def seconds(run, n_repeats=5, n_in_a_row=1):
    """Return the median seconds of one run."""
    return alternate({"": run}, n_repeats, n_in_a_row=n_in_a_row)[""][0]


class Table:
    """The rows of the table that is printed."""

    def __init__(self):
        self.rows = {}

    def add(self, question, ours, other, bound):
        """Add how long ours takes, and how many times that of the other."""
        self.rows[question] = {
            "ms": f"{ours * 1e3:.0f}",
            "against, ms": f"{other * 1e3:.0f}",
            "ratio": f"{ours / other:.2f}",
            "bound": f"{bound:g}",
            "": "" if ours <= bound * other else "exceeded",
        }
        print(question, self.rows[question], file=sys.stderr, flush=True)


def fits_beside_others(table, fits):
    """Compare fits beside others with idle ones, and with LogisticRegression beside the same."""
    for data, (X, y) in fits.items():
        runs = {
            "ours": lambda X=X, y=y: TorchLogisticClassifier().fit(X, y),
            "theirs": lambda X=X, y=y: LogisticRegression().fit(X, y),
        }
        idle = seconds(runs["ours"], n_repeats=9)
        for name in OTHERS:
            with beside(2, name, data):
                measured = alternate(runs, 7)
            busy, theirs = measured["ours"][0], measured["theirs"][0]
            table.add(f"{data} beside two of {name}, against idle", busy, idle, 4)
            table.add(f"{data} beside two of {name}, against LogisticRegression", busy, theirs, 1)


def passes(table, X, y):
    """Compare passes over MNIST on two cores with those on one, and beside loops."""
    columns = (torch.from_numpy(y), torch.ones(len(y), 1))
    rows = TensorRows(torch.from_numpy(X), columns, place(torch.device("cpu"), torch.float32))
    zero, fold = torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.int64)
    objective = PenalizedNLL(rows, 10, True, zero, zero, zero + len(y), fold)
    W = torch.zeros(objective.weights_shape, dtype=torch.float64)

    def run(n_cores):
        with sharing(lambda: n_cores):
            objective.value_and_grad(W)

    measured = alternate({1: lambda: run(1), 2: lambda: run(2)}, 9, n_in_a_row=3)
    idle = measured[2][0]
    table.add("a pass over MNIST on two cores, against one", idle, measured[1][0], 1 / 1.7)
    with beside(4, "plain loops"):
        table.add(
            "a pass beside four of plain loops, against idle",
            seconds(lambda: run(2), 9, n_in_a_row=3),
            idle,
            4,
        )


def threads_of_the_user(table, X, y):
    """Compare four threads that fit at once with fits one after the other."""

    def fit():
        TorchLogisticClassifier().fit(X, y)

    def at_once():
        threads = [threading.Thread(target=fit) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    runs = {"at once": at_once, "in turn": lambda: [fit() for _ in range(4)]}
    measured = alternate(runs, 9)
    question = "four threads that fit digits at once, against one after the other"
    table.add(question, measured["at once"][0], measured["in turn"][0], 1)


def grid_search(table, X, y):
    """Compare a grid search in two processes with one in this process."""

    def search(n_jobs):
        grid = {"C": np.logspace(-4, 4, 10)}
        GridSearchCV(TorchLogisticClassifier(), grid, cv=5, n_jobs=n_jobs, refit=False).fit(X, y)

    runs = {n_jobs: lambda n_jobs=n_jobs: search(n_jobs) for n_jobs in (1, 2)}
    search(2)  # starts the processes, which stay
    measured = alternate(runs, 3)
    table.add("GridSearchCV(n_jobs=2), against n_jobs=1", measured[2][0], measured[1][0], 1)
    with beside(2, "plain loops"):
        measured = alternate(runs, 3)
    question = "the same beside two of plain loops"
    table.add(question, measured[2][0], measured[1][0], 1)


def sixteen_threads(table, X, y):
    """Compare a fit where torch is set to sixteen threads with one where it is set to two."""

    def fit(n_threads):
        before = torch.get_num_threads()
        torch.set_num_threads(n_threads)
        try:
            TorchLogisticClassifier(max_iter=10).fit(X, y)
        finally:
            torch.set_num_threads(before)

    measured = alternate({n: lambda n=n: fit(n) for n in (2, 16)}, 5)
    question = "MNIST, 10 iterations, torch set to sixteen threads, against two"
    table.add(question, measured[16][0], measured[2][0], 1.2)


def epochs_of_adam(table, X, y):
    """Compare an epoch of Adam beside torch's products with an idle one."""

    def fit():
        TorchLogisticClassifier(solver="adam", max_iter=1, C=np.inf).fit(X, y)

    idle = seconds(fit, 9)
    with beside(2, "torch products"):
        busy = seconds(fit, 9)
    table.add("MNIST, an epoch of Adam beside two of torch products, against idle", busy, idle, 3)


def first_command(table):
    """Compare the rows of README's first command beside two of plain loops."""
    with tempfile.TemporaryDirectory() as folder, beside(2, "plain loops"):
        fit_seconds = []
        for i in range(3):
            path = Path(folder) / f"{i}.csv"
            command = [sys.executable, "-m", "skorchless", "compare", "--save", path]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            frame = pd.read_csv(path, index_col=0)
            fit_seconds.append([frame.loc[name, "fit_seconds"] for name in ("lbfgs", "forest")])
    ours, forest = (median(column) for column in zip(*fit_seconds, strict=True))
    question = "`skorchless compare` beside two of plain loops: lbfgs, against the forest"
    table.add(question, ours, forest, 1)


AGAINST = {
    "MNIST, defaults": ("TorchLogisticClassifier()", 1.05),
    "MNIST, an epoch of Adam": (
        "TorchLogisticClassifier(solver='adam', max_iter=1, C=float('inf'))",
        1.1,
    ),
}


def another_checkout(table, folder):
    """Compare idle fits with those of another checkout, each in processes of its own, in turns."""
    for name, (model, bound) in AGAINST.items():
        code = f"""
from statistics import median
from time import perf_counter
from measure import load_mnist
from skorchless import TorchLogisticClassifier
data, taken = load_mnist(), []
for _ in range(4):
    start = perf_counter()
    {model}.fit(data.X, data.y)
    taken.append(perf_counter() - start)
print(median(taken[1:]))
"""
        taken = {HERE.parent: [], folder: []}
        for _ in range(5):
            for checkout, of_checkout in taken.items():
                done = subprocess.run(
                    [sys.executable, "-c", code],
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [checkout, HERE]))},
                    cwd=tempfile.gettempdir(),
                    check=True,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                of_checkout.append(float(done.stdout))
        ours, theirs = map(median, taken.values())
        table.add(f"{name}, against {folder.name}", ours, theirs, bound)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--against", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    digits = load_digits(return_X_y=True)
    data = load_mnist()
    table = Table()
    if options.against:
        another_checkout(table, options.against.resolve())
    passes(table, data.X, data.y)
    fits_beside_others(
        table, {"digits": digits, "MNIST 10,000": (data.X[:N_SMALL], data.y[:N_SMALL])}
    )
    epochs_of_adam(table, data.X, data.y)
    sixteen_threads(table, data.X, data.y)
    threads_of_the_user(table, *digits)
    grid_search(table, *digits)
    first_command(table)
    show(table.rows)


if __name__ == "__main__":
    main()
