"""How long do predictions of 10,000 rows of MNIST take?

Each model is asked 20 times in a row, and the models take turns: the threads of one library are
still spinning when the other one begins, and would slow down its first calls.
"""

import time
from statistics import median

from measure import alternate, load_mnist, pass_floor, ratio, show
from sklearn.linear_model import LogisticRegression

from skorchless import TorchLogisticClassifier

N_CALLS = 20


def main():
    """Print the table."""
    data = load_mnist()
    models = {
        "TorchLogisticClassifier": TorchLogisticClassifier(max_iter=5).fit(data.X, data.y),
        "LogisticRegression": LogisticRegression(max_iter=5).fit(data.X, data.y),
    }

    def streak(model, name):
        """Return a run that gives the median seconds of a call."""

        def run():
            seconds = []
            for _ in range(N_CALLS):
                start = time.perf_counter()
                getattr(model, name)(data.X_val)
                seconds.append(time.perf_counter() - start)
            return median(seconds)

        return run

    table = {}
    for name in ("predict", "predict_proba", "decision_function"):
        runs = {model: streak(fitted, name) for model, fitted in models.items()}
        streaks = {model: [] for model in runs}
        for _ in range(15):
            for model, (_, seconds) in alternate(runs, n_repeats=1).items():
                streaks[model].append(seconds)
        ours = median(streaks["TorchLogisticClassifier"])
        for model, values in streaks.items():
            table[f"{model}.{name}"] = {
                "milliseconds": f"{median(values) * 1e3:.2f}",
                "ratio": ratio(median(values), ours),
            }
    floor = pass_floor(*data.X_val.shape, 5)  # one product of 10 columns
    table["floor: X read, or its product"] = {"milliseconds": f"{floor * 1e3:.2f}"}
    show(table)


if __name__ == "__main__":
    main()
