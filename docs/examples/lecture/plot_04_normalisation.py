"""
Normalisation, and why forests do without
=========================================

A network is trained by small steps, and how far a step goes depends on the scale of the inputs.
So the lecture subtracts the mean of the training pixels and divides by their standard deviation.
A random forest needs none of this. This page shows both.
"""

# %%
# One mean, one deviation
# -----------------------
# :class:`~sklearn.preprocessing.StandardScaler` has a mean and a deviation for each column. For
# pixels that is not what we want: all of them have the same unit, and a pixel in a corner that is
# nearly always 0 would be blown up. :class:`skorchless.GlobalStandardScaler` has one mean and one
# deviation for the whole matrix, as the lecture has.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from course_data import load_images  # a file beside this script
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss

from skorchless import GlobalStandardScaler, TorchLogisticClassifier

images = load_images()
print(images.name)
scaler = GlobalStandardScaler().fit(images.X)
Z, Z_valid = scaler.transform(images.X), scaler.transform(images.X_valid)

parts = {
    "training, before": images.X,
    "training, after": Z,
    "validation, before": images.X_valid,
    "validation, after": Z_valid,
}
moments = pd.DataFrame(
    {
        "mean": {name: part.mean(dtype=np.float64) for name, part in parts.items()},
        "deviation": {name: part.std(dtype=np.float64) for name, part in parts.items()},
    }
)
print(moments.round(5) + 0.0)  # so that -0.0 is written as 0.0

# %%
# The training images have mean 0 and deviation 1 afterwards. The validation images are scaled by
# the numbers of the *training* images: a model must not learn anything from them, not even their
# mean. So they come near to 0 and 1, and no nearer. (On MNIST the lecture prints -0.00585 and
# 0.99243.)
#
# A forest sees only the order
# ----------------------------
# A tree asks "is this pixel above a threshold?". Scaling moves the pixel and the threshold alike
# and leaves the order of all values as it was, so the same questions divide the images in the
# same way. With the same ``random_state`` we get the same forest:

n_rows = 10_000  # enough to see it
predictions = {}
for name, X, X_valid in (("raw", images.X, images.X_valid), ("scaled", Z, Z_valid)):
    forest = RandomForestClassifier(n_estimators=30, random_state=0, n_jobs=-1)
    predictions[name] = forest.fit(X[:n_rows], images.y[:n_rows]).predict(X_valid)
    print(f"{name:6} accuracy {(predictions[name] == images.y_valid).mean():.4f}")

differs = predictions["raw"] != predictions["scaled"]
print(f"predictions that differ: {differs.sum()} of {len(differs):,}")

# %%
# Where a prediction does differ, rounding is the reason. A threshold lies halfway between two
# training values. A validation pixel that is exactly there can fall on either side of it once
# both are rounded.
#
# A network sees the scale
# ------------------------
# Now one epoch of Adam, on raw pixels, on pixels from 0 to 1, and on scaled ones. Adam moves each
# weight by about the learning rate in a step, whatever the scale of the pixels. A step therefore
# changes the scores by more where pixels are large, and by less where they are small.

largest = np.float32(images.X.max())
inputs = {
    f"raw, 0 to {largest:.0f}": (images.X, images.X_valid),
    "0 to 1": (images.X / largest, images.X_valid / largest),
    "scaled": (Z, Z_valid),
}
rows = {}
for name, (X, X_valid) in inputs.items():
    clf = TorchLogisticClassifier(solver="adam", max_iter=1, C=np.inf, random_state=0)
    clf.fit(X, images.y)
    rows[name] = {
        "validation loss": log_loss(images.y_valid, clf.predict_proba(X_valid)),
        "accuracy": clf.score(X_valid, images.y_valid),
    }
print(pd.DataFrame(rows).T.round(4))

# %%
# Same model, same data, same number of steps, and three different results. Which scale is best
# depends on the number of steps and on the learning rate. Mean 0 and deviation 1 is the scale for
# which the usual learning rates are meant. Here are more epochs of each:

figure, axes = plt.subplots(figsize=(6.5, 3.5), layout="constrained")
for name, (X, X_valid) in inputs.items():
    clf = TorchLogisticClassifier(
        solver="adam", max_iter=6, n_iter_no_change=6, C=np.inf, random_state=0
    )
    clf.fit(X, images.y, X_val=X_valid, y_val=images.y_valid)
    axes.plot(range(1, 7), clf.validation_loss_curve_, marker=".", label=name)
axes.set(xlabel="epoch", ylabel="validation loss", yscale="log")
axes.legend()
plt.show()

# %%
# The default solver, ``lbfgs``, minds much less: it goes on until it has reached the optimum, and
# it learns the scales of the pixels before it begins.
