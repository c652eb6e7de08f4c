"""The page of a report: what it says, and that nothing in the data becomes markup."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_digits, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from skorchless import TorchLogisticClassifier
from skorchless.comparison import compare
from skorchless.comparison._report import render_report
from skorchless.comparison._table import format_table


class AsArray(TransformerMixin, BaseEstimator):
    """Makes an array of anything, for models that take nothing else."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X.toarray() if hasattr(X, "toarray") else np.asarray(X)

    def __sklearn_is_fitted__(self):
        return True


HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def page(of_digits):
    return render_report(of_digits, "Digits")


def headings_of(page):
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_the_table_has_every_number_of_the_comparison(of_digits, page):
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', page)
    texts = format_table(of_digits.table)
    assert [name for name, _ in rows] == texts.index.tolist()
    for name, cells in rows:
        assert re.findall(r"<td>(.*?)</td>", cells) == texts.loc[name].tolist()


def test_the_sections_are_these(page):
    assert headings_of(page) == [
        "Accuracy against fit time",
        "Confusion matrices",
        "Reliability",
        "Coefficients",
        "What each model alone gets wrong",
        "Models",
        "Conditions",
    ]


def test_what_there_is_not_has_no_section():
    comparison = compare(*load_iris(return_X_y=True), models={"ridge": RidgeClassifier()})
    without = {"Reliability", "What each model alone gets wrong"}
    assert not without & set(headings_of(render_report(comparison, "Iris")))
    prior = compare(*load_iris(return_X_y=True), models={"prior": DummyClassifier()})
    assert "Coefficients" not in headings_of(render_report(prior, "Iris"))


def test_the_summary_names_the_best(of_digits, page):
    table = of_digits.table
    assert f"Highest accuracy: {table['accuracy'].idxmax()} (" in page
    # The ridge has no probabilities, and so no loss to be lowest.
    assert f"Lowest log loss: logistic ({table.loc['logistic', 'log_loss']:.4f})." in page
    accuracy = table.loc["commonest class", "accuracy"]
    assert f"Always answering the commonest class has an accuracy of {accuracy:.4f}." in page


def test_all_that_are_best_are_named():
    models = {name: DummyClassifier() for name in ("a", "b")}
    page = render_report(compare(*load_iris(return_X_y=True), models=models), "Iris")
    assert "Highest accuracy: a, b (" in page


@pytest.mark.parametrize("container", [csr_array, torch.as_tensor, pd.DataFrame])
def test_pictures_are_drawn_of_samples_of_any_kind(container):
    X, y = load_digits(return_X_y=True)
    models = {"tree": DecisionTreeClassifier(), "logistic": LogisticRegression(tol=1.0)}
    models = {name: make_pipeline(AsArray(), model) for name, model in models.items()}
    train, test = container(X[:300]), container(X[300:500])
    comparison = compare(
        train, y[:300], X_test=test, y_test=y[300:500], models=models, image_shape=(8, 8)
    )
    assert "Samples that tree alone gets wrong: " in render_report(comparison, "Digits")


def test_every_picture_says_in_words_what_it_shows(of_digits, page):
    alts = re.findall(r'<img src="data:[^"]*" alt="([^"]*)"', page)
    assert len(alts) == page.count("<img ") == page.count("<source ")
    right = int((of_digits.predictions["prior"] == of_digits.y_test).sum())
    assert f"Confusion matrix of prior: {right} of 450 right." in " ".join(alts)


def test_the_count_of_lone_mistakes_is_that_of_the_predictions(of_digits, page):
    wrong = {name: found != of_digits.y_test for name, found in of_digits.predictions.items()}
    alone = (wrong["ridge"] & ~wrong["logistic"] & ~wrong["prior"]).sum()
    what = "those that one model gets wrong and all others get right"
    assert re.search(rf"Of the 450 test samples, {what}: [^.]*\bridge {alone}, ", page)


def test_the_conditions_and_models_are_listed(of_digits, page):
    for name, text in of_digits.conditions.items():
        assert f"<dt>{name}</dt>\n<dd>{text}</dd>" in page
    assert "TorchLogisticClassifier(C=0.01) on cpu" in page
    assert "<dd>Classifier using Ridge regression.<pre>RidgeClassifier()</pre></dd>" in page


def test_nothing_from_outside_becomes_markup():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({HOSTILE: rng.normal(size=80), "b": rng.choice([HOSTILE, "x"], 80)})
    y = np.where(frame[HOSTILE] + rng.normal(size=80) > 0, HOSTILE, '" onload="alert(1)')
    models = {HOSTILE: TorchLogisticClassifier(), "prior": DummyClassifier(constant=HOSTILE)}
    with_models = compare(frame[[HOSTILE]], y, models=models, random_state=0)
    with_defaults = compare(frame, y, random_state=0)
    for comparison in (with_models, with_defaults):
        page = render_report(comparison, HOSTILE)
        assert "<script" not in page
        assert not re.search(r'<[^>]*" onload=', page)
        assert "&lt;script&gt;" in page


def test_the_page_fetches_and_runs_nothing(page):
    assert "default-src 'none'" in page
    assert "<script" not in page
    sources = re.findall(r'(?:src|srcset|href)="([^"]{5})', page)
    assert set(sources) == {"data:"}


def test_the_page_says_how_the_table_was_read():
    frame = pd.DataFrame({"x": ["1,5", "2,5", "3"] * 20, "y": ["a", "b", "b"] * 20})
    comparison = compare(frame, target="y", models=["lbfgs"], progress=lambda _line: None)
    page = render_report(comparison, "A table")
    assert "<h2>How the table was read</h2>" in page
    assert "<li>x: decimal commas</li>" in page


def test_a_page_of_arrays_has_nothing_to_say_of_reading(page):
    assert "How the table was read" not in page
