"""What a report says of several labels: which numbers, which labels, which words."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import multilabel_confusion_matrix, precision_score

from skorchless.comparison import compare
from skorchless.comparison._report import render_report
from skorchless.comparison._report_labels import MOST_DRAWN, mistake_lines

NAMES = ["has a loop", "is even", "> 4"]
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def page(of_labels):
    return render_report(of_labels, "Digits")


def table_of(page):
    """Return the head and the rows of the table of labels, as texts."""
    table = re.search(r'<table class="groups">(.*?)</table>', page, re.DOTALL)[1]
    head, body = table.split("<tbody>")
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', body)
    return (
        re.findall(r"<th[^>]*>(.*?)</th>", head),
        {name: re.findall(r"<td>(.*?)</td>", cells) for name, cells in rows},
    )


def test_the_sections_are_these(page):
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        "Subset accuracy against fit time",
        "Scores by label",
        "Confusion by label",
        "Reliability",
        "Coefficients",
        "What each model alone gets wrong",
        "Models",
        "Conditions",
    ]


def test_the_summary_is_of_all_labels(of_labels, page):
    table = of_labels.scores
    for heading, name in (("subset accuracy", "subset_accuracy"), ("macro F1", "f1_macro")):
        best = table[name].idxmax()
        assert f"Highest {heading}: {best} ({table.loc[best, name]:.4f})." in page
    # No label is that of half of the digits.
    share = (of_labels.y_test == 0).all(axis=1).mean()
    answer = "Always answering the commonest value of each label has a subset accuracy of"
    assert f"{answer} {share:.4f}." in page


def test_the_table_has_a_row_for_each_label_and_the_models_side_by_side(of_labels, page):
    head, rows = table_of(page)
    models = ["logistic", "ridge", "forest"]
    assert head[:6] == ["label", "share", *models, "commonest values"]
    assert head[6:] == ["precision", "recall", "F1"] * 3 + ["F1"]
    assert [*rows] == [*NAMES[:2], "&gt; 4"]
    for cells, y, j in zip(rows.values(), of_labels.y_test.T, range(3), strict=True):
        assert len(cells) == 11
        assert cells[0] == f"{y.mean():.3f}"
        for model, shown in zip(models, cells[1::3], strict=False):
            assert shown == f"{precision_score(y, of_labels.predictions[model][:, j]):.3f}"


def test_the_confusion_of_each_label_is_drawn_and_said(of_labels, page):
    alts = re.findall(r'alt="(Confusion of [^"]*)"', page)
    assert len(alts) == 3
    for name, alt in zip(of_labels.models, alts, strict=True):
        counts = multilabel_confusion_matrix(of_labels.y_test, of_labels.predictions[name])
        said = "; ".join(
            f"{label}: {missed} missed, {given} wrongly given"
            for label, (_, given, missed, _) in zip(NAMES, counts.reshape(3, 4), strict=True)
        )
        assert alt == f"Confusion of {name} by label. {said}.".replace(">", "&gt;")


def test_of_many_labels_those_with_the_most_mistakes_are_drawn():
    rng = np.random.default_rng(0)
    n_wrong = rng.permutation(MOST_DRAWN + 3)
    y = (np.arange(40)[:, None] < n_wrong).astype(int)
    models = {"zeros": DummyClassifier(strategy="constant", constant=np.zeros(y.shape[1], int))}
    with pytest.warns(UserWarning, match="there is nothing to learn"):
        comparison = compare(y, y, X_test=y, y_test=y, models=models)
    page = render_report(comparison, "Many")
    alt = re.search(r'alt="Confusion of zeros by label. ([^"]*)"', page)[1]
    drawn = [int(label) for label in re.findall(r"(\d+): \d+ missed", alt)]
    assert drawn == [label for label, n in enumerate(n_wrong) if n >= 3]
    assert f"Of {MOST_DRAWN + 3} labels, the {MOST_DRAWN} with the most mistakes." in page
    assert len(table_of(page)[1]) == MOST_DRAWN + 3


def test_a_sample_is_wrong_where_one_of_its_labels_is(of_labels, page):
    wrong = {
        name: (found != of_labels.y_test).any(axis=1)
        for name, found in of_labels.predictions.items()
    }
    alone = (wrong["ridge"] & ~wrong["logistic"] & ~wrong["forest"]).sum()
    what = "those of which one model gets a label wrong and all others get every label right"
    assert re.search(rf"Of the 450 test samples, {what}: [^.]*\bridge {alone}, ", page)


def test_mistakes_are_labels_missed_and_given_wrongly():
    names, sign = np.array(["a", "b", "c"]), "\N{MINUS SIGN}"
    assert mistake_lines(np.array([1, 1, 0]), np.array([0, 0, 1]), names) == [
        f"{sign} a, b",
        "+ c",
    ]
    assert mistake_lines(np.array([0, 1, 0]), np.array([0, 1, 1]), names) == ["+ c"]


def test_nothing_from_outside_becomes_markup():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    Y = pd.DataFrame(X > 0, columns=[HOSTILE, '" onload="alert(1)'])
    page = render_report(compare(X, Y, models={HOSTILE: DummyClassifier()}), "Labels")
    assert "<script" not in page
    assert not re.search(r'<[^>]*" onload=', page)
    assert page.count("&lt;script&gt;") > 2
