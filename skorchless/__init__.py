"""Logistic regression on torch with nothing but scikit-learn's fit, predict and score.

Beside the estimators here, `skorchless.comparison` fits models side by side,
`skorchless.inference` tests what a score is worth, `skorchless.plotting` draws samples, losses and
coefficients, and `skorchless.datasets` reads MNIST.
"""

from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, Any

__all__ = [
    "GlobalStandardScaler",
    "TorchLogisticClassifier",
    "TorchLogisticClassifierCV",
    "show_versions",
]
__version__ = "0.1.0"

_SUBPACKAGES = ["comparison", "datasets", "inference", "plotting"]
# Two threads that import scikit-learn at once can fail on its import cycles.
_LOADING = RLock()

if TYPE_CHECKING:
    from skorchless import comparison as comparison
    from skorchless import datasets as datasets
    from skorchless import inference as inference
    from skorchless import plotting as plotting
    from skorchless._versions import show_versions as show_versions
    from skorchless.estimators import (
        GlobalStandardScaler,
        TorchLogisticClassifier,
        TorchLogisticClassifierCV,
    )
else:
    # Not for type checkers: beside a __getattr__ they would take any name.
    def __getattr__(name: str) -> Any:
        """Load a public name or a subpackage when it is first asked for."""
        # Not at import: torch and scikit-learn take seconds, which `skorchless --version` has not.
        if name not in [*__all__, *_SUBPACKAGES]:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        with _LOADING:
            if name in _SUBPACKAGES:
                return import_module(f"skorchless.{name}")  # which makes it an attribute
            home = "_versions" if name == "show_versions" else "estimators"
            value = globals()[name] = getattr(import_module(f"skorchless.{home}"), name)
            return value

    def __dir__() -> list[str]:
        """Return the public names, whether they are loaded or not."""
        return sorted([*__all__, *_SUBPACKAGES, "__version__"])
