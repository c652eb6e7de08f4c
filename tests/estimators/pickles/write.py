"""Write the pickle of this version, to be kept: run it once at each release, from anywhere."""

import pickle
from pathlib import Path

from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import label_binarize

import skorchless
from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV

# Guarded: pytest imports this file where it looks for doctests, and would replace what is kept.
if __name__ == "__main__":
    X, y = load_iris(return_X_y=True)
    models = {
        "classifier": TorchLogisticClassifier(tol=1e-8, max_iter=1000).fit(X, y),
        "pipeline": make_pipeline(GlobalStandardScaler(), TorchLogisticClassifier()).fit(X, y),
        "cv": TorchLogisticClassifierCV(Cs=3, cv=2).fit(X, y),
        "several labels": TorchLogisticClassifier().fit(X, label_binarize(y, classes=range(3))),
    }
    path = Path(__file__).parent / f"skorchless-{skorchless.__version__}.pickle"
    path.write_bytes(pickle.dumps(models, protocol=5))
