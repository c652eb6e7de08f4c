"""Categories of high cardinality: a logistic regression on one-hot columns, beside a forest."""

import sys
import time

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from skorchless import TorchLogisticClassifier

N_ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
N_SHOPS, N_ARTICLES = 2_000, 10_000
RNG = np.random.default_rng(0)

# Whether an article comes back: each shop and each article has a tendency of its own.
sales = pd.DataFrame(
    {"shop": RNG.integers(N_SHOPS, size=N_ROWS), "article": RNG.integers(N_ARTICLES, size=N_ROWS)}
)
tendency = 1.5 * RNG.normal(size=N_SHOPS)[sales["shop"]]
tendency += 1.5 * RNG.normal(size=N_ARTICLES)[sales["article"]]
comes_back = tendency + RNG.logistic(size=N_ROWS) > 0

X, X_test, y, y_test = train_test_split(sales, comes_back, random_state=0)
models = {
    "logistic regression": make_pipeline(
        # Sparse: a row has two entries in 12,000 columns.
        OneHotEncoder(handle_unknown="ignore", dtype=np.float32),
        TorchLogisticClassifier(),
    ),
    "random forest": make_pipeline(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        RandomForestClassifier(min_samples_leaf=5, n_jobs=-1, random_state=0),
    ),
}
for name, model in models.items():
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    print(f"{name:20} {model.score(X_test, y_test):.4f} in {seconds:5.2f} seconds")
print(f"{'the tendencies':20} {((tendency > 0) == comes_back).mean():.4f}")
