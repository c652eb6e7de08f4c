"""How long does a fit take beside scikit-learn's, and how low does it get?

Run by `nox -s bench`, or `nox -s bench -- mnist`. Fits of all models are interleaved and the
medians compared, because a machine's speed drifts by more than the models differ.
"""

import argparse
import platform
import time
import warnings
from statistics import median

import numpy as np
import pandas as pd
import sklearn
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from skorchless import GlobalStandardScaler, TorchLogisticClassifier
from skorchless.datasets import fetch_mnist

QUESTIONS = {
    "one epoch of Adam, minibatches of 64": {
        "skorchless adam": TorchLogisticClassifier(solver="adam", max_iter=1, C=np.inf),
        "MLPClassifier(())": MLPClassifier((), solver="adam", batch_size=64, max_iter=1, alpha=0),
    },
    "to the end with the defaults, C=1": {
        "skorchless lbfgs": TorchLogisticClassifier(),
        "LogisticRegression": LogisticRegression(),
        "LogisticRegression newton-cg": LogisticRegression(solver="newton-cg"),
    },
}


def load(name):
    """Return X, float32 and scaled, and y."""
    if name == "mnist":
        data = fetch_mnist()
        X, y = data.data, data.target
    else:
        X, y = load_digits(return_X_y=True)
    return GlobalStandardScaler().fit_transform(X).astype(np.float32), y


def objective(model, X, y):
    """Return the penalised mean NLL on the training samples; the mean NLL without penalty."""
    C = getattr(model, "C", np.inf)
    penalty = (
        0.0 if np.isinf(C) else (model.coef_.astype(np.float64) ** 2).sum() / (2 * C * len(y))
    )
    return log_loss(y, model.predict_proba(X)) + penalty


def measure(models, X, y, n_repeats):
    """Return a table of the models' median seconds, ratios to the first, and objectives."""
    seconds = {name: [] for name in models}
    fitted = {}
    for _ in range(n_repeats):
        for name, model in models.items():
            fitted[name] = clone(model)
            start = time.perf_counter()
            fitted[name].fit(X, y)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: median(values) for name, values in seconds.items()}
    first = next(iter(medians.values()))
    return pd.DataFrame(
        {
            "seconds": medians,
            "ratio": {name: value / first for name, value in medians.items()},
            "objective": {name: objective(model, X, y) for name, model in fitted.items()},
            "iterations": {name: np.max(model.n_iter_) for name, model in fitted.items()},
        }
    )


def main():
    """Print one table for each question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", choices=["digits", "mnist"], default="digits")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    # Which fits stop short is part of the answer: the objective shows it.
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = load(options.data)
    print(f"{options.data} {X.shape}, {torch.get_num_threads()} threads, {platform.machine()},")
    print(f"scikit-learn {sklearn.__version__}, torch {torch.__version__}")
    for question, models in QUESTIONS.items():
        print(f"\n{question}\n{measure(models, X, y, options.repeats).round(4).to_string()}")


if __name__ == "__main__":
    main()
