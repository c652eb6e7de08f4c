"""Where pictures go: new figures, and several axes in rows. For every display."""

from __future__ import annotations

from typing import Any

import numpy as np

from skorchless._arrays import Array


def new_figure(figsize: tuple[float, float] | None = None) -> Any:
    """Return a new figure, laid out so that titles and labels do not overlap."""
    # Here, because it takes longer to import than to fit a small table.
    import matplotlib.pyplot as plt

    return plt.figure(figsize=figsize, layout="constrained")


def resolve_axes(ax: Any) -> Any:
    """Return ``ax``, or for None the axes of a new figure."""
    return new_figure().add_subplot() if ax is None else ax


def axes_in_rows(
    n_axes: int, rows: int, within: Any = None, *, figsize: tuple[float, float] | None = None
) -> Array:
    """Return axes (n_axes,) in ``rows`` of equal length but the last, ``within`` a figure or axes.

    An axes that they are within is left empty, as scikit-learn's displays leave it. None makes a
    figure of ``figsize``.
    """
    if rows < 1:
        raise ValueError(f"rows must be at least 1, got {rows}.")
    columns = -(-n_axes // min(rows, n_axes))
    shape = (-(-n_axes // columns), columns)
    if within is None:
        within = new_figure(figsize)
    if hasattr(within, "add_gridspec"):
        figure, grid = within, within.add_gridspec(*shape)
    else:
        if within.get_subplotspec() is None:
            raise ValueError("ax must be one of a figure's subplots, to have room for several.")
        within.set_axis_off()
        figure, grid = within.figure, within.get_subplotspec().subgridspec(*shape)
    return np.array([figure.add_subplot(grid[divmod(i, columns)]) for i in range(n_axes)])
