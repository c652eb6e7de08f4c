"""How long does a choice of C take on MNIST, 10 values of C times 5 folds?

All have scikit-learn's defaults otherwise: 100 iterations, tol=1e-4. The second table has the
means over folds at each C. A lower objective is a fit nearer to its optimum; where C is large the
optimum itself fits the training rows too closely, and a fit that has stopped far from it scores
better on the rows left out.
"""

import numpy as np
from measure import alternate, load_mnist, log_proba, ratio, show
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV

CS = np.logspace(-4, 4, 10)
OURS, THEIRS = "TorchLogisticClassifierCV()", "LogisticRegressionCV(n_jobs=2)"


def means_over_folds(model, X, y):
    """Return training objectives, log losses and accuracies (n_cs,), each the mean over folds."""
    values = np.empty((len(model.coefs_paths_), len(CS), 3))
    for f, (train, test) in enumerate(StratifiedKFold(5).split(X, y)):
        for c, C in enumerate(CS):
            W = model.coefs_paths_[f, 0, c]
            log_p = log_proba(W[:, :-1], W[:, -1], X)
            nll = -log_p[np.arange(len(y)), y]
            penalty = np.square(W[:, :-1], dtype=float).sum() / (2 * C * len(train))
            hits = log_p[test].argmax(1) == y[test]
            values[f, c] = nll[train].mean(dtype=float) + penalty, nll[test].mean(), hits.mean()
    return values.mean(0).T


def main():
    """Print the two tables."""
    data = load_mnist()
    X, y = data.X, data.y
    grid = {"scoring": "neg_log_loss", "cv": 5}
    one_by_one = GridSearchCV(TorchLogisticClassifier(), {"C": CS}, **grid)
    theirs = LogisticRegressionCV(
        Cs=10, n_jobs=2, l1_ratios=(0.0,), use_legacy_attributes=False, **grid
    )
    runs = {
        OURS: lambda: TorchLogisticClassifierCV(Cs=10, **grid).fit(X, y),
        "GridSearchCV(TorchLogisticClassifier())": lambda: one_by_one.fit(X, y),
        THEIRS: lambda: theirs.fit(X, y),
    }
    measured = alternate(runs, n_repeats=3)
    table = {}
    for name, (seconds, model) in measured.items():
        is_search = isinstance(model, GridSearchCV)
        chosen = model.best_params_["C"] if is_search else model.C_
        best = model.best_score_ if is_search else model.scores_.mean((0, 1)).max()
        n_short = "" if is_search else f"{int((model.n_iter_ == 100).sum())}"
        accuracy = (model.predict(data.X_val) == data.y_val).mean()
        table[name] = {
            "seconds": f"{seconds:.1f}",
            "ratio": ratio(seconds, measured[OURS][0]),
            "fits at 100 iterations": n_short,
            "best C": f"{chosen:.4g}",
            "its log loss": f"{-best:.4f}",
            "validation accuracy": f"{accuracy:.4f}",
        }
    show(table)
    print()
    means = {name: means_over_folds(measured[name][1], X, y) for name in (OURS, THEIRS)}
    columns = zip(*means[OURS], *means[THEIRS], strict=True)
    rows = {}
    for C, (f, nll, hits, their_f, their_nll, their_hits) in zip(CS, columns, strict=True):
        rows[f"C={C:.3g}"] = {
            "objective": f"{f:.5f}",
            "LogisticRegressionCV": f"{their_f:.5f}",
            "log loss": f"{nll:.4f}",
            "LogisticRegressionCV ": f"{their_nll:.4f}",
            "accuracy": f"{hits:.4f}",
            " LogisticRegressionCV": f"{their_hits:.4f}",
        }
    show(rows)


if __name__ == "__main__":
    main()
