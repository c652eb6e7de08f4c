"""
The forest beside it
====================

The course comes from random forests, so the question is how the new model compares with them. One
call fits both on the same images and measures what each gives and costs.
"""

# %%
# One call
# --------
# :func:`skorchless.comparison.compare` fits three models, unless it is given others:
#
# - **adam**: the lecture's run, one epoch of Adam in minibatches of 64, without a penalty;
# - **lbfgs**: the same model fitted to its optimum, with the default penalty;
# - **forest**: scikit-learn's random forest, with its defaults.
#
# The first two come behind a :class:`skorchless.GlobalStandardScaler`, the forest gets raw pixels.
# To keep this page short, they are trained on 10,000 images at most; all of MNIST takes a little
# longer, ``skorchless compare mnist`` does it.

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from course_data import load_images  # a file beside this script

from skorchless.comparison import compare
from skorchless.plotting import plot_images

images = load_images()
X, y = images.X[:10_000], images.y[:10_000]
comparison = compare(X, y, X_test=images.X_valid, y_test=images.y_valid, random_state=0)
print(f"{images.name}, {len(X):,} images to train on, {len(images.X_valid):,} to test on\n")
print(comparison)

# %%
# Reading the table
# -----------------
# *accuracy*
#     The share of test images that are predicted rightly. More is better.
# *log loss*
#     The mean negative log-likelihood of the test labels. Less is better. A model can be first in
#     accuracy and not in this: then its answers are good, and its probabilities less so. That of a
#     forest is the mean over its trees; it is seldom near 0 or 1.
# *fit seconds*, *predict seconds*
#     Of a single run on the machine that built this page, on all of its cores.
# *pickled size*
#     What the fitted model takes on disk. The linear model is a number for each pixel and digit. A
#     forest keeps all of its trees.
#
# The optimum need not be the better one of the linear models on new images. Where training images
# are few for the number of pixels, it follows them too closely, and stopping early, or a smaller
# ``C``, does better. :class:`skorchless.TorchLogisticClassifierCV` chooses ``C``.
#
# ``comparison.table`` has the same numbers as a frame, unrounded, and ``comparison.models`` the
# fitted models.

for name, accuracy in comparison.table["accuracy"].items():
    print(f"{name:7} {round((1 - accuracy) * len(images.X_valid)):5,} mistakes")

# %%
# As a picture: up is more accurate, left is sooner fitted. The bars are the 95 % interval (Wilson)
# of each accuracy, since other test images would have given other numbers.

_ = comparison.plot()

# %%
# What the forest sees and the linear model does not
# --------------------------------------------------
# The forest is the more accurate one. For a linear model each pixel speaks for itself: the sum has
# no way to say "ink here, but only if there is none there". Each branch of a tree says just that.
# These are images that the forest reads rightly and the linear model does not:

forest, linear = (comparison.models[name].predict(images.X_valid) for name in ("forest", "lbfgs"))
only_forest = np.flatnonzero((forest == images.y_valid) & (linear != images.y_valid))
only_linear = np.flatnonzero((forest != images.y_valid) & (linear == images.y_valid))
print(f"right by the forest alone: {len(only_forest)}, by lbfgs alone: {len(only_linear)}")
shown = only_forest[:8]
_ = plot_images(
    images.X_valid[shown],
    titles=[f"{images.y_valid[i]}, not {linear[i]}" for i in shown],
    figsize=(8, 4.5),
)

# %%
# The next step of a course is a second layer: it lets pixels speak together in a network too. The
# next page has data on which it is the forest that falls behind.
#
# A report
# --------
# ``to_html`` writes the table, pictures and the conditions of the comparison to one file. It needs
# nothing else, so it can be sent to somebody.

with TemporaryDirectory() as folder:
    report = Path(folder) / "report.html"
    comparison.to_html(report)
    print(f"{report.name}: {report.stat().st_size / 1000:.0f} kB")

plt.show()
