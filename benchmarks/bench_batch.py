"""What does it buy to fit the candidates of a grid as one batch, by their number?

MNIST, 5 folds and 1 to 10 values of C, without the last fit to all rows: the batch beside the
same fits one by one, GridSearchCV over TorchLogisticClassifier.
"""

import numpy as np
from measure import alternate, load_mnist, ratio, show
from sklearn.model_selection import GridSearchCV

from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV


def main():
    """Print the table."""
    data = load_mnist()
    X, y = data.X, data.y
    table = {}
    for n_cs in (1, 2, 5, 10):
        Cs = np.logspace(-2, 2, n_cs) if n_cs > 1 else np.array([1.0])
        search = GridSearchCV(TorchLogisticClassifier(), {"C": Cs}, cv=5, refit=False)
        runs = {
            "batch": lambda Cs=Cs: TorchLogisticClassifierCV(Cs=Cs, refit=False).fit(X, y),
            "one by one": lambda search=search: search.fit(X, y),
        }
        seconds = {name: s for name, (s, _) in alternate(runs, n_repeats=3).items()}
        table[f"{5 * n_cs} candidates"] = {
            "batch, seconds": f"{seconds['batch']:.1f}",
            "one by one": f"{seconds['one by one']:.1f}",
            "ratio": ratio(seconds["one by one"], seconds["batch"]),
            "seconds a candidate": f"{seconds['batch'] / (5 * n_cs):.2f}",
        }
    show(table)


if __name__ == "__main__":
    main()
