"""The models of a comparison: the default ones, and scikit-learn's classifiers by name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.discovery import all_estimators

from skorchless._engine.placement import resolve_device
from skorchless.estimators import GlobalStandardScaler, TorchLogisticClassifier

# "To the end" must mean it: MNIST takes about 80 iterations, badly scaled features some hundreds.
MAX_ITER = 1000
# The course's run is one epoch of 50,000 images: 782 minibatches of 64. Fewer samples are gone
# over more often: one epoch of 2,250 rows would be 36 steps, which are no training.
COURSE_STEPS, BATCH_SIZE = 782, 64
DEFAULT_NAMES = ("adam", "lbfgs", "forest")


def default_models(
    *,
    device: Any = "auto",
    random_state: Any = None,
    preprocessor: Any = None,
    n_samples: int | None = None,
) -> dict[str, Any]:
    """Return the course's model, the same model fitted to the end, and a random forest.

    Parameters
    ----------
    device : str or torch.device, default='auto'
        Where the logistic models are fitted, as in
        :class:`~skorchless.TorchLogisticClassifier`. The forest is fitted on the CPU.
    random_state : int, RandomState instance or None, default=None
        Seeds the order of minibatches and the forest.
    preprocessor : transformer, default=None
        What to put before each model, cloned. None means a
        :class:`~skorchless.GlobalStandardScaler` before the logistic models and nothing before
        the forest, which does not need it; for a data frame, pass `column_preprocessor`.
    n_samples : int, default=None
        The number of training samples, by which 'adam' takes as many epochs as make 782 steps.
        None means one epoch.

    Returns
    -------
    models : dict of str to estimator
        Unfitted: 'adam', logistic regression trained by Adam without a penalty, in the 782 steps
        of the course; 'lbfgs', logistic regression with ``C=1.0``, fitted until it has converged;
        and 'forest', a random forest on all cores.

    Raises
    ------
    ValueError
        If ``device`` is not on this machine.

    Examples
    --------
    >>> from skorchless.comparison import default_models
    >>> list(default_models())
    ['adam', 'lbfgs', 'forest']
    >>> default_models(n_samples=1347)["adam"][-1].max_iter
    36
    """
    # Here, and not only in the fit, so that a wrong device does not cost the fits before it.
    resolve_device(device, None)
    n_epochs = _course_epochs(n_samples)
    adam = TorchLogisticClassifier(
        solver="adam",
        max_iter=n_epochs,
        # All epochs are run, whether or not the loss still falls: it is a run of so many steps.
        n_iter_no_change=n_epochs,
        C=np.inf,
        random_state=random_state,
        device=device,
    )
    # Not C=np.inf as for Adam: where a plane separates the classes, as in the digits,
    # the loss without a penalty has no minimum, and "the end" would be wherever `tol` stops it.
    lbfgs = TorchLogisticClassifier(max_iter=MAX_ITER, device=device)
    forest = RandomForestClassifier(n_jobs=-1, random_state=random_state)
    if preprocessor is None:
        return {
            "adam": make_pipeline(GlobalStandardScaler(), adam),
            "lbfgs": make_pipeline(GlobalStandardScaler(), lbfgs),
            "forest": forest,
        }
    models = {"adam": adam, "lbfgs": lbfgs, "forest": forest}
    return {name: make_pipeline(clone(preprocessor), model) for name, model in models.items()}


def check_models(models: Any) -> Mapping[str, Any] | list[str]:
    """Return a dict of classifiers, or names of some; raise for all else, before any data."""
    if isinstance(models, Mapping):
        _check_classifiers(models)
        return models
    names = _names(DEFAULT_NAMES if models is None else models)
    for name in names:
        if name not in DEFAULT_NAMES:
            _named_classifier(name, random_state=None)
    return names


def resolve_models(
    models: Mapping[str, Any] | list[str],
    *,
    device: Any,
    random_state: Any,
    preprocessor: Any,
    n_samples: int,
    is_multilabel: bool = False,
) -> dict[str, Any]:
    """Return unfitted models by name: clones of the given ones, or those that names stand for.

    Of several labels, those that are named fit one at a time where they do not take all.
    """
    if isinstance(models, Mapping):
        return {name: clone(model) for name, model in models.items()}
    known = default_models(
        device=device, random_state=random_state, preprocessor=preprocessor, n_samples=n_samples
    )
    named = {
        name: known[name]
        if name in known
        else _behind(preprocessor, _named_classifier(name, random_state))
        for name in models
    }
    if not is_multilabel:
        return named
    return {
        name: model if get_tags(model).classifier_tags.multi_label else OneVsRestClassifier(model)
        for name, model in named.items()
    }


def _course_epochs(n_samples: int | None) -> int:
    """Return the epochs that make as many steps as the course's one epoch of MNIST."""
    if n_samples is None:
        return 1
    return max(1, round(COURSE_STEPS / math.ceil(n_samples / BATCH_SIZE)))


