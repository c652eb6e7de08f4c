"""Every private name of scikit-learn that the package uses, so that an upgrade is read here first.

Other modules import these names from here, and reach private attributes of scikit-learn's objects
by the functions below. The estimators' ``_parameter_constraints`` are what `_fit_context` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from inspect import Parameter, signature
from typing import Any, ClassVar

import sklearn
from sklearn.metrics import make_scorer
from sklearn.utils.metadata_routing import UNUSED

KNOWN_TO_WORK = "1.9"
NEXT = "1.10"

try:
    from sklearn.base import _fit_context as _fit_context

    # Public, but new in 1.9: the first name that an older scikit-learn lacks.
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin
    from sklearn.linear_model._base import SparseCoefMixin as SparseCoefMixin
    from sklearn.utils import _safe_indexing as _safe_indexing
    from sklearn.utils._param_validation import Interval as Interval
    from sklearn.utils._param_validation import StrOptions as StrOptions
    from sklearn.utils._param_validation import (
        validate_parameter_constraints as validate_parameter_constraints,
    )
    from sklearn.utils.metadata_routing import _raise_for_params as _raise_for_params
    from sklearn.utils.metadata_routing import _routing_enabled as _routing_enabled
    from sklearn.utils.multiclass import (
        _check_partial_fit_first_call as _check_partial_fit_first_call,
    )
    from sklearn.utils.validation import _check_method_params as _check_method_params
    from sklearn.utils.validation import _check_sample_weight as _check_sample_weight

    # Read at import as well, so that a missing name fails here and not in a fit.
    _init_callback_context = CallbackSupportMixin._init_callback_context
except (ImportError, AttributeError) as error:
    raise ImportError(
        f"skorchless uses private names of scikit-learn that version {sklearn.__version__} does "
        f"not have ({error}); it is known to work with {KNOWN_TO_WORK}.x: install "
        f"'scikit-learn>={KNOWN_TO_WORK},<{NEXT}' or another version of skorchless."
    ) from error


def has_callbacks(estimator: Any) -> bool:
    """Return whether a fit has callbacks, its own or those of a meta-estimator."""
    # Callbacks of a meta-estimator may follow the tasks of the fits inside it.
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

    def __init_subclass__(cls, **options: Any) -> None:
        """Keep the signature, which each fit reads: to work it out takes 0.05 ms."""
        super().__init_subclass__(**options)
        cls.__init__.__signature__ = signature(cls.__init__)  # type: ignore[attr-defined]

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


def parameters_of(scorer: Any) -> Mapping[str, Parameter]:
    """Return what ``scorer`` may be called with: of one by ``make_scorer`` what its metric may."""
    return signature(getattr(scorer, "_score_func", scorer)).parameters


def with_all_classes(scorer: Any, classes: Any) -> Any:
    """Return ``scorer``, told of all ``classes`` where its metric asks for them."""
    # Where a test set lacks a class, log loss cannot match columns to classes by itself.
    parameters = parameters_of(scorer)
    if not hasattr(scorer, "_score_func") or "labels" not in parameters:
        return scorer
    options = {"labels": classes}
    is_binary = len(classes) == 2 and scorer._kwargs.get("average", "binary") == "binary"
    if is_binary and "pos_label" in parameters:
        options["pos_label"] = classes[1]
    return make_scorer(
        scorer._score_func,
        greater_is_better=scorer._sign > 0,
        response_method=scorer._response_method,
        **{**options, **scorer._kwargs},
    )
