"""A fitted model outlives its process: in every format, and from one version to the next."""

import io
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV

X, Y = load_iris(return_X_y=True)
PICKLES = Path(__file__).parent / "pickles"


def through_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib", mmap_mode="r")


def through_skops(model, _folder):
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(model)
    untrusted = skops.get_untrusted_types(data=data)
    # Our own classes, which whoever loads the file has to name; nothing else.
    assert all(name.startswith("skorchless.estimators.") for name in untrusted)
    return skops.loads(data, trusted=untrusted)


WAYS = {
    "pickle": lambda model, _folder: pickle.loads(pickle.dumps(model)),
    "oldest protocol": lambda model, _folder: pickle.loads(pickle.dumps(model, protocol=0)),
    "cloudpickle": lambda model, _folder: cloudpickle.loads(cloudpickle.dumps(model)),
    "joblib": through_joblib,
    "skops": through_skops,
}
MODELS = {
    "lbfgs": TorchLogisticClassifier(max_iter=500),
    "adam": TorchLogisticClassifier(solver="adam", max_iter=3, random_state=0),
    "lasso": TorchLogisticClassifier(l1_ratio=1.0, C=0.1, max_iter=500),
    "validated": TorchLogisticClassifier(early_stopping=True, max_iter=500, random_state=0),
    "cv": TorchLogisticClassifierCV(Cs=3, cv=2),
    "pipeline": make_pipeline(GlobalStandardScaler(), TorchLogisticClassifier()),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_as_it_was(name, way, tmp_path):
    labels = np.array(["setosa", "versicolor", "virginica"])[Y]
    model = MODELS[name].fit(X, labels)
    again = WAYS[way](model, tmp_path)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert repr(again) == repr(model)


@pytest.mark.parametrize("way", WAYS)
def test_a_stream_goes_on_where_it_was(way, tmp_path):
    clf = TorchLogisticClassifier(solver="adam", random_state=0)
    clf.partial_fit(X, Y, classes=[0, 1, 2])
    again = WAYS[way](clf, tmp_path)
    np.testing.assert_array_equal(again.partial_fit(X, Y).coef_, clf.partial_fit(X, Y).coef_)


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer], ids=["three", "two"])
def test_the_scikit_learn_model_is_loaded_by_skops_without_trust(load):
    skops = pytest.importorskip("skops.io")
    X, y = load(return_X_y=True)
    clf = TorchLogisticClassifier(max_iter=500).fit(X, y)
    data = skops.dumps(clf.to_sklearn())
    assert skops.get_untrusted_types(data=data) == []
    np.testing.assert_allclose(
        skops.loads(data).predict_proba(X), clf.predict_proba(X), rtol=1e-6, atol=1e-12
    )


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer, load_digits])
def test_onnx_gives_the_same_probabilities(load):
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    X, y = load(return_X_y=True)
    X = X.astype(np.float32) / X.max(axis=0).clip(1.0).astype(np.float32)
    clf = TorchLogisticClassifier(max_iter=500).fit(X, y)
    exported = skl2onnx.to_onnx(clf.to_sklearn(), X[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    labels, proba = session.run(None, {"X": X})
    np.testing.assert_allclose(proba, clf.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(labels, clf.predict(X))


def test_a_pickle_needs_no_torch_to_know_its_arrays():
    # Whatever is in the pickle besides our own classes is NumPy and Python.
    modules = {
        name.split(".")[0]
        for model in MODELS.values()
        for name in globals_of(pickle.dumps(model.fit(X, Y)))
    }
    assert modules <= {"skorchless", "sklearn", "numpy", "builtins", "collections"}


def globals_of(data):
    """Return the modules that a pickle refers to."""

    class Finder(pickle.Unpickler):
        def find_class(self, module, name):
            found.add(module)
            return super().find_class(module, name)

    found = set()
    Finder(io.BytesIO(data)).load()
    return found


# A pipeline is scikit-learn's, which tells that it is from another version of its own.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.parametrize("path", sorted(PICKLES.glob("*.pickle")), ids=lambda path: path.stem)
def test_a_model_of_an_earlier_version_predicts_as_it_did(path):
    # Written by tests/estimators/pickles/write.py of that version: fits to iris, to the end.
    with path.open("rb") as file:
        models = pickle.load(file)
    reference = LogisticRegression(tol=1e-8, max_iter=10_000).fit(X, Y)
    for name in ("classifier", "pipeline"):
        model = models[name]
        assert model.predict_proba(X).shape == (150, 3)
        np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    np.testing.assert_allclose(
        models["classifier"].predict_proba(X), reference.predict_proba(X), atol=1e-3
    )
    assert models["cv"].C_ in models["cv"].Cs_
    assert models["cv"].score(X, Y) > 0.9
    if "several labels" in models:
        assert models["several labels"].predict(X).shape == (150, 3)
    # A new fit of the old object works too.
    models["classifier"].fit(X, Y)


def test_there_is_a_pickle_of_an_earlier_version():
    assert list(PICKLES.glob("*.pickle"))


def test_a_model_fitted_on_tensors_unpickles_without_torch_load(tmp_path):
    clf = TorchLogisticClassifier(solver="adam", max_iter=2).fit(torch.tensor(X), torch.tensor(Y))
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(clf))
    code = f"""
        import pickle, sys, torch
        def refuse(*args, **kwargs):
            raise AssertionError("torch.load was called")
        torch.load = torch.storage._load_from_bytes = refuse
        with open({str(path)!r}, "rb") as file:
            clf = pickle.load(file)
        print(clf.predict([[5.0, 3.0, 1.0, 0.0]]).shape)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "(1,)", done.stderr
    assert b"torch" not in pickle.dumps(vars(clf)).replace(b"skorchless", b"")
