"""Every display of a fitted model finds it at the end of pipelines and in searches."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV
from skorchless._fitted import fitted_model_with
from skorchless.plotting import (
    CoefficientImageDisplay,
    LossCurveDisplay,
    RegularizationPathDisplay,
)

X, Y = load_digits(return_X_y=True)
X, Y = X[:200], Y[:200]
PLAIN = TorchLogisticClassifier(C=0.1)
SEARCH = TorchLogisticClassifierCV(Cs=[0.01, 0.1], cv=2)
DISPLAYS = [
    (LossCurveDisplay, "loss_curve_", PLAIN),
    (CoefficientImageDisplay, "coef_", PLAIN),
    (CoefficientImageDisplay, "coef_", SEARCH),
    (RegularizationPathDisplay, "scores_", SEARCH),
]
WRAPPED = {
    "alone": lambda model: model,
    "pipeline": lambda model: make_pipeline(MinMaxScaler(), model),
    "search": lambda model: GridSearchCV(model, {"class_weight": [None]}, cv=2),
    "search of pipelines": lambda model: GridSearchCV(
        make_pipeline(MinMaxScaler(), model), {"minmaxscaler__clip": [True]}, cv=2
    ),
    "pipeline with a search": lambda model: make_pipeline(
        MinMaxScaler(), GridSearchCV(model, {"class_weight": [None]}, cv=2)
    ),
}


@pytest.mark.parametrize("how", WRAPPED)
@pytest.mark.parametrize(("display", "attribute", "model"), DISPLAYS)
def test_a_fitted_model_is_drawn_wherever_it_is(display, attribute, model, how):
    wrapped = WRAPPED[how](clone(model)).fit(X, Y)
    found = fitted_model_with(attribute, wrapped)
    assert type(found) is type(model)
    drawn, expected = (vars(display.from_estimator(each)) for each in (wrapped, found))
    data = [name for name in expected if not name.endswith("_")]
    assert len(data) > 1
    for name in data:
        np.testing.assert_array_equal(drawn[name], expected[name])


@pytest.mark.parametrize("how", WRAPPED)
@pytest.mark.parametrize(("display", "attribute", "model"), DISPLAYS)
def test_what_is_not_fitted_is_told_from_what_has_nothing_to_draw(display, attribute, model, how):
    with pytest.raises(NotFittedError, match=f"has no {attribute}"):
        display.from_estimator(WRAPPED[how](clone(model)))
    forest = RandomForestClassifier(n_estimators=2, random_state=0)
    without = WRAPPED[how](forest).fit(X, Y)
    with pytest.raises(ValueError, match=f"This RandomForest.* has no {attribute}") as caught:
        display.from_estimator(without)
    assert not isinstance(caught.value, NotFittedError)
