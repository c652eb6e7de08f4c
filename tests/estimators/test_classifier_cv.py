"""Each candidate is at the optimum of a fit of its own; the choice is LogisticRegressionCV's."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import log_expit, log_softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from small_tables import standardized

from skorchless import (
    GlobalStandardScaler,
    TorchLogisticClassifier,
    TorchLogisticClassifierCV,
)
from skorchless.estimators._fit import scoring as _scoring

DATASETS = {
    "iris": load_iris,
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
    "digits": load_digits,
}
X, Y = standardized(load_iris)
X2, Y2 = standardized(load_breast_cancer)
FEW = {"Cs": [0.01, 1.0, 100.0], "cv": 3}
TIGHT = {"tol": 1e-8, "max_iter": 1000}


def theirs(**parameters):
    """Return scikit-learn's estimator, which stops where ours does and not before."""
    defaults = {"tol": 1e-9, "max_iter": 10_000, "l1_ratios": (0.0,), "cv": 5}
    return LogisticRegressionCV(
        **{**defaults, "scoring": None, "use_legacy_attributes": False, **parameters}
    )


def objective(coef, intercept, X, y, C):
    """Return the mean NLL plus the penalty, by scipy."""
    scores = X @ coef.T + intercept
    if len(coef) == 1:
        log_p = np.column_stack([log_expit(-scores), log_expit(scores)])
    else:
        log_p = log_softmax(scores, axis=1)
    return -log_p[np.arange(len(y)), y].mean() + (coef**2).sum() / (2 * C * len(y))


@pytest.mark.parametrize(
    "name", [*list(DATASETS)[:3], pytest.param("digits", marks=pytest.mark.slow)]
)
def test_each_candidate_is_at_the_optimum_of_a_fit_of_its_own(name):
    X, y = standardized(DATASETS[name])
    clf = TorchLogisticClassifierCV(Cs=[1e-3, 0.1, 10.0, 1e3], cv=3, tol=1e-10, max_iter=3000)
    clf.fit(X, y)
    for f, (train, _) in enumerate(StratifiedKFold(3).split(X, y)):
        for c, C in enumerate(clf.Cs_):
            path = clf.coefs_paths_[f, 0, c]
            ours = objective(path[:, :-1], path[:, -1], X[train], y[train], C)
            alone = TorchLogisticClassifier(C=C, tol=1e-10, max_iter=3000)
            reference = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=200)
            for model in (alone, reference):
                model.fit(X[train], y[train])
                expected = objective(model.coef_, model.intercept_, X[train], y[train], C)
                assert ours == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "accuracy"])
