"""The models of a comparison where nobody names others: for `compare` and the command line."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from skorchless._engine.placement import resolve_device
from skorchless.estimators import GlobalStandardScaler, TorchLogisticClassifier

# "To the end" must mean it: MNIST takes about 80 iterations, badly scaled features some hundreds.
MAX_ITER = 1000


def default_models(
    *, device: Any = "auto", random_state: Any = None, preprocessor: Any = None
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

    Returns
    -------
    models : dict of str to estimator
        Unfitted: 'adam', logistic regression trained by one epoch of Adam without a penalty,
        as in the course; 'lbfgs', logistic regression with ``C=1.0``, fitted until it has
        converged; and 'forest', a random forest on all cores.

    Raises
    ------
    ValueError
        If ``device`` is not on this machine.

    Examples
    --------
    >>> from skorchless.comparison import default_models
    >>> list(default_models())
    ['adam', 'lbfgs', 'forest']
    """
    # Here, and not only in the fit, so that a wrong device does not cost the fits before it.
    resolve_device(device, None)
    adam = TorchLogisticClassifier(
        solver="adam", max_iter=1, C=np.inf, random_state=random_state, device=device
    )
    # Not C=np.inf as for the one epoch: where a plane separates the classes, as in the digits,
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
