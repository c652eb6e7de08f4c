"""permutation_test_score: scikit-learn's numbers, whether fits share passes or not."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from recorder import Recorder
from scipy.sparse import csc_array
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    ShuffleSplit,
    StratifiedKFold,
    permutation_test_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV, inference
from skorchless._engine.rows.memory import LocalRows
from skorchless.inference import _permutation

ours, reference = inference.permutation_test_score, permutation_test_score
# Far below what would move a sample across a boundary between classes.
TIGHT = {"tol": 1e-9}
# Of indices, and of a mask and a list that counts from the end.
SPLITS = [(np.arange(0, 60, 2), np.arange(1, 60, 2)), (np.arange(60) < 40, list(range(-20, 0)))]


def problem(n_classes=2, n_samples=60):
    """Return samples, and labels that a model gets right more often than not."""
    return make_classification(
        *(n_samples, 4),
        n_informative=4,
        n_redundant=0,
        n_classes=n_classes,
        n_clusters_per_class=1,
        class_sep=0.5,
        flip_y=0.2,
        random_state=0,
    )


def classifiers(**options):
    """Return ours and scikit-learn's classifier, both to the optimum."""
    params = {**TIGHT, **options}
    solver = "saga" if options.get("l1_ratio") else "lbfgs"
    of_reference = LogisticRegression(**params, solver=solver, max_iter=20_000, random_state=0)
    return TorchLogisticClassifier(**params), of_reference


def assert_same_test(estimator, other, X, y, **options):
    """Assert that our function of ``estimator`` returns what scikit-learn's does of ``other``."""
    options = {"n_permutations": 3, **options}
    result, expected = ours(estimator, X, y, **options), reference(other, X, y, **options)
    assert type(result[0]) is float
    for value, of_reference in zip(result, expected, strict=True):
        assert_allclose(value, of_reference, rtol=1e-5)


@pytest.fixture
def shares_passes(monkeypatch):
    """Let it fail to hand a test over to scikit-learn's function."""
    monkeypatch.setattr(_permutation, "one_after_the_other", None)


@pytest.fixture
def hands_over(monkeypatch):
    """Let it fail to fit batches."""
    monkeypatch.setattr(_permutation, "score_tasks", None)


@pytest.mark.usefixtures("shares_passes")
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cv": 2, "random_state": 7},
        {"cv": KFold(3)},
        {"cv": ShuffleSplit(3, test_size=0.3, random_state=0)},
        {"cv": SPLITS},
        {"cv": GroupKFold(3), "groups": np.arange(60) % 4},
        {"cv": LeaveOneGroupOut(), "groups": np.repeat(["a", "b", "c"], 20)},
        {"cv": 2, "scoring": "accuracy"},
        {"cv": 2, "scoring": "f1_macro"},
        {"cv": 2, "scoring": "neg_log_loss"},
        {"cv": 2, "scoring": "roc_auc_ovr"},
        {"cv": 2, "scoring": make_scorer(f1_score, average="micro")},
    ],
)
def test_splits_and_scorers_are_those_of_scikit_learn(n_classes, options):
    assert_same_test(*classifiers(), *problem(n_classes), **options)


@pytest.mark.usefixtures("shares_passes")
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "params",
    [
        {"class_weight": "balanced"},
        {"class_weight": {0: 0.3, 1: 2.0}},
        {"l1_ratio": 1.0, "C": 0.5, "tol": 1e-7},
        {"fit_intercept": False},
        {"C": 0.01},
    ],
    ids=str,
)
def test_parameters_of_the_classifier_count(n_classes, params):
    assert_same_test(*classifiers(**params), *problem(n_classes), scoring="neg_log_loss", cv=2)


@pytest.mark.usefixtures("shares_passes")
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_sample_weights_count_in_fits_alone(class_weight):
    weights = {"sample_weight": np.random.RandomState(0).uniform(0.1, 3.0, 60)}
    estimators = classifiers(class_weight=class_weight)
    assert_same_test(*estimators, *problem(), params=weights, scoring="neg_log_loss", cv=KFold(3))


