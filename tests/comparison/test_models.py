"""default_models: the three models of the promise, as unfitted scikit-learn estimators."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skorchless import GlobalStandardScaler, TorchLogisticClassifier
from skorchless.comparison import column_preprocessor, default_models
from skorchless.comparison._models import check_models, resolve_models


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


@pytest.mark.parametrize(
    ("n_samples", "n_epochs"),
    [(50_000, 1), (25_000, 2), (1347, 36), (2250, 22), (64, 782), (1, 782)],
)
def test_adam_takes_the_steps_of_the_lecture_whatever_the_samples(n_samples, n_epochs):
    classifier = default_models(n_samples=n_samples)["adam"][-1]
    assert classifier.max_iter == n_epochs
    n_steps = n_epochs * -(-n_samples // classifier.batch_size)
    assert abs(n_steps - 782) <= -(-n_samples // classifier.batch_size) / 2


def test_adam_runs_all_its_epochs_without_a_warning():
    X, y = load_digits(return_X_y=True)
    model = default_models(n_samples=len(y), random_state=0)["adam"].fit(X, y)
    assert model[-1].n_iter_ == model[-1].max_iter


def test_classifiers_of_scikit_learn_are_had_by_name():
    preprocessor = column_preprocessor(pd.DataFrame({"a": [1.0], "b": ["x"]}))
    names = ["lbfgs", "HistGradientBoostingClassifier", "LogisticRegression"]
    models = resolve_models(
        names, device="auto", random_state=7, preprocessor=preprocessor, n_samples=100
    )
    assert list(models) == names
    assert models["HistGradientBoostingClassifier"][-1].random_state == 7
    # It takes nothing sparse.
    assert models["HistGradientBoostingClassifier"][0].sparse_threshold == 0
    assert models["LogisticRegression"][0].sparse_threshold > 0


def test_of_several_labels_those_that_take_one_are_fitted_to_each():
    names = ["forest", "GaussianNB", "KNeighborsClassifier"]
    options = {"device": "auto", "random_state": 0, "preprocessor": None, "n_samples": 100}
    models = resolve_models(names, **options, is_multilabel=True)
    assert isinstance(models["forest"], RandomForestClassifier)
    assert isinstance(models["GaussianNB"], OneVsRestClassifier)
    assert isinstance(models["GaussianNB"].estimator[-1], GaussianNB)
    assert isinstance(models["KNeighborsClassifier"], Pipeline)
    own = {"mine": GaussianNB()}
    assert isinstance(resolve_models(own, **options, is_multilabel=True)["mine"], GaussianNB)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["forrest"], "got 'forrest'. Did you mean forest"),
        (["histgradientboosting"], "Did you mean HistGradientBoostingClassifier"),
        ("lbfgs,StackingClassifier", "StackingClassifier needs estimators: pass it to compare in"),
        ([7], "models must be a dict of names and classifiers, or a list of names"),
        (RandomForestClassifier(), "or a list of names, got RandomForestClassifier"),
    ],
)
def test_names_of_no_classifier_are_an_error(names, message):
    with pytest.raises(ValueError, match=message):
        check_models(names)


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
