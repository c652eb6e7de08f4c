"""
The smallest network: a linear layer and a softmax
==================================================

The lecture's first network has one layer. We train it by a plain torch loop, and then by ``fit``.
"""

# %%
# The network
# -----------
# ``nn.Linear`` turns the pixels into ten *scores*, one for each digit. ``nn.LogSoftmax`` turns the
# scores into the logarithms of ten probabilities. ``nn.NLLLoss`` is the mean of minus the
# log-probability of the true label; the next page takes it apart.
#
# The weights start at zero here. That is fine for one layer, and leaves nothing to chance but the
# order of the images. The order comes from a generator of our own, so torch's global one stays as
# it is.

# sphinx_gallery_thumbnail_number = 2
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from course_data import load_images  # a file beside this script
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from torch import nn

from skorchless import GlobalStandardScaler, TorchLogisticClassifier
from skorchless.plotting import CoefficientImageDisplay, LossCurveDisplay

images = load_images()
scaler = GlobalStandardScaler().fit(images.X)
Z, Z_valid = scaler.transform(images.X), scaler.transform(images.X_valid)

net = nn.Sequential(nn.Linear(Z.shape[1], 10), nn.LogSoftmax(dim=1))
for parameter in net.parameters():
    nn.init.zeros_(parameter)
print(images.name)
print(net)

# %%
# One epoch in plain torch
# ------------------------
# Minibatches of 64 images, and for each of them: forget the gradient before, compute the loss,
# compute its gradient, and let Adam take a step. Adam is gradient descent with a step size of its
# own for each parameter.


def train_one_epoch(net, X, y, generator):
    """Train a network on all rows once, in random order."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    negative_log_likelihood = nn.NLLLoss()
    for rows in torch.randperm(len(X), generator=generator).split(64):
        optimizer.zero_grad()
        loss = negative_log_likelihood(net(X[rows]), y[rows])
        loss.backward()
        optimizer.step()


generator = torch.Generator().manual_seed(0)
start = perf_counter()
train_one_epoch(net, torch.from_numpy(Z), torch.from_numpy(images.y), generator)
seconds_of_torch = perf_counter() - start

with torch.no_grad():
    log_proba = net(torch.from_numpy(Z_valid)).numpy()

# %%
# The same by fit
# ---------------
# :class:`skorchless.TorchLogisticClassifier` with ``solver="adam"`` does what the loop does.
# ``max_iter`` is the number of epochs, ``C=np.inf`` means no penalty, and 64 and 1e-3 are the
# defaults. The scaler goes into the same pipeline, so raw pixels go in.

model = make_pipeline(
    GlobalStandardScaler(),
    TorchLogisticClassifier(solver="adam", max_iter=1, C=np.inf, random_state=0),
)
start = perf_counter()
model.fit(images.X, images.y)
seconds_of_fit = perf_counter() - start

# %%
# Both beside each other. The orders of the images differ, so the last digits do too. (On
# MNIST, the lecture's loss is about 0.287 and its accuracy about 0.918.)

rows = []
for proba, seconds in (
    (np.exp(log_proba), seconds_of_torch),
    (model.predict_proba(images.X_valid), seconds_of_fit),
):
    accuracy = (proba.argmax(axis=1) == images.y_valid).mean()
    rows.append((log_loss(images.y_valid, proba), accuracy, seconds))
columns = ["validation loss", "accuracy", "seconds"]
print(pd.DataFrame(rows, index=["torch", "skorchless"], columns=columns).round(4))

# %%
# Back to torch
# -------------
# The fitted classifier can be had as a module: the network that we began with.

module = model[-1].to_module()
print(module)
with torch.no_grad():
    from_module = module(torch.from_numpy(Z_valid)).numpy()
difference = np.abs(from_module - model.predict_log_proba(images.X_valid)).max()
print(f"largest difference of a log-probability: {difference:.1e}")

# %%
# More epochs
# -----------
# With validation samples, a fit keeps the loss on them after each epoch. The training loss is the
# mean over the minibatches of the epoch, each taken before its step, so it is the higher one at
# first. Where the validation loss stays behind while the training loss goes on falling, the model
# learns the training images by heart. ``n_iter_no_change=8`` says that all eight epochs are
# wanted, whatever the loss does.

clf = TorchLogisticClassifier(
    solver="adam", max_iter=8, n_iter_no_change=8, C=np.inf, random_state=0
)
clf.fit(Z, images.y, X_val=Z_valid, y_val=images.y_valid)
LossCurveDisplay.from_estimator(clf)
first, last = clf.validation_scores_[[0, -1]]
print(f"accuracy after the first epoch {first:.4f}, after the last {last:.4f}")

# %%
# What the weights look like
# --------------------------
# Each digit has a weight for each pixel, so its weights are an image. Red pixels speak for the
# digit, blue ones against it.

CoefficientImageDisplay.from_estimator(model)
plt.show()
