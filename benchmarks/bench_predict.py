"""How long do predictions of 10,000 rows of MNIST take?"""

from functools import partial

from measure import alternate, load_mnist, pass_floor, ratio, show
from sklearn.linear_model import LogisticRegression

from skorchless import TorchLogisticClassifier


def main():
    """Print the table."""
    data = load_mnist()
    models = {
        "TorchLogisticClassifier": TorchLogisticClassifier(max_iter=5).fit(data.X, data.y),
        "LogisticRegression": LogisticRegression(max_iter=5).fit(data.X, data.y),
    }

    table = {}
    for name in ("predict", "predict_proba", "decision_function"):
        runs = {
            model: partial(getattr(fitted, name), data.X_val) for model, fitted in models.items()
        }
        measured = alternate(runs, n_repeats=9, n_in_a_row=20)
        ours = measured["TorchLogisticClassifier"][0]
        for model, (seconds, _) in measured.items():
            table[f"{model}.{name}"] = {
                "milliseconds": f"{seconds * 1e3:.2f}",
                "ratio": ratio(seconds, ours),
            }
    floor = pass_floor(*data.X_val.shape, 5)  # one product of 10 columns
    table["floor: X read, or its product"] = {"milliseconds": f"{floor * 1e3:.2f}"}
    show(table)


if __name__ == "__main__":
    main()