@pytest.mark.usefixtures("shares_passes")
def test_splits_may_be_an_iterator():
    (estimator, other), (X, y) = classifiers(), problem()
    result = ours(estimator, X, y, n_permutations=4, cv=iter(SPLITS))
    expected = reference(other, X, y, n_permutations=4, cv=iter(SPLITS))
    assert_array_equal(result[1], expected[1])


@pytest.mark.usefixtures("shares_passes")
def test_permutations_and_splits_may_be_drawn_from_one_generator():
    (estimator, other), (X, y) = classifiers(), problem()
    results = []
    for function, model in ((ours, estimator), (reference, other)):
        rng = np.random.RandomState(3)
        cv = KFold(3, shuffle=True, random_state=rng)
        results.append(function(model, X, y, n_permutations=4, cv=cv, random_state=rng)[1])
    assert_array_equal(*results)


@pytest.mark.usefixtures("shares_passes")
@pytest.mark.parametrize(
    "given",
    [
        lambda X, y: (X, np.array(["no", "yes"])[y]),
        lambda X, y: (X, np.array(["no", "yes"], dtype=object)[y]),
        lambda X, y: (csc_array(X), y),
        lambda X, y: (pd.DataFrame(X, columns=list("abcd")), pd.Series(y, dtype="Int64")),
        lambda X, y: (pl.DataFrame(X, schema=list("abcd")), pl.Series(y)),
        lambda X, y: (X.tolist(), y.tolist()),
        lambda X, y: (torch.from_numpy(X), torch.from_numpy(y)),
    ],
    ids=["text", "objects", "sparse", "pandas", "polars", "lists", "tensors"],
)
@pytest.mark.parametrize("scoring", [None, "balanced_accuracy"])
def test_samples_come_in_any_container(given, scoring):
    (estimator, other), (X, y) = classifiers(), problem()
    expected = reference(other, X, y, n_permutations=2, cv=2, scoring=scoring)
    result = ours(estimator, *given(X, y), n_permutations=2, cv=2, scoring=scoring)
    assert_allclose(result[1], expected[1], rtol=1e-12)


@pytest.mark.gpu
@pytest.mark.parametrize("scoring", [None, "neg_log_loss"])
def test_samples_on_a_gpu_give_the_same_scores(cuda, scoring):
    (estimator, other), (X, y) = classifiers(), problem(3)
    result = ours(estimator, torch.from_numpy(X).to(cuda), y, n_permutations=4, scoring=scoring)
    expected = reference(other, X, y, n_permutations=4, scoring=scoring)
    assert_allclose(result[1], expected[1], rtol=1e-5)


@pytest.mark.usefixtures("shares_passes")
@pytest.mark.parametrize("scoring", [None, "neg_log_loss"])
@pytest.mark.parametrize("cv", [KFold(2), 2])
def test_a_pipeline_is_fitted_step_by_step(scoring, cv):
    X, y = problem()
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["e"] = np.array(["x", "y", "z"])[np.digitize(X[:, 3], [-0.5, 0.5])]
    steps = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["e"]), remainder=StandardScaler()
    )
    estimators = [make_pipeline(steps, each) for each in classifiers()]
    assert_same_test(*estimators, frame, y, scoring=scoring, cv=cv)


@pytest.mark.usefixtures("shares_passes")
def test_a_pipeline_may_have_no_steps_before_the_classifier():
    assert_same_test(*(make_pipeline(each) for each in classifiers()), *problem(), cv=3)