def _names(models: Any) -> list[str]:
    """Return names of models; raise for what is none."""
    names = models.replace(",", " ").split() if isinstance(models, str) else models
    # An ensemble that is not fitted yet is iterable, and fails when it is gone through.
    is_iterable = isinstance(names, Iterable) and not hasattr(names, "fit")
    names = list(names) if is_iterable else [names]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"models must be a dict of names and classifiers, or a list of names, got {models!r}."
        )
    if not names:
        raise ValueError(
            f"models must name some of {', '.join(DEFAULT_NAMES)} or scikit-learn's classifiers, "
            f"got {models!r}."
        )
    return list(dict.fromkeys(names))


def _check_classifiers(models: Mapping[Any, Any]) -> None:
    """Raise for what is no classifier before anything is fitted."""
    if not models:
        raise ValueError(
            f"models must be a dict of names and classifiers with at least one entry, "
            f"got {models!r}."
        )
    for name, model in models.items():
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"models must have names for keys, that is text, got {name!r}.")
        is_unusable = isinstance(model, type) or (isinstance(model, Pipeline) and not model.steps)
        if is_unusable or not (hasattr(model, "fit") and hasattr(model, "predict")):
            raise ValueError(
                f"models[{name!r}] must be an unfitted classifier, an instance with fit and "
                f"predict, got {model!r}."
            )


def _named_classifier(name: str, random_state: Any) -> Any:
    """Return a classifier of scikit-learn by its name, with its defaults."""
    kinds = dict(all_estimators("classifier"))
    if name not in kinds:
        known = [*DEFAULT_NAMES, *kinds]
        lower = {word.lower(): word for word in known}
        alike = get_close_matches(name.lower(), lower, n=1)
        hint = f" Did you mean {lower[alike[0]]}?" if alike else ""
        raise ValueError(
            f"models must name some of {', '.join(DEFAULT_NAMES)} or scikit-learn's classifiers, "
            f"such as HistGradientBoostingClassifier; got {name!r}.{hint}"
        )
    parameters = inspect.signature(kinds[name]).parameters
    if needed := [key for key, value in parameters.items() if value.default is value.empty]:
        raise ValueError(
            f"{name} needs {' and '.join(needed)}: pass it to compare in Python, models="
            f"{{'name': {name}(...)}}."
        )
    seeded = {"random_state": random_state} if "random_state" in parameters else {}
    return kinds[name](**seeded)


def _behind(preprocessor: Any, classifier: Any) -> Any:
    """Return a classifier behind what goes before every model, dense where it has to be."""
    if preprocessor is None:
        return make_pipeline(GlobalStandardScaler(), classifier)
    before = clone(preprocessor)
    if not get_tags(classifier).input_tags.sparse:
        before.set_params(sparse_threshold=0)
    return make_pipeline(before, classifier)
