"""How long do the defaults take on MNIST, and where do they end?

C=1 for all; the objective is lower where a fit has come nearer to the optimum, 0.210778.
LogisticRegression() stops at its 100 iterations.
"""

from measure import alternate, load_mnist, objective, pass_floor, ratio, show
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearnex.linear_model import LogisticRegression as IntelLogisticRegression

from skorchless import TorchLogisticClassifier


def main():
    """Print the table."""
    data = load_mnist()
    X, y = data.X, data.y
    runs = {
        "TorchLogisticClassifier()": lambda: TorchLogisticClassifier().fit(X, y),
        "LogisticRegression()": lambda: LogisticRegression().fit(X, y),
        "scikit-learn-intelex": lambda: IntelLogisticRegression().fit(X, y),
        "SGDClassifier(loss='log_loss')": lambda: SGDClassifier(loss="log_loss").fit(X, y),
    }
    measured = alternate(runs)
    ours, model = measured["TorchLogisticClassifier()"]
    table = {}
    for name, (seconds, fitted) in measured.items():
        # One model for each class against the rest: no multinomial objective to compare.
        is_multinomial = not isinstance(fitted, SGDClassifier)
        table[name] = {
            "seconds": f"{seconds:.2f}",
            "ratio": ratio(seconds, ours),
            "objective": f"{objective(fitted, X, y):.6f}" if is_multinomial else "one vs rest",
            "validation accuracy": f"{fitted.score(data.X_val, data.y_val):.4f}",
        }
    floor = model.n_iter_ * pass_floor(*X.shape, 10)
    table[f"floor: {model.n_iter_} passes over X"] = {
        "seconds": f"{floor:.2f}",
        "ratio": ratio(floor, ours),
    }
    show(table)


if __name__ == "__main__":
    main()
