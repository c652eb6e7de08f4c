"""How long does one fit of a small table take, with the defaults?

Iris and breast cancer as they come, where LogisticRegression stops at its 100 iterations, and
standardised. Most of the time is the interpreter's, so there is no floor in bytes.
"""

import numpy as np
from measure import alternate, ratio, show
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skorchless import TorchLogisticClassifier


def main():
    """Print the table."""
    table = {}
    for name, load in (("iris", load_iris), ("breast cancer", load_breast_cancer)):
        X, y = load(return_X_y=True)
        for state, values in (("raw", X), ("standardised", StandardScaler().fit_transform(X))):
            runs = {
                "skorchless": lambda X=values, y=y: TorchLogisticClassifier().fit(X, y),
                "LogisticRegression": lambda X=values, y=y: LogisticRegression().fit(X, y),
            }
            measured = alternate(runs, n_repeats=9, n_in_a_row=20)
            ours, theirs = (seconds for seconds, _ in measured.values())
            iterations = [int(np.max(model.n_iter_)) for _, model in measured.values()]
            table[f"{name}, {state}"] = {
                "skorchless, ms": f"{ours * 1e3:.2f}",
                "LogisticRegression, ms": f"{theirs * 1e3:.2f}",
                "ratio to LogisticRegression": ratio(ours, theirs),
                "iterations": f"{iterations[0]} and {iterations[1]}",
            }
    show(table)


if __name__ == "__main__":
    main()
