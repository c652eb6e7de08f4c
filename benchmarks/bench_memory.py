"""How much memory does a fit of MNIST take above X itself, at its peak?

Each fit is a process of its own, whose resident memory is read every 2 ms from the moment before
`fit`. A small fit comes first, so that loading libraries is not counted.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path

from measure import load_mnist, show

from skorchless.datasets import fetch_mnist

MODELS = {
    "TorchLogisticClassifier()": "skorchless.TorchLogisticClassifier()",
    "TorchLogisticClassifier(solver='adam')": (
        "skorchless.TorchLogisticClassifier(solver='adam', max_iter=1)"
    ),
    "TorchLogisticClassifierCV(Cs=1), 5 candidates": "skorchless.TorchLogisticClassifierCV(Cs=1)",
    "TorchLogisticClassifierCV(), 50 candidates": "skorchless.TorchLogisticClassifierCV()",
    "TorchLogisticClassifierCV(Cs=20), 100 candidates": (
        "skorchless.TorchLogisticClassifierCV(Cs=20)"
    ),
    "LogisticRegression()": "linear_model.LogisticRegression(max_iter=30)",
    "LogisticRegression(solver='newton-cg')": (
        "linear_model.LogisticRegression(solver='newton-cg', max_iter=2)"
    ),
    "scikit-learn-intelex": "intelex.LogisticRegression(max_iter=30)",
}


def resident_bytes():
    """Return the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def peak_above(expression, kind):
    """Return the peak in bytes above what there was before the fit."""
    import sklearnex.linear_model as intelex
    from sklearn import linear_model

    import skorchless

    X, y = fetch_mnist(split="lecture", return_X_y=True)[0]
    if kind == "float32":
        X, y, *_ = load_mnist()
    names = {"skorchless": skorchless, "linear_model": linear_model, "intelex": intelex}
    model = eval(expression, names)  # noqa: S307, from the table above
    model.fit(X[:500], y[:500])
    before, peak, is_over = resident_bytes(), 0, threading.Event()

    def watch():
        nonlocal peak
        while not is_over.is_set():
            peak = max(peak, resident_bytes())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    model.fit(X, y)
    is_over.set()
    watcher.join()
    return max(peak - before, 0)


def main():
    """Print the table, or, as a process of its own, one peak."""
    if len(sys.argv) == 3:
        print(peak_above(*sys.argv[1:]))
        return
    table = {}
    for name, expression in MODELS.items():
        cells = {}
        for kind in ("float32", "uint8"):
            command = [sys.executable, "-W", "ignore", __file__, expression, kind]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            cells[f"{kind}, MB"] = f"{int(output.split()[-1]) / 1e6:.0f}"
        table[name] = cells
    table["X itself"] = {"float32, MB": "157", "uint8, MB": "39"}
    show(table)


if __name__ == "__main__":
    main()
