"""Every private name of scikit-learn that the package uses, so that an upgrade is read here first.

Other modules import these names from here, and reach private attributes of scikit-learn's objects
by the functions below. The estimators' ``_parameter_constraints`` are what `_fit_context` reads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import signature
from typing import Any, ClassVar

import sklearn
from sklearn.metrics import make_scorer
from sklearn.utils.metadata_routing import UNUSED

KNOWN_TO_WORK = "1.9"
NEXT = "1.10"

try:
    from sklearn.base import _fit_context

    # Public, but new in 1.9: the first name that an older scikit-learn lacks.
    from sklearn.callback import CallbackSupportMixin
    from sklearn.linear_model._base import SparseCoefMixin
    from sklearn.utils._param_validation import (
        Interval,
        StrOptions,
        validate_parameter_constraints,
    )
    from sklearn.utils.metadata_routing import _raise_for_params, _routing_enabled
    from sklearn.utils.multiclass import _check_partial_fit_first_call
    from sklearn.utils.validation import _check_method_params, _check_sample_weight

    # Read at import as well, so that a fit does not end for a name that is gone.
    _init_callback_context = CallbackSupportMixin._init_callback_context
except (ImportError, AttributeError) as error:
    raise ImportError(
        f"skorchless uses private names of scikit-learn that version {sklearn.__version__} does "
        f"not have ({error}); it is known to work with {KNOWN_TO_WORK}.x: install "
        f"'scikit-learn>={KNOWN_TO_WORK},<{NEXT}' or another version of skorchless."
    ) from error

__all__ = [
    "CallbackSupportMixin",
    "ChangedParametersMixin",
    "Interval",
    "ScoreRoutedToScorerMixin",
    "SparseCoefMixin",
    "StrOptions",
    "_check_method_params",
    "_check_partial_fit_first_call",
    "_check_sample_weight",
    "_fit_context",
    "_raise_for_params",
    "_routing_enabled",
    "has_callbacks",
    "init_callback_context",
    "metric_options",
    "score_function_of",
    "with_metric_options",
]


def init_callback_context(estimator: Any, **options: Any) -> Any:
    """Return the callback context of a fit of ``estimator``, after its callbacks are set up."""
    return _init_callback_context(estimator, **options)


def has_callbacks(estimator: Any) -> bool:
    """Return whether anybody may be told of a fit: callbacks, or those of a meta-estimator."""
    # A meta-estimator's callbacks may walk through the tasks of the fits within.
    return bool(getattr(estimator, "_skl_callbacks", ())) or hasattr(
        estimator, "_parent_callback_ctx"
    )


@cache
def _defaults(estimator_class: Any) -> dict[str, Any]:
    """Return the default of each parameter, by name."""
    _, *of_init = signature(estimator_class.__init__).parameters.values()
    return {parameter.name: parameter.default for parameter in of_init}


class ChangedParametersMixin:
    """Validation of the parameters that are not the defaults, which are known to be valid."""

    _parameter_constraints: dict[str, list[Any]]

    def _validate_params(self: Any) -> None:
        """Raise scikit-learn's error for the first parameter, by name, that is not valid."""
        # All 19 of a classifier take scikit-learn 0.14 ms.
        changed = {
            name: value
            for name, default in _defaults(self.__class__).items()
            if (value := getattr(self, name)) is not default
        }
        validate_parameter_constraints(
            self._parameter_constraints, changed, caller_name=type(self).__name__
        )


class ScoreRoutedToScorerMixin:
    """Metadata routing of a ``score`` that hands its ``sample_weight`` on to a scorer."""

    __metadata_request__score: ClassVar = {"sample_weight": UNUSED}


def score_function_of(scorer: Any) -> Callable[..., Any] | None:
    """Return the metric of a scorer that ``make_scorer`` made, None for any other callable."""
    return getattr(scorer, "_score_func", None)


def metric_options(scorer: Any) -> dict[str, Any]:
    """Return the options that a scorer passes to its metric."""
    return dict(scorer._kwargs)


def with_metric_options(scorer: Any, **options: Any) -> Any:
    """Return ``scorer`` with ``options`` of its metric beside its own, which come first."""
    return make_scorer(
        scorer._score_func,
        greater_is_better=scorer._sign > 0,
        response_method=scorer._response_method,
        **{**options, **scorer._kwargs},
    )
