"""The images of the lecture's scripts: MNIST where its files are, elsewhere scikit-learn's digits.

Nothing is downloaded: to run the scripts on MNIST, call `skorchless.datasets.fetch_mnist` once.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skorchless.datasets import fetch_mnist


@dataclass(frozen=True)
class Images:
    """Flat images as rows of uint8 pixels, their labels, and the height and width of an image."""

    name: str
    shape: tuple[int, int]
    X: np.ndarray
    y: np.ndarray
    X_valid: np.ndarray
    y_valid: np.ndarray


def load_images() -> Images:
    """Return MNIST, 50,000 and 10,000 images, or the digits, 1,347 and 450."""
    try:
        mnist = fetch_mnist(download_if_missing=False)
    except OSError:
        X, y = load_digits(return_X_y=True)
        # Its pixels are whole numbers, 0 to 16.
        X, X_valid, y, y_valid = train_test_split(
            X.astype(np.uint8), y, stratify=y, random_state=0
        )
        return Images("scikit-learn's digits", (8, 8), X, y, X_valid, y_valid)
    return Images(
        "MNIST", (28, 28), mnist.data, mnist.target, mnist.data_valid, mnist.target_valid
    )
