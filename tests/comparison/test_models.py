"""default_models: the three models of the promise, as unfitted scikit-learn estimators."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skorchless import GlobalStandardScaler, TorchLogisticClassifier
from skorchless.comparison import default_models


def test_the_three_models_come_unfitted_and_in_order():
    models = default_models()
    assert list(models) == ["adam", "lbfgs", "forest"]
    for model in models.values():
        with pytest.raises(NotFittedError):
            check_is_fitted(model)


def test_the_logistic_models_are_scaled_and_the_forest_needs_no_scaling():
    models = default_models()
    for name in ("adam", "lbfgs"):
        scaler, classifier = models[name]
        assert isinstance(models[name], Pipeline)
        assert isinstance(scaler, GlobalStandardScaler)
        assert isinstance(classifier, TorchLogisticClassifier)
    assert isinstance(models["forest"], RandomForestClassifier)


def test_adam_is_the_lectures_run():
    classifier = default_models()["adam"][-1]
    expected = {"solver": "adam", "max_iter": 1, "C": np.inf, "batch_size": 64}
    assert expected.items() <= classifier.get_params().items()
    assert classifier.learning_rate_init == 1e-3


def test_lbfgs_is_fitted_to_the_end():
    X, y = load_digits(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = default_models()["lbfgs"].fit(X, y)
    assert model[-1].C == 1.0
    assert model[-1].n_iter_ < model[-1].max_iter


def test_the_forest_uses_all_cores():
    assert default_models()["forest"].n_jobs == -1


def test_device_and_random_state_reach_the_models():
    models = default_models(device="cpu", random_state=7)
    assert models["adam"][-1].device == models["lbfgs"][-1].device == "cpu"
    assert models["adam"][-1].random_state == models["forest"].random_state == 7


def test_a_device_that_is_not_there_is_an_error_before_any_fit():
    with pytest.raises(ValueError, match="device='cuda:99' is not available; this machine has"):
        default_models(device="cuda:99")