@pytest.mark.usefixtures("shares_passes")
@pytest.mark.parametrize("scoring", [None, "f1_macro"])
def test_training_sets_may_lack_a_class(scoring):
    X, y = problem(2)
    y[:3] = 2
    # Where all samples of a class are tested together, the model has two classes.
    splits = [(np.arange(3, 60), np.arange(3)), (np.arange(40), np.arange(40, 60))]
    weights = {"sample_weight": np.linspace(0.5, 1.0, 60)}
    options = {"params": weights, "cv": splits, "groups": np.arange(60) // 3}
    assert_same_test(*classifiers(), X, y, scoring=scoring, **options)


def test_a_training_set_of_one_class_is_an_error():
    X, y = problem()
    splits = [(np.flatnonzero(y == 0), np.flatnonzero(y == 1))]
    for function, estimator in zip((ours, reference), classifiers(), strict=True):
        with pytest.raises(ValueError, match="^This solver needs samples of at least 2 classes"):
            function(estimator, X, y, cv=splits)
        with pytest.raises(ValueError, match="^This solver needs samples of at least 2 classes"):
            function(estimator, X, np.zeros(60), cv=KFold(3))


@pytest.mark.usefixtures("shares_passes")
@pytest.mark.parametrize("scoring", [None, "neg_log_loss"])
@pytest.mark.parametrize("steps", [(), (StandardScaler(),)])
def test_small_batches_give_the_same_scores(capsys, scoring, steps):
    (estimator, other), (X, y) = classifiers(), problem()
    pipeline, options = make_pipeline(*steps, estimator), {"scoring": scoring, "cv": KFold(3)}
    with sklearn.config_context(working_memory=0.02):
        result = ours(pipeline, X, y, n_permutations=6, verbose=1, **options)
    expected = reference(make_pipeline(*steps, other), X, y, n_permutations=6, **options)
    assert_allclose(result[1], expected[1], rtol=1e-5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 3
    assert lines[-1] == "permutation 6: 21 fits"


def test_the_steps_of_a_pipeline_are_fitted_once_for_each_training_set(monkeypatch):
    n_fits = []
    fit = StandardScaler.fit
    monkeypatch.setattr(
        StandardScaler, "fit", lambda self, *data: n_fits.append(1) or fit(self, *data)
    )
    pipeline, (X, y) = make_pipeline(StandardScaler(), TorchLogisticClassifier()), problem()
    ours(pipeline, X, y, cv=KFold(3), n_permutations=4)
    assert len(n_fits) == 3
    rng = np.random.RandomState(0)
    labels = [y, *(y[rng.permutation(60)] for _ in range(4))]
    sets = {train.tobytes() for each in labels for train, _ in StratifiedKFold(3).split(X, each)}
    ours(pipeline, X, y, cv=3, n_permutations=4)
    assert len(n_fits) == 3 + len(sets) > 3 + 3


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_all_fits_share_the_passes_over_X(monkeypatch, class_weight):
    n_passes = []
    map_reduce = LocalRows.map_reduce
    monkeypatch.setattr(
        LocalRows,
        "map_reduce",
        lambda *a, **options: n_passes.append(1) or map_reduce(*a, **options),
    )
    X, y = make_classification(300, 10, random_state=0)
    estimator = TorchLogisticClassifier(class_weight=class_weight)
    ours(estimator, X, y, n_permutations=11, cv=2)
    of_24_fits = len(n_passes)
    ours(estimator, X, y, n_permutations=99, cv=2)
    # As many as the slowest fit takes.
    assert 0 < len(n_passes) - of_24_fits < 2 * of_24_fits


def with_callback(classifier):
    return clone(classifier).set_callbacks(Recorder())


@pytest.mark.usefixtures("hands_over")
@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(5, random_state=0),
        LogisticRegression(),
        TorchLogisticClassifier(solver="adam", max_iter=3, random_state=0),
        TorchLogisticClassifier(early_stopping=True, random_state=0),
        TorchLogisticClassifier(warm_start=True),
        with_callback(TorchLogisticClassifier()),
        TorchLogisticClassifierCV(Cs=2, cv=2),
        make_pipeline(SelectKBest(k=2), TorchLogisticClassifier()),
        make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
        make_pipeline(StandardScaler(), TorchLogisticClassifier(solver="sgd", random_state=0)),
    ],
    ids=lambda estimator: str(estimator)[:40],
)
@pytest.mark.filterwarnings("ignore:(adam|sgd|lbfgs) failed to converge")
def test_other_estimators_are_those_of_scikit_learns_function(estimator):
    X, y = problem()
    result, expected = (
        each(estimator, X, y, n_permutations=2, cv=2) for each in (ours, reference)
    )
    assert result[0] == expected[0]
    assert_array_equal(result[1], expected[1])
    assert result[2] == expected[2]


