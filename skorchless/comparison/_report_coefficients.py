"""What a report shows of linear models: their coefficients, as images or by name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from skorchless.comparison._figures import (
    IMAGES_IN_A_ROW,
    are_long,
    draw_coefficients,
    draw_pixel_coefficients,
)
from skorchless.comparison._measures import coefficients_of
from skorchless.comparison._pictures import Picture, Section, render
from skorchless.comparison._record import Record

MOST_FEATURES = 15
COEFFICIENTS = (
    "Red speaks for a {what}, blue against it; each model has a scale of its own. Of many "
    "features, those with the largest coefficients, of scaled columns where there is a scaler; "
    "the categories of one column stand together."
)


def coefficient_sections(comparison: Record) -> Iterator[Section]:
    """Yield the section of coefficients, if a model has some."""
    if pictures := list(_coefficient_pictures(comparison)):
        what = "label" if comparison.is_multilabel else "class"
        yield Section("Coefficients", COEFFICIENTS.format(what=what), pictures)


def _coefficient_pictures(comparison: Record) -> Iterator[Picture]:
    """Yield the coefficients of each linear model: all as images, or the largest by name."""
    shape = comparison.image_shape
    names = comparison.classes if comparison.is_multilabel else None
    what = "label" if comparison.is_multilabel else "class"
    for name, model in comparison.models.items():
        coefficients = coefficients_of(model)
        if coefficients is None:
            continue
        if shape is not None and coefficients.weights.shape[1] == math.prod(shape):
            yield render(
                partial(
                    draw_pixel_coefficients,
                    classifier=coefficients.classifier,
                    image_shape=shape,
                    names=names,
                ),
                (5.2, 2.5 if names is None else 0.5 + 1.2 * -(-len(names) // IMAGES_IN_A_ROW)),
                alt=f"Coefficients of {name} as images, one for each {what}.",
                caption=name,
            )
        else:
            weights, features = coefficients.largest(MOST_FEATURES)
            yield render(
                partial(
                    draw_coefficients, weights=weights, names=features, classes=comparison.classes
                ),
                (4.2, 1.2 + 0.2 * len(features) + (1.2 if are_long(comparison.classes) else 0.0)),
                alt=f"Largest coefficients of {name}: {', '.join(features)}.",
                caption=name,
            )
