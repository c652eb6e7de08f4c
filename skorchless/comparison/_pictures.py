"""Drawings as images within a page: SVG in a data URI, for light pages and for dark ones."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "font.size": 9,
    # As text, so that any script can be read: the browser has the fonts that matplotlib lacks.
    "svg.fonttype": "none",
    "svg.hashsalt": "skorchless",  # the same comparison gives the same bytes
    "text.parse_math": False,  # a label may have a dollar in it
    "axes.unicode_minus": True,
}
# The page's own background shows through.
LIGHT: dict[Any, Any] = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.framealpha": 0.0,
}
DARK = LIGHT | dict.fromkeys(
    (
        *("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"),
        *("grid.color", "legend.edgecolor"),
    ),
    "#e6e6e6",
)


@dataclass(frozen=True)
class Picture:
    """An image twice, as data URIs, and what it shows in words."""

    light: str
    dark: str
    alt: str
    caption: str
    width: int  # in CSS pixels
    height: int


def render(
    draw: Callable[[Any], object], figsize: tuple[float, float], *, alt: str, caption: str = ""
) -> Picture:
    """Return what ``draw`` puts into a figure of ``figsize`` inches."""
    light, dark = (_to_data_uri(draw, figsize, style) for style in (LIGHT, DARK))
    width, height = (round(96 * inches) for inches in figsize)
    return Picture(light, dark, alt, caption, width, height)


def _to_data_uri(
    draw: Callable[[Any], object], figsize: tuple[float, float], style: dict[Any, Any]
) -> str:
    """Return a drawing as the data URI of an SVG image."""
    # rc_context gives matplotlib's settings back as they were. A figure of its own, not of
    # pyplot, opens no window and is not kept.
    with mpl.rc_context({**STYLE, **style}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure = Figure(figsize=figsize, layout="constrained")
        draw(figure)
        image = io.BytesIO()
        figure.savefig(image, format="svg", metadata={"Date": None, "Creator": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(image.getvalue()).decode()}"
