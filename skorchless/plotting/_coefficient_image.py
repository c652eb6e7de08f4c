"""CoefficientImageDisplay: the weights of a linear classifier, one picture a class."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from skorchless._fitted import class_weights_of, fitted_model_with
from skorchless.plotting._axes import axes_in_rows
from skorchless.plotting._images import as_image


class CoefficientImageDisplay:
    """One picture of weights for each class: red speaks for it, blue against it, white is zero.

    All pictures have one scale, centred at zero. Made by `from_estimator`; the parameters are
    stored as attributes.

    Parameters
    ----------
    coefs : ndarray of shape (n_images, height, width)
        The weights of each class, in the places of the features.
    titles : sequence of str
        What to write above each picture.

    Attributes
    ----------
    ax_ : ndarray of shape (n_images,) of matplotlib.axes.Axes
        Where the pictures are, an axes for each.
    figure_ : matplotlib.figure.Figure
        The figure of the pictures.
    images_ : list of matplotlib.image.AxesImage
        The pictures.
    colorbar_ : matplotlib.colorbar.Colorbar
        Their common scale.

    See Also
    --------
    plot_images : Samples as pictures.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skorchless import TorchLogisticClassifier
    >>> from skorchless.plotting import CoefficientImageDisplay
    >>> clf = TorchLogisticClassifier(C=0.01).fit(*load_digits(return_X_y=True))
    >>> display = CoefficientImageDisplay.from_estimator(clf)
    >>> len(display.images_), display.images_[0].get_array().shape
    (10, (8, 8))
    """

    def __init__(self, coefs: Any, titles: Any) -> None:
        self.coefs = coefs
        self.titles = titles

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        image_shape: tuple[int, int] | None = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> Self:
        """Draw the coefficients of a fitted linear classifier.

        Parameters
        ----------
        estimator : TorchLogisticClassifier, any linear classifier, Pipeline or search with one
            A fitted estimator with ``coef_`` and ``classes_``. Two classes have one row of
            weights, and so one picture: that of the second class. Of a search such as
            GridSearchCV, the ``best_estimator_``.
        image_shape : tuple of int, default=None
            Height and width of the samples. None means a square.
        ax : matplotlib.axes.Axes, default=None
            A subplot to draw within; None makes a figure.
        **plot_params : dict
            ``rows`` and ``image_kw`` of `plot`.

        Returns
        -------
        display : CoefficientImageDisplay
            What was drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator has no ``coef_``.
        ValueError
            If the features do not fill an image, or classes have no row of their own.
        """
        fitted = fitted_model_with("coef_", estimator)
        weights = class_weights_of(fitted)
        if weights is None:
            raise ValueError(
                f"This {type(fitted).__name__} has no row of coefficients for each class."
            )
        images = np.array([as_image(row, image_shape) for row in weights])
        classes = [str(label) for label in fitted.classes_]
        if len(weights) < len(classes):
            classes = [f"{classes[1]} (not {classes[0]})"]
        return cls(images, classes).plot(ax=ax, **plot_params)

    def plot(
        self, ax: Any = None, *, rows: int = 2, image_kw: dict[str, Any] | None = None
    ) -> Self:
        """Draw the pictures.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            A subplot to draw within; None makes a figure.
        rows : int, default=2
            In how many rows.
        image_kw : dict, default=None
            Passed to matplotlib's ``imshow``; ``cmap``, ``vmin`` and ``vmax`` among them.

        Returns
        -------
        display : CoefficientImageDisplay
            This display.
        """
        # 1.0: where all weights are zero any scale will do.
        largest = float(np.abs(self.coefs).max()) or 1.0
        style = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest, "interpolation": "none"}
        self.ax_ = axes_in_rows(len(self.coefs), rows, ax, figsize=(10, 1 + 2 * rows))
        self.figure_ = self.ax_[0].figure
        self.images_ = []
        for place, coef, title in zip(self.ax_, self.coefs, self.titles, strict=True):
            self.images_.append(place.imshow(coef, **{**style, **(image_kw or {})}))
            # Not without its frame, as other pictures are: most borders are white here.
            place.set(xticks=[], yticks=[])
            # A label may have a dollar in it.
            place.set_title(title, parse_math=False)
        self.colorbar_ = self.figure_.colorbar(
            self.images_[0], ax=self.ax_.tolist(), label="coefficient"
        )
        return self
