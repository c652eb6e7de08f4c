"""MisclassifiedDisplay: the samples that a classifier is most sure of and wrong about."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from skorchless._arrays import to_numpy
from skorchless._fitted import confidence_of
from skorchless.plotting._axes import axes_in_rows
from skorchless.plotting._images import as_image, as_rows, plot_image


class MisclassifiedDisplay:
    """The most confident mistakes as pictures, with true and predicted label.

    Made by `from_estimator` or `from_predictions`; the parameters are stored as attributes.

    Parameters
    ----------
    images : sequence of ndarray of shape (height, width)
        The samples, the most confident mistake first.
    y_true : ndarray of shape (n_images,)
        Their true labels.
    y_pred : ndarray of shape (n_images,)
        Their predicted labels.
    confidence : ndarray of shape (n_images,)
        The probability that was given to each predicted label.

    Attributes
    ----------
    ax_ : ndarray of shape (n_images,) of matplotlib.axes.Axes
        Where the pictures are, an axes for each.
    figure_ : matplotlib.figure.Figure
        The figure of the pictures.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : How often each label is taken for each other.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skorchless import TorchLogisticClassifier
    >>> from skorchless.plotting import MisclassifiedDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = TorchLogisticClassifier().fit(X[:1000], y[:1000])
    >>> display = MisclassifiedDisplay.from_estimator(clf, X[1000:], y[1000:], n_images=4)
    >>> bool((display.y_true != display.y_pred).all()), len(display.ax_)
    (True, 4)
    """

    def __init__(self, images: Any, y_true: Any, y_pred: Any, confidence: Any) -> None:
        self.images = images
        self.y_true = y_true
        self.y_pred = y_pred
        self.confidence = confidence

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        n_images: int = 8,
        image_shape: tuple[int, int] | None = None,
        ax: Any = None,
        rows: int = 2,
    ) -> Self:
        """Draw the most confident mistakes of a fitted classifier.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier or pipeline with ``predict`` and ``predict_proba``.
        X : {array-like, sparse matrix, frame, tensor} of shape (n_samples, n_features)
            Samples to predict, which are drawn as they are: pass a pipeline those that it
            scales, not scaled ones.
        y : {array-like, tensor} of shape (n_samples,)
            Their true labels.
        n_images : int, default=8
            How many to draw; fewer where there are not so many mistakes.
        image_shape : tuple of int, default=None
            Height and width of the samples. None means a square.
        ax : matplotlib.axes.Axes, default=None
            A subplot to draw within; None makes a figure.
        rows : int, default=2
            In how many rows.

        Returns
        -------
        display : MisclassifiedDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If samples and labels do not fit together, or the features do not fill an image.
        """
        y_pred = to_numpy(estimator.predict(X))
        if y_pred.ndim != 1:
            raise ValueError(
                "MisclassifiedDisplay draws one label of each sample, but the estimator predicts "
                "several. Pass the predictions of one label to from_predictions."
            )
        confidence = confidence_of(
            y_pred, to_numpy(estimator.predict_proba(X)), to_numpy(estimator.classes_)
        )
        return cls.from_predictions(
            *(X, y, y_pred, confidence),
            n_images=n_images,
            image_shape=image_shape,
            ax=ax,
            rows=rows,
        )

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        y_true: Any,
        y_pred: Any,
        confidence: Any,
        *,
        n_images: int = 8,
        image_shape: tuple[int, int] | None = None,
        ax: Any = None,
        rows: int = 2,
    ) -> Self:
        """Draw the most confident mistakes among predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix, frame, tensor} of shape (n_samples, n_features)
            The samples.
        y_true : {array-like, tensor} of shape (n_samples,)
            Their true labels.
        y_pred : {array-like, tensor} of shape (n_samples,)
            Their predicted labels.
        confidence : {array-like, tensor} of shape (n_samples,)
            The probability that was given to each predicted label: the largest of a row of
            ``predict_proba``, where the label is the likeliest one.
        n_images : int, default=8
            How many to draw; fewer where there are not so many mistakes.
        image_shape : tuple of int, default=None
            Height and width of the samples. None means a square.
        ax : matplotlib.axes.Axes, default=None
            A subplot to draw within; None makes a figure.
        rows : int, default=2
            In how many rows.

        Returns
        -------
        display : MisclassifiedDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If the arguments are not of the same length, or the features do not fill an image.
        """
        y_true, y_pred, confidence = (
            column_or_1d(to_numpy(values)) for values in (y_true, y_pred, confidence)
        )
        check_consistent_length(X, y_true, y_pred, confidence)
        if n_images < 1:
            raise ValueError(f"n_images must be at least 1, got {n_images}.")
        mistakes = np.flatnonzero(y_true != y_pred)
        # Stable: of equal ones the first comes first, whatever the machine.
        order = np.argsort(-confidence[mistakes], kind="stable")
        chosen = mistakes[order[:n_images]]
        images = [as_image(row, image_shape) for row in as_rows(X, chosen)]
        display = cls(images, y_true[chosen], y_pred[chosen], confidence[chosen])
        return display.plot(ax=ax, rows=rows)

    def plot(self, ax: Any = None, *, rows: int = 2) -> Self:
        """Draw the pictures.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            A subplot to draw within; None makes a figure.
        rows : int, default=2
            In how many rows.

        Returns
        -------
        display : MisclassifiedDisplay
            This display.
        """
        n_axes = max(1, len(self.images))
        self.ax_ = axes_in_rows(n_axes, rows, ax, figsize=(10, 1 + 2.5 * rows))
        self.figure_ = self.ax_[0].figure
        for place, image, true, predicted, share in zip(
            self.ax_, self.images, self.y_true, self.y_pred, self.confidence, strict=False
        ):
            plot_image(image, f"true {true}\npredicted {predicted}\n({share:.3f})", ax=place)
        if not len(self.images):
            self.ax_[0].set_axis_off()
            self.ax_[0].text(0.5, 0.5, "no mistakes", ha="center", va="center")
        return self
