"""Comparisons that several tests look at, made once."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

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


@pytest.fixture(scope="session")
def of_labels():
    """Return a comparison of images with three labels each; one model has no probabilities."""
    logistic = make_pipeline(MinMaxScaler(), LogisticRegression())
    models = {
        "logistic": OneVsRestClassifier(logistic),
        "ridge": RidgeClassifier(),
        "forest": RandomForestClassifier(10, random_state=0),
    }
    X, y = load_digits(return_X_y=True)
    Y = pd.DataFrame({"has a loop": np.isin(y, [0, 6, 8, 9]), "is even": y % 2 == 0, "> 4": y > 4})
    return compare(X, Y, models=models, random_state=0, image_shape=(8, 8))
