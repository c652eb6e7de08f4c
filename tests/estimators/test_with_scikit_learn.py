"""The estimators in scikit-learn's own tools: searches, pipelines, ensembles."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skorchless import GlobalStandardScaler, TorchLogisticClassifier

X, Y = load_iris(return_X_y=True)


def pipeline(**parameters):
    return make_pipeline(GlobalStandardScaler(), TorchLogisticClassifier(**parameters))


def test_pipeline_fits_and_scores():
    assert pipeline().fit(X, Y).score(X, Y) > 0.95


def test_pipeline_passes_tensors_through():
    model = pipeline().fit(torch.tensor(X), torch.tensor(Y))
    np.testing.assert_allclose(model.predict_proba(X), pipeline().fit(X, Y).predict_proba(X))


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_grid_search_finds_what_it_finds_for_logistic_regression(n_jobs):
    grid = {"C": [1e-3, 1e-1, 10.0]}
    parameters = {"scoring": "neg_log_loss", "cv": 3, "n_jobs": n_jobs}
    ours = GridSearchCV(TorchLogisticClassifier(tol=1e-8, max_iter=500), grid, **parameters)
    theirs = GridSearchCV(LogisticRegression(tol=1e-8, max_iter=5000), grid, **parameters)
    assert ours.fit(X, Y).best_params_ == theirs.fit(X, Y).best_params_
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-4
    )


def test_grid_search_reaches_into_a_pipeline():
    search = GridSearchCV(
        pipeline(random_state=0),
        {
            "torchlogisticclassifier__C": [0.1, np.inf],
            "torchlogisticclassifier__solver": ["lbfgs"],
            "globalstandardscaler__with_std": [True, False],
        },
        cv=3,
    ).fit(X, Y)
    assert search.best_score_ > 0.9


def test_cross_val_score_is_that_of_logistic_regression():
    ours = cross_val_score(TorchLogisticClassifier(tol=1e-8, max_iter=500), X, Y)
    theirs = cross_val_score(LogisticRegression(tol=1e-8, max_iter=5000), X, Y)
    np.testing.assert_allclose(ours, theirs)


def test_cross_validate_takes_tensors():
    scores = cross_validate(pipeline(), torch.tensor(X), torch.tensor(Y), cv=3)
    assert scores["test_score"].mean() > 0.9


def test_calibrated_classifier():
    model = CalibratedClassifierCV(TorchLogisticClassifier(), cv=3).fit(X, Y)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert model.score(X, Y) > 0.9


def test_stacking_classifier():
    model = StackingClassifier(
        [
            ("logistic", TorchLogisticClassifier()),
            ("forest", RandomForestClassifier(n_estimators=10, random_state=0)),
        ],
        final_estimator=TorchLogisticClassifier(),
    )
    assert model.fit(X, Y).score(X, Y) > 0.9


def test_one_vs_rest_classifier_is_that_of_logistic_regression():
    ours = OneVsRestClassifier(TorchLogisticClassifier(tol=1e-8, max_iter=500)).fit(X, Y)
    theirs = OneVsRestClassifier(LogisticRegression(tol=1e-8, max_iter=5000)).fit(X, Y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


def test_select_from_model_selects_the_same_features():
    Z = StandardScaler().fit_transform(X)
    ours = SelectFromModel(TorchLogisticClassifier()).fit(Z, Y)
    theirs = SelectFromModel(LogisticRegression()).fit(Z, Y)
    np.testing.assert_array_equal(ours.get_support(), theirs.get_support())


def test_clone_copies_parameters_and_nothing_fitted():
    fitted = TorchLogisticClassifier(C=3.0, solver="adam", max_iter=2, device="cpu").fit(X, Y)
    cloned = clone(fitted)
    assert cloned.get_params() == fitted.get_params()
    assert not hasattr(cloned, "coef_")


def test_set_output_reaches_the_classifier_with_names():
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = pipeline().set_output(transform="pandas").fit(frame, Y)
    assert model[-1].feature_names_in_.tolist() == list("abcd")


def test_sample_weight_is_routed_to_both_steps():
    weights = np.where(Y == 0, 0.0, 1.0)
    with config_context(enable_metadata_routing=True):
        model = make_pipeline(
            GlobalStandardScaler().set_fit_request(sample_weight=True),
            TorchLogisticClassifier().set_fit_request(sample_weight=True),
        ).fit(X, Y, sample_weight=weights)
    seen = X[Y != 0]
    assert model[0].mean_ == pytest.approx(seen.mean())
    assert (model.predict(seen) != 0).all()


def test_validation_samples_are_transformed_as_the_training_samples():
    with config_context(enable_metadata_routing=True):
        clf = TorchLogisticClassifier().set_fit_request(X_val=True, y_val=True)
        model = Pipeline(
            [("scale", GlobalStandardScaler()), ("clf", clf)], transform_input=["X_val"]
        ).fit(X, Y, X_val=X[:90], y_val=Y[:90])
    assert model[-1].validation_scores_[-1] == pytest.approx(model.score(X[:90], Y[:90]))
