"""Arrays of namespaces other than NumPy's and torch's are read without a copy, or refused."""

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV
from skorchless._arrays import as_known

xp = pytest.importorskip("array_api_strict")

X, Y = load_iris(return_X_y=True)
WEIGHTS = np.random.RandomState(0).uniform(0.5, 2.0, size=len(Y))
ADAM = TorchLogisticClassifier(solver="adam", max_iter=2, random_state=0)
SEARCH = TorchLogisticClassifierCV(Cs=2, cv=2, scoring="neg_log_loss")
PIPELINE = make_pipeline(GlobalStandardScaler(), TorchLogisticClassifier())
USES = {
    "predict": lambda X, y, w: TorchLogisticClassifier().fit(X, y, w).predict(X),
    "predict_proba": lambda X, y, w: TorchLogisticClassifier().fit(X, y, w).predict_proba(X),
    "decision_function": lambda X, y, w: ADAM.fit(X, y, w).decision_function(X),
    "score": lambda X, y, w: TorchLogisticClassifier().fit(X, y).score(X, y, w),
    "validation": lambda X, y, w: ADAM.fit(X, y, w, X_val=X, y_val=y).validation_loss_curve_,
    "partial_fit": lambda X, y, w: clone(ADAM).partial_fit(X, y, y, w).coef_,
    "search": lambda X, y, w: SEARCH.fit(X, y, w).scores_,
    "score of a search": lambda X, y, w: SEARCH.fit(X, y).score(X, y, w),
    "transform": lambda X, y, w: GlobalStandardScaler().fit(X, y, w).transform(X),
    "inverse_transform": lambda X, y, w: GlobalStandardScaler().fit(X, y, w).inverse_transform(X),
    "pipeline": lambda X, y, w: PIPELINE.fit(X, y, globalstandardscaler__sample_weight=w).predict(
        X
    ),
}


class Foreign:
    """An array of a namespace of its own, with the memory of ``tensor``, or with none to give."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __array_namespace__(self, *, api_version=None):
        return xp

    def __dlpack__(self, **options):
        if self.tensor is None:
            raise BufferError("no memory to share")
        return self.tensor.__dlpack__(**options)

    def __dlpack_device__(self):
        return torch.ones(1).__dlpack_device__()


@pytest.mark.parametrize("dispatch", [False, True])
@pytest.mark.parametrize("name", USES)
def test_they_give_what_arrays_give_as_numpy(name, dispatch):
    expected = USES[name](X, Y, WEIGHTS)
    with config_context(array_api_dispatch=dispatch):
        found = USES[name](*map(xp.asarray, (X, Y, WEIGHTS)))
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dispatch", [False, True])
def test_they_go_together_with_arrays_and_tensors(dispatch):
    expected = TorchLogisticClassifier().fit(X, Y, WEIGHTS)
    with config_context(array_api_dispatch=dispatch):
        for make_X, make_y in ((np.asarray, xp.asarray), (xp.asarray, torch.tensor)):
            clf = TorchLogisticClassifier().fit(make_X(X), make_y(Y), xp.asarray(WEIGHTS))
            np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=1e-9)
            assert clf.score(make_X(X), make_y(Y)) == expected.score(X, Y)


def test_a_grid_search_with_dispatch_takes_them():
    search = GridSearchCV(PIPELINE, {"torchlogisticclassifier__C": [0.1, 1.0]}, cv=2)
    expected = search.fit(X, Y).cv_results_["mean_test_score"]
    with config_context(array_api_dispatch=True):
        found = search.fit(xp.asarray(X), Y).cv_results_["mean_test_score"]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint64", "float32", "float64"])
def test_their_memory_is_shared(dtype):
    values = np.arange(6).reshape(3, 2).astype(dtype)
    array = xp.asarray(values)
    known = as_known(array)
    np.testing.assert_array_equal(known, values)
    assert known.dtype == dtype
    assert np.shares_memory(known, as_known(array))


def test_what_numpy_can_not_read_is_read_by_torch():
    tensor = torch.tensor(X).to(torch.bfloat16)
    expected = TorchLogisticClassifier().fit(tensor, Y)
    found = TorchLogisticClassifier().fit(Foreign(tensor), Y)
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    assert as_known(Foreign(tensor)).data_ptr() == tensor.data_ptr()


@pytest.mark.parametrize("make", [xp.asarray, lambda X: Foreign(torch.tensor(X))])
def test_a_scaler_never_writes_into_them(make):
    before = X.copy()
    array = make(before)
    scaled = GlobalStandardScaler(copy=False).fit(array).transform(array)
    np.testing.assert_allclose(scaled, (X - X.mean()) / X.std())
    np.testing.assert_array_equal(before, X)


@pytest.mark.parametrize("dispatch", [False, True])
def test_what_neither_can_read_is_refused_in_one_sentence(dispatch):
    unreadable, message = (
        Foreign(None),
        r"Foreign is read by DLPack.* \(no memory to share\): pass",
    )
    clf, scaler = TorchLogisticClassifier().fit(X, Y), GlobalStandardScaler().fit(X)
    before = dict(vars(clf))
    with config_context(array_api_dispatch=dispatch):
        for call in (
            lambda: clf.fit(unreadable, Y),
            lambda: clf.fit(X, unreadable),
            lambda: clf.fit(X, Y, unreadable),
            lambda: clf.predict(unreadable),
            lambda: scaler.fit(unreadable),
            lambda: scaler.transform(unreadable),
        ):
            with pytest.raises(TypeError, match=message):
                call()
    assert vars(clf) == before
