"""plot_image and plot_images: samples drawn as pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skorchless._arrays import Array, to_numpy
from skorchless.plotting._axes import axes_in_rows, resolve_axes


def plot_image(image: Any, title: str | None = None, ax: Any = None) -> Any:
    """Draw one sample as a grey picture, a square for each value.

    Parameters
    ----------
    image : {array-like, tensor} of shape (height, width) or (height * width,)
        The values, low ones dark. A flat row is reshaped to a square. Colours, of shape
        (height, width, 3) or (height, width, 4), are drawn as such.
    title : str, default=None
        What to write above the picture.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    ax : matplotlib.axes.Axes
        Where the picture is.

    Raises
    ------
    ValueError
        If the values are not those of a picture.

    See Also
    --------
    plot_images : Several pictures in rows.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skorchless.plotting import plot_image
    >>> X, y = load_digits(return_X_y=True)
    >>> ax = plot_image(X[0], title=f"label {y[0]}")
    >>> ax.images[0].get_array().shape
    (8, 8)
    """
    pixels = as_image(image)
    ax = resolve_axes(ax)
    _draw(ax, pixels, title)
    return ax


def plot_images(
    images: Any,
    titles: Sequence[Any] | None = None,
    rows: int = 2,
    figsize: tuple[float, float] = (12, 6),
) -> Any:
    """Draw samples as grey pictures, side by side in rows.

    Parameters
    ----------
    images : {array-like, frame, tensor} of shape (n_images, height, width) or (n_images, n_pixels)
        The pictures, each as `plot_image` takes it.
    titles : sequence of length n_images, default=None
        What to write above each; numbers will do.
    rows : int, default=2
        In how many rows; the last one may be shorter.
    figsize : tuple of float, default=(12, 6)
        Width and height of the figure, in inches.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure, with one axes for each picture.

    Raises
    ------
    ValueError
        If there is no picture, one is none, or there are not as many titles.

    See Also
    --------
    plot_image : One picture.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skorchless.plotting import plot_images
    >>> X, y = load_digits(return_X_y=True)
    >>> figure = plot_images(X[:8], titles=y[:8])
    >>> len(figure.axes)
    8
    """
    pictures = [as_image(image) for image in as_rows(images)]
    if not pictures:
        raise ValueError("images must have at least one image, got none.")
    if titles is None:
        titles = [None] * len(pictures)
    if len(titles) != len(pictures):
        raise ValueError(
            f"titles must be as many as images, got {len(titles)} for {len(pictures)} images."
        )
    axes = axes_in_rows(len(pictures), rows, figsize=figsize)
    for ax, image, title in zip(axes, pictures, titles, strict=True):
        _draw(ax, image, title)
    return axes[0].figure


def as_rows(X: Any, indices: Any = None) -> Any:
    """Return samples, or those of ``indices``, as something that has one for each index."""
    X = X.to_numpy() if hasattr(X, "to_numpy") else to_numpy(X)
    if indices is not None:
        X = (X.tocsr() if issparse(X) else np.asarray(X))[indices]
    return X.toarray() if issparse(X) else X


def as_image(image: Any, shape: tuple[int, ...] | None = None) -> Array:
    """Return a sample as a picture (height, width), of ``shape`` or, if it is flat, a square."""
    pixels = np.asarray(to_numpy(image))
    if pixels.dtype.kind not in "buif":
        raise ValueError(f"An image must have real numbers, got dtype {pixels.dtype}.")
    if shape is not None:
        if pixels.size != math.prod(shape):
            raise ValueError(f"image_shape={shape} does not hold the {pixels.size} values.")
        return pixels.reshape(shape)
    if pixels.ndim == 1:
        side = math.isqrt(pixels.size)
        if side == 0 or side**2 != pixels.size:
            raise ValueError(
                f"A flat image must have a square number of values, got {pixels.size}; reshape it "
                "to (height, width)."
            )
        return pixels.reshape(side, side)
    is_color = pixels.ndim == 3 and pixels.shape[2] in {3, 4}
    if not (pixels.ndim == 2 or is_color) or pixels.size == 0:
        raise ValueError(
            "An image must be of shape (height, width), (height, width, 3 or 4) or flat, got "
            f"{pixels.shape}."
        )
    return pixels


def _draw(ax: Any, image: Array, title: Any) -> None:
    """Draw a picture (height, width) without axes."""
    # Each pixel as it is: smoothed, 28 x 28 would look like more than they are.
    ax.imshow(image, cmap="gray", interpolation="none")
    ax.set_axis_off()
    if title is not None:
        ax.set_title(str(title), parse_math=False)  # a label may have a dollar in it
