"""RegularizationPathDisplay: the scores of a cross-validated fit against its penalty."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from skorchless._fitted import fitted_model_with
from skorchless.plotting._axes import resolve_axes

# A fit without a penalty is drawn at this multiple of the largest finite C.
BEYOND = 10.0


class RegularizationPathDisplay:
    """Score against C: a line for each fold, their mean, and the C that was chosen.

    Made by `from_estimator`; the parameters are stored as attributes.

    Parameters
    ----------
    Cs : ndarray of shape (n_cs,)
        Inverses of the strength of the penalty; ``np.inf`` is drawn to the right of the others.
    scores : ndarray of shape (n_folds, n_cs)
        The score of each fold at each C.
    C : float
        The C that was chosen.
    score_name : str, default="score"
        What the scores are, for the axis.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where the last plot is.
    figure_ : matplotlib.figure.Figure
        The figure of ``ax_``.
    fold_lines_ : list of matplotlib.lines.Line2D
        The line of each fold.
    mean_line_ : matplotlib.lines.Line2D
        The line of the mean.
    chosen_line_ : matplotlib.lines.Line2D
        The upright line at the chosen C.

    See Also
    --------
    skorchless.TorchLogisticClassifierCV : The estimator whose scores these are.
    sklearn.model_selection.ValidationCurveDisplay : Scores against any parameter.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skorchless import TorchLogisticClassifierCV
    >>> from skorchless.plotting import RegularizationPathDisplay
    >>> clf = TorchLogisticClassifierCV(scoring="neg_log_loss").fit(*load_iris(return_X_y=True))
    >>> display = RegularizationPathDisplay.from_estimator(clf)
    >>> display.ax_.get_ylabel()
    'negative log loss'
    """

    def __init__(self, Cs: Any, scores: Any, C: float, *, score_name: str = "score") -> None:
        self.Cs = Cs
        self.scores = scores
        self.C = C
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, l1_ratio: float | None = None, ax: Any = None, **plot_params: Any
    ) -> Self:
        """Draw the scores of a fitted `TorchLogisticClassifierCV`.

        Parameters
        ----------
        estimator : TorchLogisticClassifierCV, LogisticRegressionCV, Pipeline or search with one
            A fitted estimator with ``scores_``; scikit-learn's with
            ``use_legacy_attributes=False``. Of a search such as GridSearchCV, the
            ``best_estimator_``.
        l1_ratio : float, default=None
            Which of the estimator's ``l1_ratios_`` to draw; None is the one nearest to the
            chosen one.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        **plot_params : dict
            ``fold_kw``, ``mean_kw`` and ``chosen_kw`` of `plot`.

        Returns
        -------
        display : RegularizationPathDisplay
            What was drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If the estimator has no ``scores_``, or ``l1_ratio`` is not one of its own.
        """
        fitted = fitted_model_with("scores_", estimator)
        if isinstance(fitted.scores_, dict):
            raise ValueError(
                f"This {type(fitted).__name__} was fitted with use_legacy_attributes=True; only "
                "the new attributes can be drawn."
            )
        if np.ndim(fitted.C_) and np.ndim(fitted.scores_) == 4:
            raise ValueError(
                "per_label=True gives each label scores of its own. Draw those of one: pass Cs_, "
                "scores_[:, 0, :, label] and C_[label] to RegularizationPathDisplay."
            )
        ratios = np.asarray(fitted.l1_ratios_, dtype=np.float64)
        if l1_ratio is not None and l1_ratio not in ratios:
            raise ValueError(
                f"l1_ratio={l1_ratio!r} is not among those of the fit: {ratios.tolist()}."
            )
        wanted = fitted.l1_ratio_ if l1_ratio is None else l1_ratio
        nearest = int(np.abs(ratios - wanted).argmin())
        display = cls(
            fitted.Cs_,
            fitted.scores_[:, nearest],
            fitted.C_,
            score_name=_readable(fitted.scoring),
        )
        return display.plot(ax=ax, **plot_params)

    def plot(
        self,
        ax: Any = None,
        *,
        fold_kw: dict[str, Any] | None = None,
        mean_kw: dict[str, Any] | None = None,
        chosen_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        fold_kw, mean_kw, chosen_kw : dict, default=None
            Passed to matplotlib for the lines of the folds, of the mean and of the chosen C.

        Returns
        -------
        display : RegularizationPathDisplay
            This display.
        """
        ax = resolve_axes(ax)
        order = np.argsort(self.Cs)
        scores = np.asarray(self.scores)[:, order]
        finite = [C for C in (*self.Cs, self.C) if np.isfinite(C)]
        beyond = BEYOND * max(finite, default=1.0)
        x = np.minimum(np.asarray(self.Cs, dtype=np.float64)[order], beyond)
        self.fold_lines_ = ax.plot(
            x, scores.T, **{"color": "0.75", "linewidth": 1.0, **(fold_kw or {})}
        )
        self.fold_lines_[0].set_label("each fold")
        (self.mean_line_,) = ax.plot(
            *(x, scores.mean(0)),
            **{"color": "C0", "marker": "o", "label": "mean", **(mean_kw or {})},
        )
        self.chosen_line_ = ax.axvline(
            min(self.C, beyond),
            **{"color": "C1", "linestyle": "--", "label": f"C = {self.C:.3g}"} | (chosen_kw or {}),
        )
        if len(finite) < len(self.Cs) + 1:
            ax.annotate(
                "no penalty",
                (beyond, 0.02),
                xycoords=("data", "axes fraction"),
                ha="right",
                rotation=90,
                backgroundcolor=ax.get_facecolor(),
            )
        ax.set(xscale="log", xlabel="C", ylabel=self.score_name)
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _readable(scoring: Any) -> str:
    """Return the name of what ``scoring`` measures, in words."""
    if scoring is None:
        return "accuracy"
    if isinstance(scoring, str):
        return scoring.replace("neg_", "negative ").replace("_", " ")
    return getattr(scoring, "__name__", "score").replace("_", " ")
