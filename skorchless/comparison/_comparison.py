"""Comparison: what `compare` has measured, as a table, a picture and a report."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from skorchless._files import REPORT_ENDINGS, TABLE_ENDINGS, check_save_path
from skorchless.comparison._record import Record
from skorchless.comparison._save import save_table, write_whole
from skorchless.comparison._table import align, format_table
from skorchless.plotting._axes import resolve_axes


@dataclass(frozen=True, eq=False)
class Comparison(Record):
    """What `compare` found: a table, the fitted models, and what they predict.

    It is what `compare` returns. Printed, it is an aligned table with rounded numbers and units;
    in a notebook, an HTML one with accuracy against time below it.

    Parameters
    ----------
    table : pandas.DataFrame
        One row for each model, by name, and one of always answering the commonest class of the
        training samples; of a model that failed all are NaN. ``accuracy`` and ``log_loss``
        (natural logarithm, NaN without ``predict_proba``) of the test samples; ``fit_seconds``;
        ``predict_seconds`` of one ``predict`` of all test samples; ``size_bytes`` of the
        pickled fitted model (NaN where it cannot be pickled). Of several labels the baseline is
        the commonest value of each; in the place of ``accuracy`` are ``subset_accuracy``, the
        share of samples whose labels are all right, ``f1_micro`` and ``f1_macro``, and
        ``log_loss`` is the mean over the labels.
    models : dict of str to estimator
        The fitted models.
    X_test : {array-like, frame, tensor} of shape (n_test, n_features)
        The samples that they were tested on.
    y_test : ndarray of shape (n_test,) or (n_test, n_labels)
        The labels of ``X_test``.
    classes : ndarray of shape (n_classes,) or (n_labels,)
        The labels of the training samples, sorted; the names or numbers of several labels.
    predictions : dict of str to ndarray of shape (n_test,) or (n_test, n_labels)
        The labels that each model predicts for ``X_test``.
    probabilities : dict of str to ndarray of shape (n_test, n_classes) or (n_test, n_labels)
        The probabilities of ``classes``, or of each of several labels, of each model that has
        ``predict_proba``.
    conditions : dict of str to str
        Sizes, seed, date, versions and machine, in words.
    image_shape : tuple of int or None
        Height and width where samples are images.
    notes : tuple of str
        How the columns of a table were read, where that was not plain, and what was left out.
    failures : dict of str to str
        What each model said that failed.
    label_table : pandas.DataFrame or None
        Of several labels, one row for each label and model, and the baseline: ``share`` of the
        test samples that have it; ``precision``, ``recall`` and ``f1``, NaN where they are
        shares of none; ``true_negatives``, ``false_positives``, ``false_negatives`` and
        ``true_positives``. None where samples have one label.

    See Also
    --------
    compare : Makes it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.dummy import DummyClassifier
    >>> from skorchless.comparison import compare
    >>> X, y = load_iris(return_X_y=True)
    >>> comparison = compare(X, y, models={"prior": DummyClassifier()}, random_state=0)
    >>> comparison.conditions["samples"]
    '112 to train, 38 to test'
    >>> comparison.plot().get_xlabel()
    'seconds to fit'
    """

    def __str__(self) -> str:
        """Return the table as aligned text."""
        return align(format_table(self.table))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table as HTML, for notebooks, accuracy against time, and the notes."""
        # Here, as in `plot`.
        from skorchless.comparison._figures import accuracy_picture
        from skorchless.comparison._pictures import render_inline

        picture = render_inline(**accuracy_picture(self))
        items = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        table = format_table(self.table).to_html()
        return f"{table}<div>{picture}</div>" + (f"<ul>{items}</ul>" if items else "")

    def plot(self, ax: Any = None) -> Any:
        """Draw accuracy against the time of the fit, a point for each model.

        The bars are the 95 % interval (Wilson) of each accuracy by itself. They do not compare
        models, whose test samples are the same.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ax : matplotlib.axes.Axes
            What was drawn on.
        """
        # Here, because a comparison that is only printed needs no matplotlib: 0.3 s of its import.
        from skorchless.comparison._figures import draw_accuracy

        ax = resolve_axes(ax)
        draw_accuracy(ax, self.scores, len(self.y_test), self.baseline)
        return ax

    def save(self, path: Any) -> None:
        """Write the table to a file, the names of models as its first column.

        Parameters
        ----------
        path : str or path-like
            The file, ending in .csv, .parquet or .feather (extra ``arrow``). An older one is
            replaced only by a whole one.

        Raises
        ------
        ValueError
            If the ending is another.
        OSError
            If the file cannot be written.
        """
        path = Path(path)
        check_save_path(path, TABLE_ENDINGS)
        save_table(self.table, path)

    def to_html(self, path: Any, *, title: str = "Comparison of models") -> None:
        """Write a report: one HTML page that needs nothing else, neither files nor a network.

        It has the table, accuracy against time, confusion matrices, reliability curves,
        coefficients and mistakes as pictures where samples are images, and the conditions; of
        several labels, the scores and the confusion of each.

        Parameters
        ----------
        path : str or path-like
            The file, ending in .html or .htm. An older one is replaced only by a whole one.
        title : str, default="Comparison of models"
            The page's heading.

        Raises
        ------
        ValueError
            If the ending is another.
        OSError
            If the file cannot be written.
        """
        # Here, as in `plot`.
        from skorchless.comparison._report import render_report

        path = Path(path)
        check_save_path(path, REPORT_ENDINGS)
        page = render_report(self, title)
        write_whole(path, lambda scratch: scratch.write_text(page, "utf-8", "replace"))
