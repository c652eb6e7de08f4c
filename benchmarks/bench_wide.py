"""How long does a sparse fit take where there are many more features than samples?

Two classes, random features of which 50 matter, `l1_ratio=1`. After the shape, a row says how
large the penalty is, as a share of the smallest one that leaves no coefficient, and `tol`: both
stop where no violation of optimality exceeds 1e-4, their default, or 1e-6. Times are of skorchless
and of skglm, whose ground this is and which goes through X by columns: it is timed with contiguous
columns, CSC where X is sparse, and with contiguous rows, NumPy's default, or CSR. skorchless gets
a sparse X as skglm does, a dense one by rows. skglm is compiled beforehand. Of three fits in a row
each counts; what takes longer than 30 seconds is measured once.
"""

import numpy as np
from measure import alternate, objective, ratio, show
from scipy import sparse
from skglm import SparseLogisticRegression

from skorchless import TorchLogisticClassifier

SHAPES = [
    *((2000, 5000, 1.0), (2000, 20_000, 1.0), (500, 20_000, 1.0)),
    *((2000, 20_000, 0.01), (20_000, 50_000, 0.0016)),
]
SHARES = [0.3, 0.1, 0.03]


def make_wide(n_samples, n_features, density, n_informative=50):
    """Return standard normal samples with labels drawn from a logistic model of a few features."""
    rng = np.random.RandomState(0)
    if density == 1.0:
        X = rng.randn(n_samples, n_features)
    else:
        options = {"format": "csr", "random_state": rng, "data_rvs": rng.randn}
        X = sparse.random(n_samples, n_features, density, **options) / np.sqrt(density)
    coef = np.zeros(n_features)
    coef[rng.choice(n_features, n_informative, replace=False)] = rng.randn(n_informative)
    return X, (X @ coef + rng.logistic(size=n_samples) > 0).astype(int)


def pair(ours, theirs):
    """Return the milliseconds of both."""
    return f"{ours * 1e3:.0f} and {theirs * 1e3:.0f}"


def main():
    """Print the table."""
    table = {}
    for n_samples, n_features, density in SHAPES:
        X, y = make_wide(n_samples, n_features, density)
        X_by_column = X.tocsc() if sparse.issparse(X) else np.asfortranarray(X)
        largest = np.abs(X.T @ (y - y.mean())).max() / n_samples
        for share in SHARES:
            alpha = share * largest  # the penalty of the mean NLL, skglm's parameter
            C = 1 / (alpha * n_samples)
            for tol in ("1e-4", "1e-6"):
                ours = TorchLogisticClassifier(C=C, l1_ratio=1.0, tol=float(tol))
                theirs = SparseLogisticRegression(alpha=alpha, tol=float(tol))
                runs = {
                    "skorchless": lambda model=ours, X=X, y=y: model.fit(X, y),
                    "columns": lambda model=theirs, X=X_by_column, y=y: model.fit(X, y),
                    "rows": lambda model=theirs, X=X, y=y: model.fit(X, y),
                }
                by_column = "skorchless"
                if sparse.issparse(X):
                    by_column = "skorchless, columns"
                    runs[by_column] = lambda model=ours, X=X_by_column, y=y: model.fit(X, y)
                runs["columns"]()
                measured = alternate(runs, n_repeats=5, n_in_a_row=3)
                seconds = {name: seconds for name, (seconds, _) in measured.items()}
                value, skglm_value = (
                    objective(model, X, y, C=C, l1_ratio=1.0) for model in (ours, theirs)
                )
                shape = f"{n_samples:,} x {n_features:,}"
                shape += "" if density == 1.0 else f", {density:.2%} stored"
                table[f"{shape}: {share:g}, {tol}"] = {
                    "ms": pair(seconds[by_column], seconds["columns"]),
                    "ratio": ratio(seconds["columns"], seconds[by_column]),
                    "by rows, ms": pair(seconds["skorchless"], seconds["rows"]),
                    "ratio by rows": ratio(seconds["rows"], seconds["skorchless"]),
                    "coefficients": f"{(ours.coef_ != 0).sum()} and {(theirs.coef_ != 0).sum()}",
                    "objective above skglm's": f"{value / skglm_value - 1:.1e}",
                }
    show(table)


if __name__ == "__main__":
    main()
