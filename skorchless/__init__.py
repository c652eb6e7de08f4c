"""Logistic regression on torch with nothing but scikit-learn's fit, predict and score.

Beside the estimators here, `skorchless.comparison` fits models side by side, `skorchless.plotting`
draws samples, losses and coefficients, and `skorchless.datasets` reads MNIST.
"""

from skorchless.estimators import (
    GlobalStandardScaler,
    TorchLogisticClassifier,
    TorchLogisticClassifierCV,
)

__all__ = ["GlobalStandardScaler", "TorchLogisticClassifier", "TorchLogisticClassifierCV"]
__version__ = "0.1.0.dev0"
