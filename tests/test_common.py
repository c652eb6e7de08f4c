"""scikit-learn's own checks of an estimator: none is expected to fail, none is skipped."""

import pytest
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from skorchless import (
    GlobalStandardScaler,
    TorchLogisticClassifier,
    TorchLogisticClassifierCV,
)

ESTIMATORS = [
    *(TorchLogisticClassifier(solver=solver) for solver in ("lbfgs", "adam", "sgd")),
    TorchLogisticClassifier(C=100.0, class_weight="balanced", dtype="float64"),
    *(TorchLogisticClassifier(solver=s, l1_ratio=0.5) for s in ("lbfgs", "adam", "sgd")),
    # A check has three samples a class. scikit-learn tests LogisticRegressionCV with 3 folds too.
    TorchLogisticClassifierCV(cv=3),
    TorchLogisticClassifierCV(Cs=[0.1, 10.0], scoring="neg_log_loss", refit=False, cv=3),
    # Weights and repeated samples differ by rounding, and proximal steps by when they end.
    TorchLogisticClassifierCV(Cs=[0.1, 10.0], l1_ratios=[0.0, 1.0], cv=3, tol=1e-9),
    GlobalStandardScaler(),
    GlobalStandardScaler(with_mean=False),
    GlobalStandardScaler(with_std=False),
]
# The checks fit tiny sets to the letter of `max_iter`; what they look at is not convergence.
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    # Of probabilities of several labels, whose log loss scikit-learn takes as one of classes.
    "ignore:The y_prob values do not sum to one:UserWarning",
    # From the checks' own use of pandas and of scikit-learn's deprecated helpers.
    "ignore::FutureWarning:sklearn",
)


@parametrize_with_checks(ESTIMATORS, xfail_strict=True)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.slow  # all of the above once more, for their number and for those that were skipped
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_no_check_fails_or_is_skipped(estimator):
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    not_passed = {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    assert len(results) > 50
    assert not_passed == {}
