"""Logistic regression on torch with nothing but scikit-learn's fit, predict and score."""

from skorchless.estimators import (
    GlobalStandardScaler,
    TorchLogisticClassifier,
    TorchLogisticClassifierCV,
)

__all__ = ["GlobalStandardScaler", "TorchLogisticClassifier", "TorchLogisticClassifierCV"]
__version__ = "0.1.0.dev0"
