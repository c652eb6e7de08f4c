"""
Loading images, and pickles from strangers
==========================================

The lecture begins with a download: MNIST, as a Python pickle. Here we load the same images from
the files in which they were first published, look at their shapes and types, and see why a pickle
from somebody else should not be loaded by :mod:`pickle`.
"""

# %%
# Shapes and types
# ----------------
# An image is a row of pixels, flattened line by line. A label is the digit that it shows. The
# first part is to train on. The validation part is for telling how well a model does on images
# that it has not seen.

import gzip
import pickle
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from course_data import load_images  # a file beside this script
from sklearn.datasets import get_data_home

from skorchless.datasets import load_mnist_pickle

images = load_images()
print(f"{images.name}, images of {images.shape[0]} x {images.shape[1]} pixels\n")
for part in ("X", "y", "X_valid", "y_valid"):
    array = getattr(images, part)
    print(f"{part:8} {type(array).__name__:8} {array.dtype!s:6} {array.shape}")

# %%
# A pixel is a whole number in one byte (``uint8``): 0 is background, the largest number is ink.

print("pixels:", images.X.min(), "to", images.X.max())
print(f"training images: {images.X.nbytes / 1e6:.1f} MB")

# %%
# Each digit is there about as often as any other, so accuracy is a fair score: whoever always says
# the same digit has about 0.1.

figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.bar(range(10), np.bincount(images.y) / len(images.y))
axes.set(xlabel="digit", ylabel="share of the images", xticks=range(10))
plt.show()

# %%
# The course's own file
# ---------------------
# The course took ``mnist.pkl.gz``, a pickle that Python 2 wrote. We look for it beside MNIST's own
# files. :func:`skorchless.datasets.load_mnist_pickle` reads it. Its pixels are float32, divided by
# 256.

path = Path(get_data_home()) / "mnist" / "mnist.pkl.gz"
if path.is_file():
    (x, y), (x_valid, y_valid), _ = load_mnist_pickle(path)
    print("training images:", x.shape, x.dtype, "from", x.min(), "to", x.max())
    print("same images:", np.array_equal(x * 256, images.X))
    print("same labels:", np.array_equal(y, images.y))
else:
    print("mnist.pkl.gz is not on this machine.")

# %%
# A pickle is a program
# ---------------------
# A pickle does not hold objects. It holds instructions for making them, and one of these
# instructions is "call this function with these arguments". Whoever writes the file chooses the
# function. Ours chooses ``print``, which does no harm; it could just as well be one that deletes
# files.


class Surprise:
    """An object whose pickle calls print."""

    def __reduce__(self):
        return print, ("This line was printed by the file.",)


folder = TemporaryDirectory()
stranger = Path(folder.name) / "mnist.pkl.gz"
with gzip.open(stranger, "wb") as file:
    pickle.dump(Surprise(), file, protocol=2)

# %%
# Nothing is done with what is loaded; loading it is enough:

with gzip.open(stranger) as file:
    pickle.load(file)  # noqa: S301, a pickle of our own

# %%
# :func:`~skorchless.datasets.load_mnist_pickle` does not trust the file. It knows the few
# instructions that arrays are made of, refuses all others, and calls nothing that the file names.

try:
    load_mnist_pickle(stranger)
except pickle.UnpicklingError as error:
    print(f"UnpicklingError:\n{error}")

folder.cleanup()

# %%
# Models are often kept as pickles too, by ``joblib.dump`` for instance. The same holds for them:
# load those that you, or people you trust, have written.
