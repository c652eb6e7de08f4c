"""How long does a sparse fit take where there are many more features than samples?

Two classes, random features of which 50 matter, `l1_ratio=1`; the penalty is so large a share of
the smallest one that leaves no coefficient. skglm, whose ground this is, gets its columns
contiguous, as it works on them; skorchless its rows. Both stop where no violation of optimality
exceeds 1e-4, their default, or 1e-6; skglm is compiled beforehand. What takes longer than
30 seconds is measured once.
"""

import numpy as np
from measure import alternate, objective, ratio, show
from skglm import SparseLogisticRegression

from skorchless import TorchLogisticClassifier

SHAPES = [(2000, 5000), (2000, 20_000), (500, 20_000)]
SHARES = [0.3, 0.1, 0.03]


def make_wide(n_samples, n_features, n_informative=50):
    """Return standard normal samples with labels drawn from a logistic model of a few features."""
    rng = np.random.RandomState(0)
    X = rng.randn(n_samples, n_features)
    coef = np.zeros(n_features)
    coef[rng.choice(n_features, n_informative, replace=False)] = rng.randn(n_informative)
    return X, (X @ coef + rng.logistic(size=n_samples) > 0).astype(int)


def main():
    """Print the table."""
    table = {}
    for n_samples, n_features in SHAPES:
        X, y = make_wide(n_samples, n_features)
        X_by_column = np.asfortranarray(X)
        largest = np.abs(X.T @ (y - y.mean())).max() / n_samples
        for share in SHARES:
            alpha = share * largest  # the penalty of the mean NLL, skglm's parameter
            C = 1 / (alpha * n_samples)
            for tol in (1e-4, 1e-6):
                ours = TorchLogisticClassifier(C=C, l1_ratio=1.0, tol=tol)
                theirs = SparseLogisticRegression(alpha=alpha, tol=tol)
                runs = {
                    "skorchless": lambda model=ours, X=X, y=y: model.fit(X, y),
                    "skglm": lambda model=theirs, X=X_by_column, y=y: model.fit(X, y),
                }
                runs["skglm"]()
                measured = alternate(runs, n_repeats=7)
                values = [
                    objective(model, X, y, C=C, l1_ratio=1.0) for _, model in measured.values()
                ]
                seconds = [seconds for seconds, _ in measured.values()]
                name = f"{n_samples:,} x {n_features:,}, {share:g} of the largest, tol={tol:g}"
                table[name] = {
                    "skorchless, ms": f"{seconds[0] * 1e3:.0f}",
                    "skglm, ms": f"{seconds[1] * 1e3:.0f}",
                    "ratio": ratio(seconds[1], seconds[0]),
                    "coefficients": f"{(ours.coef_ != 0).sum()} and {(theirs.coef_ != 0).sum()}",
                    "objective above skglm's": f"{values[0] / values[1] - 1:.1e}",
                }
    show(table)


if __name__ == "__main__":
    main()
