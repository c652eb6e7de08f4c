"""How long does one epoch of Adam take, minibatches of 64, on MNIST?

A linear layer from 784 pixels to 10 classes, learning rate 1e-3, no penalty, validation accuracy
on 10,000 other rows. "DataLoader loop" is what a course writes; "randperm loop" is the same with
slices of shuffled tensors and torch's fused Adam.
"""

import numpy as np
import torch
from measure import alternate, load_mnist, pass_floor, ratio, show
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from skorchless import TorchLogisticClassifier

BATCH_SIZE = 64


class LogisticModule(nn.Sequential):
    """The lecture's network."""

    def __init__(self):
        super().__init__(nn.Linear(784, 10), nn.LogSoftmax(dim=1))


class Fitted:
    """A torch module with a `score`."""

    def __init__(self, module):
        self.module = module

    @torch.inference_mode()
    def score(self, X, y):
        """Return the accuracy."""
        return (self.module(torch.from_numpy(X)).argmax(1).numpy() == y).mean()


def dataloader_loop(X, y):
    """Fit the module with a DataLoader and Adam, as a course does."""
    module, loss = LogisticModule(), nn.NLLLoss()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    data = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    for xb, yb in DataLoader(data, batch_size=BATCH_SIZE, shuffle=True):
        optimizer.zero_grad()
        loss(module(xb), yb).backward()
        optimizer.step()
    return Fitted(module)


def randperm_loop(X, y):
    """Fit the module on slices of shuffled tensors with fused Adam."""
    module, loss = LogisticModule(), nn.NLLLoss()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    for batch in torch.randperm(len(X)).split(BATCH_SIZE):
        optimizer.zero_grad()
        loss(module(X[batch]), y[batch]).backward()
        optimizer.step()
    return Fitted(module)


def main():
    """Print the table."""
    data = load_mnist()
    X, y = data.X, data.y

    def skorch(**options):
        return NeuralNetClassifier(
            LogisticModule,
            # Its own loss, NLLLoss, would take the logarithm of what is one already.
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=1e-3,
            batch_size=BATCH_SIZE,
            max_epochs=1,
            verbose=0,
            **options,
        ).fit(X, y)

    runs = {
        "skorchless, adam": lambda: TorchLogisticClassifier(
            solver="adam", max_iter=1, C=np.inf
        ).fit(X, y),
        "MLPClassifier(())": lambda: MLPClassifier((), max_iter=1, alpha=0, batch_size=64).fit(
            X, y
        ),
        "torch, randperm loop": lambda: randperm_loop(X, y),
        "torch, DataLoader loop": lambda: dataloader_loop(X, y),
        "skorch, no callbacks or split": lambda: skorch(train_split=None, callbacks="disable"),
        "skorch, defaults": skorch,
    }
    measured = alternate(runs, n_repeats=9)
    ours = measured["skorchless, adam"][0]
    table = {
        name: {
            "seconds": f"{seconds:.3f}",
            "ratio": ratio(seconds, ours),
            "validation accuracy": f"{model.score(data.X_val, data.y_val):.4f}",
        }
        for name, (seconds, model) in measured.items()
    }
    floor = pass_floor(*X.shape, 10)
    table["floor: X read, or its two products"] = {
        "seconds": f"{floor:.3f}",
        "ratio": ratio(floor, ours),
    }
    show(table)


if __name__ == "__main__":
    main()
