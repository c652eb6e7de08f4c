"""Comparisons that several tests look at, made once."""

import pytest
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import RidgeClassifier

from skorchless import TorchLogisticClassifier
from skorchless.comparison import compare


@pytest.fixture(scope="session")
def of_digits():
    """Return a comparison of images, one of whose models has no probabilities."""
    models = {
        "logistic": TorchLogisticClassifier(C=0.01),
        "ridge": RidgeClassifier(),
        "prior": DummyClassifier(),
    }
    X, y = load_digits(return_X_y=True)
    return compare(X, y, models=models, random_state=0, image_shape=(8, 8))