@pytest.mark.usefixtures("hands_over")
def test_several_columns_of_labels_go_to_scikit_learns_function():
    X, y = problem()
    Y = np.column_stack([y, X[:, 0] > 0])
    assert_same_test(*[TorchLogisticClassifier()] * 2, X, Y, n_permutations=2)


@pytest.mark.usefixtures("hands_over")
@sklearn.config_context(enable_metadata_routing=True)
def test_metadata_routing_goes_to_scikit_learns_function():
    estimator = TorchLogisticClassifier().set_fit_request(sample_weight=True)
    estimator.set_score_request(sample_weight=True)
    weights = {"sample_weight": np.arange(60.0)}
    assert_same_test(estimator, estimator, *problem(), n_permutations=2, params=weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_permutations": 0}, "The 'n_permutations' parameter of permutation_test_score must"),
        ({"cv": "five"}, "The 'cv' parameter of permutation_test_score must"),
        ({"scoring": "best"}, "The 'scoring' parameter of permutation_test_score must"),
        ({"random_state": "a"}, "The 'random_state' parameter of permutation_test_score must"),
        ({"verbose": "a"}, "The 'verbose' parameter of permutation_test_score must"),
        ({"params": [1]}, "The 'params' parameter of permutation_test_score must"),
        ({"groups": 3}, "The 'groups' parameter of permutation_test_score must"),
        ({"n_jobs": 0.5}, "The 'n_jobs' parameter of permutation_test_score must"),
        ({"groups": [1, 2]}, "Found input variables with inconsistent numbers of samples"),
        ({"params": {"sample_weight": [1.0]}}, "sample_weight.shape == "),
    ],
    ids=str,
)
def test_a_wrong_option_is_scikit_learns_error(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        ours(TorchLogisticClassifier(), *problem(), **options)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"tol": -1}, "The 'tol' parameter of TorchLogisticClassifier must"),
        ({"device": "moon"}, "device='moon' is not available"),
        ({"class_weight": {0: -1.0}}, "class_weight must be finite and not negative"),
    ],
    ids=str,
)
def test_a_wrong_parameter_of_the_classifier_is_the_error_of_a_fit(params, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        ours(TorchLogisticClassifier(**params), *problem())


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones((9, 4)), problem()[1], "Found input variables with inconsistent numbers"),
        (problem()[0] * np.nan, problem()[1], "Input X contains NaN"),
        (problem()[0], np.linspace(0, 1, 60), "Unknown label type: continuous"),
        (problem()[0], problem()[1] * np.nan, "Input y contains NaN"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_samples_are_the_error_of_a_fit(X, y, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        ours(TorchLogisticClassifier(), X, y)


def test_a_metric_in_the_place_of_a_scorer_is_scikit_learns_error():
    with pytest.raises(ValueError, match="looks like it is a metric function"):
        ours(TorchLogisticClassifier(), *problem(), scoring=f1_score)


def test_fits_that_do_not_converge_are_one_warning_at_the_callers_line():
    with pytest.warns(ConvergenceWarning, match=r"^lbfgs failed .* for \d+ of 15 cand") as record:
        ours(TorchLogisticClassifier(max_iter=1), *problem(), n_permutations=4, cv=3)
    assert [warning.filename for warning in record] == [__file__]


def test_nothing_that_was_given_and_no_global_state_changes():
    X, y = problem()
    X_before, y_before = X.copy(), y.copy()
    estimator = make_pipeline(StandardScaler(), TorchLogisticClassifier())

    def state():
        return (
            *(torch.get_num_threads(), torch.get_rng_state().tolist(), sklearn.get_config()),
            *(np.random.get_state()[1].tolist(), torch.is_grad_enabled()),  # noqa: NPY002
        )

    before = state()
    ours(estimator, X, y, n_permutations=4, scoring="f1_macro")
    assert state() == before
    assert_array_equal(X, X_before)
    assert_array_equal(y, y_before)
    assert not hasattr(estimator[0], "mean_")
    assert not hasattr(estimator[1], "coef_")
