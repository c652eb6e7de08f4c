"""What the displays ask of what they are given: a fitted estimator, or a pipeline with one."""

from __future__ import annotations

from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline


def last_step(estimator: Any, attribute: str) -> Any:
    """Return ``estimator``, of a pipeline its last step; raise where it lacks ``attribute``."""
    fitted = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not hasattr(fitted, attribute):
        raise NotFittedError(
            f"This {type(fitted).__name__} has no {attribute}; pass a fitted estimator that has."
        )
    return fitted
