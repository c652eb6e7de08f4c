"""LossCurveDisplay: the losses of a fit, iteration by iteration."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from skorchless._fitted import fitted_model_with
from skorchless.plotting._axes import resolve_axes

# So few points are marked one by one; a single one would be no line at all.
FEW = 30


class LossCurveDisplay:
    """Loss against iteration: training and, where it was measured, validation.

    Made by `from_estimator`; the parameters are stored as attributes.

    Parameters
    ----------
    loss_curve : array-like of shape (n_iter,)
        The training loss after each iteration.
    validation_loss_curve : array-like of shape (n_iter,), default=None
        The validation loss after each iteration.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where the last plot is.
    figure_ : matplotlib.figure.Figure
        The figure of ``ax_``.
    training_line_ : matplotlib.lines.Line2D
        The line of the training loss.
    validation_line_ : matplotlib.lines.Line2D or None
        The line of the validation loss; None where there is none.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores against the number of samples.

    Notes
    -----
    The training loss of a `TorchLogisticClassifier` is its objective, penalty included; the
    validation loss is the mean negative log-likelihood alone.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skorchless import TorchLogisticClassifier
    >>> from skorchless.plotting import LossCurveDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = TorchLogisticClassifier(solver="adam", max_iter=5, random_state=0)
    >>> clf = clf.fit(X[:1000], y[:1000], X_val=X[1000:], y_val=y[1000:])
    >>> display = LossCurveDisplay.from_estimator(clf)
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['training', 'validation']
    """

    def __init__(self, loss_curve: Any, validation_loss_curve: Any = None) -> None:
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, **plot_params: Any) -> Self:
        """Draw the losses of a fitted estimator.

        Parameters
        ----------
        estimator : TorchLogisticClassifier, MLPClassifier, or a Pipeline or search with one
            A fitted estimator with ``loss_curve_``. Its ``validation_loss_curve_`` is drawn
            too, if it has one. Of a search such as GridSearchCV, that of ``best_estimator_``.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        **plot_params : dict
            ``training_kw`` and ``validation_kw`` of `plot`.

        Returns
        -------
        display : LossCurveDisplay
            What was drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator has no ``loss_curve_``.
        """
        fitted = fitted_model_with("loss_curve_", estimator)
        display = cls(fitted.loss_curve_, getattr(fitted, "validation_loss_curve_", None))
        return display.plot(ax=ax, **plot_params)

    def plot(
        self,
        ax: Any = None,
        *,
        training_kw: dict[str, Any] | None = None,
        validation_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        training_kw, validation_kw : dict, default=None
            Passed to matplotlib for the two lines.

        Returns
        -------
        display : LossCurveDisplay
            This display.
        """
        ax = resolve_axes(ax)
        self.training_line_ = _draw(ax, self.loss_curve, "training", training_kw)
        self.validation_line_ = None
        if self.validation_loss_curve is not None:
            self.validation_line_ = _draw(
                ax, self.validation_loss_curve, "validation", validation_kw
            )
        ax.set(xlabel="iteration", ylabel="loss")
        if ax.get_xscale() == "linear":
            ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _draw(ax: Any, losses: Any, label: str, line_kw: dict[str, Any] | None) -> Any:
    """Return the line of ``losses``, drawn against 1, 2, ..."""
    marker = "." if len(losses) <= FEW else None
    (line,) = ax.plot(
        *(np.arange(1, len(losses) + 1), losses),
        **{"label": label, "marker": marker, **(line_kw or {})},
    )
    return line
