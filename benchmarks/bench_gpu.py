"""What does a GPU buy, by the kind of fit?

The same estimator on the same machine: tensors that are on the GPU already, arrays on the CPU with
all of its cores. MNIST is float32, the table a million rows of 100 features and ten classes,
float32; labels are 10,000 x 300, correlated, float64; wide ones 2,000 x 20,000, float64. The
peers run on the GPU too: scikit-learn's LogisticRegression by its array API (`SCIPY_ARRAY_API=1`),
as many iterations as it takes to within 0.1 % of the optimum, and a loop of torch with fused Adam.
"""

import sys

import numpy as np
import torch
from bench_labels import make_dense
from measure import alternate, environment, load_mnist, objective, ratio, show
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV


def on(device, array):
    """Return the array, or a tensor of it on the GPU."""
    return torch.from_numpy(array).to(device) if device == "cuda" else array


def lbfgs_of_scikit_learn(X, y, max_iter):
    """Return scikit-learn's fit of tensors."""
    with config_context(array_api_dispatch=True):
        return LogisticRegression(tol=1e-9, max_iter=max_iter).fit(X, y)


def adam_of_torch(X, y, batch_size=64):
    """Fit an epoch by a loop of torch over slices of shuffled tensors; return the module."""
    module = torch.nn.Linear(X.shape[1], 10, device=X.device)
    optimizer = torch.optim.Adam(module.parameters(), fused=True)
    for batch in torch.randperm(len(X), device=X.device).split(batch_size):
        optimizer.zero_grad()
        functional.cross_entropy(module(X[batch]), y[batch]).backward()
        optimizer.step()
    torch.cuda.synchronize()
    return module


def problems(rng):
    """Yield name, estimator, X, y and a peer on the GPU, which may be None."""
    X, y, *_ = load_mnist()
    y = np.asarray(y, dtype=np.int64)
    fit = TorchLogisticClassifier
    yield "MNIST, the defaults", fit(), X, y, lambda X, y: lbfgs_of_scikit_learn(X, y, 900)
    grid = TorchLogisticClassifierCV(Cs=10, cv=5, scoring="neg_log_loss")
    yield "MNIST, 10 penalties, 5 folds", grid, X, y, None
    lasso = fit(l1_ratio=1.0, C=0.01)
    yield "MNIST, L1 penalty, C=0.01", lasso, X, y, None
    adam = fit(solver="adam", max_iter=1, C=np.inf)
    yield "MNIST, an epoch of Adam, minibatches of 64", adam, X, y, adam_of_torch
    large = fit(solver="adam", max_iter=1, C=np.inf, batch_size=1024)
    peer = lambda X, y: adam_of_torch(X, y, 1024)  # noqa: E731
    yield "MNIST, an epoch of Adam, minibatches of 1,024", large, X, y, peer
    yield "MNIST, an epoch of Adam, 50 labels", adam, X, rng.integers(2, size=(10, 50))[y], None
    X = rng.normal(size=(1_000_000, 100)).astype(np.float32)
    logits = X @ rng.normal(size=(100, 10)).astype(np.float32)
    y = (logits + rng.gumbel(size=logits.shape)).argmax(1)
    peer = lambda X, y: lbfgs_of_scikit_learn(X, y, 30)  # noqa: E731
    yield "1,000,000 x 100, ten classes", fit(), X, y, peer
    yield "200 labels, 10,000 x 300", fit(), *make_dense("correlated", 200, rng), None
    X = rng.normal(size=(2_000, 20_000))
    y = (X[:, :50].sum(1) + 3 * rng.logistic(size=2_000) > 0).astype(np.int64)
    yield "2,000 x 20,000, two classes", fit(), X, y, None
    y = (X[:500, 0] > 0).astype(np.int64)
    yield "500 x 100, two classes", fit(), np.ascontiguousarray(X[:500, :100]), y, None


def main():
    """Print the table."""
    rows = {}
    for name, estimator, X, y, peer in problems(np.random.default_rng(0)):
        data = {device: (on(device, X), on(device, y)) for device in ("cuda", "cpu")}

        def fit(device, estimator=estimator, data=data):
            return clone(estimator).set_params(device=device).fit(*data[device])

        runs = {"cuda": lambda fit=fit: fit("cuda"), "cpu": lambda fit=fit: fit("cpu")}
        if peer is not None:
            runs["peer"] = lambda peer=peer, data=data: peer(*data["cuda"])
        for device in runs.keys() - {"cpu"}:
            runs[device]()  # what a first call compiles and reserves is no part of the next ones
        measured = alternate(runs, n_repeats=3, max_seconds=15.0)
        ours = measured["cuda"][0]
        row = {
            "GPU, s": f"{ours:.3f}",
            "CPU, s": f"{measured['cpu'][0]:.3f}",
            "CPU / GPU": ratio(measured["cpu"][0], ours),
        }
        if peer is not None:
            row["peer on the GPU"] = ratio(measured["peer"][0], ours)
        if estimator.__class__ is TorchLogisticClassifier and y.ndim == 1:
            models = {device: model for device, (_, model) in measured.items() if device != "peer"}
            C, l1_ratio = estimator.C, estimator.l1_ratio
            values = {d: objective(m, X, y, C, l1_ratio) for d, m in models.items()}
            row["objective: GPU above CPU"] = f"{values['cuda'] / values['cpu'] - 1:.1e}"
        rows[name] = row
        print(name, row, file=sys.stderr, flush=True)
    print(f"{torch.cuda.get_device_name()}; {environment()}\n")
    show(rows)


if __name__ == "__main__":
    main()
