"""How long do many labels take in one fit, and permutations of labels?

Each label has a logistic regression of its own. Dense samples are 10,000 x 300, standard normal or
correlated (variances over three decades in rotated axes); sparse ones 20,000 x 50,000 with 70
entries a row, words as frequent as Zipf's law has them, and 1.3 % of labels are 1. The peers fit
one label after the other on two processes, and of many labels 40, whose time is scaled up. The
permutations are of breast cancer, standardised, on five stratified folds. An epoch of Adam on
MNIST ends with the ten digits as classes, and with 50 random sets of digits as labels.
"""

import resource

import numpy as np
from measure import alternate, load_mnist, ratio, show
from scipy import sparse
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import permutation_test_score as one_by_one
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.preprocessing import StandardScaler

from skorchless import TorchLogisticClassifier
from skorchless.inference import permutation_test_score

MAX_MEASURED = 40  # labels of a peer's fit
N_PERMUTATIONS = 1000


def make_dense(kind, n_labels, rng):
    """Return X (10,000, 300) and labels (10,000, n_labels)."""
    X = rng.normal(size=(10_000, 300))
    if kind == "correlated":
        axes = np.linalg.qr(rng.normal(size=(300, 300)))[0]
        X = X @ (axes * np.logspace(1, -0.5, 300)) @ axes.T
    logits = X @ rng.normal(size=(300, n_labels)) / np.sqrt(30) / X.std()
    return X, (logits + rng.logistic(size=logits.shape) > rng.normal(size=n_labels)).astype(int)


def make_sparse(n_labels, rng):
    """Return X (20,000, 50,000), CSR with rows of length 1, and labels (20,000, n_labels)."""
    n_rows, n_words, n_topics = 20_000, 50_000, 200
    frequency = 1.0 / np.arange(1, n_words + 1)
    topics = rng.integers(n_topics, size=n_rows)
    of_topic = rng.permutation(n_words)[
        (250 * topics[:, None] + rng.zipf(1.5, (n_rows, 30)) % 250)
    ]
    common = rng.choice(n_words, size=(n_rows, 70), p=frequency / frequency.sum())
    words = np.hstack([common, of_topic])
    X = sparse.csr_array(
        (np.ones(words.size), words.ravel(), 100 * np.arange(n_rows + 1)), (n_rows, n_words)
    )
    X.sum_duplicates()
    X = X * np.log((1 + n_rows) / (1 + np.bincount(X.indices, minlength=n_words)))
    X = sparse.csr_array(X / np.sqrt(X.power(2).sum(1))[:, None])
    # scikit-learn's liblinear takes indices of 32 bits alone.
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    labels = np.zeros((n_rows, n_labels), dtype=bool)
    for label in labels.T:
        own = np.isin(topics, rng.choice(n_topics, rng.integers(1, 5), replace=False))
        label[:] = own & (rng.random(n_rows) < 0.7) | (rng.random(n_rows) < 0.002)
    return X, sparse.csr_array(labels.astype(np.int8))


def compare(X, Y, peer, n_repeats=3):
    """Return a row: seconds of one fit, and how many times as long the peer takes."""
    ours, n_labels = TorchLogisticClassifier(), Y.shape[1]
    n_measured = min(n_labels, MAX_MEASURED)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours.fit(X, Y)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    runs = {"ours": lambda: ours.fit(X, Y), "peer": lambda: peer.fit(X, Y[:, :n_measured])}
    (seconds, _), (of_peer, _) = alternate(runs, n_repeats).values()
    of_peer *= n_labels / n_measured
    return {
        "seconds": f"{seconds:.2f}",
        "one after the other": f"{of_peer:.1f}",
        "ratio": ratio(of_peer, seconds),
        "memory beside X": f"{peak / 2**10:.0f} MB",
    }


def main():
    """Print the tables."""
    rng = np.random.default_rng(0)
    rows = {}
    dense_peer = MultiOutputClassifier(LogisticRegression(), n_jobs=2)
    for kind, n_labels in [("plain", 2), ("plain", 20), ("plain", 200), ("correlated", 200)]:
        rows[f"{n_labels} labels, 10,000 x 300, {kind}"] = compare(
            *make_dense(kind, n_labels, rng), dense_peer
        )
    sparse_peer = OneVsRestClassifier(LogisticRegression(solver="liblinear"), n_jobs=2)
    for n_labels in (20, 1000):
        name = f"{n_labels} labels, sparse 20,000 x 50,000"
        rows[name] = compare(*make_sparse(n_labels, rng), sparse_peer, n_repeats=1)
    show(rows)
    print()
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    n_measured = N_PERMUTATIONS // 10
    runs = {
        "ours": lambda: permutation_test_score(
            TorchLogisticClassifier(), X, y, n_permutations=N_PERMUTATIONS
        ),
        "peer": lambda: one_by_one(LogisticRegression(), X, y, n_permutations=n_measured),
    }
    (seconds, _), (of_peer, _) = alternate(runs, 3).values()
    of_peer *= (N_PERMUTATIONS + 1) / (n_measured + 1)
    data = load_mnist()
    Y = rng.integers(2, size=(10, 50))[np.asarray(data.y, dtype=int)]
    adam = TorchLogisticClassifier(solver="adam", max_iter=1)
    epochs = {
        "ten classes": lambda: adam.fit(data.X, data.y),
        "50 labels": lambda: adam.fit(data.X, Y),
    }
    (of_classes, _), (of_labels, _) = alternate(epochs, 5).values()
    show(
        {
            "1,000 permutations, 5 folds, 569 x 30": {
                "seconds": f"{seconds:.2f}",
                "beside": f"permutation_test_score of scikit-learn: {of_peer:.1f}",
                "ratio": ratio(of_peer, seconds),
            },
            "an epoch of Adam, MNIST, 50 labels": {
                "seconds": f"{of_labels:.2f}",
                "beside": f"ten classes: {of_classes:.2f}",
                "ratio": ratio(of_classes, of_labels),
            },
        }
    )


if __name__ == "__main__":
    main()
