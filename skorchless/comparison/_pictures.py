"""Sections of a page, and drawings as images within it: SVG in a data URI, light and dark."""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

# What is written and ruled has a colour that nothing else has, so that a picture for dark pages is
# the one for light pages with another ink: drawn once, it takes half the time.
LIGHT_INK, DARK_INK = "#1b1b1c", "#e6e6e6"
FONT_SIZE = 9
LINES = "stroke-linejoin: round; stroke-linecap: butt"  # as in matplotlib's style sheet
STYLE: dict[Any, Any] = {
    "font.size": FONT_SIZE,
    # As text, so that any script can be read: the browser has the fonts that matplotlib lacks.
    "svg.fonttype": "none",
    "svg.hashsalt": "skorchless",  # the same comparison gives the same bytes
    "text.parse_math": False,  # a label may have a dollar in it
    # The page's own background shows through.
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"),
        LIGHT_INK,
    ),
}


@dataclass(frozen=True)
class Picture:
    """An image twice, as data URIs, and what it shows in words."""

    light: str
    dark: str
    alt: str
    caption: str
    width: int  # in CSS pixels
    height: int


@dataclass(frozen=True)
class Section:
    """A part of a report: a heading, what it is about, and its table of texts and pictures."""

    heading: str
    text: str
    pictures: list[Picture] = field(default_factory=list)
    table: pd.DataFrame | None = None  # columns by group and name

    @property
    def groups(self) -> list[list[Any]]:
        """The columns of the table, those of a group together."""
        columns = [] if self.table is None else list(self.table.columns)
        return [list(group) for _, group in groupby(columns, key=lambda column: column[0])]


def render(
    draw: Callable[[Any], object], figsize: tuple[float, float], *, alt: str, caption: str = ""
) -> Picture:
    """Return what ``draw`` puts into a figure of ``figsize`` inches."""
    svg = _to_svg(draw, figsize)
    light, dark = _to_data_uri(svg), _to_data_uri(svg.replace(LIGHT_INK, DARK_INK))
    width, height = (round(96 * inches) for inches in figsize)
    return Picture(light, dark, alt, caption, width, height)


def render_inline(draw: Callable[[Any], object], figsize: tuple[float, float], *, alt: str) -> str:
    """Return what ``draw`` puts into a figure as an element of a page, in its colour of text.

    A notebook has a theme of its own, which an image cannot know.
    """
    svg = _to_svg(draw, figsize).replace(LIGHT_INK, "currentColor")
    # Without its style sheet, which would hold for the whole page.
    _, _, body = re.sub("<style.*?</style>", "", svg, flags=re.DOTALL).partition("<svg ")
    said = f'role="img" aria-label="{escape(alt)}" style="{LINES}; max-width: 100%"'
    return f"<svg {said} {body}"


def _to_svg(draw: Callable[[Any], object], figsize: tuple[float, float]) -> str:
    """Return a drawing as an SVG image."""
    # rc_context gives matplotlib's settings back as they were. A figure of its own, not of
    # pyplot, opens no window and is not kept.
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure = Figure(figsize=figsize, layout="constrained")
        draw(figure)
        image = io.StringIO()
        figure.savefig(image, format="svg", metadata={"Date": None, "Creator": None})
    return image.getvalue()


def _to_data_uri(svg: str) -> str:
    """Return an SVG image as a data URI."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
