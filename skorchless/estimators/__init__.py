"""The estimators: the only folder that speaks scikit-learn's estimator language."""

from skorchless.estimators._classifier import TorchLogisticClassifier
from skorchless.estimators._classifier_cv import TorchLogisticClassifierCV
from skorchless.estimators._scaler import GlobalStandardScaler

__all__ = ["GlobalStandardScaler", "TorchLogisticClassifier", "TorchLogisticClassifierCV"]
