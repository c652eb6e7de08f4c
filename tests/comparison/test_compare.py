"""compare: what is measured, on which samples, and what is refused before any fit."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import DataConversionWarning, FitFailedWarning, NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

import skorchless.comparison
from skorchless import TorchLogisticClassifier
from skorchless.comparison import column_preprocessor, compare
from skorchless.comparison._report import render_report

X, Y = load_iris(return_X_y=True)
COLUMNS = ["accuracy", "log_loss", "fit_seconds", "predict_seconds", "size_bytes"]


def two_models():
    return {"prior": DummyClassifier(), "logistic": LogisticRegression(max_iter=1000)}


class Recorder(ClassifierMixin, BaseEstimator):
    """Predicts the first class, and keeps what it was given."""

    def fit(self, X, y):
        self.X_, self.y_ = X, y
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        self.X_test_ = X
        return np.full(len(X), self.classes_[0])


def test_the_public_names_are_these():
    assert skorchless.comparison.__all__ == [
        "Comparison",
        "column_preprocessor",
        "compare",
        "default_models",
    ]


def test_the_table_has_a_row_for_each_model_and_the_promised_columns():
    comparison = compare(X, Y, models=two_models(), random_state=0)
    assert comparison.table.index.tolist() == ["prior", "logistic", "commonest class"]
    assert comparison.table.index.name == "model"
    assert comparison.table.columns.tolist() == COLUMNS


def test_scores_are_those_of_scikit_learns_metrics_on_the_test_samples():
    X_train, X_test, y_train, y_test = train_test_split(X, Y, stratify=Y, random_state=3)
    model = LogisticRegression(max_iter=1000).fit(X_train, y_train)
    row = compare(X, Y, models=two_models(), random_state=3).table.loc["logistic"]
    assert row["accuracy"] == accuracy_score(y_test, model.predict(X_test))
    assert row["log_loss"] == log_loss(y_test, model.predict_proba(X_test))


def test_times_are_seconds_and_sizes_are_those_of_the_pickles():
    comparison = compare(X, Y, models=two_models(), random_state=0)
    table = comparison.table.loc[["prior", "logistic"]]
    assert (table[["fit_seconds", "predict_seconds"]] > 0).all(axis=None)
    assert (table[["fit_seconds", "predict_seconds"]] < 60).all(axis=None)
    for name, model in comparison.models.items():
        assert table.loc[name, "size_bytes"] == len(pickle.dumps(model))


def test_predict_is_timed_without_predict_proba(monkeypatch):
    ticks = iter(range(100))
    monkeypatch.setattr("skorchless.comparison._compare.perf_counter", lambda: next(ticks))
    table = compare(X, Y, models=two_models(), random_state=0).table.iloc[:2]
    assert table["fit_seconds"].tolist() == table["predict_seconds"].tolist() == [1, 1]
    assert next(ticks) == 6


def test_the_fitted_models_come_back_and_the_callers_stay_unfitted():
    models = two_models()
    comparison = compare(X, Y, models=models, random_state=0)
    assert list(comparison.models) == list(models)
    for name, model in models.items():
        check_is_fitted(comparison.models[name])
        with pytest.raises(NotFittedError):
            check_is_fitted(model)


def test_the_split_is_stratified_and_the_same_for_all_models():
    models = {"first": Recorder(), "second": Recorder()}
    first, second = compare(X, Y, models=models, random_state=0, test_size=30).models.values()
    assert np.bincount(first.y_).tolist() == [40, 40, 40]
    np.testing.assert_array_equal(first.X_, second.X_)
    np.testing.assert_array_equal(first.X_test_, second.X_test_)


def test_random_state_repeats_a_comparison():
    first, second = (
        compare(X, Y, models=two_models(), random_state=5).table[["accuracy", "log_loss"]]
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, second)


def test_given_test_samples_are_used_and_all_the_others_are_fitted_on():
    recorder = compare(X, Y, X_test=X[::5], y_test=Y[::5], models={"it": Recorder()}).models["it"]
    assert recorder.X_ is X
    np.testing.assert_array_equal(recorder.X_test_, X[::5])


def test_pixels_reach_the_models_as_they_are():
    pixels = (X * 10).astype(np.uint8)
    assert compare(pixels, Y, models={"it": Recorder()}).models["it"].X_.dtype == np.uint8


def test_test_samples_need_not_have_all_classes():
    known = Y < 2
    table = compare(X, Y, X_test=X[known], y_test=Y[known], models=two_models()).table
    probabilities = DummyClassifier().fit(X, Y).predict_proba(X[known])
    expected = log_loss(Y[known], probabilities, labels=[0, 1, 2])
    assert table.loc["prior", "log_loss"] == pytest.approx(expected)


def test_a_model_without_predict_proba_has_no_log_loss():
    comparison = compare(X, Y, models={"ridge": RidgeClassifier()}, random_state=0)
    assert np.isnan(comparison.table.loc["ridge", "log_loss"])
    assert str(comparison).splitlines()[1].split()[2] == "-"


def test_a_model_that_cannot_be_pickled_has_no_size():
    model = make_pipeline(FunctionTransformer(lambda X: X), DummyClassifier())
    comparison = compare(X, Y, models={"it": model}, random_state=0)
    assert np.isnan(comparison.table.loc["it", "size_bytes"])
    assert str(comparison).splitlines()[1].endswith(" -")


def test_labels_may_be_strings_and_samples_a_frame():
    frame, species = load_iris(return_X_y=True, as_frame=True)
    labels = species.map(dict(enumerate(["setosa", "versicolor", "virginica"])))
    by_name = compare(frame, labels, models=two_models(), random_state=0)
    by_code = compare(X, Y, models=two_models(), random_state=0)
    assert by_name.models["logistic"].feature_names_in_.tolist() == frame.columns.tolist()
    assert by_name.table["accuracy"].tolist() == by_code.table["accuracy"].tolist()


def test_samples_and_labels_may_be_lists():
    lists = compare(X.tolist(), Y.tolist(), models=two_models(), random_state=0)
    arrays = compare(X, Y, models=two_models(), random_state=0)
    assert lists.table["accuracy"].tolist() == arrays.table["accuracy"].tolist()


def test_tensors_are_compared_as_arrays_are():
    models = {"torch": TorchLogisticClassifier()}
    tensors = compare(torch.tensor(X), torch.tensor(Y), models=models, random_state=0)
    arrays = compare(X, Y, models=models, random_state=0)
    assert tensors.table["accuracy"].tolist() == arrays.table["accuracy"].tolist()


def test_without_models_the_default_ones_are_compared():
    comparison = compare(X, Y, random_state=0)
    assert comparison.table.index.tolist() == ["adam", "lbfgs", "forest", "commonest class"]
    assert comparison.table.loc["lbfgs", "accuracy"] > 0.9


def test_progress_is_two_lines_of_text_for_a_model():
    lines = []
    compare(X, Y, models=two_models(), progress=lines.append)
    assert lines.pop(0) == "112 training and 38 test samples, 4 features, 3 classes"
    assert lines[::2] == ["fitting prior (1 of 2) ...", "fitting logistic (2 of 2) ..."]
    assert all(re.fullmatch(r"done in \d+\.\d\d s", line) for line in lines[1::2])


def test_without_progress_nothing_is_printed(capsys):
    compare(X, Y, models=two_models())
    assert capsys.readouterr() == ("", "")


def test_a_comparison_prints_as_its_table():
    comparison = compare(X, Y, models=two_models(), random_state=0)
    header, *rows = str(comparison).splitlines()
    assert " ".join(header.split()) == (
        "accuracy log loss fit seconds predict seconds pickled size"
    )
    assert [row.split()[0] for row in rows] == ["prior", "logistic", "commonest"]
    assert len({len(line) for line in (header, *rows)}) == 1
    assert repr(comparison) == str(comparison)


def test_a_comparison_is_an_html_table_in_a_notebook():
    html = compare(X, Y, models={"a < b": DummyClassifier()})._repr_html_()
    assert html.startswith("<table")
    assert "<th>log loss</th>" in html
    assert "a &lt; b" in html


@pytest.mark.parametrize(
    "models", [{}, [], [("prior", DummyClassifier())], DummyClassifier(), "", 7]
)
def test_models_must_be_a_dict_or_names_and_not_empty(models):
    with pytest.raises(ValueError, match="models must (be a dict of names and cl|name some of)"):
        compare(X, Y, models=models)


@pytest.mark.parametrize(
    "model",
    [
        *("logistic", DummyClassifier, StandardScaler()),
        *(make_pipeline(StandardScaler()), make_pipeline()),
    ],
)
def test_every_model_must_be_a_classifier_before_any_is_fitted(model):
    lines = []
    with pytest.raises(ValueError, match="models\\['bad'\\] must be an unfitted classifier"):
        compare(X, Y, models={"good": DummyClassifier(), "bad": model}, progress=lines.append)
    assert lines == []


@pytest.mark.parametrize(
    ("given", "missing"), [({"X_test": X}, "y_test"), ({"y_test": Y}, "X_test")]
)
def test_test_samples_and_their_labels_go_together(given, missing):
    with pytest.raises(ValueError, match=f"X_test and y_test go together, but {missing} is None"):
        compare(X, Y, models=two_models(), **given)


@pytest.mark.parametrize("kind", [int, str])
def test_a_test_label_that_was_never_trained_on_is_an_error(kind):
    y_test = np.where(Y == 2, 7, Y).astype(kind)
    with pytest.raises(ValueError, match=r"no model can know them: \['?7'?\]"):
        compare(X, Y.astype(kind), X_test=X, y_test=y_test, models=two_models())


def test_labels_of_another_type_are_unseen_labels():
    with pytest.raises(ValueError, match=r"no model can know them: \['0', '1', '2'\]"):
        compare(X, Y, X_test=X, y_test=Y.astype(str), models=two_models())


def test_samples_and_labels_must_be_as_many():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        compare(X, Y[:-1], models=two_models())
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        compare(X, Y, X_test=X, y_test=Y[:-1], models=two_models())


def test_numbers_that_are_no_classes_are_an_error():
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        compare(X, X[:, 0], models=two_models())


def test_a_device_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="device='cuda:99' is not available"):
        compare(X, Y, device="cuda:99")


@pytest.mark.parametrize("shape", [(2, 3), (4,), (2, 2, 1)])
def test_an_image_shape_that_does_not_fit_is_an_error_before_any_fit(shape):
    with pytest.raises(ValueError, match="image_shape must be a height and a width .* 4; got"):
        compare(X, Y, models={"recorder": Recorder()}, image_shape=shape)


@pytest.mark.parametrize("name", ["", " ", 7, None])
def test_models_need_names(name):
    with pytest.raises(ValueError, match="models must have names for keys"):
        compare(X, Y, models={name: Recorder()})


def test_texts_are_samples_too():
    texts, labels = ["good day", "bad day"] * 50, ["g", "b"] * 50
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    comparison = compare(texts, labels, models={"logistic": model}, random_state=0)
    assert comparison.table.loc["logistic", "accuracy"] == 1.0


def test_a_frame_with_numbers_for_names_is_compared_by_the_default_models():
    frame = pd.DataFrame(X).drop(columns=0)
    assert compare(frame, Y, random_state=0).table.loc["lbfgs", "accuracy"] > 0.9


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_labels_are_an_error_before_any_fit(missing):
    labels = pd.Series(["a", "b", missing] * 50, dtype=object)
    with pytest.raises(ValueError, match="y has 50 missing labels; leave these samples out"):
        compare(X, labels, models={"recorder": Recorder()})


def test_own_models_are_compared_on_the_columns_of_a_frame():
    frame = pd.DataFrame({"n": X[:, 0], "c": np.array(["x", "y", "z"])[Y]})
    models = {"tree": make_pipeline(column_preprocessor(frame), DummyClassifier())}
    assert compare(frame, Y, models=models).table.index.tolist() == [
        "tree",
        "commonest class",
    ]


LABELS = np.column_stack([Y == 0, Y > 0, Y == 2]).astype(int)
SCORES = ["subset_accuracy", "f1_micro", "f1_macro", "log_loss"]


def models_of_labels():
    logistic = make_pipeline(StandardScaler(), LogisticRegression())
    forest = RandomForestClassifier(10, random_state=0)
    return {"logistic": OneVsRestClassifier(logistic), "forest": forest}


def test_several_labels_are_scored_by_scikit_learns_metrics():
    X_train, X_test, y_train, y_test = train_test_split(X, LABELS, random_state=3)
    comparison = compare(X, LABELS, models=models_of_labels(), random_state=3)
    assert comparison.table.index.tolist() == ["logistic", "forest", "commonest values"]
    assert comparison.table.columns.tolist() == [*SCORES, *COLUMNS[2:]]
    np.testing.assert_array_equal(comparison.y_test, y_test)
    for name, model in models_of_labels().items():
        predictions = model.fit(X_train, y_train).predict(X_test)
        np.testing.assert_array_equal(comparison.predictions[name], predictions)
        row = comparison.table.loc[name]
        assert row["subset_accuracy"] == accuracy_score(y_test, predictions)
        assert row["f1_micro"] == f1_score(y_test, predictions, average="micro")
        assert row["f1_macro"] == f1_score(y_test, predictions, average="macro")
        found = model.predict_proba(X_test)
        ones = np.column_stack([p[:, 1] for p in found]) if name == "forest" else found
        np.testing.assert_array_equal(comparison.probabilities[name], ones)
        losses = [log_loss(y_test[:, j], ones[:, j]) for j in range(3)]
        assert row["log_loss"] == pytest.approx(np.mean(losses))
    mostly = np.tile(LABELS[0] * 0 + (y_train.mean(axis=0) > 0.5), (len(y_test), 1))
    baseline = comparison.table.loc["commonest values"]
    assert baseline["subset_accuracy"] == accuracy_score(y_test, mostly)
    assert baseline["f1_micro"] == f1_score(y_test, mostly, average="micro")
    assert baseline.isna().sum() == 3


@pytest.mark.parametrize(
    "container", [np.ndarray.tolist, csr_array, torch.tensor, lambda Y: pd.DataFrame(Y > 0)]
)
def test_several_labels_may_come_in_any_container(container):
    expected = compare(X, LABELS, models=models_of_labels(), random_state=0)
    found = compare(X, container(LABELS), models=models_of_labels(), random_state=0)
    pd.testing.assert_frame_equal(found.table[SCORES], expected.table[SCORES])
    pd.testing.assert_frame_equal(found.label_table, expected.label_table)


def test_given_test_samples_have_the_labels_of_the_training_samples():
    models, named = models_of_labels(), pd.DataFrame(LABELS, columns=["a", "b", "c"])
    options = {"models": models, "random_state": 0, "X_test": X}
    assert compare(X, LABELS, y_test=named, **options).table["f1_macro"].iloc[0] > 0.9
    for y, y_test, message in (
        (
            LABELS,
            LABELS[:, :2],
            "y_test must have the labels of y, 3 columns of zeros and ones, a",
        ),
        (LABELS, Y, "zeros and ones, and has one column of them"),
        (Y, LABELS, "the labels of y, one column of them, and has 3 columns"),
        (named, named[["b", "a", "c"]], "ones: 'a', 'b', 'c', and has .* ones: 'b', 'a', 'c'"),
    ):
        with pytest.raises(ValueError, match=message):
            compare(X, y, y_test=y_test, **options)


def test_the_default_models_take_several_labels():
    comparison = compare(X, LABELS, random_state=0)
    assert comparison.table.index[:3].tolist() == ["adam", "lbfgs", "forest"]
    assert comparison.table.loc[["lbfgs", "forest"], "f1_micro"].min() > 0.9


def test_progress_counts_labels():
    lines = []
    compare(X, LABELS, models=models_of_labels(), progress=lines.append)
    assert lines[0] == "112 training and 38 test samples, 4 features, 3 labels"


def test_a_model_that_does_not_take_several_labels_fails_alone():
    models = models_of_labels() | {"svc": SVC()}
    with pytest.warns(FitFailedWarning, match="svc failed: ValueError: y should be a 1d array"):
        comparison = compare(X, LABELS, models=models, random_state=0)
    assert comparison.table.loc["svc"].isna().all()
    assert "svc" not in comparison.label_table.index.get_level_values("model")


def test_a_column_of_labels_is_one_label_with_scikit_learns_warning():
    for labels in (Y[:, None], pd.DataFrame({"y": Y})):
        with pytest.warns(DataConversionWarning, match="A column-vector y was passed when a 1d"):
            comparison = compare(X, labels, models=two_models(), random_state=0)
        assert comparison.classes.tolist() == [0, 1, 2]


def test_columns_that_are_no_labels_are_an_error_before_any_fit():
    with pytest.raises(ValueError, match="multiclass-multioutput is not supported: several col"):
        compare(X, np.column_stack([Y, Y]), models={"it": Failing()})
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        compare(X, LABELS[1:], models={"it": Failing()})


class Failing(Recorder):
    """A classifier that fails."""

    def fit(self, X, y):
        raise TypeError("no\nway")


def test_a_model_that_fails_leaves_a_row_and_the_others_are_measured():
    models = {"bad": Failing(), "prior": DummyClassifier()}
    with pytest.warns(FitFailedWarning, match="bad failed: TypeError: no way"):
        comparison = compare(X, Y, models=models, random_state=0)
    assert comparison.table.index.tolist() == ["bad", "prior", "commonest class"]
    assert comparison.table.loc["bad"].isna().all()
    assert str(comparison).splitlines()[1].split() == ["bad", *"-----"]
    assert comparison.failures == {"bad": "TypeError: no way"}
    assert list(comparison.models) == ["prior"]
    page = render_report(comparison, "Iris")
    assert "bad failed: TypeError: no way" in page


def test_if_all_models_fail_it_is_an_error():
    with (
        pytest.warns(FitFailedWarning),
        pytest.raises(ValueError, match="no model could be fitted. bad: TypeError: no way"),
    ):
        compare(X, Y, models={"bad": Failing()})


def test_the_baseline_is_the_commonest_class_of_the_training_samples():
    y, y_test = np.repeat(["a", "b", "b"], 50), np.repeat(["a", "a", "b"], 50)
    table = compare(X, y, X_test=X, y_test=y_test, models=two_models()).table
    assert table.loc["commonest class", "accuracy"] == pytest.approx(1 / 3)
    expected = -(np.log(1 / 3) * 2 + np.log(2 / 3)) / 3
    assert table.loc["commonest class", "log_loss"] == pytest.approx(expected)
    assert table.loc["commonest class"].isna().sum() == 3


def test_models_may_be_named():
    for models in (["lbfgs", "GaussianNB"], "lbfgs,GaussianNB", ("lbfgs", "GaussianNB")):
        table = compare(X, Y, models=models, random_state=0).table
        assert table.index.tolist() == ["lbfgs", "GaussianNB", "commonest class"]
        assert (table["accuracy"].iloc[:2] > 0.9).all()
