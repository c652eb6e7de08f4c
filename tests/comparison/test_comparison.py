"""Comparison: what is drawn, and a report that is whole or not written."""

import dataclasses
import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import norm
from sklearn.dummy import DummyClassifier

from skorchless.comparison import compare


@pytest.fixture(autouse=True)
def _no_window():
    mpl.use("agg")
    yield
    plt.close("all")


def test_it_is_frozen(of_digits):
    with pytest.raises(dataclasses.FrozenInstanceError):
        of_digits.models = {}


def test_plot_draws_a_point_for_each_model_with_its_name(of_digits):
    ax = of_digits.plot()
    table = of_digits.scores
    *texts, baseline = ax.texts
    assert baseline.get_text() == "commonest class"
    assert baseline.xy[1] == of_digits.table.loc["commonest class", "accuracy"]
    for container, (name, row), text in zip(ax.containers, table.iterrows(), texts, strict=True):
        (point, _, (bar,)) = container
        assert (point.get_xdata()[0], point.get_ydata()[0]) == (row.fit_seconds, row.accuracy)
        (low, high) = bar.get_segments()[0][:, 1]
        # Wilson's interval in its closed form, of a share of 450 samples.
        z, n, share = norm.ppf(0.975), 450, row.accuracy
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        np.testing.assert_allclose([low, high], [centre - half, centre + half])
        assert text.get_text() == name
    assert (ax.get_xscale(), ax.get_xlabel()) == ("log", "seconds to fit")
    assert ax.get_ylabel() == "accuracy"


def test_plot_draws_where_it_is_told(of_digits):
    _, (_, ax) = plt.subplots(1, 2)
    assert of_digits.plot(ax=ax) is ax


def test_a_notebook_shows_the_table_and_accuracy_against_time(of_digits):
    html = of_digits._repr_html_()
    for name in of_digits.table.index:
        assert f"<th>{name}</th>" in html
    [label] = re.findall(r'<svg role="img" aria-label="([^"]*)"', html)
    for name, row in of_digits.scores.iterrows():
        assert f"{name} {row.accuracy:.4f} in" in label
    assert "seconds to fit</text>" in html


def test_what_a_notebook_shows_leaves_the_rest_of_the_page_alone(of_digits):
    html = of_digits._repr_html_()
    # A style sheet would hold for the page, and a second doctype is none of an element.
    assert not re.search("<style|<!DOCTYPE|<[?]xml|<script", html)


def test_names_of_models_are_text_in_a_notebook():
    name = '"><script>alert(1)</script>'
    X, y = np.arange(40.0).reshape(-1, 1), np.arange(40) % 2
    html = compare(X, y, models={name: DummyClassifier()}, random_state=0)._repr_html_()
    assert "<script" not in html
    # In the table, in the words for the picture, and, as a comment, in the picture.
    assert html.count("&lt;script&gt;") == 3


def test_a_report_is_written_to_a_name_or_a_path(of_digits, tmp_path):
    of_digits.to_html(str(tmp_path / "named.html"), title="Digits")
    of_digits.to_html(tmp_path / "path.htm", title="Digits")
    assert "<h1>Digits</h1>" in (tmp_path / "named.html").read_text(encoding="utf-8")
    assert (tmp_path / "path.htm").read_bytes() == (tmp_path / "named.html").read_bytes()


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("report.pdf", ValueError, "the ending must be .html or .htm"),
        ("nowhere/report.html", FileNotFoundError, "there is no folder"),
    ],
)
def test_a_wrong_place_is_an_error(of_digits, tmp_path, name, error, message):
    with pytest.raises(error, match=message):
        of_digits.to_html(tmp_path / name)


def test_a_report_that_fails_leaves_the_older_one(of_digits, tmp_path, monkeypatch):
    def write_half(path, page, *_how):
        with path.open("w") as file:
            file.write(page[:9])
        raise OSError("No space left on device")

    path = tmp_path / "report.html"
    path.write_text("old")
    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(OSError, match="No space left"):
        of_digits.to_html(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
