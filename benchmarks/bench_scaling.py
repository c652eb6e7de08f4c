"""How does the cost of an iteration grow with rows and features?

Ten classes of random float32 numbers. An iteration is what three more of them add to a fit; the
start of a fit (checks, curvature of X) is what one iteration takes less that.
"""

import numpy as np
from measure import alternate, pass_floor, show

from skorchless import TorchLogisticClassifier

SHAPES = [
    *((n_rows, 100) for n_rows in (5_000, 15_000, 50_000, 150_000, 500_000)),
    *((20_000, n_features) for n_features in (10, 30, 100, 300, 1000, 1400, 1600, 2500, 5000)),
]


def main():
    """Print the table."""
    rng = np.random.default_rng(0)
    table = {}
    for n_rows, n_features in SHAPES:
        X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
        y = (X[:, :10] + rng.gumbel(size=(n_rows, 10))).argmax(1)
        runs = {
            n: (lambda n=n, X=X, y=y: TorchLogisticClassifier(max_iter=n, tol=0.0).fit(X, y))
            for n in (1, 4)
        }
        measured = alternate(runs, n_repeats=3, n_in_a_row=3)
        iteration = (measured[4][0] - measured[1][0]) / 3
        floor = pass_floor(n_rows, n_features, 10)
        table[f"{n_rows:,} x {n_features:,}"] = {
            "start, ms": f"{(measured[1][0] - iteration) * 1e3:.1f}",
            "iteration, ms": f"{iteration * 1e3:.2f}",
            "ns for each entry of X": f"{iteration * 1e9 / X.size:.2f}",
            "floor of a pass, ms": f"{floor * 1e3:.2f}",
        }
    show(table)


if __name__ == "__main__":
    main()
