"""
Logistic regression from scratch
================================

The lecture opens the box and writes the layer itself, softmax included. So do we. In an early
version of its notebook the softmax is wrong. That one is worth a look: it trains, it predicts, and
what it computes is no probability.
"""

# %%
# A module of our own
# -------------------
# ``nn.Parameter`` marks a tensor as something to be trained. ``forward`` says what the module
# computes. How scores become log-probabilities is a function that we pass, to try several.

import matplotlib.pyplot as plt
import pandas as pd
import torch
from course_data import load_images  # a file beside this script
from torch import nn

from skorchless import GlobalStandardScaler


class LogisticRegression(nn.Module):
    """Scores by a product, log-probabilities by a function."""

    def __init__(self, n_features, n_classes, log_probabilities):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_features, n_classes))
        self.bias = nn.Parameter(torch.zeros(n_classes))
        self.log_probabilities = log_probabilities

    def forward(self, X):
        return self.log_probabilities(X @ self.weight + self.bias)


# %%
# Three softmaxes
# ---------------
# The first one is the notebook's. Scores have a row for each image and a column for each digit.
# ``dim=0`` adds up a column: over the *images* of the minibatch. It should be ``dim=1``, over the
# digits. And nothing calls for the 1 in the denominator: it belongs to the logistic function
# ``exp(x) / (1 + exp(x))``, the form for two classes.


def wrong(scores):
    return torch.log(torch.exp(scores) / (1 + torch.exp(scores).sum(dim=0)))


def right(scores):
    return torch.log(torch.exp(scores) / torch.exp(scores).sum(dim=1, keepdim=True))


def right_and_stable(scores):
    return scores - torch.logsumexp(scores, dim=1, keepdim=True)


# %%
# What is wrong with the first
# ----------------------------
# Scores of four images for three classes. Each image's probabilities should sum to 1.

scores = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0], [1.0, 1.0, 0.0]])
sums = {f.__name__: f(scores).exp().sum(dim=1).numpy() for f in (wrong, right, right_and_stable)}
print(pd.DataFrame(sums).round(4).rename_axis("image"))

# %%
# The first image alone, with the second, and with all. Its scores are the same each time, so its
# probabilities and its loss (its label is 0) should be too.

for function in (wrong, right):
    print(function.__name__)
    for n_images in (1, 2, 4):
        log_proba = function(scores[:n_images])[0]
        print(f"  among {n_images}: {log_proba.exp().numpy().round(4)} loss {-log_proba[0]:.4f}")

# %%
# Training with each
# ------------------
# One epoch on the images, by the loop of :ref:`sphx_glr_lecture_plot_06_network.py`. After it, the
# validation loss, computed for 16, 64 and 256 images at a time. A loss belongs to a model and its
# data, so the three should be the same.

images = load_images()
scaler = GlobalStandardScaler().fit(images.X)
Z, Z_valid = (torch.from_numpy(scaler.transform(X)) for X in (images.X, images.X_valid))
y, y_valid = torch.from_numpy(images.y), torch.from_numpy(images.y_valid)
nll = nn.NLLLoss()


def train_one_epoch(net, generator):
    """Train a network on all images once, in random order."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for rows in torch.randperm(len(Z), generator=generator).split(64):
        optimizer.zero_grad()
        nll(net(Z[rows]), y[rows]).backward()
        optimizer.step()


@torch.no_grad()
def validation_loss(net, n_images):
    """Return the mean loss, computed for ``n_images`` at a time."""
    parts = zip(Z_valid.split(n_images), y_valid.split(n_images), strict=True)
    return sum(nll(net(X), labels).item() * len(X) for X, labels in parts) / len(Z_valid)


table = {}
for function in (wrong, right, right_and_stable):
    net = LogisticRegression(Z.shape[1], 10, function)
    train_one_epoch(net, torch.Generator().manual_seed(0))
    losses = {f"loss by {n}": validation_loss(net, n) for n in (16, 64, 256)}
    is_right = net(Z_valid).argmax(dim=1) == y_valid
    table[function.__name__] = {**losses, "accuracy": is_right.double().mean().item()}
table = pd.DataFrame(table).T
print(images.name)
print(table.round(4))

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
table.iloc[:2, :3].T.plot.bar(ax=axes, rot=0, ylabel="validation loss")
plt.show()

# %%
# The wrong one still tells digits apart. For each digit it asks which images of the minibatch look
# like it, and weights that answer this also tell which digit an image looks like. So the accuracy
# does not give it away. The loss does: it depends on how many images are looked at together. It is
# not the negative log-likelihood of anything, and cannot be compared with another model's. (On
# MNIST, 64 images at a time, the lecture's notebook has a loss of 2.395 and an accuracy of 0.910.)
#
# The stable one
# --------------
# The other two are the same function on paper. In float32 ``exp`` overflows beyond 88, and the
# logarithm of the softmax is lost. Small steps on scaled pixels do not get there soon; on MNIST's
# raw pixels, scores are that large after a few steps.

for function in (right, right_and_stable):
    print(f"{function.__name__:17}", function(torch.tensor([[0.0, 50.0, 100.0]])).numpy())
