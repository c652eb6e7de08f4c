"""How do a logistic regression and a forest do on categories of high cardinality?

A million rows of 5 categorical columns with 20,000 categories each, of Zipf's frequencies: every
category has a weight of its own in the logits that labels are drawn from. The logistic models get
100,000 one-hot columns, as a sparse matrix of float32; the forest gets the five columns of codes.
Accuracy is that of 200,000 other rows; the last row is that of the weights themselves.
LogisticRegression stops at its 100 iterations. What takes longer than 30 seconds is measured once.
"""

import numpy as np
from measure import alternate, ratio, show
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from skorchless import TorchLogisticClassifier

N_TRAIN, N_TEST = 1_000_000, 200_000
N_COLUMNS, N_CATEGORIES = 5, 20_000


def make_categories():
    """Return codes (N, columns), labels, and the best prediction of each."""
    rng = np.random.RandomState(0)
    shape = (N_TRAIN + N_TEST, N_COLUMNS)
    codes = np.minimum(rng.zipf(1.3, shape) - 1, N_CATEGORIES - 1)
    codes = np.stack([rng.permutation(N_CATEGORIES)[column] for column in codes.T], axis=1)
    weights = 0.7 * rng.randn(N_COLUMNS, N_CATEGORIES)
    logits = sum(weights[j][codes[:, j]] for j in range(N_COLUMNS))
    return codes, (logits + rng.logistic(size=len(logits)) > 0).astype(int), logits > 0


def main():
    """Print the table."""
    codes, y, best = make_categories()
    train, test = slice(N_TRAIN), slice(N_TRAIN, None)
    encoder = OneHotEncoder(
        categories=[np.arange(N_CATEGORIES)] * N_COLUMNS, dtype=np.float32
    ).fit(codes[:1])
    X, X_test = encoder.transform(codes[train]), encoder.transform(codes[test])
    models = {
        "skorchless, lbfgs": (TorchLogisticClassifier(), X, X_test),
        "LogisticRegression, 100 iterations": (LogisticRegression(), X, X_test),
        "RandomForestClassifier, 20 trees, codes": (
            RandomForestClassifier(20, min_samples_leaf=5, n_jobs=-1, random_state=0),
            *(codes[train], codes[test]),
        ),
    }
    runs = {
        name: lambda model=model, X=X_train: model.fit(X, y[train])
        for name, (model, X_train, _) in models.items()
    }
    measured = alternate(runs, n_repeats=3)
    ours, _ = measured["skorchless, lbfgs"]
    table = {
        name: {
            "seconds": f"{measured[name][0]:.2f}",
            "ratio": ratio(measured[name][0], ours),
            "accuracy": f"{model.score(X_other, y[test]):.4f}",
        }
        for name, (model, _, X_other) in models.items()
    }
    table["the weights that labels are drawn from"] = {
        "accuracy": f"{(best[test] == y[test]).mean():.4f}"
    }
    show(table)


if __name__ == "__main__":
    main()