@pytest.mark.parametrize("name", DATASETS)
def test_it_chooses_what_logistic_regression_cv_chooses(name, scoring):
    X, y = standardized(DATASETS[name])
    ours = TorchLogisticClassifierCV(scoring=scoring, **TIGHT).fit(X, y)
    expected = theirs(scoring=scoring, tol=1e-6).fit(X, y)
    assert ours.C_ == expected.C_
    np.testing.assert_array_equal(ours.Cs_, expected.Cs_)
    np.testing.assert_allclose(ours.coef_, expected.coef_, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("data", [(X, Y), (X2, Y2)], ids=["three classes", "two classes"])
def test_every_fitted_attribute_is_logistic_regression_cvs(data, fit_intercept, refit):
    parameters = {**FEW, "scoring": "neg_log_loss", "fit_intercept": fit_intercept, "refit": refit}
    ours = TorchLogisticClassifierCV(**parameters, **TIGHT).fit(*data)
    expected = theirs(**parameters).fit(*data)
    for name in ("C_", "l1_ratio_", "Cs_", "l1_ratios_", "scores_", "classes_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(expected, name), rtol=1e-4)
    for name in ("coefs_paths_", "coef_", "intercept_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(expected, name), atol=2e-3)
    assert ours.n_iter_.shape == expected.n_iter_.shape
    assert isinstance(ours.C_, float)
    assert isinstance(ours.l1_ratio_, float)
    np.testing.assert_array_equal(ours.predict(data[0]), expected.predict(data[0]))
    assert ours.score(*data) == pytest.approx(expected.score(*data), rel=1e-3)


def test_the_refit_is_a_fit_of_the_best_penalty_to_all_samples():
    clf = TorchLogisticClassifierCV(**FEW, **TIGHT).fit(X, Y)
    alone = TorchLogisticClassifier(C=clf.C_, **TIGHT).fit(X, Y)
    np.testing.assert_allclose(clf.coef_, alone.coef_, atol=1e-5)
    np.testing.assert_allclose(clf.intercept_, alone.intercept_, atol=1e-5)


@pytest.mark.parametrize("refit", [True, False])
def test_of_equal_scores_the_first_C_is_chosen(refit):
    def constant(estimator, X, y):
        return 1.0

    clf = TorchLogisticClassifierCV(Cs=[10.0, 0.1, 1.0], scoring=constant, refit=refit)
    expected = theirs(Cs=[10.0, 0.1, 1.0], scoring=constant, refit=refit).fit(X, Y)
    assert clf.fit(X, Y).C_ == expected.C_ == 10.0


SPLITTERS = {
    "int": 4,
    "KFold": KFold(3, shuffle=True, random_state=0),
    "ShuffleSplit": ShuffleSplit(3, random_state=0),
    "RepeatedStratifiedKFold": RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0),
    "TimeSeriesSplit": TimeSeriesSplit(3),
    "pairs": list(LeaveOneGroupOut().split(X, Y, np.arange(len(Y)) % 3)),
    "masks": [(np.arange(len(Y)) % 2 == 0, np.arange(len(Y)) % 2 == 1)],
    "lists": [(list(range(0, 150, 2)), list(range(1, 150, 2)))],
    "negative indices": [(np.arange(-150, 0, 2), np.arange(-149, 0, 2))],
    "a bootstrap": [(np.random.RandomState(0).randint(0, 150, 150), np.arange(0, 150, 7))],
}


@pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS)
def test_any_splitter_gives_the_scores_of_logistic_regression_cv(cv):
    order = np.random.RandomState(1).permutation(len(Y))  # so that time sees every class
    parameters = {"Cs": [0.01, 1.0], "cv": cv, "scoring": "neg_log_loss"}
    ours = TorchLogisticClassifierCV(**parameters, **TIGHT).fit(X[order], Y[order])
    expected = theirs(**parameters).fit(X[order], Y[order])
    np.testing.assert_allclose(ours.scores_, expected.scores_, rtol=1e-4)
    assert ours.C_ == expected.C_


def test_a_generator_of_splits_is_read_once():
    splits = ((train, test) for train, test in KFold(3, shuffle=True, random_state=0).split(X))
    clf = TorchLogisticClassifierCV(Cs=[1.0], cv=splits).fit(X, Y)
    assert clf.scores_.shape == (3, 1, 1)


def number_right(estimator, X, y):
    return int((estimator.predict(X) == y).sum())


@pytest.mark.parametrize(
    "scoring",
    [
        *("accuracy", "neg_log_loss", "balanced_accuracy", "f1_macro", "neg_brier_score"),
        *("roc_auc_ovr", "matthews_corrcoef", number_right, None),
    ],
)
def test_any_scorer_gives_the_scores_of_logistic_regression_cv(scoring):
    parameters = {**FEW, "scoring": scoring}
    ours = TorchLogisticClassifierCV(**parameters, **TIGHT).fit(X, Y)
    expected = theirs(**parameters).fit(X, Y)
    np.testing.assert_allclose(ours.scores_, expected.scores_, rtol=1e-4, atol=1e-6)
    assert ours.score(X, Y) == pytest.approx(expected.score(X, Y), rel=1e-4)


def test_a_scorer_sees_a_fitted_classifier():
    seen = []

    def look(estimator, X, y):
        seen.append(estimator)
        other_rows = X[::-1].copy()
        expected = log_softmax(other_rows @ estimator.coef_.T + estimator.intercept_, axis=1)
        np.testing.assert_allclose(estimator.predict_log_proba(other_rows), expected)
        np.testing.assert_allclose(
            estimator.predict_log_proba(X), expected[::-1], rtol=1e-6, atol=1e-12
        )
        return estimator.C

    TorchLogisticClassifierCV(**FEW, scoring=look, tol=1e-3).fit(X, Y)
    assert [estimator.C for estimator in seen] == 3 * FEW["Cs"]
    assert all(isinstance(estimator, TorchLogisticClassifier) for estimator in seen)
    assert {estimator.tol for estimator in seen} == {1e-3}


@pytest.mark.parametrize("scoring", ["f1", "precision", "average_precision", "roc_auc"])
def test_scorers_of_two_classes_know_the_positive_one_of_any_labels(scoring):
    ours = TorchLogisticClassifierCV(**FEW, scoring=scoring, **TIGHT).fit(X2, Y2)
    expected = theirs(**FEW, scoring=scoring).fit(X2, Y2)
    np.testing.assert_allclose(ours.scores_, expected.scores_, rtol=1e-4)


def test_the_positive_class_of_strings_is_the_second_in_fit_and_in_score():
    names = np.array(["benign", "malignant"])[Y2]
    ours = TorchLogisticClassifierCV(**FEW, scoring="f1").fit(X2, names)
    numbers = TorchLogisticClassifierCV(**FEW, scoring="f1").fit(X2, Y2)
    np.testing.assert_array_equal(ours.scores_, numbers.scores_)
    assert ours.score(X2, names) == numbers.score(X2, Y2)


def test_score_knows_the_classes_that_the_samples_lack():
    clf = TorchLogisticClassifierCV(**FEW, scoring="neg_log_loss").fit(X, Y)
    expected = clf.predict_log_proba(X[:50])[:, 0].mean()
    assert clf.score(X[:50], Y[:50]) == pytest.approx(expected)


@pytest.mark.parametrize("returned", [None, {"a": 1.0}, "good"])
def test_a_scorer_has_to_return_a_number(returned):
    def scorer(estimator, X, y):
        return returned

    clf = TorchLogisticClassifierCV(**FEW, scoring=scorer)
    with pytest.raises(ValueError, match="scoring must return a number, got"):
        clf.fit(X, Y)


def test_labels_may_be_strings():
    names = load_iris().target_names[Y]
    clf = TorchLogisticClassifierCV(**FEW, scoring="neg_log_loss").fit(X, names)
    numbers = TorchLogisticClassifierCV(**FEW, scoring="neg_log_loss").fit(X, Y)
    np.testing.assert_array_equal(clf.predict(X), load_iris().target_names[numbers.predict(X)])
    np.testing.assert_array_equal(clf.scores_, numbers.scores_)


def test_a_test_set_may_lack_a_class():
    cv = [(np.r_[0:40, 50:90, 100:140], np.r_[40:50, 90:100]), (np.r_[20:150], np.r_[0:20])]
    parameters = {"Cs": [0.1, 1.0], "cv": cv, "scoring": "neg_log_loss"}
    ours = TorchLogisticClassifierCV(**parameters, **TIGHT).fit(X, Y)
    np.testing.assert_allclose(ours.scores_, theirs(**parameters).fit(X, Y).scores_, rtol=1e-4)


def test_a_training_set_may_lack_a_class():
    cv = [(np.r_[0:100], np.r_[100:150]), (np.r_[20:150], np.r_[0:20])]
    clf = TorchLogisticClassifierCV(Cs=[0.1, 1.0], cv=cv).fit(X, Y)
    assert (clf.scores_[0] == 0).all()
    assert np.isfinite(clf.coefs_paths_).all()


@pytest.mark.parametrize("class_weight", [None, "balanced", {1: 3.0}])
def test_weights_are_in_fits_and_in_scores(class_weight):
    weights = np.random.RandomState(0).randint(0, 4, len(Y)).astype(float)
    parameters = {**FEW, "class_weight": class_weight, "scoring": "neg_log_loss"}
    ours = TorchLogisticClassifierCV(**parameters, **TIGHT).fit(X, Y, weights)
    expected = theirs(**parameters).fit(X, Y, weights)
    np.testing.assert_allclose(ours.scores_, expected.scores_, rtol=1e-4)
    np.testing.assert_allclose(ours.coef_, expected.coef_, atol=2e-3)


@pytest.mark.parametrize("scale", [1e-150, 1e-12, 1e12, 1e300])
def test_weights_of_any_scale_choose_the_same_with_C_in_proportion(scale):
    ours = TorchLogisticClassifierCV(Cs=[0.1, 1.0], **TIGHT).fit(X, Y)
    scaled = TorchLogisticClassifierCV(Cs=[0.1 / scale, 1.0 / scale], **TIGHT)
    scaled.fit(X, Y, np.full(len(Y), scale))
    np.testing.assert_allclose(scaled.scores_, ours.scores_)
    np.testing.assert_allclose(scaled.coef_, ours.coef_, atol=1e-7)


def test_weights_of_any_range_leave_every_fold_finite():
    # In float32 the weights that the first fold trains on are no different from 0.
    order = np.random.RandomState(0).permutation(150)
    X32, y = X[order].astype(np.float32), Y[order]
    weights = np.r_[np.ones(75), np.full(75, 1e-60)]
    clf = TorchLogisticClassifierCV(Cs=[1e60], cv=KFold(2), refit=False, tol=1e-3)
    clf.fit(X32, y, weights)
    alone = TorchLogisticClassifier(C=1.0, tol=1e-3).fit(X32[75:], y[75:])
    assert np.isfinite(clf.coefs_paths_).all()
    np.testing.assert_allclose(clf.coefs_paths_[0, 0, 0, :, :-1], alone.coef_, atol=1e-3)


@pytest.mark.parametrize("dispatch", [False, True])
def test_weights_may_be_tensors(dispatch):
    weights = np.random.RandomState(0).rand(len(Y))
    expected = TorchLogisticClassifierCV(**FEW).fit(X, Y, weights)
    data = [torch.tensor(values) for values in (X, Y, weights)]
    with config_context(array_api_dispatch=dispatch):
        clf = TorchLogisticClassifierCV(**FEW).fit(*data)
        assert clf.score(*data) == pytest.approx(expected.score(X, Y, weights))
    np.testing.assert_array_equal(clf.scores_, expected.scores_)


def test_a_number_weighs_all_samples_alike():
    clf = TorchLogisticClassifierCV(Cs=[0.5], cv=3).fit(X, Y, 2.0)
    plain = TorchLogisticClassifierCV(Cs=[1.0], cv=3).fit(X, Y)
    np.testing.assert_allclose(clf.coef_, plain.coef_, atol=1e-8)


def test_a_scorer_with_any_keyword_is_given_the_weights():
    seen = []

    def scorer(estimator, X, y, **params):
        seen.append(params["sample_weight"].sum())
        return 1.0

    TorchLogisticClassifierCV(Cs=[1.0], cv=3, scoring=scorer).fit(X, Y, np.ones(len(Y)))
    assert seen == [50.0, 50.0, 50.0]


def test_a_test_set_without_weight_is_refused_before_the_fit():
    weights = np.r_[np.ones(100), np.zeros(50)]
    clf = TorchLogisticClassifierCV(cv=[(range(100), range(100, 150))])
    with pytest.raises(ValueError, match="Split 0 of cv has no test sample with a weight above"):
        clf.fit(X, Y, weights)


@pytest.mark.parametrize("y", [Y, Y[0] == Y], ids=["classes", "two classes"])
def test_what_a_scorer_does_to_its_scores_changes_none_that_it_asks_for_next(y):
    def scorer(estimator, X, y):
        first = estimator.decision_function(X)
        kept = first.copy()
        first[:] = 0.0
        np.testing.assert_array_equal(estimator.decision_function(X), kept)
        return estimator.score(X, y)

    TorchLogisticClassifierCV(**FEW, scoring=scorer).fit(X, y)


def test_a_scorer_may_fit_the_classifier_anew():
    def refitted(estimator, X, y):
        before = estimator.predict_proba(X)
        again = clone(estimator).fit(X, y).predict_proba(X)
        assert not np.array_equal(before, again)
        np.testing.assert_array_equal(estimator.fit(X, y).predict_proba(X), again)
        return 1.0

    TorchLogisticClassifierCV(**FEW, scoring=refitted).fit(X, Y)


def test_fitted_attributes_share_no_memory_with_parameters():
    Cs = np.array([0.1, 1.0])
    clf = TorchLogisticClassifierCV(Cs=Cs).fit(X, Y)
    assert not np.shares_memory(clf.Cs_, Cs)


def test_a_scorer_that_can_not_weigh_samples_is_not_asked_to():
    clf = TorchLogisticClassifierCV(**FEW, scoring=number_right)
    assert (clf.fit(X, Y, np.ones(len(Y))).scores_ > 30).all()
    assert clf.score(X, Y, sample_weight=np.ones(len(Y))) > 100


def test_C_may_be_infinite():
    rng = np.random.RandomState(0)
    X = rng.randn(300, 3)
    y = (X[:, 0] + rng.randn(300) > 0).astype(int)
    clf = TorchLogisticClassifierCV(Cs=[1e-3, np.inf], scoring="neg_log_loss", **TIGHT).fit(X, y)
    alone = LogisticRegression(C=np.inf, tol=1e-9).fit(X, y)
    assert np.inf == clf.C_
    np.testing.assert_allclose(clf.coef_, alone.coef_, atol=1e-4)


@pytest.mark.parametrize("scaler", [GlobalStandardScaler(), StandardScaler()], ids=str)
def test_it_sits_in_a_pipeline(scaler):
    model = make_pipeline(scaler, TorchLogisticClassifierCV(**FEW))
    scores = cross_val_score(model, load_iris().data, Y, cv=3)
    assert scores.mean() > 0.93
    assert clone(model).fit(load_iris().data, Y).score(load_iris().data, Y) > 0.93


def test_a_frame_gives_feature_names():
    frame = pd.DataFrame(X, columns=list("abcd"))
    clf = TorchLogisticClassifierCV(**FEW).fit(frame, pd.Series(Y))
    assert list(clf.feature_names_in_) == list("abcd")
    plain = TorchLogisticClassifierCV(**FEW).fit(X, Y)
    np.testing.assert_array_equal(clf.predict(frame), plain.predict(X))


@pytest.mark.parametrize("dispatch", [False, True])
def test_tensors_give_what_arrays_give(dispatch):
    search = TorchLogisticClassifierCV(**FEW, scoring="neg_log_loss", device="cpu")
    expected = clone(search).fit(X, Y)
    with config_context(array_api_dispatch=dispatch):
        clf = search.fit(torch.tensor(X), torch.tensor(Y))
        assert isinstance(clf.predict_proba(torch.tensor(X)), torch.Tensor) is dispatch
        score = clf.score(torch.tensor(X), torch.tensor(Y))
    np.testing.assert_array_equal(clf.scores_, expected.scores_)
    assert score == pytest.approx(expected.score(X, Y))
    assert clf.C_ == expected.C_


@pytest.mark.parametrize(("dtype", "kept"), [("float32", "float32"), ("uint8", "float32")])
def test_fitted_attributes_have_the_dtype_of_the_fit(dtype, kept):
    X = np.random.RandomState(0).randint(0, 9, (90, 4)).astype(dtype)
    clf = TorchLogisticClassifierCV(**FEW).fit(X, X[:, 0] > 4)
    assert {clf.coef_.dtype.name, clf.coefs_paths_.dtype.name, clf.intercept_.dtype.name} == {kept}


def test_no_fitted_attribute_is_a_torch_object():
    clf = TorchLogisticClassifierCV(**FEW).fit(X, Y)
    modules = {type(value).__module__.split(".")[0] for value in vars(clf).values()}
    assert "torch" not in modules


@pytest.mark.parametrize("refit", [True, False])
def test_what_did_not_converge_is_said_once_for_all_candidates(refit):
    clf = TorchLogisticClassifierCV(Cs=[1e-4, 1e4], max_iter=3, cv=3, refit=refit)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.fit(X, Y)
    of_candidates, *of_refit = caught
    assert of_candidates.category is ConvergenceWarning
    assert "failed to converge for 3 of 6 candidates after 3 iter" in str(of_candidates.message)
    assert "Increase max_iter" in str(of_candidates.message)
    assert len(of_refit) == int(refit)
    assert {warning.filename for warning in caught} == {__file__}
    assert clf.n_iter_.max() == 3


def test_a_score_that_is_nan_counts_as_the_lowest():
    def nan_for_the_best(estimator, X, y):
        return np.nan if estimator.C == 1.0 else -estimator.C

    clf = TorchLogisticClassifierCV(**FEW, scoring=nan_for_the_best)
    with pytest.warns(UserWarning, match="3 of 9 scores are NaN"):
        clf.fit(X, Y)
    assert clf.C_ == 0.01


def test_the_candidates_of_a_fold_are_predicted_by_one_product(monkeypatch):
    n_products = []
    logits_of_rows = _scoring.logits_of_rows

    def counted(X, W, placement):
        n_products.append(len(X))
        return logits_of_rows(X, W, placement)

    monkeypatch.setattr(_scoring, "logits_of_rows", counted)
    TorchLogisticClassifierCV(Cs=7, cv=3, scoring="roc_auc_ovr").fit(X, Y)
    assert n_products == [50, 50, 50]


def test_groups_reach_the_splitter_and_weights_the_scorer_by_routing():
    groups = np.arange(len(Y)) % 5
    weights = np.random.RandomState(0).rand(len(Y))
    with config_context(enable_metadata_routing=True):
        scorer = get_scorer("neg_log_loss").set_score_request(sample_weight=True)
        parameters = {"Cs": [0.1, 1.0], "cv": GroupKFold(5), "scoring": scorer}
        models = [
            model.set_fit_request(sample_weight=True).fit(
                X, Y, groups=groups, sample_weight=weights
            )
            for model in (TorchLogisticClassifierCV(**parameters, **TIGHT), theirs(**parameters))
        ]
        scores = [model.score(X, Y, sample_weight=weights) for model in models]
    assert scores[0] == pytest.approx(scores[1], rel=1e-4)
    np.testing.assert_allclose(models[0].scores_, models[1].scores_, rtol=1e-5)
    np.testing.assert_allclose(models[0].coef_, models[1].coef_, atol=1e-3)


def test_with_routing_a_scorer_that_asks_for_nothing_is_given_nothing():
    with config_context(enable_metadata_routing=True):
        clf = TorchLogisticClassifierCV(**FEW, scoring=number_right).fit(X, Y)
        assert clf.score(X, Y) == number_right(clf, X, Y)


def test_score_takes_weights():
    clf = TorchLogisticClassifierCV(**FEW).fit(X, Y)
    weights = (clf.predict(X) == Y).astype(float)
    assert clf.score(X, Y, sample_weight=weights) == 1.0
    assert clf.score(X, Y, sample_weight=None) < 1.0


@pytest.mark.parametrize("method", ["fit", "score"])
def test_metadata_without_routing_is_refused(method):
    clf = TorchLogisticClassifierCV(**FEW).fit(X, Y)
    with pytest.raises(ValueError, match="only supported if enable_metadata_routing=True"):
        getattr(clf, method)(X, Y, groups=Y)


def test_metadata_is_refused_before_a_search_that_is_not_fitted():
    messages = []
    for clf in (theirs(), TorchLogisticClassifierCV()):
        with pytest.raises(ValueError, match="Passing extra keyword arguments") as caught:
            clf.score(X, Y, extra_param=1.0)
        messages.append(str(caught.value).replace(type(clf).__name__, "a search"))
    assert messages[0] == messages[1]


BAD = {
    "no C": ({"Cs": []}, "Cs must be an array-like of numbers above 0"),
    "C of zero": ({"Cs": [0.0, 1.0]}, "Cs must be an array-like of numbers above 0"),
    "C of NaN": ({"Cs": [np.nan]}, "Cs must be an array-like of numbers above 0"),
    "C in words": ({"Cs": ["strong"]}, "Cs must be an array-like of numbers above 0"),
    "2-d Cs": ({"Cs": [[1.0], [2.0]]}, "Cs must be an array-like of numbers above 0"),
    "a set of Cs": ({"Cs": {0.1, 1.0}}, "Cs must be an array-like of numbers above 0"),
    "Cs of a float": ({"Cs": 2.5}, "'Cs' parameter of TorchLogisticClassifierCV must be an int"),
    "l1_ratio of 2": ({"l1_ratios": [2.0]}, "l1_ratios must be an array-like of numbers between"),
    "no l1_ratio": ({"l1_ratios": []}, "l1_ratios must be an array-like of numbers between"),
    "scoring": ({"scoring": "good"}, "'scoring' parameter of TorchLogisticClassifierCV must be"),
    "no split": ({"cv": []}, "cv gives no split"),
    "nothing to fit": ({"cv": [([], [1, 2])]}, "Split 0 of cv has no training sample"),
    "nothing to score": ({"cv": [(range(150), [])]}, "Split 0 of cv has no test sample"),
    "a row that is not there": ({"cv": [([0, 60, 150], [1])]}, "Split 0 of cv is not a pair"),
    "columns": ({"cv": [([[0], [60]], [1])]}, "an array of 2 dimensions"),
    "fractions": ({"cv": [([0.5, 60.5], [1])]}, "Split 0 of cv is not a pair"),
    "a short mask": ({"cv": [([True, False], [1])]}, "Split 0 of cv is not a pair"),
    "too many folds": ({"cv": 51}, "cannot be greater than the number of members"),
    "device": ({"device": "cuda:9"}, "is not available"),
}


@pytest.mark.parametrize(("parameters", "message"), BAD.values(), ids=BAD)
def test_bad_parameters_get_one_error_and_lose_nothing(parameters, message):
    clf = TorchLogisticClassifierCV(**FEW).fit(X, Y)
    before = dict(vars(clf))
    clf.set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        clf.fit(X[:, :2] if "Cs" in parameters else X, Y)
    fitted = {name: value for name, value in vars(clf).items() if name.endswith("_")}
    assert fitted.items() <= before.items()


def test_a_scorer_that_fails_loses_nothing():
    def failing(estimator, X, y):
        raise RuntimeError("no score today")

    clf = TorchLogisticClassifierCV(**FEW).fit(X, Y)
    coef = clf.coef_
    with pytest.raises(RuntimeError, match="no score today"):
        clf.set_params(scoring=failing).fit(X[:, :2], Y)
    assert clf.coef_ is coef
    assert clf.n_features_in_ == 4


def test_balanced_weights_are_those_of_all_samples():
    ours = TorchLogisticClassifierCV(**FEW, class_weight="balanced", **TIGHT).fit(X[20:], Y[20:])
    weights = compute_sample_weight("balanced", Y[20:])
    by_hand = TorchLogisticClassifierCV(**FEW, **TIGHT).fit(X[20:], Y[20:], weights)
    np.testing.assert_allclose(ours.coefs_paths_, by_hand.coefs_paths_, atol=1e-6)
